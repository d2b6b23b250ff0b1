"""Canon CR3: its metadata are small TIFFs in boxes of an ISO base media file (ISO/IEC
14496-12).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from typing import BinaryIO

CANON = bytes.fromhex("85c0b687820f11e08111f4ce462b6a48")
MAX_BOXES = 256
MAX_MOVIE_BYTES = 16 << 20
EXIF_POINTER, GPS_POINTER = 0x8769, 0x8825


def metadata(file: BinaryIO) -> dict[bytes, bytes]:
    """The TIFF blocks: CMT1 (main), CMT2 (EXIF), CMT3 (maker note), CMT4 (GPS). Empty where the
    boxes are damaged.
    """
    end = file.seek(0, 2)
    at = 0
    for _ in range(MAX_BOXES):
        file.seek(at)
        size, kind, header = _header(file.read(16), end - at)
        if size < header:
            return {}
        if kind == b"moov":
            file.seek(at + header)
            return _canon(file.read(min(size - header, MAX_MOVIE_BYTES)))
        at += size
    return {}


def as_tiffs(blocks: dict[bytes, bytes]) -> list[bytes]:
    """CMT1, CMT2 and CMT4 as TIFFs whose tags lie in the directories where EXIF has them."""
    found = [blocks[b"CMT1"]] if b"CMT1" in blocks else []
    for name, pointer in ((b"CMT2", EXIF_POINTER), (b"CMT4", GPS_POINTER)):
        if name in blocks:
            found.append(_below(blocks[name], pointer))
    return found


def _canon(movie: bytes) -> dict[bytes, bytes]:
    for kind, body in _boxes(movie):
        if kind == b"uuid" and body[:16] == CANON:
            return {name: block for name, block in _boxes(body[16:]) if name[:3] == b"CMT"}
    return {}


def _boxes(data: bytes) -> list[tuple[bytes, bytes]]:
    found: list[tuple[bytes, bytes]] = []
    at = 0
    while at + 8 <= len(data) and len(found) < MAX_BOXES:
        size, kind, header = _header(data[at : at + 16], len(data) - at)
        if size < header:
            break
        found.append((kind, data[at + header : at + size]))
        at += size
    return found


def _header(data: bytes, left: int) -> tuple[int, bytes, int]:
    """A box's size with its header, its type, and the header's size; size 0 where there is no
    box.
    """
    if len(data) < 8:
        return 0, b"", 8
    size, kind = int.from_bytes(data[:4], "big"), data[4:8]
    if size == 1 and len(data) == 16:
        return int.from_bytes(data[8:], "big"), kind, 16
    return (left if size == 0 else size), kind, 8


def _below(block: bytes, pointer: int) -> bytes:
    """The TIFF with its first directory hung below a new main directory, whose only tag points to
    it.

    The new directory goes to the end, so that every offset in the block stays right.
    """
    order: Literal["little", "big"] = "little" if block[:2] == b"II" else "big"
    entry = b"".join(
        value.to_bytes(width, order) for value, width in ((1, 2), (pointer, 2), (4, 2), (1, 4))
    )
    main = len(block).to_bytes(4, order)
    return block[:4] + main + block[8:] + entry + block[4:8] + bytes(4)
