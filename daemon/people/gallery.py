"""Everybody known, in the identifier's memory, kept in step with the catalog without reading it all
again.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

import numpy as np

from catalog import people
from daemon.people import faces as faces_module
from daemon.people.crowd import Crowd
from daemon.people.ensemble import Ensemble
from daemon.people.exemplars import best_and_most_different
from daemon.people.match import References

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Collection, Sequence

    from daemon.faces.values import Vectors

# What makes every vector another one, or leaves no trace where it took faces away.
_SIGNATURE = """
SELECT (SELECT group_concat(id) FROM (SELECT id FROM embedders WHERE active ORDER BY id)),
       (SELECT max(id) FROM calibrations),
       (SELECT max(id) FROM changes WHERE action = 'forget')
"""
_EXEMPLARS = """
SELECT (SELECT group_concat(id || '/' || person_id || '/' || face_id) FROM
        (SELECT * FROM exemplars WHERE state = 'used' ORDER BY id)),
       (SELECT group_concat(id || '/' || merged_into) FROM
        (SELECT * FROM people WHERE merged_into IS NOT NULL ORDER BY merged_into, id))
"""
# Two clocks read in one millisecond are one moment: ended rows are looked at again this far back.
_CHANGED = """
SELECT face_id FROM assignments WHERE model = 'all' AND id > ?
UNION SELECT face_id FROM assignments WHERE model = 'all' AND ended_at >= ?
UNION SELECT id FROM faces WHERE id > ?
"""
# Two queries: a maximum alone comes from the index, two in one query read the whole table.
_POSITION = """
SELECT (SELECT ifnull(max(id), 0) FROM assignments) AS id,
       (SELECT ifnull(max(ended_at), '') FROM assignments) AS ended,
       (SELECT ifnull(max(id), 0) FROM faces) AS face
"""

# So many exemplars that somebody lost are looked at for whom they named or rivalled.
WITHDRAWN = 256


class Gallery:
    """Exemplars and faces by group. `refresh` reads what changed; new models reload all."""

    def __init__(self) -> None:
        self._signature: tuple[object, ...] | None = None
        self._exemplars: tuple[object, ...] | None = None
        self._last_assignment, self._last_face = 0, 0
        self._last_ended = ""
        self.merged: dict[int, int] = {}
        self.ensemble = Ensemble(members=())
        self.references = _no_references(0)
        self.crowd = Crowd(0)

    def refresh(
        self,
        connection: sqlite3.Connection,
        media_ids: Sequence[int] = (),
        *,
        exemplars_changed: bool = False,
    ) -> None:
        """Come into step with the catalog as this connection sees it now.

        The faces of `media_ids` are read in any case, and with `exemplars_changed` the exemplars: a
        part that was committed again may have given them other vectors.
        """
        signature = tuple(connection.execute(_SIGNATURE).fetchone())
        if signature == self._signature:
            seen = [self._last_assignment, self._last_ended, self._last_face]
            rows = connection.execute(_CHANGED, seen)
            changed = {int(row["face_id"]) for row in rows}
            self._remember_position(connection)
            self._read(connection, changed | faces_module.ids_of_media(connection, media_ids))
        else:
            self._remember_position(connection)
            self.ensemble = Ensemble.read(connection)
            self.crowd = Crowd(self.ensemble.dimensions)
            self._read(connection, None)
            self._signature, self._exemplars = signature, None
        exemplars = tuple(connection.execute(_EXEMPLARS).fetchone())
        if exemplars != self._exemplars or exemplars_changed:
            self._refresh_references(connection)
            self._exemplars = exemplars

    def _refresh_references(self, connection: sqlite3.Connection) -> None:
        self.merged = people.merged(connection)
        before = set(self.references.face_ids.tolist())
        self.references = read_references(connection, self.ensemble)
        # A photo that came to be a reference picture, and no more than that, is in no group.
        self._read(connection, before ^ set(self.references.face_ids.tolist()))

    def survivor(self, person_id: int) -> int:
        """Who this person is now."""
        return self.merged.get(person_id, person_id)

    def groups_of(self, survivors: Collection[int]) -> set[int]:
        """The groups that are these people, the merged ones too."""
        others = (it for it, survivor in self.merged.items() if survivor in survivors)
        return {*survivors, *others}

    def _remember_position(self, connection: sqlite3.Connection) -> None:
        row = connection.execute(_POSITION).fetchone()
        self._last_assignment, self._last_ended = int(row["id"]), str(row["ended"])
        self._last_face = int(row["face"])

    def _read(self, connection: sqlite3.Connection, face_ids: set[int] | None) -> None:
        """Read these faces (None: all) anew, and let go of those that can be judged no more."""
        reader = faces_module.Reader(connection, self.ensemble)
        if face_ids is None:
            for row in reader.memberships():
                self._put(row)
            return
        gone = set(face_ids)
        for row in reader.memberships(sorted(face_ids)) if face_ids else ():
            gone.discard(int(row["id"]))
            self._put(row)
        self.crowd.remove(gone)

    def _put(self, row: sqlite3.Row) -> None:
        self.crowd.put(
            int(row["id"]),
            faces_module.joined_vector(row, self.ensemble),
            weight=faces_module.weight(row["quality"]),
            pictures=tuple((int(row["media_id"]), it) for it in faces_module.together(row)),
            group_id=row["group_id"],
        )


def read_references(connection: sqlite3.Connection, ensemble: Ensemble) -> References:
    """The joined vectors of the exemplars in use; of somebody with very many, of the best and most
    different.
    """
    if not ensemble.members:
        return _no_references(0)
    rows = connection.execute(
        f"""SELECT exemplars.face_id, ifnull(people.merged_into, people.id) AS person_id,
                   faces.quality, {faces_module.vector_columns(ensemble)}
            FROM exemplars JOIN people ON people.id = exemplars.person_id
            JOIN faces ON faces.id = exemplars.face_id
            {faces_module.vector_joins(ensemble, "exemplars.face_id")}
            WHERE exemplars.state = 'used' ORDER BY exemplars.id"""
    ).fetchall()
    by_person: dict[int, dict[int, sqlite3.Row]] = defaultdict(dict)
    for row in rows:
        by_person[int(row["person_id"])][int(row["face_id"])] = row
    chosen: list[tuple[int, int, Vectors]] = []
    for person_id, own in by_person.items():
        vectors = np.stack([faces_module.joined_vector(row, ensemble) for row in own.values()])
        qualities = np.array([row["quality"] or 0.0 for row in own.values()])
        face_ids = list(own)
        chosen += [
            (person_id, face_ids[place], vectors[place])
            for place in best_and_most_different(vectors, qualities)
        ]
    if not chosen:
        return _no_references(0)
    return References(
        vectors=np.stack([vector for _, _, vector in chosen]),
        person_ids=np.array([person_id for person_id, _, _ in chosen], np.int64),
        face_ids=np.array([face_id for _, face_id, _ in chosen], np.int64),
    )


def withdrawn_vectors(
    connection: sqlite3.Connection, ensemble: Ensemble, people_ids: str
) -> Vectors:
    """The joined vectors (n × dimensions) of the exemplars by which these people (as JSON) are
    known no more; the newest, where they are very many.
    """
    if not ensemble.members:
        return np.zeros((0, 0), np.float32)
    rows = connection.execute(
        f"""SELECT DISTINCT exemplars.face_id, {faces_module.vector_columns(ensemble)}
            FROM exemplars {faces_module.vector_joins(ensemble, "exemplars.face_id")}
            WHERE exemplars.person_id IN (SELECT value FROM json_each(?))
              AND exemplars.state = 'withdrawn' ORDER BY exemplars.id DESC LIMIT ?""",
        [people_ids, WITHDRAWN],
    ).fetchall()
    vectors = [faces_module.joined_vector(row, ensemble) for row in rows]
    return np.stack(vectors) if vectors else np.zeros((0, ensemble.dimensions), np.float32)


def _no_references(dimensions: int) -> References:
    return References(
        vectors=np.zeros((0, dimensions), np.float32),
        person_ids=np.zeros(0, np.int64),
        face_ids=np.zeros(0, np.int64),
    )
