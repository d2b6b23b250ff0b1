"""Taking a decision back: what a person said goes, what stood before it stands again."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from catalog import clock
from catalog.decisions import aftermath
from catalog.decisions.aftermath import RULED_OUT, ids
from catalog.decisions.names import refuse_taken

if TYPE_CHECKING:
    import sqlite3

    from catalog.changes import Change

Rows = list[list[Any]]
# The rows of one list of the inverse, as columns.
_ROWS = """(SELECT json_extract(value, '$[0]') AS first, json_extract(value, '$[1]') AS second,
                   json_extract(value, '$[2]') AS third, json_extract(value, '$[3]') AS fourth
            FROM json_each(:rows)) AS row"""
# Found by their number and their face: SQLite gives a number away again after a face with its rows
# was deleted.
_LISTED = f"JOIN {_ROWS} ON {{table}}.id = row.first AND {{table}}.face_id = row.second"


def take_back(connection: sqlite3.Connection, change: Change) -> None:
    """Restore what was before this change, under what was decided since. Raises DecisionError
    where that would contradict another decision.
    """
    inverse = change.inverse
    faces = _touched(inverse)
    apart = _restore_people(connection, inverse.get("people", []))
    if apart:
        faces |= aftermath.members(connection, apart)
    rejudged = apart | _restore_rejections(connection, inverse)
    _restore_states(connection, inverse.get("states", []))
    _restore_assignments(connection, inverse)
    rejudged |= _restore_exemplars(connection, inverse)
    _end_ruled_out(connection, faces)
    aftermath.renew_people(connection, faces)
    aftermath.refuse_contradiction(connection, faces)
    aftermath.renew_references(connection, [row[0] for row in inverse.get("states", [])])
    if apart:
        aftermath.renew_claims(connection, apart)
    aftermath.judge_again(connection, faces, rejudged)


def _touched(inverse: dict[str, Any]) -> set[int]:
    by_second = [row[1] for kind in ("assigned", "ended") for row in inverse.get(kind, [])]
    by_first = [
        row[0] for kind in ("rejected", "restored", "states") for row in inverse.get(kind, [])
    ]
    return set(by_second) | set(by_first)


def _restore_people(connection: sqlite3.Connection, rows: Rows) -> set[int]:
    """Returns who is a person of its own again, and with whom it was one."""
    apart: set[int] = set()
    for person_id, column, before in reversed(rows):
        if column == "merged_into":
            (now,) = connection.execute(
                "SELECT merged_into FROM people WHERE id = ?", [person_id]
            ).fetchone()
            apart |= {person_id, now}
        connection.execute(f"UPDATE people SET {column} = ? WHERE id = ?", [before, person_id])
    own = sorted({person_id for person_id, _, _ in rows})
    named = connection.execute(
        """SELECT name FROM people WHERE id IN (SELECT value FROM json_each(?))
           AND name IS NOT NULL AND merged_into IS NULL""",
        [ids(p for p, column, _ in rows if column in ("name", "merged_into"))],
    ).fetchall()
    for row in named:
        refuse_taken(connection, row["name"], own)
    return apart


def _restore_rejections(connection: sqlite3.Connection, inverse: dict[str, Any]) -> set[int]:
    """Returns whose rejections changed."""
    rejected, restored = inverse.get("rejected", []), inverse.get("restored", [])
    connection.execute(
        f"""DELETE FROM rejections WHERE id IN
           (SELECT rejections.id FROM {_ROWS} JOIN rejections
            ON face_id = row.first AND ifnull(person_id, 0) = ifnull(row.second, 0))""",
        {"rows": json.dumps(rejected)},
    )
    connection.execute(
        f"""INSERT OR IGNORE INTO rejections (face_id, person_id, change_id)
           SELECT faces.id, row.second, changes.id
           FROM {_ROWS} JOIN faces ON faces.id = row.first
           LEFT JOIN changes ON changes.id = row.third WHERE faces.state <> 'forgotten'""",
        {"rows": json.dumps(restored)},
    )
    return {row[1] for row in [*rejected, *restored] if row[1] is not None}


def _restore_exemplars(connection: sqlite3.Connection, inverse: dict[str, Any]) -> set[int]:
    """Returns who is known by other faces now: by those that a person says they are."""
    gone = connection.execute(
        f"""DELETE FROM exemplars WHERE id IN
            (SELECT exemplars.id FROM exemplars {_LISTED.format(table="exemplars")})
            RETURNING person_id""",
        {"rows": json.dumps(inverse.get("taught", []))},
    ).fetchall()
    back = connection.execute(
        f"""UPDATE exemplars SET state = 'used' WHERE id IN
            (SELECT exemplars.id FROM exemplars {_LISTED.format(table="exemplars")}
             JOIN assignments ON assignments.face_id = exemplars.face_id
                  AND assignments.person_id = exemplars.person_id AND method = 'user'
                  AND model = 'all' AND ended_at IS NULL)
            RETURNING person_id""",
        {"rows": json.dumps(inverse.get("untaught", []))},
    ).fetchall()
    return {int(row["person_id"]) for row in [*gone, *back]}


def _restore_states(connection: sqlite3.Connection, rows: Rows) -> None:
    """What is no face stays out of sight, also where it was hidden before somebody said so by a
    change that was erased with somebody who was forgotten.
    """
    connection.execute(
        f"""UPDATE faces SET state = row.second FROM {_ROWS}
           WHERE faces.id = row.first AND faces.state = row.third
             AND (row.second = 'hidden' OR NOT EXISTS
                  (SELECT 1 FROM rejections WHERE face_id = faces.id AND person_id IS NULL))""",
        {"rows": json.dumps(rows)},
    )


def _restore_assignments(connection: sqlite3.Connection, inverse: dict[str, Any]) -> None:
    """End what a person said, and open again what was open before.

    What a person had said comes back as it was, but where a person said otherwise since: later
    decisions are taken back before, but for those that were erased with somebody who was forgotten.
    What the machine had said comes back where it still may: nobody said otherwise since, and no
    other face of the picture became that person; what it said since then ends.
    """
    values = {"now": clock.now(), "rows": json.dumps(inverse.get("assigned", []))}
    connection.execute(
        f"""UPDATE assignments SET state = 'withdrawn', ended_at = :now WHERE id IN
            (SELECT assignments.id FROM assignments {_LISTED.format(table="assignments")})""",
        values,
    )
    values["rows"] = json.dumps(inverse.get("ended", []))
    back = connection.execute(
        f"""SELECT assignments.id, assignments.face_id, model, row.third AS state
            FROM assignments {_LISTED.format(table="assignments")}
            JOIN faces ON faces.id = assignments.face_id
            WHERE faces.state IN ('active', 'hidden') AND assignments.ended_at IS NOT NULL
              AND NOT EXISTS (SELECT 1 FROM assignments AS said
                              WHERE said.face_id = faces.id AND said.method = 'user'
                                AND said.model = assignments.model AND said.ended_at IS NULL)
              AND (method = 'user'
                   OR NOT EXISTS (SELECT 1 FROM beside CROSS JOIN assignments AS since
                                       ON since.face_id = beside_id
                                   WHERE beside.face_id = faces.id
                                     AND since.model = assignments.model
                                     AND since.state = 'assigned' AND since.ended_at IS NULL
                                     AND +since.person_id = assignments.person_id
                                     AND since.decided_at >= assignments.ended_at))""",
        values,
    ).fetchall()
    values["rows"] = json.dumps([[row["id"], row["face_id"], row["state"], row["model"]]
                                 for row in back])  # fmt: skip
    connection.execute(
        f"""UPDATE assignments SET state = 'withdrawn', ended_at = :now WHERE id IN
           (SELECT assignments.id FROM {_ROWS} JOIN assignments
            ON face_id = row.second AND model = row.fourth WHERE +ended_at IS NULL)""",
        values,
    )
    connection.execute(
        f"""UPDATE assignments SET state = row.third, ended_at = NULL
           FROM {_ROWS} WHERE assignments.id = row.first""",
        values,
    )


def _end_ruled_out(connection: sqlite3.Connection, faces: set[int]) -> None:
    """What the machine said ends where a "not her" holds again, or was said since."""
    connection.execute(
        f"""UPDATE assignments SET state = 'withdrawn', ended_at = ?
            WHERE face_id IN (SELECT value FROM json_each(?)) AND ended_at IS NULL
              AND method <> 'user' AND {RULED_OUT}""",
        [clock.now(), ids(faces)],
    )
