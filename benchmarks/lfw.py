"""Labeled Faces in the Wild as it lies in the test data: pictures, the verification protocol's
pairs, and its measures.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from benchmarks.verification import Vectors

Rows = NDArray[np.float64]
"""Pairs × 3: fold, 1 where both pictures show the same person, similarity."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """Two pictures, and whether they show the same person."""

    first: Path
    second: Path
    same: bool
    fold: int


def read_pairs(folder: Path) -> list[Pair]:
    """The pairs of pairs.txt: folds one after another, in each first those of the same person."""
    lines = (folder / "pairs.txt").read_text().splitlines()
    folds, each = (int(number) for number in lines[0].split())
    pairs = []
    for index, line in enumerate(lines[1 : 1 + folds * each * 2]):
        cells = line.split("\t")
        same = len(cells) == 3
        names = (cells[0], cells[0]) if same else (cells[0], cells[2])
        numbers = (cells[1], cells[2]) if same else (cells[1], cells[3])
        first, second = (
            folder / name / f"{name}_{int(number):04d}.jpg"
            for name, number in zip(names, numbers, strict=True)
        )
        pairs.append(Pair(first=first, second=second, same=same, fold=index // (2 * each)))
    return pairs


def limited(pairs: list[Pair], folds: list[int], limit: int | None) -> list[Pair]:
    """Only these folds, and of each at most `limit` pairs of either kind."""
    kept = []
    for fold in folds:
        for same in (True, False):
            members = [pair for pair in pairs if pair.fold == fold and pair.same is same]
            kept += members[:limit]
    return kept


def pictures(pairs: Sequence[Pair]) -> list[Path]:
    """The pictures of these pairs, each once."""
    return sorted({path for pair in pairs for path in (pair.first, pair.second)})


def pair_rows(pairs: Sequence[Pair], vectors: Vectors) -> Rows:
    """Fold, same, similarity of each pair; -1 where one of the pictures gave no face."""
    rows = []
    for pair in pairs:
        first, second = vectors.get(pair.first), vectors.get(pair.second)
        similarity = -1.0 if first is None or second is None else float(first @ second)
        rows.append((pair.fold, float(pair.same), similarity))
    return np.array(rows, np.float64)


def accuracy(rows: Rows) -> float:
    """Share of pairs judged rightly, each fold by the threshold that is best on the other folds."""
    right = 0
    folds = np.unique(rows[:, 0])
    for fold in folds:
        others = rows[rows[:, 0] != fold] if len(folds) > 1 else rows
        threshold = best_threshold(others[:, 2], others[:, 1] > 0)
        mine = rows[rows[:, 0] == fold]
        right += int(((mine[:, 2] >= threshold) == (mine[:, 1] > 0)).sum())
    return right / len(rows)


def best_threshold(similarity: NDArray[Any], same: NDArray[Any]) -> float:
    """The similarity that divides the pairs with the fewest mistakes, half-way between its
    neighbours.
    """
    order = np.argsort(similarity)
    values, same = similarity[order], same[order]
    # Below position i everything is judged different, from there on the same.
    mistakes = np.concatenate([[0], np.cumsum(same)]) + np.concatenate(
        [np.cumsum(~same[::-1])[::-1], [0]]
    )
    best = int(np.argmin(mistakes))
    if best in (0, len(values)):
        return float(values[min(best, len(values) - 1)])
    return float((values[best - 1] + values[best]) / 2)


def acceptance(rows: Rows, *, false_rate: float = 1e-3) -> float:
    """TAR at FAR: the share of same pairs above the similarity that at most `false_rate` of the
    others exceed.
    """
    same, others = rows[rows[:, 1] > 0, 2], np.sort(rows[rows[:, 1] == 0, 2])[::-1]
    if not len(same) or not len(others):
        return float("nan")
    allowed = min(int(np.floor(false_rate * len(others))), len(others) - 1)
    return float((same > others[allowed]).mean())
