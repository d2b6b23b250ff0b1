"""EXIF tags, read by exifread and made safe: plain text, plain numbers, no binary blobs, nothing
unbounded.
"""

from __future__ import annotations

import io
import logging
import math
import struct
from dataclasses import dataclass, field
from fractions import Fraction
from typing import TYPE_CHECKING, Any, cast

import exifread

if TYPE_CHECKING:
    from typing import BinaryIO

MAX_TEXT = 1000
MAX_VALUES = 64
MAX_TAGS = 400
MAX_READS = 20_000
MAX_READ_BYTES = 4096

# Everything that exifread is known to raise on damaged tags, found by flipping bits.
DAMAGE = (
    ArithmeticError,
    AttributeError,
    EOFError,
    LookupError,
    RuntimeError,
    TypeError,
    ValueError,
    struct.error,
)

_GROUPS = ("Image", "EXIF", "GPS")
_DROPPED = {
    "ApplicationNotes", "ExifOffset", "GPSInfo", "ImageResources", "InterColorProfile",
    "InteroperabilityOffset", "IPTC/NAA", "JPEGInterchangeFormat", "JPEGInterchangeFormatLength",
    "JPEGTables", "MakerNote", "OffsetSchema", "Padding", "PrintIM", "StripByteCounts",
    "StripOffsets", "SubIFDs", "TileByteCounts", "TileOffsets",
}  # fmt: skip
# exifread's words for these hide the numbers that are wanted.
_AS_NUMBERS = {"Orientation", "GPSAltitudeRef"}

logging.getLogger("exifread").setLevel(
    logging.CRITICAL
)  # it warns about every odd tag; the row says enough


@dataclass(frozen=True, slots=True)
class Tags:
    """Tags by their bare names (`FNumber`, `GPSLatitude`). `raw` as exifread gave them, `clean`
    fit for JSON.
    """

    raw: dict[str, Any] = field(default_factory=dict)
    clean: dict[str, Any] = field(default_factory=dict)

    def text(self, name: str) -> str:
        """The tag as text without NULs and outer spaces; empty where it is missing or no text."""
        value = self.raw.get(name)
        return clean_text(value) if isinstance(value, str | bytes) else ""

    def numbers(self, name: str) -> list[float] | None:
        """The tag's finite numbers; None where it is missing, or one of them is none (a zero
        denominator).
        """
        values = self.raw.get(name)
        if not isinstance(values, list | tuple) or not values or len(values) > MAX_VALUES:
            return None
        numbers = [_number(value) for value in values]
        return (
            None if None in numbers else [float(number) for number in numbers if number is not None]
        )


def read_blob(blob: bytes) -> Tags:
    """The tags of an EXIF block as containers carry it (TIFF inside, with or without its `Exif`
    mark).
    """
    start = blob.find(b"Exif\x00\x00", 0, 16)
    return read_tiff(io.BytesIO(blob[start + 6 :] if start >= 0 else blob))


def read_tiff(file: BinaryIO) -> Tags:
    """The tags of a TIFF or of a raw photograph that is one. What is damaged is left out, never
    raised.
    """
    try:
        found = exifread.process_file(
            cast("BinaryIO", _Bounded(file)), details=False, extract_thumbnail=False
        )
    except DAMAGE:
        return Tags()
    return _tags(found)


def merged(parts: list[Tags]) -> Tags:
    """One set of tags; an earlier part wins."""
    raw: dict[str, Any] = {}
    clean: dict[str, Any] = {}
    for part in reversed(parts):
        raw |= part.raw
        clean |= part.clean
    return Tags(raw, clean)


class _Bounded:
    """A file for exifread that gives up after `MAX_READS` reads: directories can be crafted to
    loop for hours.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._reads = 0

    def seek(self, offset: int, whence: int = 0) -> int:
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()

    def read(self, length: int = MAX_READ_BYTES) -> bytes:
        self._reads += 1
        if self._reads > MAX_READS:
            raise ValueError("too many tags")
        return self._file.read(min(length, MAX_READ_BYTES))


def _tags(found: dict[str, Any]) -> Tags:
    raw: dict[str, Any] = {}
    clean: dict[str, Any] = {}
    for name, tag in found.items():
        group, _, bare = name.partition(" ")
        if group not in _GROUPS or bare in _DROPPED or bare.startswith("Tag 0x") or bare in raw:
            continue
        raw[bare] = tag.values
        worded = tag.prefer_printable and bare not in _AS_NUMBERS
        value = clean_text(str(tag.printable)) if worded else _clean(tag.values)
        if value not in (None, "", []) and len(clean) < MAX_TAGS:
            clean[bare] = value
    return Tags(raw, clean)


def _clean(value: Any) -> Any:
    """The value as JSON knows it; None where nothing sensible is left of it."""
    if isinstance(value, str | bytes):
        return clean_text(value)
    if isinstance(value, list | tuple):
        if len(value) > MAX_VALUES:
            return None
        numbers = [_number(item) for item in value]
        if not numbers or all(number is None for number in numbers):
            return None
        return numbers[0] if len(numbers) == 1 else numbers
    return _number(value)


def _number(value: Any) -> int | float | None:
    if isinstance(value, tuple) and len(value) == 1:  # exifread wraps floats
        value = value[0]
    if isinstance(value, Fraction):
        if value.denominator == 0:  # exifread's Ratio allows what Fraction does not
            return None
        return value.numerator if value.denominator == 1 else float(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return value if math.isfinite(value) else None


def clean_text(value: str | bytes) -> str:
    """Printable text of bounded length; what is not UTF-8 is read as Latin-1, as old cameras meant
    it.
    """
    text = value if isinstance(value, str) else _decoded(value)
    text = text.split("\x00", 1)[0][:MAX_TEXT]
    kept = (c if c.isprintable() else " " if c.isspace() else "" for c in text)
    return "".join(kept).strip()


def _decoded(value: bytes) -> str:
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError:
        return value.decode("latin-1")
