"""Labelled faces as arrays: vectors, qualities, whose each is; halves of the people, and intervals
by drawing people again.
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks import labelled, report
from daemon.faces.quality import quality

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Faces:
    """`vectors` (faces × dimensions, unit), `qualities`, `people` (faces)."""

    vectors: NDArray[np.float32]
    qualities: NDArray[np.float64]
    people: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.people)

    def of(self, chosen: NDArray[np.bool_]) -> Faces:
        """Some of the faces."""
        return Faces(
            vectors=self.vectors[chosen],
            qualities=self.qualities[chosen],
            people=self.people[chosen],
        )

    def with_pictures(self, least: int) -> NDArray[np.bool_]:
        """Which faces are of people with so many pictures."""
        _, whose, counts = np.unique(self.people, return_inverse=True, return_counts=True)
        enough: NDArray[np.bool_] = counts[whose] >= least
        return enough


def read(limit: int | None = None) -> Faces:
    """The labelled faces of `lfw-dev` through Rollcall's own stages."""
    data = report.data_folder()
    pictures = sorted((data / "lfw-dev").glob("*/*.jpg"))[:limit]
    with tempfile.TemporaryDirectory() as state:
        settings = labelled.settings(data, Path(state))
        found = labelled.find_crops(pictures, settings)
        embedded = labelled.embedded(found.crops, settings, mirror=True)
    vectors = embedded.vectors
    paths = sorted(vectors)
    return Faces(
        vectors=np.stack([vectors[path] for path in paths]),
        qualities=np.array(
            [
                quality({**found.measures[path], "agreement": embedded.agreements[path]}).score
                for path in paths
            ]
        ),
        people=np.unique([path.parent.name for path in paths], return_inverse=True)[1],
    )


def halves(faces: Faces, splits: int) -> Iterator[tuple[Faces, Faces]]:
    """The faces of one half of the people and of the other, for so many ways to halve them."""
    for seed in range(splits):
        one = half(faces.people, seed)
        yield faces.of(one), faces.of(~one)


def half(people: NDArray[np.int64], seed: int) -> NDArray[np.bool_]:
    """Which faces are of one half of the people, drawn by chance."""
    everybody = np.unique(people)
    chosen = np.random.default_rng(seed).permutation(everybody)[: len(everybody) // 2]
    return np.isin(people, chosen)


def drawn(
    people: NDArray[np.int64], *, rounds: int = 200, seed: int = 0
) -> Iterator[NDArray[np.int64]]:
    """The places of the faces of people drawn again with replacement, so many times."""
    draw = np.random.default_rng(seed)
    everybody, whose = np.unique(people, return_inverse=True)
    places = [np.flatnonzero(whose == person) for person in range(len(everybody))]
    for _ in range(rounds):
        chosen = draw.integers(0, len(everybody), len(everybody))
        yield np.concatenate([places[person] for person in chosen])


def interval(values: Sequence[Any]) -> NDArray[np.float64]:
    """The 95 % percentile interval of what was found of each draw: 2 × values."""
    found: NDArray[np.float64] = np.percentile(values, [2.5, 97.5], axis=0)
    return found
