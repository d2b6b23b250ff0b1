"""The identifier's one task: given photos, say who is in them. Reads the catalog, writes nothing.

It runs as one serial process that keeps the gallery in memory from question to question; killed at
any time, the next one reads the catalog and goes on.

New faces are judged together with the faces of the groups that are near them, which may change
groups by it: so what comes one by one ends nearly as it would all at once.
"""

from __future__ import annotations

import json
from contextlib import closing
from typing import TYPE_CHECKING

import numpy as np

from catalog.connect import connect
from daemon.people import faces as faces_module
from daemon.people.ensemble import Ensemble
from daemon.people.gallery import Gallery, read_references, withdrawn_vectors
from daemon.people.judge import judge
from daemon.people.limits import limits
from daemon.people.opinions import opinions
from daemon.people.repair import everybody
from daemon.people.scene import Scene
from daemon.people.second_looks import second_looks
from daemon.tasks import Answer

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence

    from daemon.people.crowd import Picture
    from daemon.people.faces import KnownFace
    from daemon.people.limits import Limits
    from daemon.people.match import References
    from daemon.settings import Identify, Settings
    from daemon.tasks import Question

# A group of more faces is joined as a whole and not taken apart by one new face; the repair pass
# does that. So a photo of somebody with ten thousand costs no more than one of somebody with ten.
TAKEN_APART = 64

_gallery: Gallery | None = None


def answer(question: Question, settings: Settings) -> Answer:
    """Verdicts on the faces asked about and on those that they make somebody else, to be applied by
    the writer in this order.
    """
    global _gallery
    if _gallery is None:
        _gallery = Gallery()
    section = settings.identify
    with closing(connect(settings.catalog, readonly=True)) as connection:
        connection.execute("BEGIN")  # one state of the catalog from the first read to the last
        if question.whole:
            ensemble = Ensemble.read(connection)
            references = read_references(connection, ensemble)
            return _judged(everybody(connection, ensemble), ensemble, references, section)
        changed = bool(question.people_ids)
        _gallery.refresh(connection, question.media_ids, exemplars_changed=changed)
        allowed = limits(section, _gallery.ensemble.calibration)
        media_ids = {*question.media_ids, *_touched(connection, question.people_ids, allowed)}
        scene = _scene(connection, _gallery, sorted(media_ids), allowed)
        return _judged(scene, _gallery.ensemble, _gallery.references, section)


def _judged(scene: Scene, ensemble: Ensemble, references: References, section: Identify) -> Answer:
    judgement = judge(scene, references, limits(section, ensemble.calibration))
    own = opinions(scene, judgement, ensemble, references, section)
    return Answer(verdicts=[*judgement.verdicts, *own], doubtful=tuple(sorted(judgement.doubtful)))


def _scene(
    connection: sqlite3.Connection, gallery: Gallery, media_ids: Sequence[int], limits: Limits
) -> Scene:
    """The faces of these media, and of the groups near them."""
    reader = faces_module.Reader(connection, gallery.ensemble)
    asked = reader.of_media(media_ids)
    own = {face.id for face in asked}
    near = {face.group_id for face in asked if face.group_id is not None}
    if asked:
        vectors = np.stack([face.vector for face in asked])
        near |= gallery.crowd.near(vectors, limits.group_threshold - limits.doubt)
    small = {it for it in near if len(gallery.crowd.members(it)) <= TAKEN_APART}
    others = {face_id for it in small for face_id in gallery.crowd.members(it)} - own
    faces = reader.by_ids([*own, *others]) if others else asked
    summaries = [gallery.crowd.summary(it, without=own) for it in sorted(near - small)]
    groups = [it for it in summaries if it is not None]
    ids = [face.id for face in faces]
    return Scene(
        faces=faces,
        ruled_out=faces_module.ruled_out(connection, ids),
        asked=frozenset(media_ids),
        groups=groups,
        company=_company(gallery, faces),
        survivors=gallery.merged,
        second_looks=second_looks(connection, gallery.ensemble, sorted(own)),
    )


def _company(gallery: Gallery, faces: Sequence[KnownFace]) -> dict[Picture, frozenset[int]]:
    """Whose groups else are in the pictures of these faces, by faces that are not among them."""
    ids = {face.id for face in faces}
    pictures = {picture for face in faces for picture in face.pictures}
    found = {it: gallery.crowd.groups_in(it, without=ids) for it in pictures}
    return {picture: frozenset(groups) for picture, groups in found.items() if groups}


def _touched(connection: sqlite3.Connection, people_ids: Sequence[int], limits: Limits) -> set[int]:
    """The media whose faces a change in what these people are known by can re-judge.

    That is where a reference picture found one of them, or somebody is asked about them, and where
    a face is similar enough to what they are or were known by to be found now, to be in doubt, or
    to be so no longer.
    """
    if not people_ids or _gallery is None:
        return set()
    survivors = {_gallery.survivor(person_id) for person_id in people_ids}
    everyone = json.dumps(sorted(_gallery.groups_of(survivors)))
    named = connection.execute(
        """SELECT DISTINCT faces.media_id
           FROM assignments JOIN faces ON faces.id = assignments.face_id
           WHERE assignments.person_id IN (SELECT value FROM json_each(?))
             AND assignments.ended_at IS NULL AND assignments.method = 'reference'
             AND assignments.model = 'all'""",
        [everyone],
    )
    touched = {int(row["media_id"]) for row in named}
    # Also by what is withdrawn: whoever was the rival there is none now. Below the threshold they
    # name nobody, but they can be asked about, or be too near to another person's lead.
    references = _gallery.references
    own = references.vectors[np.isin(references.person_ids, list(survivors))]
    gone = withdrawn_vectors(connection, _gallery.ensemble, everyone)
    near_from = limits.threshold - limits.doubt - limits.margin
    return touched.union(*(_gallery.crowd.like(it, near_from) for it in (own, gone)))
