"""The terms of the quality score, as `python -m benchmarks.quality --fit` writes them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True, kw_only=True)
class Term:
    """Log-odds by a measure's goodness: `slope` a unit up to `most`, and `steeper` besides below
    `knee`.
    """

    knee: float
    most: float
    slope: float
    steeper: float

    def loss(self, goodness: float) -> float:
        """By how many log-odds this lowers the score below the best there is."""
        above = min(goodness, self.most) - self.knee
        return self.slope * (self.most - self.knee - above) - self.steeper * min(0.0, above)


CONSTANT: Final = 3.9756
TERMS: Final[Mapping[str, Term]] = {
    "agreement": Term(knee=4.2383, most=5.1284, slope=0.7081, steeper=0.9367),
    "confidence": Term(knee=2.3688, most=2.8003, slope=1.8791, steeper=0.5980),
    "size_px": Term(knee=3.6961, most=3.9322, slope=0.0339, steeper=0.3159),
    "blur": Term(knee=-0.5069, most=-0.2293, slope=0.0000, steeper=5.6775),
    "detail": Term(knee=-3.7285, most=-1.8311, slope=0.0000, steeper=0.3366),
    "motion": Term(knee=-0.4624, most=-0.0569, slope=0.0322, steeper=0.7288),
    "noise": Term(knee=0.6699, most=1.3980, slope=0.1849, steeper=0.0000),
    "blockiness": Term(knee=-0.1422, most=-0.0086, slope=0.4806, steeper=0.1487),
    "brightness": Term(knee=0.4536, most=0.5000, slope=0.0880, steeper=1.4563),
    "skin_spread": Term(knee=-0.0161, most=-0.0018, slope=0.0000, steeper=13.3885),
    "symmetry": Term(knee=0.2101, most=0.6954, slope=0.0000, steeper=0.7098),
    "misfit": Term(knee=-0.0533, most=-0.0105, slope=0.0000, steeper=3.0573),
    "pitch": Term(knee=-3.7972, most=-0.0950, slope=0.0327, steeper=0.0059),
}
