"""Error versus discard (ISO/IEC 29794-1): the pairs of a set of pictures, and what leaving out the
worst is worth.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from benchmarks import people
from benchmarks.faces_made_worse import CLEAN

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from benchmarks.faces_made_worse import Faces

FALSE_RATE = 1e-3
MOST = 0.3
# Of somebody with hundreds of pictures only so many pairs count, so that nobody is the result.
PAIRS_A_PERSON = 30


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Pairs:
    """Pairs of one person (rows of faces `one` and `other`, `people` by number), how `similar` they
    are, and which `failed`: were below the threshold of one false match in a thousand.
    """

    one: NDArray[np.int64]
    other: NDArray[np.int64]
    people: NDArray[np.int64]
    similar: NDArray[np.float32]
    failed: NDArray[np.bool_]

    @classmethod
    def of(cls, faces: Faces, rows: NDArray[np.int64], *, seed: int) -> Pairs:
        """The pairs among these rows."""
        similar = faces.vectors[rows] @ faces.vectors[rows].T
        whose = faces.people[rows]
        one, other = np.triu_indices(len(rows), 1)
        same = whose[one] == whose[other]
        threshold = np.quantile(similar[one, other][~same], 1 - FALSE_RATE)
        one, other = one[same], other[same]
        order = np.random.default_rng(seed).permutation(len(one))
        kept = order[_rank_within(whose[one[order]]) < PAIRS_A_PERSON]
        one, other = one[kept], other[kept]
        return cls(
            one=rows[one],
            other=rows[other],
            people=whose[one],
            similar=similar[one, other],
            failed=similar[one, other] < threshold,
        )

    def curve(self, scores: NDArray[np.float64]) -> list[float]:
        """FNMR by the share discarded, from none to 30 %, the pair with the worst face first."""
        return _curve(self.failed, np.minimum(scores[self.one], scores[self.other]))

    def oracle(self) -> list[float]:
        """The same where who fails is known: by similarity itself."""
        return _curve(self.failed, self.similar)

    def chance(self) -> list[float]:
        """The same where the pairs to discard are drawn by lot: the FNMR stays as it was."""
        return [float(self.failed.mean())] * len(self.oracle())

    def drawn_again(self, rounds: int) -> Iterator[Pairs]:
        """With people drawn again, with replacement."""
        for rows in people.drawn(self.people, rounds=rounds):
            yield replace(
                self,
                one=self.one[rows],
                other=self.other[rows],
                people=self.people[rows],
                similar=self.similar[rows],
                failed=self.failed[rows],
            )


def share_of_oracle(pairs: Pairs, scores: NDArray[np.float64]) -> float:
    """The gain over chance as a share of the oracle's, by the area to 30 % discarded; chance leaves
    the FNMR as it was.
    """
    ours, best = pairs.curve(scores), pairs.oracle()
    gained = best[0] - float(np.mean(best))
    return (ours[0] - float(np.mean(ours))) / gained if gained > 0 else 0.0


def drawn_pictures(
    faces: Faces, among: NDArray[np.bool_], kinds: Sequence[str], share: float, *, seed: int
) -> NDArray[np.int64]:
    """One face of each picture: this share of them of one of the kinds, the others clean."""
    draw = np.random.default_rng(seed)
    chosen = []
    rows = np.flatnonzero(among & np.isin(faces.kinds, [CLEAN, *kinds]))
    for own in np.split(rows, np.flatnonzero(np.diff(faces.pictures[rows])) + 1):
        is_clean = faces.kinds[own] == CLEAN
        wanted = own[~is_clean] if draw.random() < share and not is_clean.all() else own[is_clean]
        if len(wanted):
            chosen.append(int(draw.choice(wanted)))
    return np.array(chosen)


def _curve(failed: NDArray[np.bool_], scores: NDArray[np.floating]) -> list[float]:
    ordered = failed[np.argsort(scores, kind="stable")]
    gone = np.arange(int(MOST * len(ordered)) + 1)
    left = ordered.sum() - np.concatenate([[0], np.cumsum(ordered)])[gone]
    return [float(it) for it in left / (len(ordered) - gone)]


def _rank_within(groups: NDArray[np.int64]) -> NDArray[np.int64]:
    """How many of the same group come before each."""
    order = np.argsort(groups, kind="stable")
    starts = np.r_[0, np.flatnonzero(np.diff(groups[order])) + 1]
    counts = np.diff(np.r_[starts, len(groups)])
    ranks = np.empty(len(groups), np.int64)
    ranks[order] = np.arange(len(groups)) - np.repeat(starts, counts)
    return ranks
