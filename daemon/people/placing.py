"""Which group each face of a scene comes into, and who that is. Pure."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import TYPE_CHECKING

from daemon.people.cast import Cast
from daemon.people.group import average_linkage
from daemon.people.owners import settle

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from daemon.people.crowd import Picture
    from daemon.people.faces import KnownFace
    from daemon.people.group import Labels
    from daemon.people.limits import Limits
    from daemon.people.scene import Matches, Scene

Groups = tuple[tuple[int, int], ...]
"""Faces and whose group each is in; 0: somebody new."""


def place(
    scene: Scene, matches: Matches, guarded: frozenset[int], guard: float, limits: Limits
) -> tuple[Cast, Labels, dict[int, int]]:
    """The parts that faces play, the label of each part, and the person of each label.

    Whom people keep where they are, and whom a face cannot be, is known of those who faces were,
    and they may be somebody else after it. So it is done again with who they are then, until that
    is the same: judging the same faces another time changes nothing. Where it goes round, as when
    each of two faces stays for as long as the other goes, it is what founds the fewest.
    """
    rounds: dict[tuple[int, Groups], tuple[Cast, Labels, dict[int, int]]] = {}
    before = {it.id: it.group_id for it in scene.faces if it.method == "group" and not it.claimed}
    while True:
        cast = Cast.of(scene, matches, limits)
        units = cast.units(cast.parts(), guarded, guard)
        labels, owners = settle(cast.members, average_linkage(units, limits.group_threshold))
        placed = zip(cast.founders, cast.founder_labels(labels), strict=True)
        groups = {face.id: max(0, owners[label]) for face, label in placed}
        then = scene.with_groups(groups, twice(cast, labels, owners))
        if then is scene:
            break
        found = list(groups.values()).count(0), tuple(sorted(groups.items()))
        if found in rounds:
            again = list(rounds)[list(rounds).index(found) :]
            cast, labels, owners = rounds[min(again)]
            break
        rounds[found] = cast, labels, owners
        scene = then
    return cast, labels, with_numbers(cast, labels, owners, before)


def with_numbers(
    cast: Cast, labels: Labels, owners: dict[int, int], before: Mapping[int, int | None]
) -> dict[int, int]:
    """The owners, where those who are somebody new are who most of them were `before`, as far as
    that was nobody in particular and is nobody now.
    """
    scene, result = cast.scene, dict(owners)
    were: dict[int, Counter[int]] = defaultdict(Counter)
    barred: dict[int, set[int]] = defaultdict(set)
    for face, label in zip(cast.founders, cast.founder_labels(labels), strict=True):
        group_id = before.get(face.id)
        if owners[label] < 0 and group_id is not None:
            were[label][group_id] += 1
        barred[label] |= scene.barred(face) | scene.beside(face)
    taken = set(owners.values()) | scene.survivors.keys() | set(scene.survivors.values())
    for label, groups in sorted(were.items()):
        free = [it for it in groups if it not in taken | barred[label]]
        if free:
            result[label] = max(free, key=lambda it: (groups[it], -it))
            taken.add(result[label])
    return result


def twice(cast: Cast, labels: Labels, owners: Mapping[int, int]) -> dict[int, int]:
    """The faces that came into one of several groups of one person, merged by people, while that
    one is in their picture already, and who that is. Who was that person before stays.
    """
    there = company(cast)
    people = [cast.scene.survivor(owners[label]) for label in cast.founder_labels(labels)]
    found: dict[int, int] = {}
    for face, person in sorted(
        zip(cast.founders, people, strict=True), key=lambda it: it[0].id not in cast.lasting
    ):
        if there.has(face, person) and person not in cast.scene.barred(face):
            found[face.id] = person
        there.add(face, person)
    return found


class Company:
    """Who is in which picture."""

    def __init__(self) -> None:
        self._people: dict[Picture, set[int]] = defaultdict(set)

    def add(self, face: KnownFace, person: int) -> None:
        """This face is that person."""
        for picture in face.pictures:
            self._people[picture].add(person)

    def come(self, picture: Picture, people: Iterable[int]) -> None:
        """These people are in that picture."""
        self._people[picture].update(people)

    def has(self, face: KnownFace, person: int) -> bool:
        """Whether somebody in a picture of this face is that person."""
        return any(person in self._people[picture] for picture in face.pictures)


def company(cast: Cast) -> Company:
    """Who is in which picture for certain, as survivors of merges."""
    scene, there = cast.scene, Company()
    for face in scene.faces:
        if face.id in cast.anchors:
            there.add(face, scene.survivor(cast.anchors[face.id]))
    for picture, groups in scene.company.items():
        there.come(picture, map(scene.survivor, groups))
    return there
