"""TIFF directories: just enough of the container to tell raw photographs and find the previews
inside them.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import BinaryIO

Directory = dict[int, tuple[int, ...] | bytes]
"""Tag → whole numbers, or bytes for text. Other types are left out."""

SUBFILE_TYPE, COMPRESSION, PHOTOMETRIC, MAKE, STRIPS, ORIENTATION = 254, 259, 262, 271, 273, 274
STRIP_BYTES, TILES, SUB_DIRECTORIES, JPEG_OFFSET, JPEG_BYTES, DNG_VERSION = (
    279, 324, 330, 513, 514, 50706,
)  # fmt: skip
PIXELS = {STRIPS, TILES}
PLAIN_MAGIC = (b"*\x00", b"\x00*", b"+\x00", b"\x00+")
_RAW_MAGIC = (b"U\x00", b"RO", b"RS", b"OR", b"SR")
_NUMBERS = {1: "B", 3: "H", 4: "I", 7: "B", 13: "I", 16: "Q", 18: "Q"}
_TEXT = 2
_MAX_DIRECTORIES = 64
_MAX_ENTRIES = 1024
_MAX_VALUES = 256


def is_tiff(head: bytes) -> bool:
    """Whether these are the first bytes of a TIFF, a BigTIFF or of a camera maker's variant of
    it.
    """
    if head[:2] == b"II":
        return head[2:4] in (b"*\x00", b"+\x00", *_RAW_MAGIC)
    return head[:2] == b"MM" and head[2:4] in (b"\x00*", b"\x00+", *_RAW_MAGIC)


def directories(file: BinaryIO) -> list[Directory]:
    """The main directories and their sub-directories, in the order of the file; damage cuts the
    list short.
    """
    head = _at(file, 0, 16)
    if not is_tiff(head):
        return []
    order = "<" if head[:2] == b"II" else ">"
    big = head[2:4] in (b"+\x00", b"\x00+")
    first = struct.unpack_from(
        order + ("Q" if big else "I"), head.ljust(16, b"\x00"), 4 * (1 + big)
    )
    waiting, seen = [int(first[0])], {0}
    found: list[Directory] = []
    while waiting and len(found) < _MAX_DIRECTORIES:
        offset = waiting.pop(0)
        if offset in seen:
            continue
        seen.add(offset)
        directory, following = _directory(file, offset, order, big=big)
        if directory:
            found.append(directory)
        below = directory.get(SUB_DIRECTORIES, ())
        waiting += [*(below if isinstance(below, tuple) else ()), following]
    return found


def number(directory: Directory, tag: int, default: int = 0) -> int:
    """The tag's first number."""
    value = directory.get(tag)
    return value[0] if isinstance(value, tuple) and value else default


def text(directory: Directory, tag: int) -> bytes:
    """The tag's text up to the first NUL."""
    value = directory.get(tag)
    return value.split(b"\x00")[0].strip() if isinstance(value, bytes) else b""


def orientation(file: BinaryIO) -> int:
    """The orientation 1-8 of the first directory that has one, 0 where none does."""
    for directory in directories(file):
        value = number(directory, ORIENTATION)
        if 1 <= value <= 8:
            return value
    return 0


def _directory(file: BinaryIO, offset: int, order: str, *, big: bool) -> tuple[Directory, int]:
    """The directory at `offset` and where the next one lies, 0 for nowhere."""
    count_format, entry_bytes, next_format = ("Q", 20, "Q") if big else ("H", 12, "I")
    start = struct.calcsize(order + count_format)
    count = _unpack(order + count_format, _at(file, offset, start))
    if not 0 < count <= _MAX_ENTRIES:
        return {}, 0
    width = struct.calcsize(order + next_format)
    block = _at(file, offset + start, count * entry_bytes + width)
    entries = [block[at : at + entry_bytes] for at in range(0, count * entry_bytes, entry_bytes)]
    found: Directory = {}
    for entry in entries:
        if len(entry) == entry_bytes:
            tag = _unpack(order + "H", entry[:2])
            value = _value(file, entry, order, big=big)
            if value is not None:
                found[tag] = value
    return found, _unpack(order + next_format, block[count * entry_bytes :][:width])


def _value(
    file: BinaryIO, entry: bytes, order: str, *, big: bool
) -> tuple[int, ...] | bytes | None:
    kind = _unpack(order + "H", entry[2:4])
    inline = 8 if big else 4
    count = _unpack(order + ("Q" if big else "I"), entry[4 : 4 + inline])
    letter = "s" if kind == _TEXT else _NUMBERS.get(kind)
    if letter is None or not 0 < count <= _MAX_VALUES:
        return None
    length = count * struct.calcsize(order + letter)
    data = entry[-inline:]
    if length > inline:
        data = _at(file, _unpack(order + ("Q" if big else "I"), data), length)
    if len(data) < length:
        return None
    if kind == _TEXT:
        return data[:length]
    return struct.unpack(f"{order}{count}{letter}", data[:length])


def _unpack(layout: str, data: bytes) -> int:
    return int(struct.unpack(layout, data)[0]) if len(data) == struct.calcsize(layout) else 0


def _at(file: BinaryIO, offset: int, length: int) -> bytes:
    if offset >= 1 << 48:
        return b""
    file.seek(offset)
    return file.read(length)
