"""Small videos for tests, written with PyAV."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

import av
import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

# A time is told to a thousandth of a second where frames come unevenly.
TICKS = 1000


def write(
    path: Path,
    frames: Iterable[np.ndarray],
    *,
    fps: int = 25,
    codec: str = "libx264",
    times: Sequence[float] | None = None,
    gop: int = 12,
    pixels: str = "yuv420p",
    options: dict[str, str] | None = None,
    container: dict[str, str] | None = None,
    metadata: dict[str, str] | None = None,
) -> Path:
    """Write RGB frames (height × width × 3); `times` are the seconds at which each is shown."""
    ticks = fps if times is None else TICKS
    with av.open(str(path), "w", options=container or {}) as output:
        output.metadata.update(metadata or {})
        stream = None
        for number, picture in enumerate(frames):
            if stream is None:
                stream = output.add_stream(codec, rate=fps)
                stream.height, stream.width = picture.shape[:2]
                stream.pix_fmt = pixels
                stream.codec_context.time_base = Fraction(1, ticks)
                stream.options = {"g": str(gop), **(options or {})}
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.time_base = Fraction(1, ticks)
            time_s = number / fps if times is None else times[number]
            frame.pts = round(time_s * ticks)
            output.mux(stream.encode(frame))
        if stream is not None:
            output.mux(stream.encode())
    return path


def numbered(count: int, *, width: int = 96, height: int = 64) -> list[np.ndarray]:
    """Frames that say which they are: by a grey level that rises, with a bar that wanders."""
    found = []
    for number in range(count):
        picture = np.full((height, width, 3), 40 + number % 160, np.uint8)
        picture[:, (number * 2) % (width - 8) :][:, :8] = 250
        found.append(picture)
    return found
