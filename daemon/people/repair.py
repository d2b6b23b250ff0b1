"""The repair pass: everybody judged again at once, so that the order in which files came does not
matter.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

import numpy as np

from catalog.assignments import Verdict
from daemon.people import faces as faces_module
from daemon.people.ensemble import Ensemble
from daemon.people.gallery import read_references
from daemon.people.group import group, join
from daemon.people.groups import Groups
from daemon.people.limits import limits
from daemon.people.match import match_picture
from daemon.people.opinions import Opinions
from daemon.people.owners import settle
from daemon.people.verdicts import grouped, named

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Mapping, Sequence

    from daemon.faces.values import Vectors
    from daemon.people.faces import KnownFace
    from daemon.people.group import Labels
    from daemon.people.limits import Limits
    from daemon.people.match import References
    from daemon.people.owners import Barred
    from daemon.settings import Identify


def repair(connection: sqlite3.Connection, section: Identify) -> list[Verdict]:
    """Verdicts on all faces, judged as a whole; applied, those that say what was known write
    nothing.

    Reads faces in the order of their content, so that the same files give the same people whatever
    order they came in; a group keeps the person most of its faces had.
    """
    ensemble = Ensemble.read(connection)
    allowed = limits(section, ensemble.calibration)
    everyone = faces_module.Reader(connection, ensemble).everything()
    references = read_references(connection, ensemble)
    ruled_out = {face.id: faces_module.barred_people(connection, face.id) for face in everyone}
    verdicts = [
        Verdict(face_id=face.id, person_id=None)
        for face in everyone
        if ruled_out[face.id] is None and not face.decided
    ]
    known = [face for face in everyone if ruled_out[face.id] is not None]
    barred = {face.id: ruled_out[face.id] or frozenset() for face in everyone}
    by_reference = _reference_verdicts(references, known, barred, allowed)
    loose = [face for face in known if face.decided or face.id not in by_reference]
    company = _with_company(known, by_reference, barred)
    by_group = _group_verdicts(loose, company, allowed)
    verdicts += [*by_reference.values(), *by_group]
    if len(ensemble.members) > 1:
        groups, members = _groups(known, by_group, ensemble)
        opinions = Opinions(ensemble, references, groups, section)
        owned = _groups_of_people(known)
        for faces in _by_media(face for face in known if not face.decided).values():
            verdicts += opinions.of(
                faces,
                barred=[_with_groups(barred[face.id], owned) for face in faces],
                counted_in=members,
            )
    return verdicts


def _groups_of_people(known: Sequence[KnownFace]) -> dict[int, set[int]]:
    """By person: the groups that are this person, the merged ones too."""
    found: dict[int, set[int]] = defaultdict(set)
    for face in known:
        if face.person_id and face.group_id:
            found[face.person_id].add(face.group_id)
    return found


def _with_groups(people: frozenset[int], owned: Mapping[int, set[int]]) -> frozenset[int]:
    """These people, and the groups that were merged into them."""
    return people.union(*(owned.get(person_id, ()) for person_id in people))


def _groups(
    known: Sequence[KnownFace], grouped: Sequence[Verdict], ensemble: Ensemble
) -> tuple[Groups, dict[int, tuple[int, ...]]]:
    """The groups as these verdicts leave them, and which of them each face is in."""
    groups = Groups(ensemble.dimensions)
    members: dict[int, tuple[int, ...]] = {}
    owners = {it.face_id: it.person_id for it in grouped}
    for face in known:
        owner = face.group_id if face.decided else owners.get(face.id)
        if owner is not None:
            groups.add(owner, face.vector)
            members[face.id] = (owner,)
    return groups, members


def _reference_verdicts(
    references: References,
    known: Sequence[KnownFace],
    barred: Barred,
    limits: Limits,
) -> dict[int, Verdict]:
    verdicts = {}
    for faces in _by_media(known).values():
        present = frozenset(face.person_id for face in faces if face.decided and face.person_id)
        open_faces = [face for face in faces if not face.decided]
        if not open_faces:
            continue
        matches = match_picture(
            np.stack([face.vector for face in open_faces]),
            references,
            limits,
            barred=[barred[face.id] for face in open_faces],
            present=present,
        )
        for face, match in zip(open_faces, matches, strict=True):
            if match is not None:
                verdicts[face.id] = named(face.id, match)
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


def _group_verdicts(loose: Sequence[KnownFace], barred: Barred, limits: Limits) -> list[Verdict]:
    """Group the faces good enough to found a person, let the others join, keep whom they had."""
    founders = [it for it in loose if it.decided or it.quality >= limits.found_quality]
    others = [it for it in loose if not it.decided and it.quality < limits.found_quality]
    if not founders:
        return [Verdict(face_id=it.id, person_id=None) for it in others]
    vectors = np.stack([face.vector for face in founders])
    pictures = np.array([face.media_id for face in founders], np.int64)
    labels, owners = settle(founders, group(vectors, pictures, limits.group_threshold), barred)
    fits = _fits(vectors, labels)
    verdicts = [
        grouped(face.id, owners[label], limits, similarity=None if np.isnan(fit) else float(fit))
        for face, label, fit in zip(founders, labels.tolist(), fits, strict=True)
        if not face.decided
    ]
    if others:
        loose_vectors = np.stack([face.vector for face in others])
        joined, similarity = join(loose_vectors, vectors, labels, limits.group_threshold)
        survivors = {it.group_id: it.person_id for it in founders}
        taken = set(zip(pictures.tolist(), labels.tolist(), strict=True))
        for face, label, value in zip(others, joined.tolist(), similarity.tolist(), strict=True):
            owner = owners.get(label)
            if survivors.get(owner, owner) in barred[face.id] or (face.media_id, label) in taken:
                owner = None
            taken.add((face.media_id, label))
            verdicts.append(grouped(face.id, owner, limits, similarity=value))
    return verdicts


def _fits(vectors: Vectors, labels: Labels) -> Vectors:
    """Mean similarity of each face to the others of its group; not a number for one alone."""
    sums = np.zeros((int(labels.max()) + 1, vectors.shape[1]), np.float32)
    np.add.at(sums, labels, vectors)
    others = np.bincount(labels)[labels] - 1
    own = np.einsum("ij,ij->i", sums[labels], vectors) - np.einsum("ij,ij->i", vectors, vectors)
    fits: Vectors = np.where(others > 0, own / np.maximum(others, 1), np.nan).astype(np.float32)
    return fits


def _by_media(faces: Iterable[KnownFace]) -> dict[int, list[KnownFace]]:
    found: dict[int, list[KnownFace]] = defaultdict(list)
    for face in faces:
        found[face.media_id].append(face)
    return found
