"""Groups of faces by the sums of their vectors."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np

from daemon.people.match import NOBODY

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator

    from daemon.faces.values import Vectors


class Groups:
    """Sums of the vectors of each group, so that a mean similarity is one product."""

    def __init__(self, dimensions: int) -> None:
        self.ids: list[int] = []
        self._rows: dict[int, int] = {}
        self._sums = np.zeros((64, dimensions), np.float32)
        self._counts = np.zeros(64, np.int64)

    def add(self, person_id: int, vector: Vectors, *, sign: int = 1) -> None:
        """Add a face to a group, or take it out again with sign −1."""
        row = self._rows.get(person_id)
        if row is None:
            row = self._rows[person_id] = len(self.ids)
            self.ids.append(person_id)
            if row == len(self._counts):
                self._sums = np.concatenate([self._sums, np.zeros_like(self._sums)])
                self._counts = np.concatenate([self._counts, np.zeros_like(self._counts)])
        self._sums[row] += sign * vector
        self._counts[row] += sign

    def seen_as(self, change: Callable[[Vectors], Vectors]) -> Groups:
        """The same groups with other sums, as one model of several sees them; `change` gives an
        array of its own.
        """
        sums = change(self._sums)
        other = Groups(sums.shape[1])
        other.ids, other._rows = list(self.ids), dict(self._rows)
        other._sums, other._counts = sums, self._counts.copy()
        return other

    @contextmanager
    def apart(self, person_ids: Collection[int], vector: Vectors) -> Iterator[None]:
        """Without this face in these groups, for as long as the block lasts."""
        for person_id in person_ids:
            self.add(person_id, vector, sign=-1)
        try:
            yield
        finally:
            for person_id in person_ids:
                self.add(person_id, vector)

    def row_of(self, person_id: int) -> int:
        """Where this group stands in `ids`."""
        return self._rows[person_id]

    def similarities(self, vector: Vectors, *, without: Collection[int] = ()) -> Vectors:
        """Mean similarity of a face to each group, in the order of `ids`; NOBODY for an empty group
        and for those to leave out.
        """
        size = len(self.ids)
        counts = self._counts[:size]
        means = (self._sums[:size] @ vector) / np.maximum(counts, 1)
        result: Vectors = np.where(counts > 0, means, NOBODY).astype(np.float32)
        result[[self._rows[person_id] for person_id in without if person_id in self._rows]] = NOBODY
        return result
