"""Fitting the terms of the quality score: a logistic regression with slopes of at least nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from benchmarks.faces_made_worse import CLEAN
from daemon.faces.quality import GOODNESS
from daemon.faces.quality_weights import Term

if TYPE_CHECKING:
    from collections.abc import Mapping

    from benchmarks.faces_made_worse import Faces

# Where a measure bends, and from where on more of it is no better, as shares of the faces.
KNEE, MOST = 0.35, 0.98
FALSE_RATE = 1e-3
# How strongly slopes are pulled to nothing: more cost 0.01 of the gain on kinds unseen, less is the
# same.
RIDGE = 1e-3
# Slopes below this, in log-odds over a measure's deviation, are left out.
NEXT_TO_NOTHING = 0.03


Goodness = dict[str, NDArray[np.float64]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fit:
    """What `daemon.faces.quality_weights` holds."""

    constant: float
    terms: Mapping[str, Term]


def fit(faces: Faces, goodness: Goodness, chosen: NDArray[np.bool_]) -> Fit:
    """Predict which share of the person's other clean pictures finds a face."""
    found = _found(faces, chosen)
    rows = np.flatnonzero(chosen & np.isfinite(found))
    bends, columns = {}, []
    for name, values in goodness.items():
        knee, most = (float(it) for it in np.quantile(values[rows], [KNEE, MOST]))
        bends[name] = knee, most
        above = np.minimum(values[rows], most) - knee
        columns += [above, np.minimum(above, 0.0)]
    design = np.stack(columns, axis=1)
    scale = design.std(axis=0) + 1e-9
    slopes, constant = _logistic(design / scale, found[rows])
    terms = {}
    for place, (name, (knee, most)) in enumerate(bends.items()):
        own = slopes[2 * place : 2 * place + 2]
        if own.max() >= NEXT_TO_NOTHING:
            slope, steeper = (float(it) for it in own / scale[2 * place : 2 * place + 2])
            terms[name] = Term(knee=knee, most=most, slope=slope, steeper=steeper)
    # The score is told from what is lost below the best.
    constant += sum(it.slope * (it.most - it.knee) for it in terms.values())
    return Fit(constant=constant, terms=terms)


def scores_of(goodness: Goodness, fitted: Fit) -> NDArray[np.float64]:
    """The score of each face, in log-odds."""
    losses = [[term.loss(it) for it in goodness[name]] for name, term in fitted.terms.items()]
    scores: NDArray[np.float64] = fitted.constant - np.sum(losses, axis=0)
    return scores


def as_module(fitted: Fit) -> str:
    """The lines that `quality_weights.py` ends with."""
    lines = [f"CONSTANT: Final = {fitted.constant:.4f}", "TERMS: Final[Mapping[str, Term]] = {"]
    for name, it in fitted.terms.items():
        values = ", ".join(
            f"{key}={getattr(it, key):.4f}" for key in ("knee", "most", "slope", "steeper")
        )
        lines.append(f'    "{name}": Term({values}),')
    return "\n".join([*lines, "}", ""])


def goodness_of(faces: Faces) -> Goodness:
    """How good each face is by each measure."""
    return {
        name: np.array([how(value) for value in faces.measures[name]])
        for name, how in GOODNESS.items()
    }


def _found(faces: Faces, chosen: NDArray[np.bool_]) -> NDArray[np.float64]:
    """The share of the person's other clean pictures that find a face at one false match in a
    thousand of clean pairs; NaN where there is none.
    """
    clean = np.flatnonzero(chosen & (faces.kinds == CLEAN))
    similar = faces.vectors @ faces.vectors[clean].T
    same = faces.people[:, None] == faces.people[clean][None]
    threshold = np.quantile(similar[clean][~same[clean]], 1 - FALSE_RATE)
    same &= faces.pictures[:, None] != faces.pictures[clean][None]
    counts = same.sum(axis=1)
    hits = ((similar >= threshold) & same).sum(axis=1)
    shares: NDArray[np.float64] = np.where(counts > 0, hits / np.maximum(counts, 1), np.nan)
    return shares


def _logistic(
    design: NDArray[np.float64], target: NDArray[np.float64]
) -> tuple[NDArray[np.float64], float]:
    """Slopes of at least nothing, and the constant, of the most likely logistic regression."""
    from scipy.optimize import minimize

    def loss(weights: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        odds = design @ weights[:-1] + weights[-1]
        errors = 1 / (1 + np.exp(-odds)) - target
        value = np.mean(np.logaddexp(0, odds) - target * odds) + RIDGE * (weights[:-1] ** 2).sum()
        slopes = design.T @ errors / len(target) + 2 * RIDGE * weights[:-1]
        return float(value), np.append(slopes, errors.mean())

    size = design.shape[1]
    bounds = [(0, None)] * size + [(None, None)]
    found = minimize(loss, np.zeros(size + 1), jac=True, method="L-BFGS-B", bounds=bounds).x
    return found[:-1], float(found[-1])
