"""Two versions of a picture: which face of the old one is which of the new one. Pure.

Vectors tell. Where two faces are alike (twins, a picture pasted twice) their places decide between
them, and where these do not either, no tie is made: a question is better than a wrong name.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from operator import mul
from typing import TYPE_CHECKING

from catalog.faces import TIE_IOU, Box, overlap

if TYPE_CHECKING:
    from collections.abc import Sequence

# By how much a tie must be likelier than the next, as a natural logarithm of odds: the lead that a
# name needs.
LEAD = math.log(150.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """What a similarity by one embedder means: log-odds rise by `slope`, from 0 at `strict` on."""

    embedder_id: int
    slope: float
    strict: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """A face of one of the two versions: its vectors in the order of the measures, its box in
    pixels, and by how many degrees it is turned.
    """

    id: int
    box: Box
    roll: float
    vectors: tuple[tuple[float, ...], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """The faces of one content and the size of its upright picture."""

    width: float
    height: float
    faces: tuple[Seen, ...]


@dataclass(slots=True, kw_only=True)
class Scores:
    """How far a pair of faces is above the strict threshold, in log-odds; each computed once."""

    measures: Sequence[Measure]
    _known: dict[tuple[int, int], float] = field(default_factory=dict)

    def of(self, old: Seen, new: Seen) -> float:
        """The mean over the embedders; 0 and more may be the same face."""
        key = (old.id, new.id)
        if key not in self._known:
            own = [
                measure.slope * (sum(map(mul, a, b)) - measure.strict)
                for measure, a, b in zip(self.measures, old.vectors, new.vectors, strict=True)
            ]
            self._known[key] = sum(own) / len(own)
        return self._known[key]


def tie(
    wanted: Sequence[Seen], old: Version, new: Version, scores: Scores
) -> list[tuple[Seen, Seen]]:
    """Which of the `wanted` old faces is which new one, one to one; some may be none."""
    possible = [
        (before, now)
        for before in wanted
        for now in new.faces
        if scores.of(before, now) >= 0 and _among_best(before, now, (old, new), scores)
    ]
    clear = [pair for pair in possible if _leads(*pair, (old, new), scores)]
    taken = {face.id for pair in clear for face in pair}
    by_place = sorted(
        ((overlap(_turned(before, now, old, new), now.box), before, now)
         for before, now in possible),
        key=lambda it: (-it[0], it[1].id, it[2].id),
    )  # fmt: skip
    ties = list(clear)
    for shared, before, now in by_place:
        if shared >= TIE_IOU and not {before.id, now.id} & taken:
            ties.append((before, now))
            taken |= {before.id, now.id}
    return ties


def _among_best(before: Seen, now: Seen, versions: tuple[Version, Version], scores: Scores) -> bool:
    """Whether neither face has another that is clearly more similar."""
    old, new = versions
    best = max(
        max(scores.of(before, other) for other in new.faces),
        max(scores.of(other, now) for other in old.faces),
    )
    return scores.of(before, now) > best - LEAD


def _leads(before: Seen, now: Seen, versions: tuple[Version, Version], scores: Scores) -> bool:
    """Whether all others are clearly less similar, to either."""
    old, new = versions
    others = [scores.of(before, other) for other in new.faces if other is not now]
    others += [scores.of(other, now) for other in old.faces if other is not before]
    return scores.of(before, now) >= max(others, default=-math.inf) + LEAD


def _turned(before: Seen, now: Seen, old: Version, new: Version) -> Box:
    """Where the old face would lie in the new picture if that is the old one turned by quarters, as
    the face itself is, and resized.
    """
    x, y, w, h = before.box
    width, height = old.width, old.height
    for _ in range(round((now.roll - before.roll) / 90) % 4):
        x, y, w, h = height - y - h, x, h, w
        width, height = height, width
    across, down = new.width / width, new.height / height
    return x * across, y * down, w * across, h * down
