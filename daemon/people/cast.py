"""The parts that the faces of a scene play when they are grouped. Pure."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from daemon.people.evidence import Part
from daemon.people.group import Units, pairs_within
from daemon.people.owners import Member

if TYPE_CHECKING:
    from collections.abc import Sequence

    from daemon.faces.values import Vectors
    from daemon.people.faces import KnownFace
    from daemon.people.group import Labels
    from daemon.people.limits import Limits
    from daemon.people.match import Match
    from daemon.people.scene import Matches, Scene


@dataclass(frozen=True, slots=True, kw_only=True)
class Cast:
    """The parts that faces play: `anchors` are whose those are that stand fast, `founders` and
    `joiners` are free, and `lasting` those of them that people keep where they are; `held` are
    matches that the group of a lasting face stands against. Units and members are first the people
    of the anchors, then the large groups, then the founders.
    """

    anchors: dict[int, int]
    anchored: dict[int, list[KnownFace]]
    founders: list[KnownFace]
    joiners: list[KnownFace]
    lasting: frozenset[int]
    held: dict[int, Match]
    scene: Scene

    @classmethod
    def of(cls, scene: Scene, matches: Matches, limits: Limits) -> Cast:
        anchors: dict[int, int] = {}
        anchored: dict[int, list[KnownFace]] = defaultdict(list)
        founders, joiners = [], []
        spoken_of = frozenset(face.person_id for face in scene.faces if face.decided)
        lasting = frozenset(face.id for face in scene.faces if _lasts(face, spoken_of, scene))
        own, held = _OwnGroups(scene, matches), {}
        for face in scene.faces:
            match = matches.of.get(face.id)
            lasts = face.id in lasting
            if match is not None and lasts and own.holds(face, match, scene, limits):
                match = held[face.id] = replace(match, certain=False, rivalled=True)
            person_id = _anchor(face, match, scene)
            if person_id is not None:
                anchors[face.id] = person_id
                anchored[person_id].append(face)
            elif not scene.is_face(face):
                continue
            elif match is not None and match.rivalled and not lasts:
                continue  # between two people: in no group
            elif face.quality >= limits.founds_from(track=face.is_of_track):
                founders.append(face)
            else:
                joiners.append(face)
        return cls(
            anchors=anchors,
            anchored=dict(anchored),
            founders=founders,
            joiners=joiners,
            lasting=lasting,
            held=held,
            scene=scene,
        )

    @property
    def members(self) -> list[Member]:
        """Who they were."""
        scene = self.scene
        fixed = [(person_id, len(faces)) for person_id, faces in self.anchored.items()]
        fixed += [(group.group_id, group.count) for group in scene.groups]
        return [
            Member(person_id=it, survivor=scene.survivor(it), fixed=True, count=count)
            for it, count in fixed
        ] + [_member(face, scene, lasting=face.id in self.lasting) for face in self.founders]

    def parts(self) -> list[Part]:
        """What is grouped, in the order of the members."""
        scene = self.scene
        anchored = [
            _part(faces, scene.survivor(person_id)) for person_id, faces in self.anchored.items()
        ]
        groups = [
            Part(
                sum=it.sum,
                weight=it.weight,
                identity=scene.survivor(it.group_id),
                face_ids=it.some_faces,
                vectors=it.some_vectors,
            )
            for it in scene.groups
        ]
        founders = [
            _part([face], (face.person_id or 0) if face.id in self.lasting else 0)
            for face in self.founders
        ]
        return [*anchored, *groups, *founders]

    def units(self, parts: Sequence[Part], guarded: frozenset[int], guard: float) -> Units:
        """The parts for the linkage. To join somebody who is known by exemplars is to get a name,
        which needs what every name needs.
        """
        identities = [part.identity for part in parts]
        return Units(
            sums=np.stack([part.sum for part in parts]) if parts else np.zeros((0, 0), np.float32),
            weights=np.array([part.weight for part in parts], np.float32),
            identities=np.array(identities, np.int64),
            apart=self._apart(identities),
            guarded=np.array([guard * (it in guarded) for it in identities], np.float32),
        )

    def _apart(self, identities: Sequence[int]) -> set[tuple[int, int]]:
        """Faces of one picture, and faces and whom they cannot be."""
        scene = self.scene
        first = len(self.anchored) + len(scene.groups)
        apart = {
            (first + one, first + other)
            for one, other in pairs_within(face.pictures for face in self.founders)
        }
        pictures: dict[tuple[int, int], set[int]] = defaultdict(set)
        for place, faces in enumerate(self.anchored.values()):
            for face in faces:
                for picture in face.pictures:
                    pictures[picture].add(place)
        known: dict[int, list[int]] = defaultdict(list)
        for place, survivor in enumerate(identities[:first]):
            known[survivor].append(place)
        for number, face in enumerate(self.founders, first):
            others = set().union(*(pictures[it] for it in face.pictures))
            there = {scene.survivor(it) for it in scene.beside(face)}
            others |= {place for it in there | scene.barred(face) for place in known.get(it, ())}
            apart |= {(place, number) for place in others}
        return apart

    def founder_labels(self, labels: Labels) -> list[int]:
        """The labels of the founders alone."""
        first = len(self.anchored) + len(self.scene.groups)
        return [int(label) for label in labels[first:]]


def _part(faces: Sequence[KnownFace], identity: int) -> Part:
    weights = np.array([face.weight for face in faces], np.float32)
    vectors = np.stack([face.vector for face in faces])
    return Part(
        sum=weights @ vectors,
        weight=float(weights.sum()),
        identity=identity,
        face_ids=np.array([face.id for face in faces], np.int64),
        vectors=vectors,
    )


def _anchor(face: KnownFace, match: Match | None, scene: Scene) -> int | None:
    """Whose a face is that stands fast: a person said so, or a reference picture."""
    if face.decided:
        return face.group_id
    if not scene.is_face(face):
        return None
    if match is not None and match.certain:
        return match.person_id
    named_before = face.method == "reference" and not scene.is_asked(face)
    return face.group_id if named_before else None


def _lasts(face: KnownFace, spoken_of: frozenset[int | None], scene: Scene) -> bool:
    """Whether a face is in the group of somebody whom people made who it is: by a name, or by what
    they said of other faces. It joins nobody else's group, and does not fall out of its own because
    a face that was spoken of is unlike the rest.
    """
    by_people = not face.of_reference or face.person_id in spoken_of
    allowed = face.person_id not in scene.barred(face)
    return face.method == "group" and face.claimed and by_people and allowed


class _OwnGroups:
    """The groups that the faces of a scene are in now: sums of weighted vectors of the faces that
    match nobody else, and how many match somebody else.
    """

    def __init__(self, scene: Scene, matches: Matches) -> None:
        self._sums: dict[int, Vectors] = {it.group_id: it.sum for it in scene.groups}
        self._weights = {it.group_id: it.weight for it in scene.groups}
        self._staying = Counter({it.group_id: it.count for it in scene.groups})
        self._leaving: Counter[int] = Counter()
        for face in scene.faces:
            if face.group_id is None:
                continue
            if _matches_another(face, matches.of.get(face.id), scene):
                self._leaving[face.group_id] += 1
                continue
            own = face.weight
            before = self._sums.get(face.group_id, 0.0)
            self._sums[face.group_id] = before + own * face.vector
            self._weights[face.group_id] = self._weights.get(face.group_id, 0.0) + own
            self._staying[face.group_id] += 1

    def holds(self, face: KnownFace, match: Match, scene: Scene, limits: Limits) -> bool:
        """Whether the group of a face that matches somebody else is that one's rival: it is nearly
        as much like those who stay, or most would leave, which is for a person to say.

        Those who would leave are no part of what they are compared with, so that it makes no
        difference who of them left before.
        """
        group_id = face.group_id
        if group_id is None or not _matches_another(face, match, scene):
            return False
        if self._leaving[group_id] > self._staying[group_id]:
            return True
        similarity = float(self._sums[group_id] @ face.vector) / self._weights[group_id]
        return match.similarity - similarity < limits.margin


def _matches_another(face: KnownFace, match: Match | None, scene: Scene) -> bool:
    """Whether a face is for certain somebody else than who it is now."""
    if match is None or face.group_id is None or face.decided:
        return False
    return match.certain and match.person_id != scene.survivor(face.group_id)


def _member(face: KnownFace, scene: Scene, *, lasting: bool) -> Member:
    """A face that is free. One that a reference picture named until now says nothing of its group,
    which would else take over that name.
    """
    counts = face.method == "group"
    return Member(
        person_id=face.group_id if counts else None,
        survivor=face.person_id if counts else None,
        claimed=counts and face.claimed,
        lasting=lasting,
        barred=scene.barred(face),
    )
