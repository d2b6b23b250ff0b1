"""How alike faces and people with several exemplars are: Rollcall's way, and others to compare."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING

import numpy as np

from daemon.people.limits import Limits
from daemon.people.match import NOBODY, similarities

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from daemon.people.match import References, Similarities

    Way = Callable[["Similarities", References, Limits], Similarities]


@dataclass(frozen=True, kw_only=True)
class Attentive(Limits):
    """Limits with so many times the attention."""

    times: float

    @property
    def attention(self) -> float:
        """See Limits."""
        return self.times * super().attention


def _best(vectors: Similarities, references: References, _: Limits) -> Similarities:
    pairs = (vectors @ references.vectors.T)[:, references.by_person]
    best: Similarities = np.maximum.reduceat(pairs, references.starts[:-1], axis=1)
    return best


def _mean(vectors: Similarities, references: References, _: Limits) -> Similarities:
    pairs = (vectors @ references.vectors.T)[:, references.by_person]
    sums: Similarities = np.add.reduceat(pairs, references.starts[:-1], axis=1)
    return sums / np.diff(references.starts).astype(np.float32)


def _to_mean(vectors: Similarities, references: References, _: Limits) -> Similarities:
    means = np.add.reduceat(references.vectors[references.by_person], references.starts[:-1])
    means /= np.linalg.norm(means, axis=1, keepdims=True)
    cosines: Similarities = vectors @ means.T
    return cosines


def ours(vectors: Similarities, references: References, allowed: Limits) -> Similarities:
    """Of everybody, however unlike."""
    return similarities(vectors, references, replace(allowed, threshold=NOBODY, tenfold=0.0))


def _attentive(times: float) -> Way:
    """Rollcall's way with so many times the attention."""

    def way(vectors: Similarities, references: References, allowed: Limits) -> Similarities:
        same = {it.name: getattr(allowed, it.name) for it in fields(Limits)}
        return ours(vectors, references, Attentive(**same, times=times))

    return way


WAYS: Mapping[str, Way] = {
    "Rollcall": ours,
    "the best exemplar": _best,
    "mean similarity": _mean,
    "cosine to the mean": _to_mean,
    "half the attention": _attentive(0.5),
    "twice": _attentive(2.0),
}
