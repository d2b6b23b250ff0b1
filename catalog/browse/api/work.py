"""Work for the daemon: files that are uploaded, addresses to fetch, everybody judged again, and the
search for a picture that is not kept.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import secrets
import time
import uuid
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote, urlsplit

from catalog import downloads, jobs
from catalog.browse.answers import Asked, Problem, api, sent

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import AsyncIterator
    from pathlib import Path

URGENT: Final = 100
SEARCH_MB: Final = 100
SEARCH_S: Final = 120.0
MOST_ADDRESSES: Final = 1000
_POLL_S: Final = 0.1
# Space that is left for the catalog.
_RESERVE_BYTES: Final = 512 << 20
_FORBIDDEN: Final = re.compile(r'[\x00-\x1f\x7f/\\:*?"<>|]')
_LONGEST_NAME: Final = 200


@api("POST", changes=True)
async def upload(asked: Asked) -> Any:
    """A photo or video into the inbox: the raw file as the body, its name in `name`, where it lay
    below a dropped folder in `folder`. It comes as an ignored `.rollcall-*.part` first, so that
    nothing half is catalogued.
    """
    options = asked.site.options
    if options.inbox is None:
        raise Problem(409, "There is no inbox here: `rollcall serve` knows it.")
    folder = options.inbox
    for part in filter(None, asked.text("folder").split("/")[:8]):
        folder /= _plain(part)
    name = _plain(asked.text("name"))
    _check_room(asked, options.inbox, options.upload_mb)
    await asyncio.to_thread(folder.mkdir, parents=True, exist_ok=True)
    part_path = options.inbox / f".rollcall-{secrets.token_hex(8)}.part"
    try:
        count = await _received(asked, part_path, options.upload_mb << 20)
        if count == 0:
            raise Problem(400, "The file is empty.")
        place = await asyncio.to_thread(_placed, part_path, folder, name)
    finally:
        part_path.unlink(missing_ok=True)
    return sent({"path": str(place), "bytes": count}, status=201)


@api("POST", changes=True)
async def process_url(asked: Asked) -> Any:
    """Fetch what is at an address."""
    body = await asked.body()
    return await _fetch(asked, [body.get("url")])


@api("POST", changes=True)
async def process_urls(asked: Asked) -> Any:
    """Fetch what is at several addresses."""
    body = await asked.body()
    given = body.get("urls")
    if not isinstance(given, list) or not 1 <= len(given) <= MOST_ADDRESSES:
        raise Problem(400, f"`urls` is a list of 1 to {MOST_ADDRESSES} addresses.")
    return await _fetch(asked, given)


@api("POST", changes=True)
async def cluster_faces(asked: Asked) -> Any:
    """Judge everybody again, the repair pass."""
    number = await asked.write(lambda it: jobs.enqueue(it, "repair", "whole", priority=URGENT))
    return sent({"job": number}, status=202)


@api("POST", changes=True)
async def retry(asked: Asked) -> Any:
    """Try failed files again: these jobs, or all."""
    body = await asked.body()
    given = body.get("jobs")
    if given is not None and not (
        isinstance(given, list) and all(type(it) is int and 0 < it < 2**63 for it in given)
    ):
        raise Problem(400, "`jobs` is a list of numbers of jobs; leave it out for all.")
    return {"waiting": await asked.write(lambda it: jobs.retry(it, given))}


@api("POST", changes=True)
async def search(asked: Asked) -> Any:
    """Who is in the picture that is the body. It lies in a file that only its owner reads until
    the answer is there, and no longer; its job goes with it.
    """
    options = asked.site.options
    if options.temporary is None or (options.running and not options.running()):
        raise Problem(503, "No daemon runs that could look at the picture: start `rollcall watch`.")
    path = options.temporary / f".search-{secrets.token_hex(16)}"
    count = asked.number("k", 5, most=100)
    number = None
    try:
        if not await _received(asked, path, SEARCH_MB << 20):
            raise Problem(400, "The picture is empty.")
        payload = {"path": os.fsencode(path).hex(), "k": count}
        number = await asked.write(
            lambda it: jobs.enqueue(
                it, "search", f"web/{uuid.uuid4().hex}", priority=URGENT, payload=payload
            )
        )
        return await _answered(asked, number)
    finally:
        path.unlink(missing_ok=True)
        if number is not None:
            await asked.write(
                lambda it: it.execute("DELETE FROM jobs WHERE id = ?", [number]).rowcount
            )


async def _answered(asked: Asked, number: int) -> dict[str, Any]:
    end = time.monotonic() + SEARCH_S

    def read(connection: sqlite3.Connection) -> Any:
        return connection.execute(
            "SELECT state, result, error FROM jobs WHERE id = ?", [number]
        ).fetchone()

    while time.monotonic() < end:
        row = await asked.read(read)
        if row is None or row["state"] in ("failed", "quarantined", "cancelled"):
            raise Problem(422, str(row["error"] if row else "The search was taken away."))
        if row["state"] == "done":
            answer: dict[str, Any] = json.loads(row["result"])
            return answer
        await asyncio.sleep(_POLL_S)
    raise Problem(503, "The daemon did not answer in time; is it busy? Try again.")


async def _fetch(asked: Asked, given: list[Any]) -> Any:
    if not asked.site.options.downloads:
        raise Problem(409, "Downloads are switched off: set `[download] enabled = true`.")
    addresses = [_address(it) for it in given]
    numbers = await asked.write(lambda it: downloads.request(it, addresses, again=True))
    return sent({"jobs": numbers}, status=202)


def _address(given: Any) -> str:
    try:
        parts = urlsplit(given.strip()) if isinstance(given, str) else None
        sound = parts is not None and parts.scheme.lower() in ("http", "https") and parts.hostname
    except ValueError:
        sound = None
    if not sound or len(given) > 4096 or any(it.isspace() for it in given.strip()):
        raise Problem(400, f"{str(given)[:80]!r} is no address: http:// and https:// only.")
    return str(given.strip())


def _plain(given: str) -> str:
    """A name that stays in its folder and is nobody's hidden file. Raises Problem."""
    name = _FORBIDDEN.sub(" ", unquote(given).strip()).strip(" .")
    while len(name.encode("utf-8", "replace")) > _LONGEST_NAME:
        name = name[1:]
    if not name or any("\ud800" <= it <= "\udfff" for it in name):
        raise Problem(400, f"{given[:80]!r} is no name for a file.")
    return name


def _check_room(asked: Asked, inbox: Path, most_mb: int) -> None:
    text = asked.request.headers.get("content-length", "")
    length = int(text) if text.isascii() and text.isdecimal() and len(text) < 16 else 0
    if length > most_mb << 20:
        raise Problem(413, f"Larger than {most_mb:,} MB ([web] upload_mb).")
    try:
        stat = os.statvfs(inbox)
    except OSError as error:
        raise Problem(503, f"The inbox {inbox} is not there ({error.strerror}).") from error
    if stat.f_bavail * stat.f_frsize < length + _RESERVE_BYTES:
        raise Problem(507, "There is no room for it on the inbox's disk.")


async def _received(asked: Asked, path: Path, most_bytes: int) -> int:
    """Write the body to a file that only its owner reads, and return its size. Raises Problem."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    count = 0
    with os.fdopen(descriptor, "wb") as file:
        async for piece in _pieces(asked):
            count += len(piece)
            if count > most_bytes:
                raise Problem(413, f"Larger than {most_bytes >> 20:,} MB.")
            await asyncio.to_thread(file.write, piece)
        await asyncio.to_thread(file.flush)
    return count


async def _pieces(asked: Asked) -> AsyncIterator[bytes]:
    while True:
        message = await asked.request.receive()
        if message["type"] == "http.disconnect":
            raise Problem(400, "The upload ended before it was whole.")
        if message.get("body"):
            yield message["body"]
        if not message.get("more_body"):
            return


def _placed(part: Path, folder: Path, name: str) -> Path:
    """Give the file its name, or one with a number where that is taken: nothing is replaced."""
    stem, dot, suffix = name.rpartition(".")
    part.chmod(0o644)
    for number in range(1, 10_000):
        shown = (
            name
            if number == 1
            else f"{stem or suffix} ({number}){dot if stem else ''}{suffix if stem else ''}"
        )
        place = folder / shown
        try:
            place.touch(exist_ok=False)
        except FileExistsError:
            continue
        part.replace(place)
        return place
    raise Problem(409, f"There are too many files called {name!r}.")
