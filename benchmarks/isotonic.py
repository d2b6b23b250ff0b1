"""Isotonic regression, to hold a straight calibration curve against one that may take any rising
form.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from daemon.people.calibration import Similarities

# Similarities closer than this are one step: millions of pairs become some thousand.
_GRAIN = 1e-4
# Confidence is kept from 0 and 1, where the loss has no bound.
_LEAST = 1e-4


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Steps:
    """Confidence as a rising function of similarity: `values` at `places`, straight between."""

    places: NDArray[np.float64]
    values: NDArray[np.float64]

    def confidence(self, similarity: Similarities) -> NDArray[np.float64]:
        """Probability, 0-1, that two faces so similar are one person."""
        found: NDArray[np.float64] = np.interp(similarity, self.places, self.values)
        return np.clip(found, _LEAST, 1 - _LEAST)

    def loss(self, genuine: Similarities, impostor: Similarities) -> float:
        """Mean negative logarithm of the confidence in what is true, both kinds weighing the
        same.
        """
        right = -np.log(self.confidence(genuine)).mean()
        return float((right - np.log(1 - self.confidence(impostor)).mean()) / 2)

    def error(self, genuine: Similarities, impostor: Similarities, bins: int = 10) -> float:
        """Expected calibration error, as of a curve: both kinds weighing the same."""
        gap = np.zeros(bins)
        for similarity, truth in ((genuine, 1.0), (impostor, 0.0)):
            confidence = self.confidence(similarity)
            place = np.minimum((confidence * bins).astype(int), bins - 1)
            gap += np.bincount(place, (confidence - truth) / (2 * len(similarity)), bins)
        return float(np.abs(gap).sum())


def fit(genuine: Similarities, impostor: Similarities) -> Steps:
    """The rising steps nearest to the pairs in least squares, both kinds weighing the same.

    Pool adjacent violators (Ayer et al. 1955): a step that is not above the one before it is
    merged with it.
    """
    cells = [
        np.round(it.astype(np.float64) / _GRAIN).astype(np.int64) for it in (genuine, impostor)
    ]
    keys, place = np.unique(np.concatenate(cells), return_inverse=True)
    same, other = (
        np.bincount(part, minlength=len(keys)) / max(1, len(part))
        for part in (place[: len(genuine)], place[len(genuine) :])
    )
    weights: list[float] = []
    means: list[float] = []
    sizes: list[int] = []
    for share, rest in zip(same, other, strict=True):
        weight, mean, size = share + rest, share / (share + rest), 1
        while means and means[-1] >= mean:
            before = weights.pop()
            mean = (means.pop() * before + mean * weight) / (before + weight)
            weight, size = weight + before, size + sizes.pop()
        weights.append(weight)
        means.append(mean)
        sizes.append(size)
    return Steps(places=keys * _GRAIN, values=np.repeat(means, sizes))
