"""Videos as containers: opening them safely, and what they say about themselves.

Everything goes through PyAV, which is FFmpeg. A file is opened by us and handed over as bytes, and
FFmpeg may open nothing by itself: a playlist inside a file names other files and addresses.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Final

import av
from av.codec.hwaccel import HWAccel, hwdevices_available

from catalog.records import MediaFacts
from daemon.errors import BadFile
from daemon.intake import exif, gps, taken
from daemon.intake.camera import named
from daemon.intake.timeline import LONGEST_GAP_S, Timeline, usual_s

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import BinaryIO

    from daemon.intake.kinds import Kind

_FORMATS: Final = (
    "mov", "mp4", "m4a", "3gp", "3g2", "mj2", "matroska", "webm", "avi", "mpegts", "mpeg",
    "mpegvideo", "flv", "asf", "ogg",
)  # fmt: skip
# No protocol is called so: whatever else a file wants to have opened is refused.
_OPTIONS: Final = {
    "protocol_whitelist": "none",
    "format_whitelist": ",".join(_FORMATS),
    # A hostile file cannot make FFmpeg read on for minutes before it says what is in it.
    "probesize": "20000000",
    "analyzeduration": "20000000",
}
# From so long before its supposed end a video is read on to find the true one.
_BEFORE_END_S: Final = 3.0
# Streams that are cut and joined byte by byte, without their times being written anew.
_JOINED: Final = {"mpegts", "mpeg"}
# Of so few bytes a second, or so long, is hardly any video.
_LEAST_BYTES_PER_S: Final = 500
_LONG_S: Final = 86400.0
# A picture is decoded so long before it is shown at most: H.264 lets sixteen others come between.
_REORDERED_S: Final = 16 * LONGEST_GAP_S
# What a file says of its length and is not there is told from so many seconds and such a share on.
_SHORT_S, _SHORT = 2.0, 0.02
# So many packets are tried for a first picture, which tells how the camera was held.
_FIRST_PACKETS: Final = 300
_MOST_TAGS: Final = 200
_TIMES: Final = ("com.apple.quicktime.creationdate", "date", "date_utc", "creation_time")
_PLACES: Final = ("com.apple.quicktime.location.ISO6709", "location", "location-eng")
_MAKES: Final = ("com.apple.quicktime.make", "com.android.manufacturer", "make")
_MODELS: Final = ("com.apple.quicktime.model", "com.android.model", "model")

av.logging.set_level(None)  # what FFmpeg says of a file is not for people


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Opened:
    """An open container, and the stream of its pictures, which begins at `start_s`."""

    container: Any
    stream: Any
    start_s: float
    fps: float


def opened(file: BinaryIO, *, hardware: bool = False) -> Opened:
    """The video in an open file. A graphics card that is not there or cannot decode this is done
    without. Raises BadFile where there are no pictures in it that can be decoded.
    """
    for device in (*(hwdevices_available() if hardware else ()), None):
        accelerated = None if device is None else HWAccel(device, allow_software_fallback=True)
        try:
            file.seek(0)
            container = av.open(
                file, metadata_errors="replace", options=_OPTIONS, hwaccel=accelerated
            )
        except (av.error.FFmpegError, ValueError) as error:
            if device is None:
                raise BadFile(
                    "the video cannot be opened: it was cut off, is damaged, or needs a key"
                ) from error
        else:
            return _with_pictures(container)
    raise AssertionError("without a device it is opened or refused")


def _with_pictures(container: Any) -> Opened:
    streams = [it for it in container.streams.video if not _is_cover(it)]
    if not streams:
        sound = bool(container.streams.audio)
        container.close()
        raise BadFile("it has sound only, no video" if sound else "there is no video in it")
    stream = max(streams, key=_rank)
    if stream.codec_context is None:
        container.close()
        raise BadFile("its pictures are in a codec that cannot be decoded here")
    base = stream.time_base or Fraction(0)
    return Opened(
        container=container,
        stream=stream,
        start_s=float((stream.start_time or 0) * base),
        fps=float(stream.average_rate or 0),
    )


def _rank(stream: Any) -> tuple[bool, bool, int]:
    """Which of several streams is looked at: one that can be decoded, the one that players show,
    the largest; the first of those.
    """
    context = stream.codec_context
    area = 0 if context is None else context.width * context.height
    return context is not None, bool(stream.disposition & av.stream.Disposition.default), area


def probe_film(file: BinaryIO, kind: Kind) -> MediaFacts:
    """The facts of a video. Width and height are of the upright picture; the duration is that of
    what is really there. Raises BadFile where nothing of it can be seen.
    """
    film = opened(file)
    try:
        width, height, is_turned = _size(film)
        said = _said(film)
        facts = MediaFacts(
            kind="video",
            mime=kind.mime,
            width=height if is_turned else width,
            height=width if is_turned else height,
            fps=round(film.fps, 3) or None,
            codec=film.stream.codec_context.codec.canonical_name,
            **_facts_said(said),
            exif=said,
        )
        said_s, is_joined = _guess(film), _is_joined(film)
    finally:
        film.container.close()
    length = _measured(file, said_s, is_joined=is_joined)
    return replace(
        facts,
        duration_s=round(length.seconds, 6),
        in_one_piece=length.jumps > 0,
        note=length.note,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Length:
    """How long a video is, in `seconds` of what is really there, how often its clock `jumps`, and
    how long it says that it is, `said_s` (0: it does not say).
    """

    seconds: float
    jumps: int
    said_s: float

    @property
    def note(self) -> str | None:
        """What is missing, for people."""
        missing_s = self.said_s - self.seconds
        if self.jumps or missing_s <= max(_SHORT_S, _SHORT * self.said_s):
            return None
        there, said = _rough(self.seconds), _rough(self.said_s)
        return f"it ends after {there}, though it says that it lasts {said}"


def _rough(seconds: float) -> str:
    if seconds < 10:
        return f"{seconds:.1f} s"
    return f"{seconds:.0f} s" if seconds < 600 else f"{seconds / 60:.0f} min"


def measured(file: BinaryIO) -> Length:
    """How long a video is. Raises BadFile where there is no picture in it.

    What its last packets say is believed unless it cannot be: of a stream that recorders join, of
    more than a day, or of next to no bytes a second all packets are gone through.
    """
    film = opened(file)
    try:
        said_s, is_joined = _guess(film), _is_joined(film)
    finally:
        film.container.close()
    return _measured(file, said_s, is_joined=is_joined)


def _measured(file: BinaryIO, said_s: float, *, is_joined: bool) -> Length:
    if is_joined:
        seconds, jumps = _walked(file)
    else:
        seconds, jumps = _duration(file, said_s), 0
        if seconds is not None and _is_doubtful(file, seconds):
            seconds, jumps = _walked(file)
    if seconds is None:
        raise BadFile("there is not one picture in the video: it was cut off, or never written")
    return Length(seconds=seconds, jumps=jumps, said_s=said_s)


def _is_doubtful(file: BinaryIO, seconds: float) -> bool:
    """Whether hardly any video is so long, or has so few bytes a second."""
    return seconds > _LONG_S or file.seek(0, os.SEEK_END) < _LEAST_BYTES_PER_S * seconds


def _walked(file: BinaryIO) -> tuple[float | None, int]:
    """The end by all packets, and how often the clock jumps."""
    film = opened(file)
    try:
        timeline = Timeline(usual_s=usual_s(film.fps))
        return _end(film, timeline), timeline.jumps
    finally:
        film.container.close()


def _is_cover(stream: Any) -> bool:
    return bool(stream.disposition & av.stream.Disposition.attached_pic)


def _size(film: Opened) -> tuple[int, int, bool]:
    """Width, height, and whether the camera was held upright so that they are to be exchanged."""
    context = film.stream.codec_context
    frame = _first_frame(film)
    if frame is None:
        return context.width, context.height, False
    return frame.width, frame.height, round(frame.rotation / 90) % 2 == 1


def _first_frame(film: Opened) -> Any:
    for number, packet in enumerate(_packets(film)):
        try:
            frames = packet.decode()
        except (av.error.FFmpegError, ValueError):
            frames = []
        if frames:
            return frames[0]
        if number >= _FIRST_PACKETS:
            break
    return None


def _packets(film: Opened) -> Iterator[Any]:
    """The packets up to where the file is cut off."""
    packets = film.container.demux(film.stream)
    while True:
        try:
            yield next(packets)
        except (StopIteration, av.error.FFmpegError):
            return


def _guess(film: Opened) -> float:
    """What the file says of its length; 0 where it says nothing."""
    own = film.stream.duration
    if own is not None and film.stream.time_base:
        return float(own * film.stream.time_base)
    # A container counts from zero, also where the first picture comes late.
    return max(0.0, (film.container.duration or 0) / 1e6 - max(0.0, film.start_s))


def _is_joined(film: Opened) -> bool:
    return film.container.format.name in _JOINED


def _duration(file: BinaryIO, guess_s: float) -> float | None:
    """Seconds from the first picture to the end of the last, by the packets near the end, else by
    all of them; None where there is no packet. No header is believed.
    """
    for start_s in (guess_s - _BEFORE_END_S,) if guess_s > _BEFORE_END_S else ():
        film = opened(file)
        try:
            film.container.seek(round((start_s + film.start_s) * 1e6))
            ended = _end(film)
        except av.error.FFmpegError:
            ended = None
        finally:
            film.container.close()
        if ended is not None:
            return ended
    film = opened(file)
    try:
        return _end(film)
    finally:
        film.container.close()


def _end(film: Opened, timeline: Timeline | None = None) -> float | None:
    """When the last of the packets that follow ends, by their own times or by a timeline's."""
    base, last, count = film.stream.time_base or Fraction(0), None, 0
    usual = usual_s(film.fps)
    for packet in _packets(film):
        if not packet.size or packet.is_discard:
            continue
        count += 1
        # In the order of the packets only the times of decoding go up.
        ticks = packet.pts if packet.pts is not None else packet.dts
        order = packet.dts if packet.dts is not None else packet.pts
        if ticks is None or order is None:
            continue
        length_s = float((packet.duration or 0) * base)
        if not 0 < length_s < LONGEST_GAP_S:
            length_s = usual
        at_s, shown_s = float(order * base), float(ticks * base)
        if timeline is not None:
            if shown_s - at_s > _REORDERED_S:  # no decoder waits so long for what it shows
                timeline.jumps += 1
                shown_s = at_s
            shown_s += timeline.of(at_s) - at_s
        end_s = shown_s - film.start_s + length_s
        last = end_s if last is None else max(last, end_s)
    if last is None and count:
        return count * usual
    return last


def _said(film: Opened) -> dict[str, Any]:
    """What the container and the stream say, as text of bounded length."""
    found: dict[str, Any] = {}
    for key, value in (*film.container.metadata.items(), *film.stream.metadata.items()):
        if len(found) >= _MOST_TAGS:
            break
        name, text = exif.clean_text(key), exif.clean_text(value)
        if name and text:
            found.setdefault(name, text)
    return found


def _facts_said(said: dict[str, Any]) -> dict[str, Any]:
    """Capture time, place and camera."""
    when = next(filter(None, (taken.of_film(said.get(key, ""), key) for key in _TIMES)), None)
    places = (gps.from_iso6709(said.get(key, "")) for key in _PLACES)
    where = next((place for place in places if place.latitude is not None), gps.Position())
    make, model = (
        next(filter(None, (named(said.get(key, "")) for key in keys)), None)
        for keys in (_MAKES, _MODELS)
    )
    return {
        "taken_at": when.utc if when else None,
        "taken_at_local": when.local if when else None,
        "taken_at_source": when.source if when else None,
        "latitude": where.latitude,
        "longitude": where.longitude,
        "altitude_m": where.altitude_m,
        "camera_make": make,
        "camera_model": model,
    }
