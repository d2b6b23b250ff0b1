"""Faces in two dimensions, to see at a glance which groups are wrong; and how alike faces of one
person and of two are. Arrays in, values out.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Matrix = NDArray[np.float32]

# Coordinates as whole numbers: a screen shows no more.
SCALE: Final = 10_000
# So many faces make four million pairs, enough for a smooth curve, in a twentieth of a second.
_MOST_COMPARED: Final = 2000
BINS: Final = 60
_LOWEST, _HIGHEST = -0.2, 1.0


def principal(matrix: Matrix) -> Matrix:
    """The two directions along which unit vectors (faces × dimensions) vary most, and where each
    lies along them: faces × 2. Principal component analysis (Pearson 1901); the sign of a direction
    is that of its largest part, so that the same faces always lie the same way round.
    """
    if len(matrix) == 0:
        return np.zeros((0, 2), np.float32)
    mean = matrix.mean(axis=0, dtype=np.float64)
    spread = (matrix.T @ matrix).astype(np.float64) / len(matrix) - np.outer(mean, mean)
    _, directions = np.linalg.eigh(spread)
    two = directions[:, ::-1][:, :2]
    if two.shape[1] < 2:
        two = np.pad(two, ((0, 0), (0, 2 - two.shape[1])))
    signs = np.sign(two[np.argmax(np.abs(two), axis=0), np.arange(2)])
    two = two * np.where(signs == 0, 1, signs)
    return np.asarray((matrix - mean.astype(np.float32)) @ two.astype(np.float32), np.float32)


def scaled(places: Matrix) -> NDArray[np.int64]:
    """The same, with the longer side of what all but the outermost hundredth take up as `SCALE`."""
    if len(places) == 0:
        return np.zeros((0, 2), np.int64)
    low, high = np.percentile(places, 0.5, axis=0), np.percentile(places, 99.5, axis=0)
    longest = float(max(1e-9, (high - low).max()))
    middle = (low + high) / 2
    return np.asarray(np.round(((places - middle) / longest + 0.5) * SCALE), np.int64)


def sample(count: int, most: int) -> NDArray[np.int64]:
    """Places of at most so many of `count` things, evenly apart."""
    if count <= most:
        return np.arange(count)
    return np.asarray(np.linspace(0, count - 1, most), np.int64)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pairs:
    """How alike faces are: shares of pairs by similarity, in `BINS` equal steps from `lowest` to
    `highest`, of the pairs of one person and of those of two.
    """

    lowest: float
    highest: float
    genuine: list[float]
    impostor: list[float]
    genuine_count: int
    impostor_count: int


def pairs(matrix: Matrix, people: NDArray[np.int64]) -> Pairs:
    """Of unit vectors (faces × dimensions) and whose they are: all pairs of at most 2,000 faces."""
    chosen = sample(len(matrix), _MOST_COMPARED)
    some, whose = matrix[chosen], people[chosen]
    alike = some @ some.T
    upper = np.triu(np.ones(alike.shape, bool), 1)
    same = whose[:, None] == whose[None, :]
    found = []
    for which in (same & upper, ~same & upper):
        values = np.clip(alike[which], _LOWEST, _HIGHEST)
        counts, _ = np.histogram(values, bins=BINS, range=(_LOWEST, _HIGHEST))
        found.append((counts / max(1, counts.sum()), int(counts.sum())))
    (genuine, of_one), (impostor, of_two) = found
    return Pairs(
        lowest=_LOWEST,
        highest=_HIGHEST,
        genuine=[round(float(it), 6) for it in genuine],
        impostor=[round(float(it), 6) for it in impostor],
        genuine_count=of_one,
        impostor_count=of_two,
    )
