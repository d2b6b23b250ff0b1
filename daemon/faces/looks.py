"""How a detector looks at pictures: at all of them small; closely at what may be a face; at the
whole once more where there are small faces; and closely at every face, for its points.

Only a detector that tells of its doubts is led this way. Every other sees a picture once.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol, runtime_checkable

import numpy as np

from daemon.faces.boxes import overlaps, suppress
from daemon.faces.resolution import first_px, longest_px
from daemon.faces.tiles import cut_off, tiles
from daemon.faces.views import View, shrunk, window

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from daemon.faces.values import Detection, Detector, Picture
    from daemon.settings import Detect

SAME_FACE = 0.4  # IoU above which two boxes mean the same face
# Measured by `benchmarks.detection` and `benchmarks.landmarks`; widths as YuNet draws faces.
_NARROW_PX = 48.0  # in a look at the whole: a doubt that is narrower may be a face seen too small
_CROWD_PX = 24.0  # in the first look: where one face is so narrow, others may be lost beside it
# A face's width and the picture's side, when what may be a face is seen closely.
_CLOSE = 64.0, 160
# The same for the points, found best where a face is large: of all pairs of one person 93.3 % are
# told from strangers at FMR 1e-3, against 92.5 % by the points of faces 93 px wide.
SHARP = 192.0, 256
_LARGE_PX = 160.0  # in the first look: a face this wide gave its points as well as a close look
_AGAIN = 32.0, 96  # the same where a face must be confirmed: what is none looks like none there
_UNSURE = 0.8  # least confidence of a face that needs no confirmation
# In the second look at the whole: of all faces 24, 32 and 40 px wide in crowds of 12 megapixels 69,
# 79 and 98 % are found where such doubts are seen closely, 2, 36 and 64 % where they are not.
_LIKELY = 0.1
_MOST_CLOSE = 24  # doubts in a picture: to see more of them closely costs as much as the whole

See = Callable[["Sequence[Picture]"], "list[list[Detection]]"]


@runtime_checkable
class Doubting(Protocol):
    """A detector that can also tell of what is not sure enough to be called a face."""

    name: str
    version: str
    weights_sha256: str

    def detect(self, pictures: Sequence[Picture]) -> list[list[Detection]]:
        """The faces of each picture, in that picture's pixels, most confident first."""
        ...

    def suspect(self, pictures: Sequence[Picture]) -> list[list[Detection]]:
        """Everything that may be a face, in the picture's pixels, most confident first."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Seen:
    """The faces of a picture, most confident first; the view of the first look, and how much
    anything looked like a face in it (0-1).
    """

    faces: list[Detection]
    first: View
    hint: float

    @property
    def surest(self) -> float:
        """The highest confidence; 0 without a face."""
        return max((face.confidence for face in self.faces), default=0.0)


def look(
    pictures: Sequence[Picture],
    scales: Sequence[float],
    detector: Doubting,
    section: Detect,
    *,
    sharp: bool = True,
) -> list[Seen]:
    """The faces of each picture that are sure enough, in its own pixels; `scales` are how many
    pixels of the full-size picture each pixel shows. Where not all will be needed, `sharp` is false
    and `sharpened` is left to the caller.
    """
    views = [
        shrunk(picture, first_px(section, picture.shape[0], picture.shape[1], scale=scale))
        for picture, scale in zip(pictures, scales, strict=True)
    ]
    seen = detector.suspect([view.picture for view in views])
    suspects = [
        [view.placed(face) for face in faces] for view, faces in zip(views, seen, strict=True)
    ]
    doubts = [
        _doubts(faces, view.across, section) for view, faces in zip(views, suspects, strict=True)
    ]
    close = closely(pictures, doubts, detector)
    found = [
        distinct(_sure([*faces, *closer], section))
        for faces, closer in zip(suspects, close, strict=True)
    ]
    again = [
        index
        for index, view in enumerate(views)
        if _crowded(found[index], _sure(close[index], section), doubts[index], view)
        and _seen_px(pictures[index], section.size) > max(view.picture.shape[:2])
    ]
    larger = _larger([pictures[index] for index in again], detector, section)
    for index, faces in zip(again, larger, strict=True):
        found[index] = distinct([*found[index], *_sure(faces, section)])
    sure = confirmed(pictures, found, detector, section)
    if sharp:
        enough_px = [_LARGE_PX * it.across for it in views]
        sure = sharpened(pictures, sure, detector, enough_px=enough_px)
    return [
        Seen(faces=faces, first=view, hint=max((it.confidence for it in some), default=0.0))
        for faces, view, some in zip(sure, views, suspects, strict=True)
    ]


def enough_px(picture: Picture, scale: float, section: Detect) -> float:
    """How wide a face is, in pixels of the picture, whose points need no closer look."""
    height, width = picture.shape[:2]
    across = max(height, width) / first_px(section, height, width, scale=scale)
    return float(_LARGE_PX * max(1.0, across))


def whole(pictures: Sequence[Picture], see: See, size: int) -> list[list[Detection]]:
    """The faces of each picture seen at `size`, by tiles where that is more than one look takes."""
    parts = [
        (index, part)
        for index, picture in enumerate(pictures)
        for part in tiles(shrunk(picture, _seen_px(picture, size)))
    ]
    return [distinct(faces) for faces in _in_parts(pictures, parts, see)]


def closely(
    pictures: Sequence[Picture],
    suspects: Sequence[Sequence[Detection]],
    detector: Detector,
) -> list[list[Detection]]:
    """What a close look at each suspect shows; of too many only the first are looked at."""
    views = [
        (index, close_view(picture, face, *_CLOSE))
        for index, (picture, faces) in enumerate(zip(pictures, suspects, strict=True))
        for face in faces[:_MOST_CLOSE]
    ]
    return _in_parts(pictures, views, detector.detect)


def confirmed(
    pictures: Sequence[Picture],
    found: Sequence[Sequence[Detection]],
    detector: Doubting,
    section: Detect,
) -> list[list[Detection]]:
    """The faces without those that a look from further away contradicts: an unsure face's
    confidence is the mean of both.
    """
    views = [
        [
            close_view(picture, face, *_AGAIN) if face.confidence < _UNSURE else None
            for face in faces
        ]
        for picture, faces in zip(pictures, found, strict=True)
    ]
    judged = _seen_again(found, views, detector.suspect, _judged)
    return [sorted(_sure(faces, section), key=lambda face: -face.confidence) for faces in judged]


def sharpened(
    pictures: Sequence[Picture],
    found: Sequence[Sequence[Detection]],
    detector: Detector,
    *,
    enough_px: Sequence[float],
) -> list[list[Detection]]:
    """The same faces, one to one and in the same order, with box and points of a close look where
    that sees the face too. Faces of a picture that are as wide as its `enough_px` need none.
    """
    views = [
        [close_view(picture, face, *SHARP) if face.w < enough else None for face in faces]
        for picture, faces, enough in zip(pictures, found, enough_px, strict=True)
    ]
    return _seen_again(found, views, detector.detect, _sharper)


def close_view(picture: Picture, face: Detection, face_px: float, side_px: int) -> View:
    """A face and its surroundings in a square of `side_px`, in which it is `face_px` wide."""
    middle = face.x + face.w / 2, face.y + face.h / 2
    return window(picture, middle, max(face.w, 1.0) * side_px / face_px, side_px)


def distinct(faces: Sequence[Detection]) -> list[Detection]:
    """The faces without those that overlap a more confident one, most confident first."""
    kept = suppress(_boxes(faces), _scores(faces), overlap=SAME_FACE)
    return [faces[index] for index in kept]


def same(face: Detection, others: Sequence[Detection]) -> Detection | None:
    """The one of the others that overlaps the face most, where that is enough for one face."""
    if not others:
        return None
    shared = overlaps(_boxes([face]), _boxes(others))[0]
    best = int(np.argmax(shared))
    return others[best] if shared[best] >= SAME_FACE else None


def _in_parts(
    pictures: Sequence[Picture], parts: Sequence[tuple[int, View]], see: See
) -> list[list[Detection]]:
    """What parts of the pictures (number and view) show whole, by picture and in its pixels."""
    found: list[list[Detection]] = [[] for _ in pictures]
    seen = see([part.picture for _, part in parts])
    for (index, part), faces in zip(parts, seen, strict=True):
        found[index] += [
            part.placed(face) for face in faces if not cut_off(face, part, pictures[index])
        ]
    return found


def _seen_again(
    found: Sequence[Sequence[Detection]],
    views: Sequence[Sequence[View | None]],
    see: See,
    judge: Callable[[Detection, Sequence[Detection]], Detection],
) -> list[list[Detection]]:
    """The same faces one to one, each that has a view judged by what that shows."""
    seen = iter(see([it.picture for some in views for it in some if it is not None]))
    return [
        [
            face if view is None else judge(face, [view.placed(it) for it in next(seen)])
            for face, view in zip(faces, some, strict=True)
        ]
        for faces, some in zip(found, views, strict=True)
    ]


def _larger(
    pictures: Sequence[Picture], detector: Doubting, section: Detect
) -> list[list[Detection]]:
    """What a look at the whole at `size` shows, and a close one at what is likely a face there."""
    seen = whole(pictures, detector.suspect, section.size)
    likely = []
    for picture, faces in zip(pictures, seen, strict=True):
        across = max(picture.shape[:2]) / _seen_px(picture, section.size)
        doubts = _doubts(faces, across, section)
        likely.append([face for face in doubts if face.confidence >= _LIKELY])
    close = closely(pictures, likely, detector)
    return [[*faces, *closer] for faces, closer in zip(seen, close, strict=True)]


def _judged(face: Detection, seen: Sequence[Detection]) -> Detection:
    other = same(face, seen)
    confidence = 0.0 if other is None else other.confidence
    return replace(face, confidence=(face.confidence + confidence) / 2)


def _sharper(face: Detection, seen: Sequence[Detection]) -> Detection:
    other = same(face, seen)
    return face if other is None else replace(other, confidence=face.confidence)


def _sure(faces: Sequence[Detection], section: Detect) -> list[Detection]:
    return [face for face in faces if face.confidence >= section.min_confidence]


def _doubts(faces: Sequence[Detection], across: float, section: Detect) -> list[Detection]:
    """What a look may have seen too small to be sure of; `across` are pixels to one of its own."""
    return [
        face
        for face in faces
        if face.confidence < section.min_confidence and face.w < _NARROW_PX * across
    ]


def _seen_px(picture: Picture, size: int) -> int:
    """The longest side of what a look at `size` shows: no picture is enlarged."""
    height, width = picture.shape[:2]
    seen: int = min(longest_px(height, width, size), max(height, width))
    return seen


def _crowded(
    found: Sequence[Detection],
    closer: Sequence[Detection],
    doubts: Sequence[Detection],
    view: View,
) -> bool:
    """Whether there may be faces that the first look did not even suspect: where one is so small,
    or where there are more doubts than were seen closely and some of these were faces. Leaves and
    gravel make many doubts too, and none of them is one.
    """
    more = len(doubts) > _MOST_CLOSE and bool(closer)
    return more or any(face.w < _CROWD_PX * view.across for face in found)


def _boxes(faces: Sequence[Detection]) -> NDArray[np.float32]:
    rows = [[face.x, face.y, face.w, face.h] for face in faces]
    return np.array(rows, np.float32).reshape(-1, 4)


def _scores(faces: Sequence[Detection]) -> NDArray[np.float32]:
    return np.array([face.confidence for face in faces], np.float32)
