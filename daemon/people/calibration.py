"""From the similarity of two faces to the probability that they are one person, for one recognition
model. Pure: arrays in, values out.

The curve is Platt's (1999): log-odds = slope · similarity + intercept, with both answers equally
likely beforehand. A straight line keeps the order of similarities, and a mean of such lines over
several models is a line again (see `ensemble`). Thresholds are the similarities that a share of the
pairs of strangers exceeds, the false-match rate.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from daemon.people.curve import RATES, Calibration, Curve

Similarities = NDArray[np.float32]

# A rate is measured where so many pairs exceed its threshold: its relative error is about a third.
PAIRS_BEYOND = 10
_ROUNDS = 100
_CLOSE_ENOUGH = 1e-9
# Own thresholds of as many people as these scatter as widely (by 0.007 with Dlib's model) as those
# of other faces are thought to be off; the scatter falls with the pairs of people, about their
# square. See benchmarks.calibration.
_PEOPLE_TRUSTED = 10
# Spread of the correction of a curve that was fitted to other faces: its slope is thought right
# within a third or so, its log-odds within two.
_PRIOR_SLOPE, _PRIOR_INTERCEPT = 0.3, 2.0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Pairs:
    """Similarities of pairs of one person's faces and of pairs of strangers, and of how many faces
    and people they are.
    """

    genuine: Similarities
    impostor: Similarities
    faces: int
    people: int


def fit(genuine: Similarities, impostor: Similarities) -> Curve:
    """The curve under which these pairs are most likely, both kinds weighing the same.

    Logistic regression by Newton's method. Raises ValueError where one kind is empty.
    """
    return _fitted(genuine, impostor, prior=None, weight=1.0)


def refined(pairs: Pairs, before: Curve) -> Curve:
    """The curve of `before`, corrected by so many own pairs as there are.

    Pairs share faces, so they weigh as much as there are faces; few leave the curve nearly as it
    was (maximum a posteriori, normal prior on the correction).
    """
    return _fitted(pairs.genuine, pairs.impostor, prior=before, weight=float(pairs.faces))


def thresholds(impostor: Similarities) -> dict[str, float]:
    """The similarity that a share of the pairs of strangers exceeds, for each of RATES that they
    are enough for.
    """
    found = {}
    for name, rate in RATES.items():
        beyond = int(rate * len(impostor))
        if beyond >= PAIRS_BEYOND:
            place = len(impostor) - 1 - beyond
            found[name] = float(np.partition(impostor, place)[place])
    return found


def recalibrated(pairs: Pairs, before: Calibration, source: str) -> Calibration:
    """A calibration from somebody's own faces; few people leave `before` nearly as it was.

    A rate that own pairs cannot tell keeps its distance to the rarest one that they can. Raises
    ValueError where not even the most frequent can be told.
    """
    own = thresholds(pairs.impostor)
    if not own:
        raise ValueError("too few pairs of strangers")
    trust = pairs.people**2 / (pairs.people**2 + _PEOPLE_TRUSTED**2)
    shifts = {name: trust * (value - before.thresholds[name]) for name, value in own.items()}
    rarest = shifts[min(own, key=RATES.__getitem__)]
    merged = {name: min(1.0, before.thresholds[name] + shifts.get(name, rarest)) for name in RATES}
    return Calibration(source=source, curve=refined(pairs, before.curve), thresholds=merged)


def reliability_error(
    curve: Curve, genuine: Similarities, impostor: Similarities, bins: int = 10
) -> tuple[float, list[tuple[float, float, float]]]:
    """Expected calibration error (Naeini et al. 2015) with both kinds weighing the same, and what
    it is the mean of: for each tenth of confidence its weight, mean confidence, share of one
    person.
    """
    similarity = np.concatenate([genuine, impostor]).astype(np.float64)
    same = np.concatenate([np.ones(len(genuine)), np.zeros(len(impostor))])
    weight = np.where(same > 0, 0.5 / max(1, len(genuine)), 0.5 / max(1, len(impostor)))
    confidence = _sigmoid(curve.slope * similarity + curve.intercept)
    place = np.minimum((confidence * bins).astype(int), bins - 1)
    total = np.bincount(place, weight, bins)
    mean = np.bincount(place, weight * confidence, bins) / np.maximum(total, 1e-300)
    share = np.bincount(place, weight * same, bins) / np.maximum(total, 1e-300)
    rows = [(float(total[i]), float(mean[i]), float(share[i])) for i in range(bins)]
    return float((total * np.abs(mean - share)).sum()), rows


def _fitted(
    genuine: Similarities, impostor: Similarities, *, prior: Curve | None, weight: float
) -> Curve:
    """Newton's method in the log-odds of `prior` (of a curve through the means without one), where
    the wanted correction is near (1, 0) and numbers are of one size.
    """
    if not len(genuine) or not len(impostor):
        raise ValueError("pairs of both kinds are needed")
    base = prior or _through_means(genuine, impostor)
    x = np.concatenate([genuine, impostor]).astype(np.float64) * base.slope + base.intercept
    y = np.concatenate([np.ones(len(genuine)), np.zeros(len(impostor))])
    share = np.where(y > 0, weight / (2 * len(genuine)), weight / (2 * len(impostor)))
    spread = (_PRIOR_SLOPE, _PRIOR_INTERCEPT) if prior else (1e3, 1e3)
    stiff = np.diag(1.0 / np.square(spread))
    goal = np.array([1.0, 0.0])
    at = goal.copy()
    for _ in range(_ROUNDS):
        p = _sigmoid(at[0] * x + at[1])
        error, bend = share * (y - p), share * p * (1 - p)
        gradient = np.array([error @ x, error.sum()]) - stiff @ (at - goal)
        mixed = bend @ x
        hessian = np.array([[bend @ (x * x), mixed], [mixed, bend.sum()]]) + stiff
        step = np.linalg.solve(hessian, gradient)
        at = at + step * min(1.0, 1.0 / max(1e-12, float(np.abs(step).max())))
        if np.abs(step).max() < _CLOSE_ENOUGH:
            break
    stretch = max(float(at[0]), 1e-3)
    return Curve(slope=stretch * base.slope, intercept=stretch * base.intercept + float(at[1]))


def _through_means(genuine: Similarities, impostor: Similarities) -> Curve:
    """Even odds half-way between the means of both kinds, which lie six apart in log-odds."""
    high, low = float(np.mean(genuine)), float(np.mean(impostor))
    slope = 6.0 / max(high - low, 1e-3)
    return Curve(slope=slope, intercept=-slope * (high + low) / 2)


def _sigmoid(values: NDArray[np.float64]) -> NDArray[np.float64]:
    result: NDArray[np.float64] = 1.0 / (1.0 + np.exp(-np.clip(values, -500, 500)))
    return result
