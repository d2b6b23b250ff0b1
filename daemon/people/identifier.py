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
from daemon.people.limits import limits
from daemon.people.match import NOBODY, match_picture
from daemon.people.opinions import Opinions
from daemon.people.repair import repair
from daemon.people.verdicts import grouped, named

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator, Sequence

    from daemon.faces.values import Vectors
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
        _gallery.refresh(connection, question.media_ids)
        if question.people_ids:
            _gallery.refresh_references(connection)
        media_ids = [*question.media_ids, *_touched(connection, question.people_ids, settings)]
        judge = Judge(connection, _gallery, settings.identify)
        return [verdict for media_id in dict.fromkeys(media_ids) for verdict in judge(media_id)]


class Judge:
    """Judges one photo after the other; people founded in one are known in the next."""

    def __init__(self, connection: sqlite3.Connection, gallery: Gallery, section: Identify) -> None:
        self._connection = connection
        self._gallery = gallery
        self._limits = limits(section, gallery.ensemble.calibration)
        self._reader = faces_module.Reader(connection, gallery.ensemble)
        self._section = section
        self._founded = 0

    def __call__(self, media_id: int) -> Iterator[Verdict]:
        """Verdicts on the faces of one photo that no person decided on."""
        everyone = self._reader.of_media(media_id)
        barred = {
            face.id: faces_module.barred_people(self._connection, face.id) for face in everyone
        }
        present = {face.person_id for face in everyone if face.decided and face.person_id}
        open_faces = [face for face in everyone if not face.decided]
        for face in open_faces:
            if barred[face.id] is None:
                yield Verdict(face_id=face.id, person_id=None)
        judged = [face for face in open_faces if barred[face.id] is not None]
        ruled_out = [barred[face.id] or frozenset() for face in judged]
        verdicts = list(self._judge(judged, ruled_out, present))
        yield from verdicts
        if len(self._gallery.ensemble.members) > 1:
            yield from self._opinions(judged, verdicts, ruled_out)

    def _opinions(
        self,
        faces: Sequence[KnownFace],
        verdicts: Sequence[Verdict],
        ruled_out: Sequence[frozenset[int]],
    ) -> Iterator[Verdict]:
        gallery = self._gallery
        opinions = Opinions(gallery.ensemble, gallery.references, gallery.groups, self._section)
        placed = {it.face_id: it.person_id for it in verdicts if it.method == "group"}
        counted_in = {
            face.id: {it for it in (gallery.group_of(face), placed.get(face.id)) if it is not None}
            for face in faces
        }
        barred = [frozenset(gallery.groups_of(people)) for people in ruled_out]
        yield from opinions.of(faces, barred=barred, counted_in=counted_in)

    def _judge(
        self, faces: Sequence[KnownFace], barred: Sequence[frozenset[int]], present: set[int]
    ) -> Iterator[Verdict]:
        if not faces:
            return
        matches = match_picture(
            np.stack([face.vector for face in faces]),
            self._gallery.references,
            self._limits,
            barred=barred,
            present=frozenset(present),
        )
        present |= {match.person_id for match in matches if match is not None and match.certain}
        loose = []
        for face, match, ruled_out in zip(faces, matches, barred, strict=True):
            if match is None:
                loose.append((face, ruled_out))
                continue
            yield named(face.id, match)
        if len(loose) > 1:  # nobody is in a picture twice: the face most like a group goes first
            loose.sort(
                key=lambda it: -self._similarities(it[0], it[1], present).max(initial=NOBODY)
            )
        for face, ruled_out in loose:
            yield self._place(face, ruled_out, present)

    def _place(self, face: KnownFace, ruled_out: frozenset[int], present: set[int]) -> Verdict:
        """Stay with a group that is similar on average, join the one that is most similar, stay
        where it is, or found a person.

        It does not leave a group that it fits for one that it fits better: between two groups of
        one person, faces would go back and forth with every question. That is for the repair pass.
        """
        own = self._gallery.group_of(face)
        similarities = self._similarities(face, ruled_out, present)
        best = int(similarities.argmax()) if len(similarities) else None
        if own is not None:
            row = self._gallery.groups.row_of(own)
            best = row if similarities[row] >= self._limits.group_threshold else best
        if best is not None and similarities[best] >= self._limits.group_threshold:
            second = np.delete(similarities, best).max(initial=-1.0)
            verdict = grouped(
                face.id,
                self._gallery.groups.ids[best],
                self._limits,
                similarity=float(similarities[best]),
                margin=float(similarities[best] - second),
            )
        elif own is not None and self._gallery.survivor(own) not in ruled_out | present:
            verdict = Verdict(face_id=face.id, person_id=own)
        elif face.quality >= self._limits.found_quality:
            self._founded += 1
            verdict = Verdict(face_id=face.id, person_id=-self._founded)
        else:
            return Verdict(face_id=face.id, person_id=None)
        if verdict.person_id is not None:
            present.add(self._gallery.survivor(verdict.person_id))
            if verdict.person_id != own:
                self._gallery.add_provisional(verdict.person_id, face.vector)
        return verdict

    def _similarities(
        self, face: KnownFace, ruled_out: frozenset[int], present: set[int]
    ) -> Vectors:
        """To each group that the face may join; a face is no evidence for itself."""
        own, groups = self._gallery.group_of(face), self._gallery.groups
        without = self._gallery.groups_of(ruled_out | present)
        if own is not None:
            groups.add(own, face.vector, sign=-1)
        similarities = groups.similarities(face.vector, without=without)
        if own is not None:
            groups.add(own, face.vector)
        return similarities


def _touched(
    connection: sqlite3.Connection, people_ids: Sequence[int], settings: Settings
) -> list[int]:
    """The media whose faces a change in what these people are known by can re-judge.

    That is where one of them was found by a reference picture, where anybody is only suggested
    (one of them may have been the rival), and where a face is similar enough to one of their
    exemplars to be found now, or to be in doubt now.
    """
    if not people_ids or _gallery is None:
        return []
    survivors = {_gallery.survivor(person_id) for person_id in people_ids}
    everyone = list(_gallery.groups_of(survivors))
    marks = ",".join("?" * len(everyone))
    named = connection.execute(
        f"""SELECT DISTINCT faces.media_id
            FROM assignments JOIN faces ON faces.id = assignments.face_id
            WHERE assignments.ended_at IS NULL AND assignments.method = 'reference'
              AND assignments.model = 'all'
              AND (assignments.person_id IN ({marks}) OR assignments.state = 'suggested')""",
        everyone,
    )
    touched = {int(row["media_id"]) for row in named}
    references = _gallery.references
    own = references.vectors[np.isin(references.person_ids, list(survivors))]
    # Below the threshold they name nobody, but they can be too near to another person's lead.
    allowed = limits(settings.identify, _gallery.ensemble.calibration)
    near_from = allowed.threshold - allowed.margin
    if len(own):
        known = faces_module.Reader(connection, _gallery.ensemble).everything()
        for start in range(0, len(known), 4096):
            some = known[start : start + 4096]
            similar = (np.stack([face.vector for face in some]) @ own.T).max(axis=1)
            touched |= {some[i].media_id for i in np.flatnonzero(similar >= near_from)}
    return sorted(touched)
