"""All pairs of many people's faces: who is told apart at which rate of false matches, on halves of
the people, with intervals over people.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from daemon.people.calibration import Pairs

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

RATES = (1e-2, 1e-3, 1e-4)
# Pairs of strangers that are kept, most similar first: several times what the rates need, because a
# half of the people may have more than its share of them.
_KEPT = 0.05

Vectors = dict["Path", NDArray[np.float32]]
"""By picture; the folder that it lies in names the person."""
Weights = NDArray[np.float64]
"""How often each person counts: 0 or 1 for a part of them, more in a drawn sample."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class AllPairs:
    """Every pair of faces. `faces` is their number by person; `genuine` similarities with the
    `genuine_person` of each; `impostor` the most similar pairs of strangers in falling order, with
    the people in `first` and `second`.
    """

    faces: NDArray[np.int64]
    genuine: NDArray[np.float32]
    genuine_person: NDArray[np.int64]
    impostor: NDArray[np.float32]
    first: NDArray[np.int64]
    second: NDArray[np.int64]

    @property
    def everybody(self) -> Weights:
        """Weights with which each person counts once."""
        return np.ones(len(self.faces))


def all_pairs(vectors: Vectors) -> AllPairs:
    """The pairs of these faces; people in the order of their names."""
    similarity, first, second = _similarities(vectors)
    same = first == second
    others = similarity[~same]
    kept = np.argsort(-others, kind="stable")[: max(1, int(_KEPT * len(others)))]
    return AllPairs(
        faces=np.bincount(_people(vectors)),
        genuine=similarity[same],
        genuine_person=first[same],
        impostor=others[kept],
        first=first[~same][kept],
        second=second[~same][kept],
    )


def pairs_of(vectors: Vectors) -> Pairs:
    """The same, all of them, as calibration takes them."""
    similarity, first, second = _similarities(vectors)
    same = first == second
    people = len(np.unique(_people(vectors)))
    return Pairs(
        genuine=similarity[same], impostor=similarity[~same], faces=len(vectors), people=people
    )


def acceptance(pairs: AllPairs, weights: Weights, rate: float) -> float:
    """TAR at FAR: the share of pairs of one person above the similarity that at most `rate` of the
    pairs of strangers exceed. NaN where too few of these were kept to tell.
    """
    sizes = weights * pairs.faces
    total = (sizes.sum() ** 2 - (sizes**2).sum()) / 2
    exceeded = np.cumsum(weights[pairs.first] * weights[pairs.second])
    place = int(np.searchsorted(exceeded, rate * total, side="right"))
    each = weights[pairs.genuine_person]
    if place == len(exceeded) or not each.any():
        return float("nan")
    return float(each[pairs.genuine > pairs.impostor[place]].sum() / each.sum())


def interval(
    pairs: AllPairs, weights: Weights, rate: float, *, rounds: int = 300, seed: int = 0
) -> tuple[float, float]:
    """The 95 % percentile interval of `acceptance`, people drawn again with replacement: pairs
    share faces and are no independent samples.
    """
    draw = np.random.default_rng(seed)
    chosen = np.flatnonzero(weights)
    values = []
    for _ in range(rounds):
        drawn = draw.choice(chosen, len(chosen))
        values.append(acceptance(pairs, np.bincount(drawn, minlength=len(weights)) * 1.0, rate))
    low, high = np.nanpercentile(values, [2.5, 97.5])
    return float(low), float(high)


def halves(people: int, seed: int = 0) -> tuple[Weights, Weights]:
    """Two halves of the people, drawn by chance."""
    order = np.random.default_rng(seed).permutation(people)
    first = np.zeros(people)
    first[order[: people // 2]] = 1
    return first, 1 - first


def half_vectors(vectors: Vectors, weights: Weights) -> Vectors:
    """The vectors of the people that count."""
    return {
        path: vectors[path]
        for path, person in zip(sorted(vectors), _people(vectors), strict=True)
        if weights[person]
    }


def split_rates(pairs: AllPairs, rate: float, *, splits: int = 50) -> list[float]:
    """`acceptance` of one half of the people, for so many ways to halve them."""
    return [acceptance(pairs, halves(len(pairs.faces), seed)[0], rate) for seed in range(splits)]


def report_of(pairs: AllPairs) -> dict[str, Any]:
    """TAR at each of RATES, of everybody and of each half, with intervals; and how much it depends
    on the split.
    """
    parts: Mapping[str, Weights] = dict(
        zip(("everybody", "one half", "the other half"), _parts(pairs), strict=True)
    )
    found: dict[str, Any] = {"pairs": _counts(pairs), "parts": {}}
    for name, weights in parts.items():
        found["parts"][name] = {
            f"{rate:.0e}": {
                "tar": acceptance(pairs, weights, rate),
                "interval": interval(pairs, weights, rate),
            }
            for rate in RATES
        }
    splits = split_rates(pairs, 1e-3)
    found["halves_at_1e-03"] = {"mean": float(np.mean(splits)), "deviation": float(np.std(splits))}
    return found


def _parts(pairs: AllPairs) -> Sequence[Weights]:
    return pairs.everybody, *halves(len(pairs.faces))


def _counts(pairs: AllPairs) -> dict[str, int]:
    total = int(pairs.faces.sum())
    same = int((pairs.faces * (pairs.faces - 1) // 2).sum())
    return {"genuine": same, "impostor": total * (total - 1) // 2 - same}


def _people(vectors: Vectors) -> NDArray[np.int64]:
    """Each face's person, numbered in the order of names."""
    return np.unique([path.parent.name for path in sorted(vectors)], return_inverse=True)[1]


def _similarities(
    vectors: Vectors,
) -> tuple[NDArray[np.float32], NDArray[np.int64], NDArray[np.int64]]:
    """Similarity and both people of each pair."""
    people = _people(vectors)
    matrix = np.stack([vectors[path] for path in sorted(vectors)])
    one, other = np.triu_indices(len(matrix), k=1)
    return (matrix @ matrix.T)[one, other], people[one], people[other]
