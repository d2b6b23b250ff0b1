"""The addresses in the small text files that people drop instead of a video."""

from __future__ import annotations

import configparser
import os
import plistlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit
from xml.parsers.expat import ExpatError

from daemon.errors import BadFile
from daemon.intake import contents

if TYPE_CHECKING:
    from collections.abc import Iterable

MOST_BYTES: Final = 1 << 20
MOST: Final = 1000
_MOST_LETTERS: Final = 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class Addresses:
    """What a file says: addresses that may be fetched, and why others may not."""

    found: tuple[str, ...]
    refused: tuple[str, ...] = ()


def read(path: bytes) -> Addresses:
    """The addresses in a file. Raises BadFile where there are none that may be fetched."""
    with contents.opened(path) as file:
        data = file.read(MOST_BYTES + 1)
    if len(data) > MOST_BYTES:
        raise BadFile(f"too large for a file with addresses: {MOST_BYTES >> 20} MB at most")
    suffix = os.path.splitext(os.fsdecode(path).lower())[1]  # noqa: PTH122 - the path is bytes
    ways = {".url": _shortcut, ".webloc": _webloc}
    found, refused = [], []
    for it in ways.get(suffix, _lines)(data):
        try:
            found.append(checked(it))
        except BadFile as error:
            refused.append(str(error))
    if not found:
        raise BadFile(refused[0] if refused else "there is no address in it")
    if len(found) > MOST:
        raise BadFile(f"more than {MOST} addresses in one file; divide it")
    return Addresses(found=tuple(found), refused=tuple(refused))


def checked(address: str) -> str:
    """The address, where it is one that may be fetched. Raises BadFile."""
    text = address.strip()
    try:
        parts = urlsplit(text)
        sound = parts.scheme.lower() in ("http", "https") and bool(parts.hostname)
    except ValueError:
        sound = False
    if not sound or len(text) > _MOST_LETTERS or any(it.isspace() or ord(it) < 32 for it in text):
        shown = text if len(text) <= 80 else f"{text[:80]}…"
        raise BadFile(f"{shown!r} is no address that is fetched: http:// and https:// only")
    return text


def _lines(data: bytes) -> Iterable[str]:
    lines = (line.strip() for line in _text(data).splitlines())
    return [line for line in lines if line and not line.startswith("#")]


def _shortcut(data: bytes) -> Iterable[str]:
    parser = configparser.ConfigParser(interpolation=None, strict=False)
    try:
        parser.read_string(_text(data))
        return [parser["InternetShortcut"]["URL"]]
    except (configparser.Error, KeyError) as error:
        raise BadFile(
            "it is no Internet shortcut: [InternetShortcut] with URL= is missing"
        ) from error


def _webloc(data: bytes) -> Iterable[str]:
    try:
        found = plistlib.loads(data)
    except (plistlib.InvalidFileException, ExpatError, ValueError, OverflowError) as error:
        raise BadFile("it is no webloc file: not a property list") from error
    address = found.get("URL") if isinstance(found, dict) else None
    if not isinstance(address, str):
        raise BadFile("it is no webloc file: URL is missing")
    return [address]


def _text(data: bytes) -> str:
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return data.decode("utf-16", "replace")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("latin-1")
