"""What follows once decisions changed: who each face is, and what has to be judged again."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from catalog import clock, exemplars
from catalog.decisions.errors import DecisionError
from catalog.media import IDENTIFY_PRIORITY

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable

# Read through merges on both sides: whoever of those that are one by now was ruled out.
RULED_OUT = """EXISTS (SELECT 1 FROM rejections
    LEFT JOIN people AS barred ON barred.id = rejections.person_id
    JOIN people AS who ON who.id = assignments.person_id
    WHERE rejections.face_id = assignments.face_id
      AND (rejections.person_id IS NULL
           OR ifnull(barred.merged_into, barred.id) = ifnull(who.merged_into, who.id)))"""
_OPEN = "model = 'all' AND state = 'assigned' AND ended_at IS NULL"
_WHO = f"""(SELECT ifnull(people.merged_into, people.id) FROM assignments
            JOIN people ON people.id = assignments.person_id
            WHERE assignments.face_id = touched.id AND {_OPEN})"""


def ids(numbers: Iterable[int]) -> str:
    """Numbers as JSON, for `IN (SELECT value FROM json_each(?))`."""
    return json.dumps(sorted(numbers))


def renew_people(connection: sqlite3.Connection, faces: Iterable[int]) -> None:
    """Bring `person_id` of these faces up to date with the open assignments. The tracks that they
    lead follow.
    """
    connection.execute(
        f"""UPDATE faces SET person_id = now.person_id
            FROM (SELECT touched.id, {_WHO} AS person_id FROM faces AS touched
                  WHERE touched.id IN (SELECT value FROM json_each(?))) AS now
            WHERE faces.id = now.id AND faces.person_id IS NOT now.person_id""",
        [ids(faces)],
    )


def members(connection: sqlite3.Connection, people: Iterable[int]) -> set[int]:
    """The faces that are assigned to these very people, not to those merged into them."""
    rows = connection.execute(
        f"""SELECT face_id FROM assignments
            WHERE person_id IN (SELECT value FROM json_each(?)) AND {_OPEN}""",
        [ids(people)],
    )
    return {int(row[0]) for row in rows}


def refuse_contradiction(connection: sqlite3.Connection, faces: Iterable[int]) -> None:
    """Raise DecisionError where a person's "it is her" and "it is not" would stand side by side."""
    row = connection.execute(
        f"""SELECT face_id, (SELECT max(change_id) FROM rejections
                             WHERE rejections.face_id = assignments.face_id) AS change_id
            FROM assignments WHERE face_id IN (SELECT value FROM json_each(?))
              AND {_OPEN} AND method = 'user' AND {RULED_OUT} LIMIT 1""",
        [ids(faces)],
    ).fetchone()
    if row is not None:
        by = "" if row["change_id"] is None else f" (change {row['change_id']})"
        raise DecisionError(
            f"face {row['face_id']} is ruled out by another decision{by}; undo that one first"
        )


def renew_claims(connection: sqlite3.Connection, people: Iterable[int]) -> None:
    """After these people became one, or several again: whether the folders of all who are one with
    any of them claim one face.
    """
    rows = connection.execute(
        """WITH kept(id) AS (SELECT ifnull(merged_into, id) FROM people
                             WHERE id IN (SELECT value FROM json_each(?)))
           SELECT id FROM people WHERE id IN kept OR merged_into IN kept ORDER BY id""",
        [ids(people)],
    ).fetchall()
    exemplars.renew_for_people(connection, [int(row["id"]) for row in rows])


def renew_references(connection: sqlite3.Connection, faces: Iterable[int]) -> None:
    """After these faces were hidden, shown or forgotten: whether the reference pictures that they
    are in make their people known.
    """
    rows = connection.execute(
        """SELECT DISTINCT faces.media_id FROM faces JOIN files ON files.media_id = faces.media_id
           JOIN roots ON roots.id = files.root_id
           WHERE faces.id IN (SELECT value FROM json_each(?))
             AND files.state = 'present' AND roots.role = 'reference' ORDER BY 1""",
        [ids(faces)],
    ).fetchall()
    for row in rows:
        exemplars.renew_for_media(connection, int(row["media_id"]))


def judge_again(
    connection: sqlite3.Connection, faces: Iterable[int], people: Iterable[int]
) -> None:
    """Line up the identification of those of these faces that are nobody now, and of whatever else
    a change of what is known of these people can touch.
    """
    for person_id in sorted(people):
        exemplars.rejudge(connection, person_id)
    connection.execute(
        """INSERT INTO jobs (kind, key, media_id, priority, payload, created_at)
           SELECT DISTINCT 'identify', media_id || '/0', media_id, ?, '{}', ? FROM faces
           WHERE id IN (SELECT value FROM json_each(?)) AND state = 'active' AND person_id IS NULL
             AND NOT EXISTS (SELECT 1 FROM assignments WHERE face_id = faces.id
                             AND model = 'all' AND ended_at IS NULL)
           ON CONFLICT (kind, key) WHERE state = 'waiting' DO NOTHING""",
        [IDENTIFY_PRIORITY, clock.now(), ids(faces)],
    )
