"""The repair pass: everybody judged again at once, so that the order in which files came does not
matter.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

import numpy as np

from catalog.assignments import Verdict
from daemon.people import faces as faces_module
from daemon.people.gallery import read_references
from daemon.people.group import group, join
from daemon.people.match import match_picture
from daemon.people.owners import settle

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Sequence

    from daemon.people.faces import KnownFace
    from daemon.people.owners import Barred
    from daemon.settings import Identify


def repair(connection: sqlite3.Connection, section: Identify) -> list[Verdict]:
    """Verdicts on all faces, judged as a whole; applied, those that say what was known write
    nothing.

    Reads faces in the order of their content, so that the same files give the same people whatever
    order they came in; a group keeps the person most of its faces had.
    """
    everyone = faces_module.everything(connection)
    ruled_out = {face.id: faces_module.barred_people(connection, face.id) for face in everyone}
    verdicts = [
        Verdict(face_id=face.id, person_id=None)
        for face in everyone
        if ruled_out[face.id] is None and not face.decided
    ]
    known = [face for face in everyone if ruled_out[face.id] is not None]
    barred = {face.id: ruled_out[face.id] or frozenset() for face in everyone}
    named = _reference_verdicts(connection, known, barred, section)
    verdicts += named.values()
    loose = [face for face in known if face.decided or face.id not in named]
    return verdicts + _group_verdicts(loose, _with_company(known, named, barred), section)


def _reference_verdicts(
    connection: sqlite3.Connection,
    known: Sequence[KnownFace],
    barred: Barred,
    section: Identify,
) -> dict[int, Verdict]:
    references = read_references(connection)
    verdicts = {}
    for faces in _by_media(known).values():
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


def _with_company(known: Sequence[KnownFace], named: dict[int, Verdict], barred: Barred) -> Barred:
    """Nobody is in a picture twice: whom a person or a reference picture found in it, no other face
    of that picture can be.
    """
    result = dict(barred)
    for faces in _by_media(known).values():
        found = {face.person_id for face in faces if face.decided and face.person_id is not None}
        verdicts = [named[face.id] for face in faces if face.id in named]
        found |= {it.person_id for it in verdicts if it.state == "assigned" and it.person_id}
        for face in faces:
            result[face.id] = barred[face.id] | found
    return result


def _group_verdicts(loose: Sequence[KnownFace], barred: Barred, section: Identify) -> list[Verdict]:
    """Group the faces good enough to found a person, let the others join, keep whom they had."""
    founders = [it for it in loose if it.decided or it.quality >= section.found_quality]
    others = [it for it in loose if not it.decided and it.quality < section.found_quality]
    if not founders:
        return [Verdict(face_id=it.id, person_id=None) for it in others]
    vectors = np.stack([face.vector for face in founders])
    pictures = np.array([face.media_id for face in founders], np.int64)
    labels, owners = settle(founders, group(vectors, pictures, section.group_threshold), barred)
    verdicts = [
        Verdict(face_id=face.id, person_id=owners[label])
        for face, label in zip(founders, labels.tolist(), strict=True)
        if not face.decided
    ]
    if others:
        loose_vectors = np.stack([face.vector for face in others])
        joined, similarity = join(loose_vectors, vectors, labels, section.group_threshold)
        survivors = {it.group_id: it.person_id for it in founders}
        taken = set(zip(pictures.tolist(), labels.tolist(), strict=True))
        for face, label, value in zip(others, joined.tolist(), similarity.tolist(), strict=True):
            owner = owners.get(label)
            if survivors.get(owner, owner) in barred[face.id] or (face.media_id, label) in taken:
                owner = None
            taken.add((face.media_id, label))
            verdicts.append(Verdict(face_id=face.id, person_id=owner, similarity=value))
    return verdicts


def _by_media(faces: Iterable[KnownFace]) -> dict[int, list[KnownFace]]:
    found: dict[int, list[KnownFace]] = defaultdict(list)
    for face in faces:
        found[face.media_id].append(face)
    return found
