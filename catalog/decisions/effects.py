"""The writes that decisions are made of, each over many faces at once, with the way back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from zlib import crc32

from catalog import clock, people
from catalog.decisions import aftermath
from catalog.decisions.aftermath import RULED_OUT, ids

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Collection

    from catalog.changes import Keys

_THESE = "(SELECT value FROM json_each(:faces))"
# The column of `people` and the subject under which the undo log knows it.
_SUBJECTS = {
    "name": "person:name",
    "hidden": "person:hidden",
    "cover_face_id": "person:cover",
    "merged_into": "person:merged",
}


class Effects:
    """Writes what one decision does and notes what was there before.

    `inverse` lists, each as short rows: `people` (id, column, before), `assigned` (assignment,
    face), `ended` (assignment, face, state before), `taught` (exemplar, face), `untaught` (the
    same), `rejected` (face, person), `restored` (face, person, change: rejections that went),
    `states` (face, before, after).
    """

    def __init__(self, connection: sqlite3.Connection, change_id: int, actor: str) -> None:
        self.connection = connection
        self.inverse: dict[str, list[Any]] = {}
        self.keys: Keys = {}
        self._change_id = change_id
        self._actor = actor
        self._faces: set[int] = set()
        self._restated: set[int] = set()
        self._joined: set[int] = set()
        self._rejudged: set[int] = set()

    @property
    def did_something(self) -> bool:
        """Whether anything was written that the way back knows of."""
        return any(self.inverse.values())

    def about(self, *people_ids: int) -> None:
        """These people are what the decision is about."""
        self.touch("person", people_ids)

    def touch(self, kind: str, subjects: Collection[int]) -> None:
        """Later changes that touch the same build on this one."""
        if subjects:
            self.keys.setdefault(kind, set()).update(subjects)

    def touch_names(self, *names: object) -> None:
        """These names are taken or free by this decision; whoever takes one next builds on it. The
        log keeps their checksums.
        """
        sums = [crc32(people.folded(str(name)).encode()) for name in names if name is not None]
        self.touch("name", sums)

    def made(self, person_id: int) -> None:
        """Somebody exists because of this decision."""
        self.touch("person:made", [person_id])

    def set_person(self, person_id: int, column: str, value: str | int | None) -> None:
        """Change a column of somebody's row."""
        (before,) = self.connection.execute(
            f"SELECT {column} FROM people WHERE id = ?", [person_id]
        ).fetchone()
        if before == value:
            return
        self.connection.execute(f"UPDATE people SET {column} = ? WHERE id = ?", [value, person_id])
        self._note("people", [[person_id, column, before]])
        self.touch(_SUBJECTS[column], [person_id])
        if column == "name":
            self.touch_names(before, value)

    def assign(self, faces: Collection[int], person_id: int) -> None:
        """A person says that these faces are this one: the rows before end, and the faces become
        what that person is known by.
        """
        self._end("model = 'all'", faces)
        self._unteach("1", faces)
        rows = self.connection.execute(
            """INSERT INTO assignments (face_id, person_id, state, method, decided_at, decided_by)
               SELECT value, ?, 'assigned', 'user', ?, ? FROM json_each(?) RETURNING id, face_id""",
            [person_id, clock.now(), self._actor, ids(faces)],
        ).fetchall()
        self._note("assigned", [list(row) for row in rows])
        rows = self.connection.execute(
            """INSERT INTO exemplars (person_id, face_id, source, state)
               SELECT ?, value, 'user', 'used' FROM json_each(?) RETURNING id, face_id""",
            [person_id, ids(faces)],
        ).fetchall()
        self._note("taught", [list(row) for row in rows])
        self.touch("face:who", faces)
        self._faces.update(faces)
        self._rejudged.add(person_id)

    def rule_out(self, faces: Collection[int], person_id: int | None) -> None:
        """A person says that these faces are not this one (None: no faces at all)."""
        if person_id is None:
            self._end("1", faces)
            self._unteach("1", faces)
        else:
            condition = f"person_id IN {people.FAMILY}"
            self._end(condition, faces, person_id)
            self._unteach(condition, faces, person_id)
            self._rejudged.add(person_id)
        rows = self.connection.execute(
            """INSERT OR IGNORE INTO rejections (face_id, person_id, change_id)
               SELECT value, ?, ? FROM json_each(?) RETURNING face_id, person_id""",
            [person_id, self._change_id, ids(faces)],
        ).fetchall()
        self._note("rejected", [list(row) for row in rows])
        self.touch(f"face:rejected:{person_id or 0}", [row["face_id"] for row in rows])

    def rule_in(self, faces: Collection[int], person_id: int | None) -> set[int]:
        """Take back whatever rules these faces out from being this one (None: from being faces);
        returns those that were.
        """
        condition = "person_id IS NULL" if person_id is None else f"person_id IN {people.FAMILY}"
        rows = self.connection.execute(
            f"""DELETE FROM rejections WHERE face_id IN {_THESE} AND {condition}
                RETURNING face_id, person_id, change_id""",
            {"faces": ids(faces), "person": person_id},
        ).fetchall()
        self._note("restored", [list(row) for row in rows])
        for row in rows:
            self.touch(f"face:rejected:{row['person_id'] or 0}", [row["face_id"]])
        found = {int(row["face_id"]) for row in rows}
        self._faces |= found
        return found

    def set_state(self, faces: Collection[int], state: str) -> None:
        """Show or hide these faces."""
        rows = self.connection.execute(
            f"SELECT id, state FROM faces WHERE id IN {_THESE} AND state <> :state",
            {"faces": ids(faces), "state": state},
        ).fetchall()
        changed = [int(row["id"]) for row in rows]
        self.connection.execute(
            f"UPDATE faces SET state = :state WHERE id IN {_THESE}",
            {"faces": ids(changed), "state": state},
        )
        self._note("states", [[row["id"], row["state"], state] for row in rows])
        self.touch("face:state", changed)
        self._faces.update(changed)
        self._restated.update(changed)

    def end_ruled_out(self, faces: Collection[int]) -> None:
        """What the machine said of these faces ends where a person ruled it out."""
        self._end(f"method <> 'user' AND {RULED_OUT}", faces)

    def join(self, person_ids: Collection[int], survivor_id: int) -> None:
        """The faces that are these people are the survivor now, and tracks follow; the rows keep
        who it was.
        """
        self.connection.execute(
            """UPDATE faces SET person_id = ?
               WHERE person_id IN (SELECT value FROM json_each(?))""",
            [survivor_id, ids(person_ids)],
        )
        self._rejudged.add(survivor_id)
        self._joined |= {survivor_id, *person_ids}

    def settle(self) -> None:
        """Once all is written: who each face is, and what has to be judged again."""
        aftermath.renew_people(self.connection, self._faces)
        aftermath.renew_references(self.connection, self._restated)
        if self._joined:
            aftermath.renew_claims(self.connection, self._joined)
        aftermath.judge_again(self.connection, self._faces, self._rejudged)

    def _end(self, condition: str, faces: Collection[int], person_id: int | None = None) -> None:
        """End the open rows of these faces that meet an SQL condition."""
        rows = self.connection.execute(
            f"""SELECT id, face_id, person_id, state, method FROM assignments
                WHERE face_id IN {_THESE} AND ended_at IS NULL AND {condition}""",
            {"faces": ids(faces), "person": person_id},
        ).fetchall()
        self.connection.execute(
            """UPDATE assignments SET state = 'withdrawn', ended_at = ?
               WHERE id IN (SELECT value FROM json_each(?))""",
            [clock.now(), ids(row["id"] for row in rows)],
        )
        self._note("ended", [[row["id"], row["face_id"], row["state"]] for row in rows])
        self.touch("face:who", [row["face_id"] for row in rows if row["method"] == "user"])
        owners = {int(row["person_id"]) for row in rows}
        self.about(*owners, *(people.survivor(self.connection, it) for it in owners))
        self._faces.update(int(row["face_id"]) for row in rows)

    def _unteach(
        self, condition: str, faces: Collection[int], person_id: int | None = None
    ) -> None:
        """These faces are no longer what somebody is known by."""
        rows = self.connection.execute(
            f"""UPDATE exemplars SET state = 'withdrawn' WHERE face_id IN {_THESE}
                AND source = 'user' AND state = 'used' AND {condition}
                RETURNING id, face_id, person_id""",
            {"faces": ids(faces), "person": person_id},
        ).fetchall()
        self._note("untaught", [[row["id"], row["face_id"]] for row in rows])
        self._rejudged.update(int(row["person_id"]) for row in rows)

    def _note(self, kind: str, rows: list[list[Any]]) -> None:
        if rows:
            self.inverse.setdefault(kind, []).extend(rows)
