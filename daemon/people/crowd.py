"""All faces and the groups that they are in, as arrays: who is like a face is one product."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, TypeVar

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from collections.abc import Collection

    from daemon.faces.values import Vectors

Picture = tuple[int, int]
"""A media and a number in it: two faces of one picture are two people."""
Pictures = tuple[Picture, ...]
# So many members of a large group are looked at for the one that is most like a face.
SAMPLE = 256
# The faces of a photo are compared one by one, those of many together.
FEW = 4
# Products of float32 differ in their last digits with the order in which they are added up.
ROUNDING = 1e-5
# Up to here the mean is counted anew when a member comes or goes; a larger group's is moved a
# little, which costs the same for any size and is off in the last digit only.
COUNTED = 512


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Summary:
    """A group without its faces: the weighted sum of its vectors (dimensions), the sum of the
    weights, how many faces there are, and some of them with their vectors.
    """

    group_id: int
    sum: Vectors
    weight: float
    count: int
    some_faces: NDArray[np.int64]
    some_vectors: Vectors


class Crowd:
    """Faces in rows that are used again, and the weighted mean of each group."""

    def __init__(self, dimensions: int) -> None:
        self._row_of: dict[int, int] = {}
        self._free: list[int] = []
        self._face_ids = np.zeros(64, np.int64)
        self._vectors = np.zeros((64, dimensions), np.float32)
        self._weights = np.zeros(64, np.float32)
        self._pictures_of: dict[int, Pictures] = {}
        self._faces_in: dict[Picture, set[int]] = {}
        self._group_of: dict[int, int] = {}
        self._members: dict[int, set[int]] = {}
        self._means = Means(dimensions)
        self._outdated: set[int] = set()

    def put(
        self,
        face_id: int,
        vector: Vectors,
        *,
        weight: float,
        pictures: Pictures,
        group_id: int | None,
    ) -> None:
        """A face that is new, or changed its vector or its group."""
        self.remove([face_id])
        row = self._row_of[face_id] = self._room()
        self._face_ids[row], self._vectors[row], self._weights[row] = face_id, vector, weight
        self._pictures_of[face_id] = pictures
        for picture in pictures:
            self._faces_in.setdefault(picture, set()).add(face_id)
        if group_id is not None:
            self._group_of[face_id] = group_id
            self._members.setdefault(group_id, set()).add(face_id)
            self._moved(group_id, row, sign=1)

    def remove(self, face_ids: Collection[int]) -> None:
        """Faces that are no more, or of which nothing can be compared."""
        for face_id in face_ids:
            row = self._row_of.pop(face_id, None)
            if row is None:
                continue
            group_id = self._group_of.pop(face_id, None)
            if group_id is not None:
                self._members[group_id].discard(face_id)
                self._moved(group_id, row, sign=-1)
            for picture in self._pictures_of.pop(face_id):
                self._faces_in[picture].discard(face_id)
                if not self._faces_in[picture]:
                    del self._faces_in[picture]
            self._face_ids[row], self._vectors[row] = 0, 0.0
            self._free.append(row)

    def groups_in(self, picture: Picture, *, without: Collection[int]) -> set[int]:
        """Who is in a picture besides these faces."""
        others = self._faces_in.get(picture, set()).difference(without)
        return {self._group_of[face_id] for face_id in others if face_id in self._group_of}

    def members(self, group_id: int) -> set[int]:
        """The faces of a group."""
        return self._members.get(group_id, set())

    def near(self, vectors: Vectors, threshold: float) -> set[int]:
        """The groups that one of these faces is similar to on average, from the threshold up."""
        for group_id in self._outdated:
            self._count_anew(group_id)
        self._outdated.clear()
        return self._means.near(vectors, threshold)

    def like(self, vectors: Vectors, threshold: float) -> set[int]:
        """The media with a face that is similar to one of these vectors."""
        if not len(vectors):
            return set()
        used = len(self._row_of) + len(self._free)
        similar = (self._vectors[:used] @ vectors.T).max(axis=1, initial=-1.0) >= threshold
        return {self._pictures_of[int(it)][0][0] for it in self._face_ids[:used][similar] if it}

    def summary(self, group_id: int, *, without: Collection[int] = ()) -> Summary | None:
        """The group as one, without some of its faces; None where nobody is left."""
        if group_id in self._outdated:
            self._count_anew(group_id)
            self._outdated.discard(group_id)
        left = self.members(group_id).intersection(without)
        count = len(self.members(group_id)) - len(left)
        if not count:
            return None
        mean, weight = self._means.of(group_id)
        rows = [self._row_of[face_id] for face_id in left]
        some = islice((it for it in self.members(group_id) if it not in left), SAMPLE)
        some_rows = [self._row_of[face_id] for face_id in some]
        return Summary(
            group_id=group_id,
            sum=mean * weight - self._weights[rows] @ self._vectors[rows],
            weight=weight - float(self._weights[rows].sum()),
            count=count,
            some_faces=self._face_ids[some_rows],
            some_vectors=self._vectors[some_rows],
        )

    def _room(self) -> int:
        if self._free:
            return self._free.pop()
        row = len(self._row_of)
        if row == len(self._weights):
            self._face_ids = _twice(self._face_ids)
            self._vectors = _twice(self._vectors)
            self._weights = _twice(self._weights)
        return row

    def _moved(self, group_id: int, row: int, *, sign: int) -> None:
        """A member came (1) or went (−1)."""
        large = len(self._members[group_id]) > COUNTED and group_id in self._means
        if large and group_id not in self._outdated:
            self._means.shift(group_id, self._vectors[row], sign * float(self._weights[row]))
        else:
            self._outdated.add(group_id)

    def _count_anew(self, group_id: int) -> None:
        rows = [self._row_of[face_id] for face_id in sorted(self._members[group_id])]
        if rows:
            weights = self._weights[rows]
            self._means.put(group_id, weights @ self._vectors[rows], float(weights.sum()))
        else:
            del self._members[group_id]
            self._means.drop(group_id)


class Means:
    """The weighted mean vector of each group, in rows without gaps.

    Whose mean is like a face is looked for among the first halves of the vectors, kept apart, so
    that half of the memory is read: by Cauchy and Schwarz the second halves add no more than the
    product of their lengths, and far from a threshold as high as a name's that is enough to know.
    """

    def __init__(self, dimensions: int) -> None:
        self._groups: list[int] = []
        self._place: dict[int, int] = {}
        self._weights: dict[int, float] = {}
        self._half = dimensions // 2
        self._firsts = np.zeros((64, self._half), np.float32)
        self._seconds = np.zeros((64, dimensions - self._half), np.float32)
        self._lengths = np.zeros(64, np.float32)

    def __contains__(self, group_id: int) -> bool:
        return group_id in self._place

    def put(self, group_id: int, total: Vectors, weight: float) -> None:
        """A group's weighted sum and the sum of its weights."""
        place = self._place.setdefault(group_id, len(self._groups))
        if place == len(self._groups):
            self._groups.append(group_id)
            if place == len(self._lengths):
                self._firsts, self._seconds = _twice(self._firsts), _twice(self._seconds)
                self._lengths = _twice(self._lengths)
        self._write(place, total / weight)
        self._weights[group_id] = weight

    def shift(self, group_id: int, vector: Vectors, weight: float) -> None:
        """One more face of this weight; one less where it is negative."""
        self._weights[group_id] += weight
        mean, _ = self.of(group_id)
        mean += (vector - mean) * (weight / self._weights[group_id])
        self._write(self._place[group_id], mean)

    def drop(self, group_id: int) -> None:
        """A group that is empty; the last one takes its place."""
        place = self._place.pop(group_id, None)
        if place is None:
            return
        del self._weights[group_id]
        last = self._groups.pop()
        if last != group_id:
            self._groups[place] = last
            self._place[last] = place
            for rows in (self._firsts, self._seconds, self._lengths):
                rows[place] = rows[len(self._groups)]

    def of(self, group_id: int) -> tuple[Vectors, float]:
        """The mean of a group, and the sum of its weights."""
        place = self._place[group_id]
        mean = np.concatenate([self._firsts[place], self._seconds[place]])
        return mean, self._weights[group_id]

    def near(self, vectors: Vectors, threshold: float) -> set[int]:
        """The groups whose mean is similar to one of these vectors."""
        if not len(vectors) or not self._groups:
            return set()
        used, half = slice(len(self._groups)), self._half
        firsts, seconds, lengths = self._firsts[used], self._seconds[used], self._lengths[used]
        if len(vectors) > FEW:
            similar = firsts @ vectors[:, :half].T + seconds @ vectors[:, half:].T
            return {self._groups[it] for it in np.flatnonzero(similar.max(axis=1) >= threshold)}
        found: set[int] = set()
        for vector in vectors:
            first = firsts @ vector[:half]
            most = first + lengths * np.linalg.norm(vector[half:])
            places = np.flatnonzero(most >= threshold - ROUNDING)
            similar = first[places] + seconds[places] @ vector[half:]
            found.update(self._groups[it] for it in places[similar >= threshold].tolist())
        return found

    def _write(self, place: int, mean: Vectors) -> None:
        self._firsts[place], self._seconds[place] = mean[: self._half], mean[self._half :]
        self._lengths[place] = np.linalg.norm(self._seconds[place])


Array = TypeVar("Array", NDArray[np.float32], NDArray[np.int64])


def _twice(rows: Array) -> Array:
    """The same rows with as many empty ones behind them."""
    return np.concatenate([rows, np.zeros_like(rows)])
