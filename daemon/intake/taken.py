"""When a picture was taken: the camera's local time, UTC where the offset is known, and what says
so.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from daemon.intake import gps

if TYPE_CHECKING:
    from daemon.intake.exif import Tags

# Photography's first surviving picture; earlier years are a camera's unset clock.
FIRST_YEAR = 1826
# Containers count from 1904 or 1970, which is what a clock that was never set says.
FIRST_VIDEO_YEAR = 1990
OFFSETS_H = (-12, 14)
_QUARTER = timedelta(minutes=15)
_TIME = re.compile(
    r"(\d{4})[:./-](\d{1,2})[:./-](\d{1,2})"
    r"(?:[T ]+(\d{1,2})[:.](\d{1,2})(?:[:.](\d{1,2})(?:[.,](\d{1,9}))?)?)?"
    r"\s*(Z|[+-]\d{1,2}:?\d{2})?"
)
_OFFSET = re.compile(r"([+-])(\d{1,2}):?(\d{2})$")
_EXIF_TIMES = (
    ("DateTimeOriginal", "SubSecTimeOriginal", "OffsetTimeOriginal"),
    ("DateTimeDigitized", "SubSecTimeDigitized", "OffsetTimeDigitized"),
    ("DateTime", "SubSecTime", "OffsetTime"),
)
_XMP_TIMES = (
    "exif:DateTimeOriginal",
    "photoshop:DateCreated",
    "xmp:CreateDate",
    "exif:DateTimeDigitized",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """`local` is ISO 8601 without offset, `utc` ISO 8601 with Z; both None where nothing says."""

    local: str | None = None
    utc: str | None = None
    source: str | None = None


@dataclass(frozen=True, slots=True)
class _Moment:
    """A camera's reading: naive local time, whether it has fractions, its offset where it states
    one.
    """

    local: datetime
    fractions: bool = False
    offset: timedelta | None = None


def taken(tags: Tags, xmp: str = "") -> Taken:
    """The best account of the capture time in the EXIF tags, else in the XMP packet.

    The offset is the one stored beside the time that is used, else (for the same reading repeated
    in another tag) that tag's, else what the GPS clock says when rounded to a quarter of an hour.
    Without one `utc` stays None. With a GPS time only, `utc` is that time and `local` stays None.
    """
    for time_tag, fraction_tag, offset_tag in _EXIF_TIMES:
        moment = _moment(tags.text(time_tag), tags.text(fraction_tag), tags.text(offset_tag))
        if moment is not None:
            return _exif_account(tags, moment, time_tag, offset_tag)
    for name in _XMP_TIMES:
        moment = _moment(_xmp_value(xmp, name))
        if moment is not None:
            return _account(moment, moment.offset, f"xmp {name}")
    fix = gps.utc(tags)
    return Taken() if fix is None else Taken(utc=_utc_text(fix, fractions=False), source="gps")


def of_film(text: str, source: str) -> Taken | None:
    """What a video says of its capture time: local time with its offset, or UTC, in which
    containers write it. None where it says nothing, or the clock was not set.
    """
    moment = _moment(text)
    if moment is None or moment.local.year < FIRST_VIDEO_YEAR:
        return None
    if moment.offset is None or text.rstrip().upper().endswith("Z"):
        at = moment.local.replace(tzinfo=UTC)
        return Taken(utc=_utc_text(at, fractions=bool(at.microsecond)), source=source)
    return _account(moment, moment.offset, source)


def _exif_account(tags: Tags, moment: _Moment, time_tag: str, offset_tag: str) -> Taken:
    source = f"exif {time_tag}"
    if moment.offset is not None:
        return _account(moment, moment.offset, f"{source} + {offset_tag}")
    for other_time, _, other_offset in _EXIF_TIMES:
        offset = _offset(tags.text(other_offset))
        if offset is not None and tags.text(other_time) == tags.text(time_tag):
            return _account(moment, offset, f"{source} + {other_offset}")
    offset = _offset_by_gps(moment.local, gps.utc(tags))
    return _account(moment, offset, source if offset is None else f"{source} + GPS time")


def _account(moment: _Moment, offset: timedelta | None, source: str) -> Taken:
    local = moment.local.isoformat(timespec="milliseconds" if moment.fractions else "seconds")
    if offset is None:
        return Taken(local=local, source=source)
    try:
        moved = (moment.local - offset).replace(tzinfo=UTC)
    except OverflowError:
        return Taken(local=local, source=source)
    return Taken(local=local, utc=_utc_text(moved, fractions=moment.fractions), source=source)


def _utc_text(moment: datetime, *, fractions: bool) -> str:
    text = moment.isoformat(timespec="milliseconds" if fractions else "seconds")
    return text.replace("+00:00", "Z")


def _moment(text: str, fraction: str = "", offset: str = "") -> _Moment | None:
    """The reading that `text` starts with; None where it is blank, zero, impossible or before
    photography.
    """
    match = _TIME.match(text)
    if match is None:
        return None
    year, month, day, hour, minute, second = (int(part or 0) for part in match.groups()[:6])
    digits = match[7] or (fraction if fraction.isascii() and fraction.isdigit() else "")
    if year < FIRST_YEAR:
        return None
    try:
        # Second 60 is a leap second, which datetime does not know. No zone: it is local time.
        second = 59 if second == 60 else second
        local = datetime(year, month, day, hour, minute, second)  # noqa: DTZ001
    except ValueError:
        return None
    local = local.replace(microsecond=int(digits[:6].ljust(6, "0")) if digits else 0)
    stated = _offset(match[8] or "") or _offset(offset)
    return _Moment(local, bool(digits), stated if match[4] else None)


def _offset(text: str) -> timedelta | None:
    if text.upper() == "Z":
        return timedelta(0)
    match = _OFFSET.match(text)
    if match is None or int(match[3]) >= 60:
        return None
    size = timedelta(hours=int(match[2]), minutes=int(match[3]))
    return _plausible(-size if match[1] == "-" else size)


def _offset_by_gps(local: datetime, fix: datetime | None) -> timedelta | None:
    """The time zone in which `local` and the fix are the same moment, to a quarter of an hour
    (zones are no finer).
    """
    if fix is None:
        return None
    difference = local.replace(tzinfo=UTC) - fix
    return _plausible(round(difference / _QUARTER) * _QUARTER)


def _plausible(offset: timedelta) -> timedelta | None:
    hours = offset / timedelta(hours=1)
    return offset if OFFSETS_H[0] <= hours <= OFFSETS_H[1] else None


def _xmp_value(xmp: str, name: str) -> str:
    """The value of a simple property, written as an attribute or as an element."""
    match = re.search(rf"""{re.escape(name)}(?:\s*=\s*["']|>)\s*([^"'<]{{1,64}})""", xmp)
    return match[1] if match else ""
