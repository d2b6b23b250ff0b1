"""Rows of people: made, found by name, followed through merges, listed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from catalog import clock
from catalog.errors import RollcallError

if TYPE_CHECKING:
    import sqlite3


class NoSuchPersonError(RollcallError):
    """Nobody has this name or number."""

    exit_code = 2


def create(
    connection: sqlite3.Connection,
    *,
    origin: str,
    name: str | None = None,
    folder: str | None = None,
) -> int:
    """A new person, named or not; returns the id, which is never used again."""
    cursor = connection.execute(
        "INSERT INTO people (name, origin, folder, created_at) VALUES (?, ?, ?, ?)",
        [name, origin, folder, clock.now()],
    )
    return int(cursor.lastrowid or 0)


def for_folder(connection: sqlite3.Connection, folder: str) -> int:
    """The person of a reference folder, made at its first picture. The folder proposes its name
    once.

    A person whose folder was renamed is found by its files, which keep their rows; see `exemplars`.
    """
    row = connection.execute("SELECT id FROM people WHERE folder = ?", [folder]).fetchone()
    if row is not None:
        return int(row["id"])
    return create(connection, origin="reference", name=folder, folder=folder)


def survivor(connection: sqlite3.Connection, person_id: int) -> int:
    """Who this person is now: itself, or whom it was merged into (always one hop)."""
    row = connection.execute(
        "SELECT ifnull(merged_into, id) FROM people WHERE id = ?", [person_id]
    ).fetchone()
    if row is None:
        raise NoSuchPersonError(f"there is no person {person_id}; see `rollcall people list`")
    return int(row[0])


def find(connection: sqlite3.Connection, text: str) -> int:
    """The person with this number or this name (upper and lower case alike). Raises
    NoSuchPersonError.
    """
    if text.isdecimal():
        return survivor(connection, int(text))
    rows = connection.execute(
        "SELECT id FROM people WHERE name = ? COLLATE NOCASE AND merged_into IS NULL", [text]
    ).fetchall()
    if not rows:
        raise NoSuchPersonError(f"nobody is called {text!r}; see `rollcall people list`")
    if len(rows) > 1:
        ids = ", ".join(str(row["id"]) for row in rows)
        raise NoSuchPersonError(
            f"{len(rows)} people are called {text!r}; say which by number: {ids}"
        )
    return int(rows[0]["id"])


def summary(connection: sqlite3.Connection, *, unknown: bool | None = None) -> list[dict[str, Any]]:
    """Everybody with counts, most faces first; only the unnamed or only the named where asked."""
    where = "" if unknown is None else f"WHERE name IS {'' if unknown else 'NOT'} NULL"
    rows = connection.execute(
        f"SELECT * FROM people_summary {where} ORDER BY name IS NULL, faces_count DESC, person_id"
    )
    return [dict(row) for row in rows]
