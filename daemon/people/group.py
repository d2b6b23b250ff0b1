"""Grouping faces that no reference person explains. Pure: arrays in, values out.

Weighted average linkage: two groups are one as long as their faces are similar on average, each
face weighing as much as it can tell. It is UPGMA (Sokal & Michener 1958), which does not chain as
single linkage does, with what may never be one person (faces of one picture, people told apart)
kept apart throughout. The mean similarity of two groups is the product of their mean vectors, so
no matrix of pairs is held; and because a merged group is never more similar to a third than the
more similar of its two parts was, groups that are each other's nearest can be merged at once, in
any order, with the result of merging one pair after the other (Bruynooghe 1978; Murtagh 1983).
What is merged so depends on the faces and on nothing else.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from collections.abc import Iterable

    from daemon.faces.values import Vectors

Labels = NDArray[np.int64]
Pairs = set[tuple[int, int]]
# Rows × columns of similarities held at once: 64 MB of float32.
ROWS, COLUMNS = 1024, 16384
NEVER = np.float32(-np.inf)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Units:
    """What is to be grouped, each a face or some that are one person already.

    `sums` (units × dimensions) are sums of weighted unit vectors and `weights` of their weights.
    Two units with different `identities` (0: none) are never in one group, nor two in `apart`.
    Whoever joins one of the `guarded` needs to be so much more similar as that says.
    """

    sums: Vectors
    weights: NDArray[np.float32]
    identities: NDArray[np.int64]
    apart: Pairs
    guarded: NDArray[np.float32]


def group(
    vectors: Vectors,
    pictures: NDArray[np.int64],
    threshold: float,
    weights: NDArray[np.float32] | None = None,
) -> Labels:
    """Group faces (rows of unit length) whose mean similarity is at least `threshold`.

    Two faces of one picture (equal numbers in `pictures`) are never in one group. Returns a label
    a face, numbered by first appearance.
    """
    weights = np.ones(len(vectors), np.float32) if weights is None else weights
    units = Units(
        sums=vectors * weights[:, None],
        weights=weights,
        identities=np.zeros(len(vectors), np.int64),
        apart=pairs_within((it,) for it in pictures.tolist()),
        guarded=np.zeros(len(vectors), np.float32),
    )
    return average_linkage(units, threshold)


def pairs_within(keys: Iterable[Iterable[object]]) -> Pairs:
    """The pairs of places (lower first) that share a key."""
    places: dict[object, list[int]] = defaultdict(list)
    for place, own in enumerate(keys):
        for key in own:
            places[key].append(place)
    return {pair for same in places.values() for pair in combinations(same, 2)}


def average_linkage(units: Units, threshold: float) -> Labels:
    """Merge groups whose mean similarity is at least `threshold` until there are none; a label a
    unit, numbered by first appearance.
    """
    linkage = _Linkage(units, threshold)
    while linkage.merge_nearest():
        pass
    return numbered(linkage.labels())


def join(
    vectors: Vectors, means: Vectors, threshold: float
) -> list[tuple[int, int, NDArray[np.float32]]]:
    """Who may join which group by mean similarity: (face, group, similarities to all groups), the
    most similar first. `means` are the groups' weighted mean vectors.

    Groups are not changed by who joins, so that the order of the faces does not matter.
    """
    if not len(means) or not len(vectors):
        return []
    similarities = vectors @ means.T
    rows, columns = np.nonzero(similarities >= threshold)
    order = np.argsort(-similarities[rows, columns], kind="stable")
    return [(int(rows[i]), int(columns[i]), similarities[rows[i]]) for i in order]


def numbered(labels: Labels) -> Labels:
    """The same groups, numbered from 0 by first appearance."""
    _, first, inverse = np.unique(labels, return_index=True, return_inverse=True)
    rank = np.argsort(np.argsort(first))
    return rank[inverse].astype(np.int64)


class _Linkage:
    """Groups on their way; a group is known by the lowest number of its units."""

    def __init__(self, units: Units, threshold: float) -> None:
        size = len(units.weights)
        self._threshold = np.float32(threshold)
        self._sums, self._weights = units.sums.copy(), units.weights.copy()
        self._means = self._sums / self._weights[:, None]
        self._identities, self._guarded = units.identities.copy(), units.guarded.copy()
        self._apart: dict[int, set[int]] = defaultdict(set)
        for one, other in units.apart:
            self._apart[one].add(other)
            self._apart[other].add(one)
        self._into = np.arange(size)
        self._active = np.arange(size)
        self._stale = np.arange(size)
        self._nearest = np.full(size, -1, np.int64)
        self._similarity = np.full(size, NEVER, np.float32)

    def labels(self) -> Labels:
        """Which group each unit is in."""
        root = self._into.copy()
        while (root[root] != root).any():
            root = root[root]
        return root

    def merge_nearest(self) -> bool:
        """Merge all groups that are each other's nearest; False where no two are near enough."""
        self._find_nearest()
        # Whose nearest is too far stays as it is: no merging around it brings anybody nearer.
        self._active = self._active[self._similarity[self._active] >= self._threshold]
        if not len(self._active):
            return False
        nearest = self._nearest[self._active]
        mutual = (self._nearest[nearest] == self._active) & (self._active < nearest)
        if not mutual.any():  # products differ in their last digit with their place in a block
            mutual[int(self._similarity[self._active].argmax())] = True
        merged = []
        for one, other in zip(self._active[mutual], nearest[mutual], strict=True):
            self._merge(int(min(one, other)), int(max(one, other)))
            merged += [one, other]
        self._active = self._active[self._into[self._active] == self._active]
        touched = np.isin(self._active, merged) | np.isin(self._nearest[self._active], merged)
        self._stale = self._active[touched]
        return True

    def _merge(self, one: int, other: int) -> None:
        self._sums[one] += self._sums[other]
        self._weights[one] += self._weights[other]
        self._means[one] = self._sums[one] / self._weights[one]
        self._identities[one] = max(self._identities[one], self._identities[other])
        self._guarded[one] = max(self._guarded[one], self._guarded[other])
        self._into[other] = one
        for third in self._apart.pop(other, ()):
            self._apart[third].discard(other)
            self._apart[third].add(one)
            self._apart[one].add(third)

    def _find_nearest(self) -> None:
        """The nearest group that each stale one may merge with; of equal ones the lowest."""
        place = np.full(len(self._into), -1, np.int64)
        place[self._active] = np.arange(len(self._active))
        for start in range(0, len(self._stale), ROWS):
            rows = self._stale[start : start + ROWS]
            best, similarity = np.full(len(rows), -1, np.int64), np.full(len(rows), NEVER)
            forbidden = self._forbidden(rows, place)
            for left in range(0, len(self._active), COLUMNS):
                columns = self._active[left : left + COLUMNS]
                found = self._means[rows] @ self._means[columns].T
                self._guard(found, rows, columns)
                self._mask(found, rows, columns)
                here = (forbidden[1] >= left) & (forbidden[1] < left + len(columns))
                found[forbidden[0][here], forbidden[1][here] - left] = NEVER
                nearest = found.argmax(axis=1)
                value = found[np.arange(len(rows)), nearest]
                better = value > similarity
                best[better], similarity[better] = columns[nearest[better]], value[better]
            self._nearest[rows], self._similarity[rows] = best, similarity

    def _forbidden(self, rows: Labels, place: Labels) -> Labels:
        """Rows of the block and places among the active that may not be one: 2 × pairs."""
        pairs = [
            (row, place[other])
            for row, number in enumerate(rows.tolist())
            for other in (number, *self._apart.get(number, ()))
            if place[other] >= 0
        ]
        return np.array(pairs, np.int64).reshape(-1, 2).T

    def _guard(self, found: NDArray[np.float32], rows: Labels, columns: Labels) -> None:
        """Less similar where one of the two is guarded: so a merged group is still never more
        similar to a third than the more similar of its parts was.
        """
        if self._guarded.any():
            found -= np.maximum(self._guarded[rows, None], self._guarded[columns][None])

    def _mask(self, found: NDArray[np.float32], rows: Labels, columns: Labels) -> None:
        own, others = self._identities[rows], self._identities[columns]
        known = np.flatnonzero(own)
        if len(known) and others.any():
            differ = (others[None] != 0) & (others[None] != own[known, None])
            found[known] = np.where(differ, NEVER, found[known])
