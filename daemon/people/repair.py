"""The repair pass: everybody judged again at once, so that the order in which files came does not
matter.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import TYPE_CHECKING

import numpy as np

from catalog.assignments import Verdict
from daemon.people import faces as faces_module
from daemon.people.gallery import read_references
from daemon.people.group import group, join
from daemon.people.match import match_picture

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence

    from daemon.people.faces import KnownFace
    from daemon.people.group import Labels
    from daemon.settings import Identify


def repair(connection: sqlite3.Connection, section: Identify) -> list[Verdict]:
    """Verdicts where the whole says otherwise than what was decided face by face.

    Reads faces in the order of their content, so that the same files give the same people whatever
    order they came in; a group keeps the person most of its faces had.
    """
    everyone = faces_module.everything(connection)
    barred = {face.id: faces_module.barred_people(connection, face.id) for face in everyone}
    verdicts = [
        Verdict(face_id=face.id, person_id=None)
        for face in everyone
        if barred[face.id] is None and not face.decided and face.person_id is not None
    ]
    people = {face.id: barred[face.id] or frozenset() for face in everyone}
    known = [face for face in everyone if barred[face.id] is not None]
    named = _reference_verdicts(connection, known, people, section)
    verdicts += named.values()
    loose = [face for face in known if face.decided or face.id not in named]
    return verdicts + _group_verdicts(loose, people, section)


def _reference_verdicts(
    connection: sqlite3.Connection,
    known: Sequence[KnownFace],
    barred: dict[int, frozenset[int]],
    section: Identify,
) -> dict[int, Verdict]:
    references = read_references(connection)
    verdicts = {}
    by_media: dict[int, list[KnownFace]] = defaultdict(list)
    for face in known:
        by_media[face.media_id].append(face)
    for faces in by_media.values():
        present = frozenset(face.person_id for face in faces if face.decided and face.person_id)
        open_faces = [face for face in faces if not face.decided]
        if not open_faces:
            continue
        matches = match_picture(
            np.stack([face.vector for face in open_faces]),
            references,
            section,
            barred=[barred[face.id] for face in open_faces],
            present=present,
        )
        for face, match in zip(open_faces, matches, strict=True):
            if match is not None:
                verdicts[face.id] = Verdict(
                    face_id=face.id,
                    person_id=match.person_id,
                    state="assigned" if match.certain else "suggested",
                    method="reference",
                    similarity=match.similarity,
                    margin=match.margin,
                    evidence_face_id=match.evidence_face_id,
                )
    return verdicts


def _group_verdicts(
    loose: Sequence[KnownFace], barred: dict[int, frozenset[int]], section: Identify
) -> list[Verdict]:
    """Group the faces good enough to found a person, let the others join, keep the people they had."""
    founders = [it for it in loose if it.decided or it.quality >= section.found_quality]
    others = [it for it in loose if not it.decided and it.quality < section.found_quality]
    if not founders:
        return [Verdict(face_id=it.id, person_id=None) for it in others if it.person_id is not None]
    vectors = np.stack([face.vector for face in founders])
    pictures = np.array([face.media_id for face in founders], np.int64)
    labels = group(vectors, pictures, section.group_threshold)
    owners = _owners(founders, labels)
    verdicts = [
        Verdict(face_id=face.id, person_id=owners[int(label)])
        for face, label in zip(founders, labels, strict=True)
        if not face.decided and owners[int(label)] not in barred[face.id]
    ]
    if others:
        loose_vectors = np.stack([face.vector for face in others])
        joined, similarity = join(loose_vectors, vectors, labels, section.group_threshold)
        taken = set(zip(pictures.tolist(), labels.tolist(), strict=True))
        for face, label, value in zip(others, joined.tolist(), similarity.tolist(), strict=True):
            owner = None if label < 0 or (face.media_id, label) in taken else owners[label]
            owner = None if owner in barred[face.id] else owner
            if owner is not None:
                taken.add((face.media_id, label))
            verdicts.append(Verdict(face_id=face.id, person_id=owner, similarity=value))
    return verdicts


def _owners(founders: Sequence[KnownFace], labels: Labels) -> dict[int, int]:
    """Which person each group is: whom people named in it, else whom most of its faces were.

    Larger overlaps are settled first; a group without a person of its own gets a negative number,
    which the writer turns into a new person.
    """
    shares: Counter[tuple[bool, int, int]] = Counter()
    for face, label in zip(founders, labels.tolist(), strict=True):
        if face.person_id is not None and face.method in ("group", "user"):
            shares[face.decided, face.person_id, label] += 1
    owners: dict[int, int] = {}
    ranked = sorted(
        shares.items(), key=lambda item: (-item[0][0], -item[1], item[0][1], item[0][2])
    )
    for (_, person_id, label), _ in ranked:
        if label not in owners and person_id not in owners.values():
            owners[label] = person_id
    for label in np.unique(labels).tolist():
        owners.setdefault(label, -label - 1)
    return owners
