"""What a person decides: each a row in the undo log and its effect, in one transaction.

The browser and the command line both call these functions; nobody else changes names.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from catalog import clock, people
from catalog.errors import RollcallError

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence

LONGEST_NAME = 200


class DecisionError(RollcallError):
    """The decision cannot be carried out as asked."""

    exit_code = 2


def name_person(connection: sqlite3.Connection, person_id: int, name: str, *, actor: str) -> int:
    """Give somebody a name, or another one. Returns the id of the change.

    Raises DecisionError for an empty or over-long name, and for one that somebody else has.
    """
    clean = " ".join(name.split())
    if not clean or len(clean) > LONGEST_NAME or clean.isdecimal() or not _is_text(clean):
        raise DecisionError(
            f"{name!r}: not a name; expected 1 to {LONGEST_NAME} characters, and not a mere number"
        )
    person_id = people.survivor(connection, person_id)
    others = [other for other in people.called(connection, clean) if other != person_id]
    if others:
        raise DecisionError(
            f"person {others[0]} is called {clean!r} already; give a name that tells them apart"
        )
    before = connection.execute("SELECT name FROM people WHERE id = ?", [person_id]).fetchone()
    connection.execute("UPDATE people SET name = ? WHERE id = ?", [clean, person_id])
    return _note(
        connection,
        "name",
        actor=actor,
        forward={"person_id": person_id, "name": clean},
        inverse={"person_id": person_id, "name": before["name"]},
        subjects=[("person", person_id)],
    )


def _is_text(name: str) -> bool:
    """Whether the catalog can hold it: an argument that is not UTF-8 arrives with lone
    surrogates.
    """
    return not any("\ud800" <= character <= "\udfff" for character in name)


def _note(
    connection: sqlite3.Connection,
    action: str,
    *,
    actor: str,
    forward: dict[str, Any],
    inverse: dict[str, Any],
    subjects: Sequence[tuple[str, int]],
) -> int:
    cursor = connection.execute(
        "INSERT INTO changes (at, actor, action, forward, inverse) VALUES (?, ?, ?, ?, ?)",
        [clock.now(), actor, action, json.dumps(forward), json.dumps(inverse)],
    )
    change_id = int(cursor.lastrowid or 0)
    connection.executemany(
        "INSERT INTO change_subjects (change_id, kind, subject_id) VALUES (?, ?, ?)",
        [(change_id, kind, subject_id) for kind, subject_id in subjects],
    )
    return change_id
