"""How well groups of faces agree with the people they should be. Pure: labels in, scores out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Labels = NDArray[np.int64]
    Counts = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Scores:
    """Precision falls where one group holds several people, recall where one person lies in
    several groups; `f` is their harmonic mean.
    """

    precision: float
    recall: float
    f: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Contingency:
    """How many faces each group and each person share, only where they share any.

    `shared` counts the faces of one cell, `group` and `person` all faces of the cell's group and
    person; `groups` and `people` are the sizes, each once.
    """

    shared: Counts
    group: Counts
    person: Counts
    groups: Counts
    people: Counts


def bcubed(labels: Labels, truth: Labels) -> Scores:
    """BCubed (Amigó et al. 2009): of each face's group the share that is its person, of each
    face's person the share that is in its group; the mean over all faces.

    Two arrays of one length. Of no faces all scores are 1: nothing is wrong.
    """
    table = _contingency(labels, truth)
    faces = len(labels)
    if faces == 0:
        return _scores(1.0, 1.0)
    return _scores(
        float((table.shared**2 / table.group).sum() / faces),
        float((table.shared**2 / table.person).sum() / faces),
    )


def pairwise(labels: Labels, truth: Labels) -> Scores:
    """Over all pairs of faces: of those that are grouped together the share that are one person,
    of those that are one person the share grouped together.

    Two arrays of one length. Where there is no such pair that share is 1: nothing is wrong.
    """
    table = _contingency(labels, truth)
    both = _pairs(table.shared)
    together, same = _pairs(table.groups), _pairs(table.people)
    return _scores(both / together if together else 1.0, both / same if same else 1.0)


def _contingency(labels: Labels, truth: Labels) -> Contingency:
    """Counted by sorting, in O(n log n): the full table of groups by people would be square."""
    if len(labels) != len(truth):
        raise ValueError(f"{len(labels)} labels for {len(truth)} faces")
    _, group_of, groups = np.unique(labels, return_inverse=True, return_counts=True)
    _, person_of, people = np.unique(truth, return_inverse=True, return_counts=True)
    cell_of = group_of.astype(np.int64) * max(len(people), 1) + person_of
    cells, shared = np.unique(cell_of, return_counts=True)
    return Contingency(
        shared=shared.astype(np.float64),
        group=groups[cells // max(len(people), 1)].astype(np.float64),
        person=people[cells % max(len(people), 1)].astype(np.float64),
        groups=groups.astype(np.float64),
        people=people.astype(np.float64),
    )


def _pairs(sizes: Counts) -> float:
    return float((sizes * (sizes - 1) / 2).sum())


def _scores(precision: float, recall: float) -> Scores:
    total = precision + recall
    return Scores(
        precision=precision, recall=recall, f=2 * precision * recall / total if total else 0.0
    )
