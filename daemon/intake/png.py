"""The EXIF chunk of a PNG, wherever it lies: Pillow would decode the whole picture to look
behind it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import BinaryIO

MAX_CHUNKS = 100_000
MAX_EXIF_BYTES = 1 << 20
_SIGNATURE_BYTES = 8
_CHUNK_FRAME_BYTES = 12


def exif_chunk(file: BinaryIO) -> bytes:
    """The content of the first eXIf chunk, empty where there is none. Leaves the file where it
    was.
    """
    before = file.tell()
    try:
        return _find(file)
    finally:
        file.seek(before)


def _find(file: BinaryIO) -> bytes:
    at = _SIGNATURE_BYTES
    for _ in range(MAX_CHUNKS):
        file.seek(at)
        head = file.read(8)
        if len(head) < 8 or head[4:] == b"IEND":
            break
        length = int.from_bytes(head[:4], "big")
        if head[4:] == b"eXIf":
            return file.read(min(length, MAX_EXIF_BYTES))
        at += length + _CHUNK_FRAME_BYTES
    return b""
