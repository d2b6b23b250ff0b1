"""Raw photographs: the JPEG preview that the camera put inside, found by the file's directories or
by looking for it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from daemon.intake import tiff

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import BinaryIO

JPEG_COMPRESSIONS = (6, 7, 99)
USEFUL_PX = 1000
SCAN_BYTES = 512 << 20
SCAN_STREAMS = 256
_CHUNK_BYTES = 4 << 20
_START = b"\xff\xd8\xff"
_FRAME_MARKERS = (0xC0, 0xC1, 0xC2)
_OTHER_FRAMES = {0xC3, *range(0xC5, 0xC8), *range(0xC9, 0xCC), *range(0xCD, 0xD0)}
_MAX_MARKERS = 512


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """A JPEG stream inside a file: `offset` and `length` in bytes, its size as stored (not
    turned).
    """

    offset: int
    length: int
    width: int
    height: int


def largest_preview(file: BinaryIO) -> Preview | None:
    """The largest 8-bit JPEG inside a raw photograph, None where there is none.

    The TIFF directories are asked first. Only where they give nothing of use (a thumbnail, or no
    TIFF at all, as in a CR3) the file itself is searched for JPEG streams, its first `SCAN_BYTES`
    bytes at most.
    """
    found = list(_from_directories(file))
    best = max(found, key=_area, default=None)
    if best is None or max(best.width, best.height) < USEFUL_PX:
        best = max([*found, *_by_scanning(file)], key=_area, default=None)
    return best


def jpeg_size(file: BinaryIO, offset: int) -> tuple[int, int] | None:
    """Width and height of the JPEG stream at `offset`; None where it is none that can be shown
    (lossless, 12 bit …).

    The whole header up to the first scan must be sound, so that chance bytes in sensor data do not
    pass for a picture.
    """
    file.seek(offset)
    if file.read(2) != _START[:2]:
        return None
    size = None
    for _ in range(_MAX_MARKERS):
        mark = file.read(2)
        if len(mark) < 2 or mark[0] != 0xFF or mark[1] in _OTHER_FRAMES:
            return None
        if mark[1] == 0xFF:  # padding before a marker
            file.seek(-1, 1)
            continue
        length = int.from_bytes(file.read(2), "big")
        if mark[1] == 0xDA or length < 2:
            return size if length >= 2 else None
        if mark[1] in _FRAME_MARKERS:
            size = _frame_size(file.read(length - 2))
        else:
            file.seek(length - 2, 1)
    return None


def _frame_size(header: bytes) -> tuple[int, int] | None:
    if len(header) < 6 or header[0] != 8 or header[5] not in (1, 3):
        return None
    height, width = int.from_bytes(header[1:3], "big"), int.from_bytes(header[3:5], "big")
    return (width, height) if width and height else None


def _area(preview: Preview) -> int:
    return preview.width * preview.height


def _from_directories(file: BinaryIO) -> Iterator[Preview]:
    for directory in tiff.directories(file):
        places = [
            (tiff.number(directory, tiff.JPEG_OFFSET), tiff.number(directory, tiff.JPEG_BYTES))
        ]
        strips = directory.get(tiff.STRIPS)
        if (
            tiff.number(directory, tiff.COMPRESSION) in JPEG_COMPRESSIONS
            and strips
            and len(strips) == 1
        ):
            places.append(
                (tiff.number(directory, tiff.STRIPS), tiff.number(directory, tiff.STRIP_BYTES))
            )
        for offset, length in places:
            size = jpeg_size(file, offset) if offset and length else None
            if size:
                yield Preview(offset=offset, length=length, width=size[0], height=size[1])


def _by_scanning(file: BinaryIO) -> Iterator[Preview]:
    end = file.seek(0, 2)
    for number, offset in enumerate(_starts(file)):
        if number >= SCAN_STREAMS:
            return
        size = jpeg_size(file, offset)
        if size:
            yield Preview(offset=offset, length=end - offset, width=size[0], height=size[1])


def _starts(file: BinaryIO) -> Iterator[int]:
    """Where JPEG streams may begin."""
    at, tail = 0, b""
    while at < SCAN_BYTES:
        file.seek(at)
        chunk = file.read(_CHUNK_BYTES)
        if not chunk:
            return
        block = tail + chunk
        place = block.find(_START)
        while place >= 0:
            yield at - len(tail) + place
            place = block.find(_START, place + 1)
        tail, at = block[-2:], at + len(chunk)
