"""Which person each group of faces is, so that people keep their numbers and their names. Pure."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from daemon.people.group import numbered

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from daemon.people.group import Labels


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """A face, or some that are one person for certain (`fixed`), with whose they were.

    `person_id` is whose group that was (None: nobody's), `survivor` who that is by now, `claimed`
    whether people named, hid or merged that one; `barred` are the people (survivors) that it cannot
    be. `lasting`: people said of this person's faces who they are, so the largest group of the
    others stays the person's too, however unlike the faces that were spoken of are.
    """

    person_id: int | None
    survivor: int | None
    fixed: bool = False
    claimed: bool = False
    lasting: bool = False
    count: int = 1
    barred: frozenset[int] = frozenset()


def settle(members: Sequence[Member], labels: Labels) -> tuple[Labels, dict[int, int]]:
    """Give each group the person that it is. Returns the labels, and the person of each label.

    What people decided splits groups: a face leaves a group whose people it cannot be, and somebody
    with a name is not swallowed by somebody else with a name. A group without a person of its own
    gets a negative number, which the writer turns into a new person.
    """
    labels = numbered(_apart(members, labels))
    owners = _owners(members, labels)
    owned = set(owners.values())
    homeless = {it.person_id for it in members if it.person_id and it.claimed} - owned
    if homeless:
        labels = numbered(_with_own_label(members, labels, homeless))
        owners = _owners(members, labels)
    return labels, owners


def _apart(members: Sequence[Member], labels: Labels) -> Labels:
    """Faces that cannot be one of the people in their group form groups of their own."""
    there: dict[int, set[int]] = defaultdict(set)
    for member, label in zip(members, labels.tolist(), strict=True):
        if member.survivor is not None:
            there[label].add(member.survivor)
    parts: dict[tuple[int, frozenset[int]], int] = {}
    fresh = int(labels.max(initial=-1)) + 1
    result = labels.copy()
    for row, (member, label) in enumerate(zip(members, labels.tolist(), strict=True)):
        cannot_be = member.barred & there[label]
        if cannot_be and not member.fixed:
            result[row] = parts.setdefault((label, cannot_be), fresh + len(parts))
    return result


def _with_own_label(members: Sequence[Member], labels: Labels, people: set[int]) -> Labels:
    """The faces of these people, wherever they are, become a group each."""
    fresh = int(labels.max(initial=-1)) + 1
    numbers = {person_id: fresh + i for i, person_id in enumerate(sorted(people))}
    own = [
        numbers.get(member.person_id or 0, label)
        for member, label in zip(members, labels.tolist(), strict=True)
    ]
    return np.array(own, np.int64)


def _owners(members: Sequence[Member], labels: Labels) -> dict[int, int]:
    """Whom people or references named in the group, else somebody whom people claimed, else whom
    most of its faces were.

    Larger shares are settled first. Nobody owns two groups, but who is `lasting`, besides the one
    with the faces that stand fast.
    """
    shares: Counter[tuple[bool, int, int]] = Counter()
    cannot_be: dict[int, set[int]] = defaultdict(set)
    survivors: dict[int, int] = {}
    owners: dict[int, int] = {}
    lasting = {it.person_id for it in members if it.lasting}
    fixed: Counter[tuple[int, int]] = Counter()
    for member, label in zip(members, labels.tolist(), strict=True):
        if member.person_id is None or member.survivor is None:
            cannot_be[label] |= member.barred
        elif member.fixed:
            fixed[label, member.person_id] += member.count
        else:
            cannot_be[label] |= member.barred
            shares[member.claimed, member.person_id, label] += member.count
            survivors[member.person_id] = member.survivor
    for label, person_id in sorted(fixed, key=lambda it: (-fixed[it], it[1])):
        owners.setdefault(label, person_id)
    taken = set(owners.values()) - lasting
    for _, person_id, label in _ranked(shares):
        allowed = survivors[person_id] not in cannot_be[label]
        if label not in owners and person_id not in taken and allowed:
            owners[label] = person_id
            taken.add(person_id)
    for label in np.unique(labels).tolist():
        owners.setdefault(label, -label - 1)
    return owners


def _ranked(shares: Mapping[tuple[bool, int, int], int]) -> list[tuple[bool, int, int]]:
    """Claimed before the rest, then the larger share, then the older person."""
    return sorted(shares, key=lambda it: (not it[0], -shares[it], it[1], it[2]))
