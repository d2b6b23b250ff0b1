"""A face in a frame of a video, and the few by which a track is remembered. Pure."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from catalog.faces import Box
    from daemon.faces.values import Crop, Detection, Vectors
    from daemon.faces.views import View

# A face by which people can be told apart: found by its picture as often as not.
_CLEAR: Final = 0.5
# A face that would be found by its picture so rarely tells nothing of who it is.
_HOPELESS: Final = 0.1
# Faces nearer in time show the same again.
_APART_S: Final = 0.75


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Patch:
    """The surroundings of a face in a frame of `width` × `height` pixels, enough to look closely at
    it and to cut its crop. A face that is `enough_px` wide needs no closer look.
    """

    view: View
    width: int
    height: int
    enough_px: float


@dataclass(slots=True, kw_only=True, eq=False)
class Sighting:
    """A face that was found in a frame: `detection` in pixels of the picture that was looked at, of
    which one shows `scale` of the full-size frame.

    `patch` is there until better faces of its track are kept. What costs most is done only for
    those that are: then there are `crop`, `measures` and `score`, the quality as far as is known
    before it was embedded.
    """

    time_s: float
    detection: Detection
    scale: float
    patch: Patch | None
    crop: Crop | None = None
    measures: dict[str, float] = field(default_factory=dict)
    score: float = 0.0
    vector: Vectors | None = None

    @property
    def box(self) -> Box:
        """In pixels of the full-size frame."""
        it, scale = self.detection, self.scale
        return it.x * scale, it.y * scale, it.w * scale, it.h * scale

    @property
    def promise(self) -> float:
        """How good it is likely to be beside others of its track. Of two faces of one track, seen
        within three quarters of a second, the more confident one has the better score in 64 to 69
        of 100, and what is lost in the others is 0.02 of it (made videos and a real one).
        """
        return self.detection.confidence

    @property
    def is_clear(self) -> bool:
        """Whether it is good enough to tell people apart by it."""
        return self.score >= _CLEAR

    def let_go(self) -> None:
        """It is not kept: a place and a time are left of it."""
        self.patch = self.crop = None


def thin(faces: Sequence[Sighting], most: int) -> None:
    """Let go of pictures until at most so many are left: always one of the two that are nearest in
    time, the worse one; the last face keeps its own, because the next is compared with it.
    """
    kept = [it for it in faces if it.patch is not None]
    while len(kept) > most:
        pairs = list(pairwise(kept[:-1])) or [(kept[0], kept[0])]
        nearest = min(pairs, key=lambda it: (it[1].time_s - it[0].time_s, it[0].time_s))
        worse = min(nearest, key=lambda it: it.promise)
        worse.let_go()
        kept.remove(worse)


def promising(faces: Sequence[Sighting], most: int) -> list[Sighting]:
    """The faces to keep of a track, in order of time: its time is divided into as many equal parts,
    none shorter than three quarters of a second, and the most promising of each is kept.
    """
    there = [it for it in faces if it.patch is not None]
    start_s, end_s = there[0].time_s, there[-1].time_s
    count = min(most, max(1, math.ceil((end_s - start_s) / _APART_S)))
    length_s = max(1e-9, (end_s - start_s) / count)
    chosen: dict[int, Sighting] = {}
    for face in there:
        place = min(count - 1, int((face.time_s - start_s) / length_s))
        if place not in chosen or face.promise > chosen[place].promise:
            chosen[place] = face
    return [chosen[place] for place in sorted(chosen)]


def worth_keeping(faces: Sequence[Sighting]) -> list[Sighting]:
    """Of the faces chosen from a track, all; of a track that is too poor to be anybody the best one
    alone. All have scores.
    """
    best = max(faces, key=lambda it: it.score)
    return [best] if best.score < _HOPELESS else list(faces)


def divided(faces: Sequence[Sighting], apart: float) -> int | None:
    """Where a track is two people one after the other, the place of the second one's first face:
    the means before and after are less alike than `apart`, and both are of clear faces. All faces
    have vectors.
    """
    found, least = None, apart
    for place in range(1, len(faces)):
        one, other = _direction(faces[:place]), _direction(faces[place:])
        if one is not None and other is not None and float(one @ other) < least:
            found, least = place, float(one @ other)
    return found


def _direction(faces: Sequence[Sighting]) -> Vectors | None:
    """The mean of the clear ones' vectors, of unit length; None where none is clear."""
    vectors = [it.vector for it in faces if it.is_clear and it.vector is not None]
    if not vectors:
        return None
    total: Vectors = np.sum(vectors, axis=0)
    unit: Vectors = total / max(1e-9, float(np.linalg.norm(total)))
    return unit
