"""What a similarity means for one recognition model: a curve and thresholds. Plain numbers, so that
the small supervisor can write them down.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping

Strictness = Literal["strict", "balanced", "lenient"]

RATES: Final[Mapping[str, float]] = {
    "strict": 1e-4,
    "group": 5e-4,
    "balanced": 1e-3,
    "lenient": 1e-2,
}
"""Thresholds by name: of the pairs of strangers such a share is more similar. "group": average
linkage groups Labeled Faces in the Wild best at about this rate.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Curve:
    """Log-odds = slope · similarity + intercept; the slope is positive."""

    slope: float
    intercept: float

    def log_odds(self, similarity: float) -> float:
        """How likely one person is against two, as a natural logarithm."""
        return self.slope * similarity + self.intercept

    def confidence(self, similarity: float) -> float:
        """Probability, 0-1, that two faces so similar are one person."""
        return 1.0 / (1.0 + math.exp(-min(max(self.log_odds(similarity), -500.0), 500.0)))

    def similarity_at(self, log_odds: float) -> float:
        """The similarity that has these log-odds."""
        return (log_odds - self.intercept) / self.slope


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """The curve of one embedder and its thresholds by name (the keys of RATES), with where they
    come from. `measured` is false where nobody counted pairs of this model.
    """

    source: str
    curve: Curve
    thresholds: Mapping[str, float]
    measured: bool = True
