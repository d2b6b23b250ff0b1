"""Where a track's face is, moment by moment, as few bytes."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from catalog.faces import Box

# Seconds from the start of the video and the box in pixels: little-endian 32-bit numbers.
_STEP = struct.Struct("<5f")


def packed(steps: Iterable[tuple[float, Box]]) -> bytes:
    """The times and boxes (x, y, w, h) of a track as the column `path` holds them."""
    return b"".join(_STEP.pack(time_s, *box) for time_s, box in steps)


def unpacked(path: bytes) -> list[tuple[float, Box]]:
    """The other way; a path that was cut off ends at its last whole step."""
    whole = len(path) - len(path) % _STEP.size
    return [(time_s, (x, y, w, h)) for time_s, x, y, w, h in _STEP.iter_unpack(path[:whole])]
