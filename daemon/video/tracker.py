"""Faces of one scene tied to tracks: by where they are, and by whom they look like. Pure, but for
the vectors that are asked for.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Generic, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from catalog.faces import overlap

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from catalog.faces import Box
    from daemon.faces.values import Vectors

# A box that overlaps by half, and no other nearly as much, is the same face.
_SURE_IOU: Final = 0.5
_RIVAL_IOU: Final = 0.25
# The least overlap by which a face that looks neither like nor unlike is tied, and for how long.
_LEAST_IOU: Final = 0.3
_SOON_S: Final = 1.0
# What an overlap counts beside a similarity.
_IOU_WEIGHT: Final = 0.3
_NEVER: Final = -10.0
# Of a movement so much goes on until the next look.
_DAMPED: Final = 0.7


class Face(Protocol):
    """A face that was found in a frame."""

    @property
    def time_s(self) -> float: ...
    @property
    def box(self) -> Box: ...
    @property
    def is_clear(self) -> bool:
        """Whether it is good enough to tell people apart by it."""
        ...


F = TypeVar("F", bound=Face)
Ious = NDArray[np.float64]
"""Tracks × faces."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Alike:
    """Similarities of one recognition model: from `same` up two faces of one scene are one person,
    below `apart` clear ones are two.
    """

    same: float
    apart: float


@dataclass(kw_only=True, eq=False)
class Track(Generic[F]):
    """A face through a scene: what was found of it, in order."""

    faces: list[F] = field(default_factory=list)

    @property
    def last(self) -> F:
        """Where it was seen last."""
        return self.faces[-1]

    def expected(self, time_s: float) -> Box:
        """Where its box is at a later time if it goes on as it went."""
        x, y, w, h = self.last.box
        if len(self.faces) < 2:
            return x, y, w, h
        before = self.faces[-2]
        passed = self.last.time_s - before.time_s
        share = _DAMPED * min(1.0, (time_s - self.last.time_s) / passed) if passed > 0 else 0.0
        bx, by, bw, bh = before.box
        return (
            x + share * (x - bx),
            y + share * (y - by),
            w + share * (w - bw),
            h + share * (h - bh),
        )


class Tracker(Generic[F]):
    """Ties the faces of frame after frame. `vectors_of` gives the unit vectors of faces."""

    def __init__(
        self,
        vectors_of: Callable[[Sequence[F]], Vectors],
        alike: Alike,
        *,
        max_gap_s: float,
    ) -> None:
        self._vectors_of = vectors_of
        self._alike = alike
        self._max_gap_s = max_gap_s
        self._live: list[Track[F]] = []
        self._ended: list[Track[F]] = []

    @property
    def live(self) -> Sequence[Track[F]]:
        """The tracks that may go on."""
        return self._live

    def see(self, time_s: float, faces: Sequence[F]) -> None:
        """The faces of the next frame."""
        lost = [it for it in self._live if time_s - it.last.time_s > self._max_gap_s]
        self._ended += lost
        self._live = [it for it in self._live if it not in lost]
        for face, track in self._tied(time_s, faces):
            if track is None:
                self._live.append(Track(faces=[face]))
            else:
                track.faces.append(face)

    def end(self) -> list[Track[F]]:
        """The scene is over: all its tracks, in order of their beginnings."""
        found = [*self._ended, *self._live]
        self._ended, self._live = [], []
        return sorted(found, key=lambda it: (it.faces[0].time_s, it.faces[0].box))

    def _tied(self, time_s: float, faces: Sequence[F]) -> list[tuple[F, Track[F] | None]]:
        tracks = self._live
        if not tracks or not faces:
            return [(face, None) for face in faces]
        expected = [track.expected(time_s) for track in tracks]
        ious = np.array([[overlap(box, face.box) for face in faces] for box in expected])
        sure = _sure(ious)
        rest_tracks = [row for row in range(len(tracks)) if row not in sure]
        rest_faces = [column for column in range(len(faces)) if column not in sure.values()]
        found = {column: row for row, column in sure.items()}
        if rest_tracks and rest_faces:
            scores = self._scores(
                [tracks[row] for row in rest_tracks],
                [faces[column] for column in rest_faces],
                ious[np.ix_(rest_tracks, rest_faces)],
            )
            # Kuhn (1955), The Hungarian Method for the Assignment Problem.
            for row, column in zip(*linear_sum_assignment(scores, maximize=True), strict=True):
                if scores[row, column] > _NEVER:
                    found[rest_faces[column]] = rest_tracks[row]
        return [
            (face, tracks[found[column]] if column in found else None)
            for column, face in enumerate(faces)
        ]

    def _scores(self, tracks: Sequence[Track[F]], faces: Sequence[F], ious: Ious) -> Ious:
        """How well each face goes on each track: tracks × faces."""
        lasts = [track.last for track in tracks]
        vectors = self._vectors_of([*lasts, *faces])
        similar = vectors[: len(lasts)] @ vectors[len(lasts) :].T
        scores = similar + _IOU_WEIGHT * ious
        for row, last in enumerate(lasts):
            for column, face in enumerate(faces):
                near = ious[row, column] >= _LEAST_IOU and face.time_s - last.time_s <= _SOON_S
                unlike = similar[row, column] < self._alike.apart
                unlike = unlike and last.is_clear and face.is_clear
                if not (similar[row, column] >= self._alike.same or (near and not unlike)):
                    scores[row, column] = _NEVER
        return scores


def _sure(ious: Ious) -> dict[int, int]:
    """The pairs (track → face) that no other pair comes near."""
    found = {}
    for row, column in zip(*np.nonzero(ious >= _SURE_IOU), strict=True):
        rivals = max(
            np.delete(ious[row], column).max(initial=0.0),
            np.delete(ious[:, column], row).max(initial=0.0),
        )
        if rivals < _RIVAL_IOU:
            found[int(row)] = int(column)
    return found
