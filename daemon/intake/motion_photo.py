"""Where in a picture's file the video lies that a phone put behind it."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from typing import BinaryIO

# Google's first form counts from the end of the file; the second gives the length of the last item.
_OFFSET: Final = re.compile(r"""MicroVideoOffset\s*=\s*["'](\d{1,12})["']""")
_ITEM: Final = re.compile(r"<[^<>]*Semantic\s*=\s*[\"']MotionPhoto[\"'][^<>]*>")
_LENGTH: Final = re.compile(r"""Length\s*=\s*["'](\d{1,12})["']""")
# Samsung's trailer names itself right before the video.
_TRAILER: Final = b"MotionPhoto_Data"
_TAIL: Final = 64 << 20


def find(file: BinaryIO, xmp: str) -> dict[str, int] | None:
    """`offset` from the start of the file and `bytes` of the video inside; None where there is
    none.
    """
    size = file.seek(0, os.SEEK_END)
    for length in _lengths(xmp):
        if 16 <= length <= size and _is_video(file, size - length):
            return {"offset": size - length, "bytes": length}
    if "MotionPhoto" in xmp or "MicroVideo" in xmp or not xmp:
        return _behind_trailer(file, size)
    return None


def _lengths(xmp: str) -> list[int]:
    found = [int(it) for it in _OFFSET.findall(xmp)]
    for item in _ITEM.findall(xmp):
        found += [int(it) for it in _LENGTH.findall(item)]
    return found


def _behind_trailer(file: BinaryIO, size: int) -> dict[str, int] | None:
    """Samsung's: only the end of the file is looked at, and only where a tail says that it is
    there.
    """
    file.seek(max(0, size - 256))
    if b"SEFT" not in file.read(256):
        return None
    start = max(0, size - _TAIL)
    file.seek(start)
    at = file.read(_TAIL).find(_TRAILER)
    if at < 0:
        return None
    offset = start + at + len(_TRAILER)
    return {"offset": offset, "bytes": size - offset} if _is_video(file, offset) else None


def _is_video(file: BinaryIO, offset: int) -> bool:
    """Whether a container of the MP4 family begins there."""
    file.seek(offset + 4)
    return file.read(4) == b"ftyp"
