"""Everybody known, in the identifier's memory, kept in step with the catalog without reading it all
again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from daemon.people import faces as faces_module
from daemon.people.match import References

if TYPE_CHECKING:
    import sqlite3

    from daemon.faces.values import Vectors
    from daemon.people.faces import KnownFace

# Two clocks read in one millisecond are one moment: ended rows are looked at again this far back.
_SIGNATURE = """
SELECT (SELECT id FROM embedders WHERE active),
       (SELECT count(*) || '/' || ifnull(max(id), 0) || '/' || ifnull(sum(face_id), 0) FROM
       exemplars
        WHERE state = 'used'),
       (SELECT ifnull(max(id), 0) || '/' || count(undone_at) FROM changes),
       (SELECT count(*) FROM people WHERE merged_into IS NOT NULL)
"""


class Groups:
    """Sums of the vectors of each group, so that a mean similarity is one product."""

    def __init__(self, dimensions: int) -> None:
        self.ids: list[int] = []
        self._rows: dict[int, int] = {}
        self._sums = np.zeros((64, dimensions), np.float32)
        self._counts = np.zeros(64, np.int64)

    def add(self, person_id: int, vector: Vectors, *, sign: int = 1) -> None:
        """Add a face to a group, or take it out again with sign −1."""
        row = self._rows.get(person_id)
        if row is None:
            row = self._rows[person_id] = len(self.ids)
            self.ids.append(person_id)
            if row == len(self._counts):
                self._sums = np.concatenate([self._sums, np.zeros_like(self._sums)])
                self._counts = np.concatenate([self._counts, np.zeros_like(self._counts)])
        self._sums[row] += sign * vector
        self._counts[row] += sign

    def similarities(self, vector: Vectors) -> Vectors:
        """Mean similarity of a face to each group, in the order of `ids`; −1 for an empty group."""
        size = len(self.ids)
        counts = self._counts[:size]
        means = (self._sums[:size] @ vector) / np.maximum(counts, 1)
        result: Vectors = np.where(counts > 0, means, -1.0).astype(np.float32)
        return result


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
        self.references = _no_references(0)
        self.groups = Groups(0)

    def refresh(self, connection: sqlite3.Connection) -> None:
        """Come into step with the catalog as this connection sees it now."""
        self.forget_provisional()
        signature = tuple(connection.execute(_SIGNATURE).fetchone())
        if signature != self._signature:
            self._reload(connection)
            self._signature = signature
            return
        rows = connection.execute(
            """SELECT DISTINCT face_id FROM assignments
               WHERE model = 'all' AND (id > ? OR ended_at >= ?)""",
            [self._last_assignment, self._last_ended],
        ).fetchall()
        self._remember_position(connection)
        self._update(connection, [int(row["face_id"]) for row in rows])

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

    def _reload(self, connection: sqlite3.Connection) -> None:
        self._remember_position(connection)
        self.references = read_references(connection)
        row = connection.execute("SELECT dimensions FROM embedders WHERE active").fetchone()
        self.groups = Groups(0 if row is None else int(row["dimensions"]))
        self._members.clear()
        for face in faces_module.everything(connection):
            self._count_in(face)

    def _remember_position(self, connection: sqlite3.Connection) -> None:
        row = connection.execute(
            "SELECT ifnull(max(id), 0) AS id, ifnull(max(ended_at), '') AS ended FROM assignments"
        ).fetchone()
        self._last_assignment, self._last_ended = int(row["id"]), str(row["ended"])

    def _update(self, connection: sqlite3.Connection, face_ids: list[int]) -> None:
        for face_id in face_ids:
            member = self._members.pop(face_id, None)
            if member is not None:
                self.groups.add(*member, sign=-1)
        for face in faces_module.by_ids(connection, face_ids):
            self._count_in(face)

    def _count_in(self, face: KnownFace) -> None:
        """Faces named by a reference picture are known by that picture and are in no group's mean."""
        if face.person_id is None or face.method not in ("group", "user"):
            return
        self.groups.add(face.person_id, face.vector)
        self._members[face.id] = (face.person_id, face.vector)


def read_references(connection: sqlite3.Connection) -> References:
    """The vectors of all exemplars in use, by the active embedder."""
    rows = connection.execute(
        """SELECT exemplars.face_id, ifnull(people.merged_into, people.id) AS person_id,
                  embeddings.vector
           FROM exemplars JOIN people ON people.id = exemplars.person_id
           JOIN embeddings ON embeddings.face_id = exemplars.face_id
                AND embeddings.embedder_id = (SELECT id FROM embedders WHERE active)
           WHERE exemplars.state = 'used' ORDER BY exemplars.id"""
    ).fetchall()
    if not rows:
        return _no_references(0)
    return References(
        vectors=np.stack([np.frombuffer(row["vector"], "<f4") for row in rows]),
        person_ids=np.array([row["person_id"] for row in rows], np.int64),
        face_ids=np.array([row["face_id"] for row in rows], np.int64),
    )


def _no_references(dimensions: int) -> References:
    return References(
        vectors=np.zeros((0, dimensions), np.float32),
        person_ids=np.zeros(0, np.int64),
        face_ids=np.zeros(0, np.int64),
    )
