"""Videos as containers: opening them safely, and what they say about themselves.

Everything goes through PyAV, which is FFmpeg. A file is opened by us and handed over as bytes, and
FFmpeg may open nothing by itself: a playlist inside a file names other files and addresses.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Final

import av
from av.codec.hwaccel import HWAccel, hwdevices_available

from catalog.records import MediaFacts
from daemon.errors import BadFile
from daemon.intake import exif, gps, taken
from daemon.intake.camera import named

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
    stream = streams[0]
    if stream.codec_context is None:
        container.close()
        raise BadFile(f"its codec ({stream.codec.name}) cannot be decoded here")
    base = stream.time_base or Fraction(0)
    return Opened(
        container=container,
        stream=stream,
        start_s=float((stream.start_time or 0) * base),
        fps=float(stream.average_rate or 0),
    )


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
            codec=film.stream.codec_context.name,
            **_facts_said(said),
            exif=said,
        )
        guess_s = _guess(film)
    finally:
        film.container.close()
    return replace(facts, duration_s=round(_true_length_s(file, guess_s), 6))


def length_s(file: BinaryIO) -> float:
    """How long a video is, in seconds of what is really there. Raises BadFile where nothing is."""
    film = opened(file)
    try:
        guess_s = _guess(film)
    finally:
        film.container.close()
    return _true_length_s(file, guess_s)


def _true_length_s(file: BinaryIO, guess_s: float) -> float:
    found = _duration(file, guess_s)
    if found is None:
        raise BadFile("there is not one picture in the video: it was cut off, or never written")
    return found


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
    return (film.container.duration or 0) / 1e6


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


def _end(film: Opened) -> float | None:
    """When the last of the packets that follow ends."""
    base, last, count = film.stream.time_base or Fraction(0), None, 0
    usual = 1 / film.fps if film.fps else 0.0
    for packet in _packets(film):
        if not packet.size:
            continue
        count += 1
        ticks = packet.pts if packet.pts is not None else packet.dts
        if ticks is None:
            continue
        length_s = float((packet.duration or 0) * base) or usual
        end_s = float(ticks * base) - film.start_s + length_s
        last = end_s if last is None else max(last, end_s)
    if last is None and count:
        return count * usual or None
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
