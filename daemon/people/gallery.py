"""Everybody known, in the identifier's memory, kept in step with the catalog without reading it all
again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from daemon.people import faces as faces_module
from daemon.people.match import NOBODY, References

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Collection, Sequence

    from daemon.faces.values import Vectors
    from daemon.people.faces import KnownFace

# What only people change, and what changes with it is read anew as a whole.
_SIGNATURE = """
SELECT (SELECT id FROM embedders WHERE active),
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

    def row_of(self, person_id: int) -> int:
        """Where this group stands in `ids`."""
        return self._rows[person_id]

    def similarities(self, vector: Vectors, *, without: Collection[int] = ()) -> Vectors:
        """Mean similarity of a face to each group, in the order of `ids`; NOBODY for an empty group
        and for those to leave out.
        """
        size = len(self.ids)
        counts = self._counts[:size]
        means = (self._sums[:size] @ vector) / np.maximum(counts, 1)
        result: Vectors = np.where(counts > 0, means, NOBODY).astype(np.float32)
        result[[self._rows[person_id] for person_id in without if person_id in self._rows]] = NOBODY
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
        self._merged: dict[int, int] = {}
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
        self.references = read_references(connection)

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
        self.refresh_references(connection)
        merged = connection.execute(
            "SELECT id, merged_into FROM people WHERE merged_into IS NOT NULL"
        )
        self._merged = {int(row["id"]): int(row["merged_into"]) for row in merged}
        row = connection.execute("SELECT dimensions FROM embedders WHERE active").fetchone()
        self.groups = Groups(0 if row is None else int(row["dimensions"]))
        self._members.clear()
        for face in faces_module.everything(connection):
            self._count_in(face)

    def _remember_position(self, connection: sqlite3.Connection) -> None:
        row = connection.execute(_POSITION).fetchone()
        self._last_assignment, self._last_ended = int(row["id"]), str(row["ended"])

    def _update(self, connection: sqlite3.Connection, face_ids: list[int]) -> None:
        for face_id in face_ids:
            member = self._members.pop(face_id, None)
            if member is not None:
                self.groups.add(*member, sign=-1)
        for face in faces_module.by_ids(connection, face_ids):
            self._count_in(face)

    def _count_in(self, face: KnownFace) -> None:
        """A face named by a reference picture is known by that picture and is in no mean."""
        if face.group_id is None or face.method not in ("group", "user"):
            return
        self.groups.add(face.group_id, face.vector)
        self._members[face.id] = (face.group_id, face.vector)


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
