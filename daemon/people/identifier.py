"""The identifier's one task: given photos, say who is in them. Reads the catalog, writes nothing.

It runs as one serial process that keeps the gallery in memory from question to question; killed at
any time, the next one reads the catalog and goes on.
"""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

import numpy as np

from catalog.assignments import Verdict
from catalog.connect import connect
from daemon.people import faces as faces_module
from daemon.people.gallery import Gallery
from daemon.people.match import match_picture
from daemon.people.repair import repair

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator, Sequence

    from daemon.people.faces import KnownFace
    from daemon.settings import Identify, Settings
    from daemon.tasks import Question


_gallery: Gallery | None = None


def answer(question: Question, settings: Settings) -> list[Verdict]:
    """Verdicts on the faces asked about, to be applied by the writer in this order."""
    global _gallery
    if _gallery is None:
        _gallery = Gallery()
    with closing(connect(settings.catalog, readonly=True)) as connection:
        connection.execute("BEGIN")  # one state of the catalog from the first read to the last
        if question.whole:
            return repair(connection, settings.identify)
        _gallery.refresh(connection)
        media_ids = [*question.media_ids, *_touched(connection, question.people_ids, settings)]
        judge = Judge(connection, _gallery, settings.identify)
        return [verdict for media_id in dict.fromkeys(media_ids) for verdict in judge(media_id)]


class Judge:
    """Judges one photo after the other; people founded in one are known in the next."""

    def __init__(self, connection: sqlite3.Connection, gallery: Gallery, section: Identify) -> None:
        self._connection = connection
        self._gallery = gallery
        self._section = section
        self._founded = 0

    def __call__(self, media_id: int) -> Iterator[Verdict]:
        """Verdicts on the faces of one photo that no person decided on."""
        everyone = faces_module.of_media(self._connection, media_id)
        barred = {
            face.id: faces_module.barred_people(self._connection, face.id) for face in everyone
        }
        present = {face.person_id for face in everyone if face.decided and face.person_id}
        open_faces = [face for face in everyone if not face.decided]
        for face in open_faces:
            if barred[face.id] is None:
                yield Verdict(face_id=face.id, person_id=None)
        judged = [face for face in open_faces if barred[face.id] is not None]
        yield from self._judge(judged, [barred[face.id] or frozenset() for face in judged], present)

    def _judge(
        self, faces: Sequence[KnownFace], barred: Sequence[frozenset[int]], present: set[int]
    ) -> Iterator[Verdict]:
        if not faces:
            return
        matches = match_picture(
            np.stack([face.vector for face in faces]),
            self._gallery.references,
            self._section,
            barred=barred,
            present=frozenset(present),
        )
        present |= {match.person_id for match in matches if match is not None and match.certain}
        for face, match, ruled_out in zip(faces, matches, barred, strict=True):
            if match is None:
                yield self._place(face, ruled_out, present)
                continue
            yield Verdict(
                face_id=face.id,
                person_id=match.person_id,
                state="assigned" if match.certain else "suggested",
                method="reference",
                similarity=match.similarity,
                margin=match.margin,
                evidence_face_id=match.evidence_face_id,
            )

    def _place(self, face: KnownFace, ruled_out: frozenset[int], present: set[int]) -> Verdict:
        """Join the group that is most similar on average, stay where it is, or found a person."""
        own = self._gallery.group_of(face)
        groups = self._gallery.groups
        if own is not None:  # a face is no evidence for itself
            groups.add(own, face.vector, sign=-1)
        similarities = groups.similarities(face.vector)
        if own is not None:
            groups.add(own, face.vector)
        order = np.argsort(-similarities, kind="stable")
        allowed = [i for i in order if groups.ids[i] not in ruled_out | present]
        best = next(iter(allowed), None)
        if best is not None and similarities[best] >= self._section.group_threshold:
            second = similarities[allowed[1]] if len(allowed) > 1 else -1.0
            verdict = Verdict(
                face_id=face.id,
                person_id=groups.ids[best],
                similarity=float(similarities[best]),
                margin=float(similarities[best] - second),
            )
        elif own is not None and own not in ruled_out | present:
            verdict = Verdict(face_id=face.id, person_id=own)
        elif face.quality >= self._section.found_quality:
            self._founded += 1
            verdict = Verdict(face_id=face.id, person_id=-self._founded)
        else:
            return Verdict(face_id=face.id, person_id=None)
        if verdict.person_id is not None:
            present.add(verdict.person_id)
            if verdict.person_id != own:
                self._gallery.add_provisional(verdict.person_id, face.vector)
        return verdict


def _touched(
    connection: sqlite3.Connection, people_ids: Sequence[int], settings: Settings
) -> list[int]:
    """The media whose faces a change in what these people are known by can re-judge.

    That is where one of them was found or suggested by a reference picture, and where a face is
    similar enough to one of their exemplars to be found now.
    """
    if not people_ids or _gallery is None:
        return []
    marks = ",".join("?" * len(people_ids))
    named = connection.execute(
        f"""SELECT DISTINCT faces.media_id FROM assignments JOIN faces ON faces.id = assignments.face_id
            WHERE assignments.ended_at IS NULL AND assignments.method = 'reference'
              AND assignments.person_id IN ({marks})""",
        list(people_ids),
    )
    touched = {int(row["media_id"]) for row in named}
    references = _gallery.references
    own = references.vectors[np.isin(references.person_ids, list(people_ids))]
    if len(own):
        known = faces_module.everything(connection)
        for start in range(0, len(known), 4096):
            some = known[start : start + 4096]
            similar = (np.stack([face.vector for face in some]) @ own.T).max(axis=1)
            near = np.flatnonzero(similar >= settings.identify.threshold)
            touched |= {some[i].media_id for i in near}
    return sorted(touched)
