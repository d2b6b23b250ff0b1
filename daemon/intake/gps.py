"""Where a picture was taken, from its EXIF tags; anything doubtful is no position at all."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from daemon.intake.exif import Tags

_ISO_6709 = re.compile(r"([+-]\d+(?:\.\d+)?)([+-]\d+(?:\.\d+)?)([+-]\d+(?:\.\d+)?)?")
ALTITUDES_M = (-12_000.0, 100_000.0)
BELOW_SEA = (1, 3)


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """Degrees north and east (WGS 84), metres above sea level; None where unknown."""

    latitude: float | None = None
    longitude: float | None = None
    altitude_m: float | None = None


def position(tags: Tags) -> Position:
    """The position. A zero denominator, a missing reference, (0, 0) or a value out of range makes
    it None.
    """
    latitude = _degrees(tags, "GPSLatitude", positive="N", negative="S", limit=90)
    longitude = _degrees(tags, "GPSLongitude", positive="E", negative="W", limit=180)
    if latitude is None or longitude is None or (latitude == 0 and longitude == 0):
        latitude = longitude = None
    return Position(latitude=latitude, longitude=longitude, altitude_m=_altitude(tags))


def from_iso6709(text: str) -> Position:
    """The position that a video gives as text, like +52.5164+013.3777+034.5/ (ISO 6709, Annex H),
    in degrees, degrees and minutes, or degrees, minutes and seconds.
    """
    match = _ISO_6709.match(text.strip())
    if match is None:
        return Position()
    latitude, longitude = (
        _degrees_of(match[1], whole=2, limit=90),
        _degrees_of(match[2], whole=3, limit=180),
    )
    if latitude is None or longitude is None or (latitude == 0 and longitude == 0):
        return Position()
    altitude_m = float(match[3]) if match[3] else None
    if altitude_m is not None and not ALTITUDES_M[0] <= altitude_m <= ALTITUDES_M[1]:
        altitude_m = None
    return Position(latitude=latitude, longitude=longitude, altitude_m=altitude_m)


def _degrees_of(text: str, *, whole: int, limit: int) -> float | None:
    """Degrees of a number whose degrees have `whole` digits, and whose minutes and seconds two
    each.
    """
    digits = text[1:].partition(".")[0]
    parts = [digits[:whole], digits[whole : whole + 2], digits[whole + 2 :]]
    if len(digits) not in (whole, whole + 2, whole + 4):
        return None
    fraction = float(f"0.{text.partition('.')[2] or 0}")
    numbers = [float(it) for it in parts if it]
    numbers[-1] += fraction
    if any(it >= 60 for it in numbers[1:]):
        return None
    degrees = sum(it / 60**place for place, it in enumerate(numbers))
    return round(-degrees if text[0] == "-" else degrees, 7) if degrees <= limit else None


def utc(tags: Tags) -> datetime | None:
    """The time of the GPS fix, aware UTC; None unless both its date and its time of day are
    sound.
    """
    day = _day(tags.text("GPSDate"))
    clock = tags.numbers("GPSTimeStamp")
    if day is None or clock is None or len(clock) != 3:
        return None
    hours, minutes, seconds = clock
    if not (0 <= hours < 24 and 0 <= minutes < 60 and 0 <= seconds < 61):
        return None
    passed = timedelta(hours=hours, minutes=minutes, seconds=seconds)
    try:
        return datetime(day.year, day.month, day.day, tzinfo=UTC) + passed
    except OverflowError:
        return None


def _degrees(tags: Tags, tag: str, *, positive: str, negative: str, limit: int) -> float | None:
    reference = tags.text(f"{tag}Ref").upper()[:1]
    parts = tags.numbers(tag)
    if reference not in (positive, negative) or parts is None or not 1 <= len(parts) <= 3:
        return None
    if any(part < 0 for part in parts) or any(part > 60 for part in parts[1:]):
        return None
    degrees: float = sum(part / 60**power for power, part in enumerate(parts))
    if degrees > limit:
        return None
    return round(degrees if reference == positive else -degrees, 8)


def _altitude(tags: Tags) -> float | None:
    height = tags.numbers("GPSAltitude")
    if height is None or len(height) != 1:
        return None
    # EXIF's default for a missing reference is 0, above the sea.
    reference = tags.numbers("GPSAltitudeRef") or [0]
    metres = -height[0] if reference[0] in BELOW_SEA else height[0]
    return round(metres, 3) if ALTITUDES_M[0] <= metres <= ALTITUDES_M[1] else None


def _day(text: str) -> date | None:
    parts = text.replace("-", ":").replace("/", ":").split(":")
    try:
        year, month, day = (int(part) for part in parts)
        # GPS time began in 1980; receivers without a fix write zeros.
        return date(year, month, day) if year >= 1980 else None
    except ValueError:
        return None
