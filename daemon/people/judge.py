"""Who the faces of a scene are: names by reference pictures, groups by each other. Pure.

Faces that a person or a reference picture named stand fast, each person's as one; the others that
are good enough are grouped around them and among themselves; poor ones join what is there then. A
group is whom its faces were, so that people keep their numbers; see `owners`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from catalog.assignments import Verdict
from daemon.people import evidence
from daemon.people.group import join
from daemon.people.placing import company, place
from daemon.people.scene import match_scene
from daemon.people.verdicts import grouped, named

if TYPE_CHECKING:
    from daemon.people.cast import Cast
    from daemon.people.evidence import Clusters
    from daemon.people.faces import KnownFace
    from daemon.people.limits import Limits
    from daemon.people.match import References
    from daemon.people.scene import Scene


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
    guarded = frozenset(references.people.tolist())
    guard = max(0.0, limits.named_from(len(guarded)) - limits.group_threshold)
    cast, labels, owners = place(scene, matches, guarded, guard, limits)
    clusters = evidence.clusters(cast.parts(), labels, owners)
    placed = dict(
        zip((face.id for face in cast.founders), cast.founder_labels(labels), strict=True)
    )
    guards = {it: guard for it in owners.values() if scene.survivor(it) in guarded}
    placed |= _joined(cast, clusters, placed, guards, limits)
    verdicts = []
    for face in scene.faces:
        if face.decided:
            continue
        match = cast.held.get(face.id, matches.of.get(face.id))
        if not scene.is_face(face):
            verdict = Verdict(face_id=face.id, person_id=None)
        elif match is not None and (match.certain or (match.rivalled and face.id not in placed)):
            verdict = named(face.id, match)
        elif face.id in cast.anchors:
            continue  # named before, and not asked about
        else:
            label = placed.get(face.id)
            verdict = grouped(face.id, None if label is None else owners[label], match=match)
            if not scene.is_asked(face) and face.asked_id not in (None, verdict.person_id):
                asked = Verdict(
                    face_id=face.id,
                    person_id=face.asked_id,
                    state="suggested",
                    method="reference",
                )
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


def _joined(
    cast: Cast,
    clusters: Clusters,
    placed: dict[int, int],
    guards: dict[int, float],
    limits: Limits,
) -> dict[int, int]:
    """Which group each poor face joins, the most similar first; no two of a picture one group, and
    nobody the group of somebody known by exemplars who is too poor for a name, nor any group in a
    video, where what is blurred is no face more often than in photos.
    """
    if not cast.joiners or not len(clusters.means):
        return {}
    scene, there = cast.scene, company(cast)
    for face in cast.founders:
        there.add(face, scene.survivor(clusters.owners[placed[face.id]]))
    result: dict[int, int] = {}
    vectors = np.stack([face.vector for face in cast.joiners])
    threshold = limits.group_threshold
    for row, label, similarities in join(vectors, clusters.means, threshold):
        face, owner = cast.joiners[row], clusters.owners[label]
        person = scene.survivor(owner)
        enough = similarities[label] >= threshold + guards.get(owner, 0.0)
        free = not there.has(face, person) and person not in scene.barred(face)
        weak = face.quality < limits.named_quality
        good = not (weak and (owner in guards or face.is_of_track))
        if face.id not in result and enough and free and good:
            result[face.id] = label
            there.add(face, person)
    return result


def _is_news(verdict: Verdict, face: KnownFace, scene: Scene) -> bool:
    """Whether this is another answer than the catalog's."""
    assigned, asked, method = None, None, None
    for claim in (verdict, verdict.question):
        if claim is not None and claim.person_id is not None:
            who = scene.survivor(claim.person_id)
            if claim.state == "assigned":
                assigned, method = who, claim.method
            else:
                asked = who
    return (assigned, method, asked) != (face.person_id, face.method, face.asked_id)
