"""Everybody known, in the identifier's memory, kept in step with the catalog without reading it all
again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from daemon.people import faces as faces_module
from daemon.people.ensemble import Ensemble
from daemon.people.groups import Groups
from daemon.people.match import References

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Collection, Sequence

    from daemon.faces.values import Vectors
    from daemon.people.faces import KnownFace

# What only people change, and what changes with it is read anew as a whole.
_SIGNATURE = """
SELECT (SELECT group_concat(id) FROM (SELECT id FROM embedders WHERE active ORDER BY id)),
       (SELECT max(id) FROM calibrations),
       (SELECT group_concat(id || '/' || person_id || '/' || face_id) FROM
        (SELECT * FROM exemplars WHERE state = 'used' ORDER BY id)),
       (SELECT ifnull(max(id), 0) || '/' || count(undone_at) FROM changes),
       (SELECT group_concat(id || '/' || merged_into) FROM
        (SELECT * FROM people WHERE merged_into IS NOT NULL ORDER BY id))
"""
# Two clocks read in one millisecond are one moment: ended rows are looked at again this far back.
_CHANGED = """
SELECT face_id FROM assignments WHERE model = 'all' AND id > ?
UNION SELECT face_id FROM assignments WHERE model = 'all' AND ended_at >= ?
"""
# Two queries: a maximum alone comes from the index, two in one query read the whole table.
_POSITION = """
SELECT (SELECT ifnull(max(id), 0) FROM assignments) AS id,
       (SELECT ifnull(max(ended_at), '') FROM assignments) AS ended
"""


class Gallery:
    """Exemplars and groups. `refresh` reads what changed; a person's change or a new model reloads
    all.
    """

    def __init__(self) -> None:
        self._signature: tuple[object, ...] | None = None
        self._last_assignment = 0
        self._last_ended = ""
        self._members: dict[int, tuple[int, Vectors]] = {}
        self._provisional: list[tuple[int, Vectors]] = []
        self._merged: dict[int, int] = {}
        self.ensemble = Ensemble(members=())
        self.references = _no_references(0)
        self.groups = Groups(0)

    def refresh(self, connection: sqlite3.Connection, media_ids: Sequence[int] = ()) -> None:
        """Come into step with the catalog as this connection sees it now.

        The faces of `media_ids` are read in any case: a part that was committed again may have
        given them other vectors.
        """
        self.forget_provisional()
        signature = tuple(connection.execute(_SIGNATURE).fetchone())
        if signature != self._signature:
            self._reload(connection)
            self._signature = signature
            return
        rows = connection.execute(_CHANGED, [self._last_assignment, self._last_ended]).fetchall()
        changed = {int(row["face_id"]) for row in rows}
        self._remember_position(connection)
        self._update(connection, sorted(changed | faces_module.ids_of_media(connection, media_ids)))

    def refresh_references(self, connection: sqlite3.Connection) -> None:
        """Read all exemplars anew: the vector of one that was taken before may have changed."""
        self.references = read_references(connection, self.ensemble)

    def add_provisional(self, person_id: int, vector: Vectors) -> None:
        """Count a face in before its verdict is written, so that the next face can meet it."""
        self.groups.add(person_id, vector)
        self._provisional.append((person_id, vector))

    def forget_provisional(self) -> None:
        """Take out what was counted in before it was written; `refresh` reads what was."""
        for person_id, vector in self._provisional:
            self.groups.add(person_id, vector, sign=-1)
        self._provisional.clear()

    def group_of(self, face: KnownFace) -> int | None:
        """The group that counts this face in, if one does."""
        member = self._members.get(face.id)
        return None if member is None else member[0]

    def survivor(self, person_id: int) -> int:
        """Who this person is now."""
        return self._merged.get(person_id, person_id)

    def groups_of(self, people: Collection[int]) -> set[int]:
        """The groups that are these people, the merged ones too."""
        return {*people, *(it for it, survivor in self._merged.items() if survivor in people)}

    def _reload(self, connection: sqlite3.Connection) -> None:
        self._remember_position(connection)
        self.ensemble = Ensemble.read(connection)
        self.refresh_references(connection)
        merged = connection.execute(
            "SELECT id, merged_into FROM people WHERE merged_into IS NOT NULL"
        )
        self._merged = {int(row["id"]): int(row["merged_into"]) for row in merged}
        self.groups = Groups(self.ensemble.dimensions)
        self._members.clear()
        for face in faces_module.Reader(connection, self.ensemble).everything():
            self._count_in(face)

    def _remember_position(self, connection: sqlite3.Connection) -> None:
        row = connection.execute(_POSITION).fetchone()
        self._last_assignment, self._last_ended = int(row["id"]), str(row["ended"])

    def _update(self, connection: sqlite3.Connection, face_ids: list[int]) -> None:
        for face_id in face_ids:
            member = self._members.pop(face_id, None)
            if member is not None:
                self.groups.add(*member, sign=-1)
        for face in faces_module.Reader(connection, self.ensemble).by_ids(face_ids):
            self._count_in(face)

    def _count_in(self, face: KnownFace) -> None:
        """A face named by a reference picture is known by that picture and is in no mean."""
        if face.group_id is None or face.method not in ("group", "user"):
            return
        self.groups.add(face.group_id, face.vector)
        self._members[face.id] = (face.group_id, face.vector)


def read_references(connection: sqlite3.Connection, ensemble: Ensemble) -> References:
    """The joined vectors of all exemplars in use."""
    if not ensemble.members:
        return _no_references(0)
    rows = connection.execute(
        f"""SELECT exemplars.face_id, ifnull(people.merged_into, people.id) AS person_id,
                   {faces_module.vector_columns(ensemble)}
            FROM exemplars JOIN people ON people.id = exemplars.person_id
            {faces_module.vector_joins(ensemble, "exemplars.face_id")}
            WHERE exemplars.state = 'used' ORDER BY exemplars.id"""
    ).fetchall()
    if not rows:
        return _no_references(0)
    return References(
        vectors=np.stack([faces_module.joined_vector(row, ensemble) for row in rows]),
        person_ids=np.array([row["person_id"] for row in rows], np.int64),
        face_ids=np.array([row["face_id"] for row in rows], np.int64),
    )


def _no_references(dimensions: int) -> References:
    return References(
        vectors=np.zeros((0, dimensions), np.float32),
        person_ids=np.zeros(0, np.int64),
        face_ids=np.zeros(0, np.int64),
    )
