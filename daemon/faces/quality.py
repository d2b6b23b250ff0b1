"""How likely a face is to be recognised: one score from its measures, and in words what pulled it
down. Pure.

The score is the probability, 0 to 1, that the face is found by a good picture of the same person at
one false match in a thousand, as far as the measures tell. It is a logistic sum of terms, each of
which grows with how good one measure is and bends once, at its knee: below, what is lost weighs
more. No slope is negative, so a face that is better in one measure and worse in none never scores
less. The slopes are fitted by `python -m benchmarks.quality --fit` on Labeled Faces in the Wild, as
they are and degraded in eleven ways; they stand in `quality_weights`.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from catalog.records import QualityRecord
from daemon.faces.quality_weights import CONSTANT, TERMS
from daemon.faces.quality_words import words

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

VERSION: Final = "2"
# Whose agreement with the mirror image counts: other models' cosines have another scale.
FITTED_FOR: Final = "Dlib"
# A term is a reason where it divides the odds by e or more: so 7 % of the clean faces of Labeled
# Faces in the Wild have one, and 99 % of the degraded ones that score below one half.
_A_REASON: Final = 1.0

# How good a measure is, as a number that grows with it and in which equal steps are alike.
GOODNESS: Final[Mapping[str, Callable[[float], float]]] = {
    "agreement": lambda value: -math.log(1.001 - min(1.0, max(0.0, value))),
    "confidence": lambda value: _logit(min(0.98, max(0.02, value))),
    "size_px": lambda value: math.log(max(1.0, value)),
    "blur": lambda value: -value,
    "detail": lambda value: value,
    "motion": lambda value: -value,
    "noise": lambda value: -math.log(max(0.1, value)),
    "blockiness": lambda value: -value,
    "brightness": lambda value: min(0.5, value),
    "overexposed": lambda value: -value,
    "skin_spread": lambda value: -value,
    "symmetry": lambda value: value,
    "misfit": lambda value: -value,
    "pitch": lambda value: -min(90.0, abs(value)),
}


def quality(measures: Mapping[str, float]) -> QualityRecord:
    """The record of a face with these measures; one that is not there, or not a number, costs as
    much as at its knee.
    """
    lost = losses(measures)
    most_first = sorted(lost, key=lambda it: -lost[it])
    return QualityRecord(
        version=VERSION,
        score=1 / (1 + math.exp(sum(lost.values()) - CONSTANT)),
        measures={name: value for name, value in measures.items() if math.isfinite(value)},
        reasons=words(measures, [it for it in most_first if lost[it] >= _A_REASON]),
    )


def losses(measures: Mapping[str, float]) -> dict[str, float]:
    """By how many log-odds each measure lowers the score below the best there is."""
    found = {}
    for name, term in TERMS.items():
        value = measures.get(name, math.nan)
        found[name] = term.loss(GOODNESS[name](value) if math.isfinite(value) else term.knee)
    return found


def _logit(share: float) -> float:
    return math.log(share / (1 - share))
