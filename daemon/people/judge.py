"""Who the faces of a scene are: names by reference pictures, groups by each other. Pure.

Faces that a person or a reference picture named stand fast, each person's as one; the others that
are good enough are grouped around them and among themselves; poor ones join what is there then. A
group is whom its faces were, so that people keep their numbers; see `owners`.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from catalog.assignments import Verdict
from daemon.people import evidence
from daemon.people.faces import weight
from daemon.people.group import Units, average_linkage, join, pairs_within
from daemon.people.owners import Member, settle
from daemon.people.scene import match_scene
from daemon.people.verdicts import grouped, named

if TYPE_CHECKING:
    from collections.abc import Sequence

    from daemon.people.evidence import Clusters
    from daemon.people.faces import KnownFace
    from daemon.people.group import Labels
    from daemon.people.limits import Limits
    from daemon.people.match import Match, References
    from daemon.people.scene import Matches, Scene


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """Verdicts on the faces of which something else is known now than before, and the faces that
    want a second look. `group_of` says in whose group each face is, of those that are in one.
    """

    verdicts: list[Verdict]
    doubtful: frozenset[int]
    group_of: dict[int, int]


def judge(scene: Scene, references: References, limits: Limits) -> Judgement:
    """Judge the faces of a scene together."""
    matches = match_scene(scene, references, limits)
    cast = _Cast.of(scene, matches, limits)
    labels, owners = settle(
        cast.members, average_linkage(cast.units(scene), limits.group_threshold)
    )
    labels, owners = _nobody_twice(cast, labels, owners)
    clusters = cast.clusters(labels, owners)
    placed = dict(
        zip((face.id for face in cast.founders), cast.founder_labels(labels), strict=True)
    )
    placed |= _joined(cast, scene, clusters, placed, limits)
    verdicts = []
    for face in scene.faces:
        if face.decided:
            continue
        match = matches.of.get(face.id)
        if not scene.is_face(face):
            verdict = Verdict(face_id=face.id, person_id=None)
        elif match is not None and (match.certain or match.rivalled):
            verdict = named(face.id, match)
        elif face.id in cast.anchors:
            continue  # named before, and not asked about
        else:
            label = placed.get(face.id)
            verdict = grouped(face.id, None if label is None else owners[label], match=match)
            if not scene.is_asked(face) and face.asked_id not in (None, verdict.person_id):
                asked = Verdict(face_id=face.id, person_id=face.asked_id, state="suggested")
                verdict = replace(verdict, question=asked)  # still open: nobody asked anew
        if _is_news(verdict, face, scene):
            verdicts.append(verdict)
    group_of = {face_id: owners[label] for face_id, label in placed.items()} | cast.anchors
    verdicts = evidence.added(
        verdicts,
        {it.id: it for it in scene.faces},
        placed,
        clusters,
        limits,
        is_whole=scene.asked is None,
    )
    return Judgement(verdicts=verdicts, doubtful=matches.doubtful, group_of=group_of)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Cast:
    """The parts that faces play: `anchors` are whose those are that stand fast, `founders` and
    `joiners` are free. Units and members are first the people of the anchors, then the large
    groups, then the founders.
    """

    anchors: dict[int, int]
    anchored: dict[int, list[KnownFace]]
    founders: list[KnownFace]
    joiners: list[KnownFace]
    scene: Scene

    @classmethod
    def of(cls, scene: Scene, matches: Matches, limits: Limits) -> _Cast:
        anchors: dict[int, int] = {}
        anchored: dict[int, list[KnownFace]] = defaultdict(list)
        founders, joiners = [], []
        for face in scene.faces:
            match = matches.of.get(face.id)
            person_id = _anchor(face, match, scene)
            if person_id is not None:
                anchors[face.id] = person_id
                anchored[person_id].append(face)
            elif not scene.is_face(face) or (match is not None and match.rivalled):
                continue  # nobody's face, or between two people: in no group
            elif face.quality >= limits.found_quality:
                founders.append(face)
            else:
                joiners.append(face)
        return cls(
            anchors=anchors,
            anchored=dict(anchored),
            founders=founders,
            joiners=joiners,
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
        ] + [_member(face, scene) for face in self.founders]

    def units(self, scene: Scene) -> Units:
        """What is grouped."""
        sums, weights, identities = [], [], []
        for person_id, faces in self.anchored.items():
            own = np.array([weight(face.quality) for face in faces], np.float32)
            sums.append(own @ np.stack([face.vector for face in faces]))
            weights.append(own.sum())
            identities.append(scene.survivor(person_id))
        for group in scene.groups:
            sums.append(group.sum)
            weights.append(np.float32(group.weight))
            identities.append(scene.survivor(group.group_id))
        for face in self.founders:
            own_weight = np.float32(weight(face.quality))
            sums.append(face.vector * own_weight)
            weights.append(own_weight)
            identities.append(0)
        dimensions = len(scene.faces[0].vector) if scene.faces else 0
        return Units(
            sums=np.stack(sums) if sums else np.zeros((0, dimensions), np.float32),
            weights=np.array(weights, np.float32),
            identities=np.array(identities, np.int64),
            apart=self._apart(identities),
        )

    def _apart(self, identities: Sequence[int]) -> set[tuple[int, int]]:
        """Faces of one picture, and faces and whom they cannot be."""
        scene = self.scene
        first = len(self.anchored) + len(scene.groups)
        apart = {
            (first + one, first + other)
            for one, other in pairs_within(face.picture for face in self.founders)
        }
        pictures: dict[tuple[int, int], set[int]] = defaultdict(set)
        for place, faces in enumerate(self.anchored.values()):
            for face in faces:
                pictures[face.picture].add(place)
        places = {group.group_id: len(self.anchored) + i for i, group in enumerate(scene.groups)}
        known: dict[int, list[int]] = defaultdict(list)
        for place, survivor in enumerate(identities[:first]):
            known[survivor].append(place)
        for number, face in enumerate(self.founders, first):
            others = set(pictures[face.picture])
            others |= {places[it] for it in scene.company.get(face.id, ()) if it in places}
            others |= {place for it in scene.barred(face) for place in known.get(it, ())}
            apart |= {(place, number) for place in others}
        return apart

    def founder_labels(self, labels: Labels) -> list[int]:
        """The labels of the founders alone."""
        first = len(self.anchored) + len(self.scene.groups)
        return [int(label) for label in labels[first:]]

    def clusters(self, labels: Labels, owners: dict[int, int]) -> Clusters:
        """The groups as they are now, to measure faces against."""
        return evidence.clusters(
            labels, owners, list(self.anchored.values()), self.scene.groups, self.founders
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


def _member(face: KnownFace, scene: Scene) -> Member:
    """A face that is free. One that a reference picture named until now says nothing of its group,
    which would else take over that name.
    """
    counts = face.method == "group"
    return Member(
        person_id=face.group_id if counts else None,
        survivor=face.person_id if counts else None,
        claimed=counts and face.claimed,
        barred=scene.barred(face),
    )


def _company(cast: _Cast) -> dict[tuple[int, int], set[int]]:
    """Who is in which picture for certain, as survivors of merges."""
    scene = cast.scene
    there: dict[tuple[int, int], set[int]] = defaultdict(set)
    for face in scene.faces:
        if face.id in cast.anchors:
            there[face.picture].add(scene.survivor(cast.anchors[face.id]))
        for group_id in scene.company.get(face.id, ()):
            there[face.picture].add(scene.survivor(group_id))
    return there


def _nobody_twice(
    cast: _Cast, labels: Labels, owners: dict[int, int]
) -> tuple[Labels, dict[int, int]]:
    """Of faces in one picture that came into several groups of one person, merged by people, the
    first stays and the others are somebody else: who they were, or somebody new.
    """
    scene, there = cast.scene, _company(cast)
    labels, owners = labels.copy(), dict(owners)
    first = len(labels) - len(cast.founders)
    for place, face in enumerate(cast.founders, first):
        person = scene.survivor(owners[int(labels[place])])
        if person > 0 and person in there[face.picture]:
            labels[place] = fresh = int(labels.max()) + 1
            before = face.group_id if face.method == "group" else None
            free = before is not None and before not in owners.values()
            owners[fresh] = before if before is not None and free else -fresh - 1
            person = scene.survivor(owners[fresh])
        there[face.picture].add(person)
    return labels, owners


def _joined(
    cast: _Cast, scene: Scene, clusters: Clusters, placed: dict[int, int], limits: Limits
) -> dict[int, int]:
    """Which group each poor face joins, the most similar first; no two of a picture one group."""
    if not cast.joiners or not len(clusters.means):
        return {}
    there = _company(cast)
    for face in cast.founders:
        there[face.picture].add(scene.survivor(clusters.owners[placed[face.id]]))
    result: dict[int, int] = {}
    vectors = np.stack([face.vector for face in cast.joiners])
    for row, label, _ in join(vectors, clusters.means, limits.group_threshold):
        face, person = cast.joiners[row], scene.survivor(clusters.owners[label])
        free = person not in there[face.picture] and person not in scene.barred(face)
        if face.id not in result and free:
            result[face.id] = label
            there[face.picture].add(person)
    return result


def _is_news(verdict: Verdict, face: KnownFace, scene: Scene) -> bool:
    """Whether this is another answer than the catalog's."""
    assigned, asked = None, None
    for claim in (verdict, verdict.question):
        if claim is not None and claim.person_id is not None:
            who = scene.survivor(claim.person_id)
            assigned, asked = (who, asked) if claim.state == "assigned" else (assigned, who)
    return (assigned, asked) != (face.person_id, face.asked_id)
