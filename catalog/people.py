"""Rows of people: made, found by name, followed through merges, listed."""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING, Any, Final

from catalog import clock
from catalog.errors import NotThereError

if TYPE_CHECKING:
    import sqlite3


LONGEST_ID = 18


class NoSuchPersonError(NotThereError):
    """Nobody has this name or number."""


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
    once; somebody who has that name already and no folder is who is meant.

    A person whose folder was renamed is found by its files, which keep their rows; see `exemplars`.
    """
    row = connection.execute("SELECT id FROM people WHERE folder = ?", [folder]).fetchone()
    if row is not None:
        return int(row["id"])
    for person_id in called(connection, folder):
        taken = connection.execute(
            "UPDATE people SET folder = ? WHERE id = ? AND folder IS NULL", [folder, person_id]
        )
        if taken.rowcount:
            return person_id
    return create(connection, origin="reference", name=folder, folder=folder)


def folder_of(connection: sqlite3.Connection, person_id: int) -> str | None:
    """The reference folder of this person, where there is one."""
    row = connection.execute("SELECT folder FROM people WHERE id = ?", [person_id]).fetchone()
    return None if row is None else row["folder"]


def owner_of(connection: sqlite3.Connection, folder: str) -> tuple[int, str] | None:
    """Whose this reference folder is: the survivor of merges, and what to call that one."""
    row = connection.execute(
        """SELECT who.id, who.name FROM people
           JOIN people AS who ON who.id = ifnull(people.merged_into, people.id)
           WHERE people.folder = ?""",
        [folder],
    ).fetchone()
    return None if row is None else (int(row["id"]), row["name"] or f"person {row['id']}")


def survivor(connection: sqlite3.Connection, person_id: int) -> int:
    """Who this person is now: itself, or whom it was merged into (always one hop)."""
    row = connection.execute(
        "SELECT ifnull(merged_into, id) FROM people WHERE id = ?", [person_id]
    ).fetchone()
    if row is None:
        raise NoSuchPersonError(f"there is no person {person_id}; see `rollcall people list`")
    return int(row[0])


# The person `:person` and everybody who was merged into them, as a part of SQL.
FAMILY: Final = "(SELECT id FROM people WHERE id = :person OR merged_into = :person)"


def merged(connection: sqlite3.Connection) -> dict[int, int]:
    """Of everybody who was merged into somebody else, into whom."""
    rows = connection.execute("SELECT id, merged_into FROM people WHERE merged_into IS NOT NULL")
    return {int(row["id"]): int(row["merged_into"]) for row in rows}


def find(connection: sqlite3.Connection, text: str) -> int:
    """The person with this number or else this name (upper and lower case alike). Raises
    NoSuchPersonError.
    """
    ids = _numbered(connection, text) or called(connection, text)
    if not ids:
        raise NoSuchPersonError(f"nobody is called {text!r}; see `rollcall people list`")
    if len(ids) > 1:
        numbers = ", ".join(str(person_id) for person_id in ids)
        raise NoSuchPersonError(
            f"{len(ids)} people are called {text!r}; say which by number: {numbers}"
        )
    return ids[0]


def called(connection: sqlite3.Connection, name: str) -> list[int]:
    """Everybody with this name, however it is written: capitals, and accents as one character or
    as two (macOS names folders in the second way).
    """
    wanted = folded(name)
    rows = connection.execute(
        "SELECT id, name FROM people WHERE name IS NOT NULL AND merged_into IS NULL ORDER BY id"
    )
    return [int(row["id"]) for row in rows if folded(row["name"]) == wanted]


def _numbered(connection: sqlite3.Connection, text: str) -> list[int]:
    if not text.isdecimal() or len(text) > LONGEST_ID:
        return []
    row = connection.execute(
        "SELECT ifnull(merged_into, id) FROM people WHERE id = ?", [int(text)]
    ).fetchone()
    return [] if row is None else [int(row[0])]


def folded(name: str) -> str:
    """The name as it is compared."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())


def summary(connection: sqlite3.Connection, *, unknown: bool | None = None) -> list[dict[str, Any]]:
    """Everybody with counts, most faces first; only the unnamed or only the named where asked."""
    where = "" if unknown is None else f"WHERE name IS {'' if unknown else 'NOT'} NULL"
    rows = connection.execute(
        f"SELECT * FROM people_summary {where} ORDER BY name IS NULL, faces_count DESC, person_id"
    )
    return [dict(row) for row in rows]
