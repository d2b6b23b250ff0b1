"""Which person each group of faces is, so that people keep their numbers and their names. Pure."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import TYPE_CHECKING

import numpy as np

from daemon.people.group import numbered

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from daemon.people.faces import KnownFace
    from daemon.people.group import Labels

Barred = dict[int, frozenset[int]]
"""By face: the people (survivors of merges) that it cannot be."""


def settle(
    faces: Sequence[KnownFace], labels: Labels, barred: Barred
) -> tuple[Labels, dict[int, int]]:
    """Give each group the person that it is. Returns the labels, and the person of each label.

    What people decided splits groups: a face leaves a group whose people it cannot be, and somebody
    with a name is not swallowed by somebody else with a name. A group without a person of its own
    gets a negative number, which the writer turns into a new person.
    """
    labels = numbered(_apart(faces, labels, barred))
    owners = _owners(faces, labels, barred)
    owned = set(owners.values())
    homeless = {face.group_id for face in faces if face.named} - owned
    if homeless:
        labels = numbered(_with_own_label(faces, labels, homeless))
        owners = _owners(faces, labels, barred)
    return labels, owners


def _apart(faces: Sequence[KnownFace], labels: Labels, barred: Barred) -> Labels:
    """Faces that cannot be one of the people in their group form groups of their own."""
    there: dict[int, set[int]] = defaultdict(set)
    for face, label in zip(faces, labels.tolist(), strict=True):
        if _counts(face):
            there[label].add(face.person_id or 0)
    parts: dict[tuple[int, frozenset[int]], int] = {}
    fresh = int(labels.max(initial=-1)) + 1
    result = labels.copy()
    for row, (face, label) in enumerate(zip(faces, labels.tolist(), strict=True)):
        cannot_be = barred[face.id] & there[label]
        if cannot_be and not face.decided:
            result[row] = parts.setdefault((label, cannot_be), fresh + len(parts))
    return result


def _with_own_label(faces: Sequence[KnownFace], labels: Labels, people: set[int | None]) -> Labels:
    """The faces of these people, wherever they are, become a group each."""
    fresh = int(labels.max(initial=-1)) + 1
    numbers = {person_id: fresh + i for i, person_id in enumerate(sorted(filter(None, people)))}
    own = [
        numbers.get(face.group_id or 0, label) if _counts(face) else label
        for face, label in zip(faces, labels.tolist(), strict=True)
    ]
    return np.array(own, np.int64)


def _owners(faces: Sequence[KnownFace], labels: Labels, barred: Barred) -> dict[int, int]:
    """Whom people named in the group, else somebody with a name, else whom most of its faces were.

    Larger shares are settled first, and nobody owns two groups.
    """
    shares: Counter[tuple[bool, bool, int, int]] = Counter()
    cannot_be: dict[int, set[int]] = defaultdict(set)
    survivors: dict[int, int] = {}
    for face, label in zip(faces, labels.tolist(), strict=True):
        if not face.decided:
            cannot_be[label] |= barred[face.id]
        if _counts(face) and face.group_id is not None and face.person_id is not None:
            shares[face.decided, face.named, face.group_id, label] += 1
            survivors[face.group_id] = face.person_id
    owners: dict[int, int] = {}
    taken: set[int] = set()
    for _, _, person_id, label in _ranked(shares):
        allowed = survivors[person_id] not in cannot_be[label]
        if label not in owners and person_id not in taken and allowed:
            owners[label] = person_id
            taken.add(person_id)
    for label in np.unique(labels).tolist():
        owners.setdefault(label, -label - 1)
    return owners


def _ranked(
    shares: Mapping[tuple[bool, bool, int, int], int],
) -> list[tuple[bool, bool, int, int]]:
    """Decided before named before the rest, then the larger share, then the older person."""
    return sorted(shares, key=lambda it: (not it[0], not it[1], -shares[it], it[2], it[3]))


def _counts(face: KnownFace) -> bool:
    """Whether the face says who its group is; one known by a reference picture does not."""
    return face.method in ("group", "user")
