"""The frames of a video, one after the other, each with its exact time."""

from __future__ import annotations

import math
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import av
import numpy as np

from daemon.errors import BadFile, TryLater
from daemon.intake import contents, film
from daemon.intake.timeline import Timeline, usual_s
from daemon.video.tone import is_hdr, toned

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import BinaryIO

    from numpy.typing import NDArray

    from daemon.faces.values import Picture

# From so many frames a second those that no other frame needs are left out: half of H.264's and
# HEVC's work goes, and what is left is still denser than anybody looks.
_DENSE_FPS: Final = 20.0
# Where leaving them out makes holes of so many seconds, they are decoded after all.
_HOLE_S: Final = 0.2
# A jump that lands too late is repeated from so much further in front.
_BACK_S: Final = 10.0
_LUMA_FIRST: Final = ("yuv", "nv1", "gray")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Shown:
    """A decoded frame and its time in seconds from the start of the video."""

    time_s: float
    frame: av.VideoFrame

    def luma(self) -> NDArray[np.uint8]:
        """The frame in grey (height × width) as it is stored, not turned: where it is there already
        the decoder's own memory, which holds as long as this frame does.
        """
        frame = self.frame
        if frame.format.name.startswith(_LUMA_FIRST) and frame.format.components[0].bits == 8:
            plane: Any = frame.planes[0]
            rows = np.frombuffer(plane, np.uint8).reshape(-1, plane.line_size)
            return rows[: frame.height, : frame.width]
        return np.asarray(frame.to_ndarray(format="gray"), np.uint8)

    def picture(self, longest_px: int) -> tuple[Picture, float]:
        """The frame upright in RGB, its longest side `longest_px` at most, and how many pixels of
        the full-size frame one of it shows.
        """
        frame = self.frame
        # A long and narrow frame is not made small for its length: what counts is its area.
        area = frame.width * frame.height / (longest_px * longest_px * 9 / 16)
        scale = max(1.0, min(max(frame.width, frame.height) / longest_px, math.sqrt(area)))
        width, height = max(1, round(frame.width / scale)), max(1, round(frame.height / scale))
        if is_hdr(frame):
            picture = toned(frame, width, height)
        else:
            converted = frame.to_ndarray(format="rgb24", width=width, height=height)
            picture = np.asarray(converted, np.uint8)
        quarters = quarters_of(frame)
        upright = np.ascontiguousarray(np.rot90(picture, quarters) if quarters else picture)
        return np.asarray(upright, np.uint8), scale


def quarters_of(frame: av.VideoFrame) -> int:
    """By how many quarters counter-clockwise a frame is to be turned to be upright."""
    return round(frame.rotation / 90) % 4


class Film:
    """A video in an open file. `damaged` counts what could not be decoded."""

    def __init__(self, file: BinaryIO, *, threads: int, hardware: bool) -> None:
        self._file = file
        self._threads = threads
        self._hardware = hardware
        self.damaged = 0
        self._came, self._packets_seen = False, 0
        self._open()

    def _open(self) -> None:
        """From the start of the file, as if nothing had been read of it."""
        opened = film.opened(self._file, hardware=self._hardware)
        self._container, self._stream = opened.container, opened.stream
        self.fps, self._start_s = opened.fps, opened.start_s
        stream = self._stream
        stream.thread_type = "AUTO" if self._threads > 1 else "NONE"
        stream.codec_context.thread_count = self._threads
        self._sparse = self.fps >= _DENSE_FPS
        stream.codec_context.skip_frame = "NONREF" if self._sparse else "DEFAULT"

    def close(self) -> None:
        """Let go of the decoder."""
        self._container.close()

    def frames(self, start_s: float, end_s: float) -> Iterator[Shown]:
        """The frames from `start_s` up to `end_s`, in order; what is damaged is passed over. Of a
        dense video those are left out that no other frame needs.

        Raises BadFile where not one packet of these can be decoded, TryLater where reading fails.
        """
        before = self.damaged
        yield from self._frames(start_s, end_s)
        if self._came:
            return
        if self._sparse and self._packets_seen:  # what was left out may be all that there is
            self._skip_nothing()
            self.damaged = before
            yield from self._frames(start_s, end_s)
        if not self._came and self._packets_seen:
            raise BadFile("not one frame can be decoded: the video is damaged here")

    def _frames(self, start_s: float, end_s: float) -> Iterator[Shown]:
        self._seek(start_s)
        self._came, self._packets_seen = False, 0
        last_s, damaged = -math.inf, self.damaged
        # Only what is read to the end of the file can go on after a jump of its clock.
        timeline = Timeline(usual_s=usual_s(self.fps)) if end_s == math.inf else None
        for shown in self._decoded():
            self._came = True
            time_s = shown.time_s if timeline is None else round(timeline.of(shown.time_s), 6)
            if time_s < start_s:
                continue
            if last_s == -math.inf and start_s > 0:
                self.damaged = damaged  # what comes before it is of another part
            if time_s <= last_s:
                self.damaged += 1
                continue
            if time_s >= end_s:
                break
            if _HOLE_S < time_s - last_s < math.inf:
                self._skip_nothing()
            last_s = time_s
            yield Shown(time_s=time_s, frame=shown.frame)

    def _seek(self, start_s: float) -> None:
        """Be at the last key frame before a time, or farther in front."""
        for place_s in (start_s, start_s - _BACK_S):
            if place_s <= 0:
                break
            if self._lands(place_s, start_s):
                self._jump(place_s)
                return
        self.close()
        self._open()

    def _lands(self, place_s: float, start_s: float) -> bool:
        """Whether a jump to one time shows what is shown at another."""
        self._jump(place_s)
        first = next(self._decoded(), None)
        return first is not None and first.time_s <= start_s

    def _jump(self, place_s: float) -> None:
        ticks = round((place_s + self._start_s) / self._stream.time_base)
        with suppress(av.error.FFmpegError):
            self._container.seek(ticks, stream=self._stream, backward=True)
        self._stream.codec_context.flush_buffers()

    def _decoded(self) -> Iterator[Shown]:
        step_s = usual_s(self.fps)
        time_s = -step_s
        try:
            for packet in self._packets():
                for frame in self._of(packet):
                    if frame.time is None:
                        time_s += step_s
                    else:
                        time_s = frame.time - self._start_s
                    if frame.is_corrupt:
                        self.damaged += 1
                        continue
                    yield Shown(time_s=round(time_s, 6), frame=frame)
        except OSError as error:
            if isinstance(error, av.error.FFmpegError) and not error.errno:
                return
            raise TryLater(f"cannot be read any further ({error.strerror or error})") from error

    def _packets(self) -> Iterator[Any]:
        packets = self._container.demux(self._stream)
        while True:
            try:
                packet = next(packets)
                self._packets_seen += packet.size > 0
                yield packet
            except StopIteration:
                return
            except (av.error.InvalidDataError, av.error.EOFError):  # where the file is cut off
                self.damaged += 1
                return

    def _of(self, packet: Any) -> list[av.VideoFrame]:
        try:
            return list(packet.decode())
        except av.error.EOFError:
            return []
        except (av.error.FFmpegError, ValueError):
            self.damaged += 1
            return []

    def _skip_nothing(self) -> None:
        if self._sparse:
            self._sparse = False
            self._stream.codec_context.skip_frame = "DEFAULT"


@contextmanager
def opened(path: bytes, *, threads: int = 1, hardware: bool = False) -> Iterator[Film]:
    """The video at `path`. Raises BadFile where nothing in it can be decoded, TryLater where it
    cannot be read.
    """
    with contents.opened(path) as file:
        video = Film(file, threads=threads, hardware=hardware)
        try:
            yield video
        finally:
            video.close()
