"""The undo log: what people decided, what each decision touched, and which builds on which.

A change names what it touched as subjects: `person:name`, `person:hidden`, `person:cover`,
`person:merged`, `person:made`; `face:who` (whom a person said it is), `face:state`,
`face:rejected:PERSON` (0: not a face); `name` by its checksum; `person` for everybody whom it is
about.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from catalog import clock
from catalog.errors import NotThereError

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Mapping

Keys = dict[str, set[int]]
"""What a change touched: ids by the kind of subject."""

# A later change builds on an earlier one where both touched the same, and where it is about a
# person whom the earlier one made.
_BUILDS_ON = """FROM change_subjects AS earlier CROSS JOIN change_subjects AS later
      ON later.subject_id = earlier.subject_id AND later.change_id > earlier.change_id
     AND later.kind = iif(earlier.kind = 'person:made', 'person', earlier.kind)
    WHERE earlier.kind <> 'person'"""


class NoSuchChangeError(NotThereError):
    """The undo log holds no such change."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A row of the undo log. `forward` is what redo carries out, `inverse` what undo restores."""

    id: int
    at: str
    actor: str
    action: str
    forward: dict[str, Any]
    inverse: dict[str, Any]
    undone_at: str | None


def begin(
    connection: sqlite3.Connection, action: str, forward: Mapping[str, Any], *, actor: str
) -> int:
    """Note a change that `complete` will fill; returns its id, which rejections refer to."""
    cursor = connection.execute(
        "INSERT INTO changes (at, actor, action, forward, inverse) VALUES (?, ?, ?, ?, '{}')",
        [clock.now(), actor, action, json.dumps(forward)],
    )
    return int(cursor.lastrowid or 0)


def complete(
    connection: sqlite3.Connection, change_id: int, *, inverse: Mapping[str, Any], keys: Keys
) -> None:
    """Note how to take the change back and what it touched, in place of what was noted before."""
    connection.execute("DELETE FROM change_subjects WHERE change_id = ?", [change_id])
    connection.executemany(
        "INSERT INTO change_subjects (change_id, kind, subject_id) VALUES (?, ?, ?)",
        [(change_id, kind, subject) for kind in sorted(keys) for subject in sorted(keys[kind])],
    )
    noted = {**inverse, "builds_on": _earlier(connection, change_id)}
    connection.execute(
        "UPDATE changes SET inverse = ?, undone_at = NULL WHERE id = ?",
        [json.dumps(noted, separators=(",", ":")), change_id],
    )


def mark_undone(connection: sqlite3.Connection, change_id: int) -> None:
    """The change holds no longer."""
    connection.execute("UPDATE changes SET undone_at = ? WHERE id = ?", [clock.now(), change_id])


def read(connection: sqlite3.Connection, change_id: int) -> Change:
    """The change with this number. Raises NoSuchChangeError."""
    return _one(
        connection,
        "WHERE id = ?",
        [change_id],
        f"there is no change {change_id}; see `rollcall changes list`",
    )


def newest(connection: sqlite3.Connection) -> Change:
    """The newest change that holds and can be undone. Raises NoSuchChangeError."""
    where = "WHERE undone_at IS NULL AND action <> 'forget' ORDER BY id DESC"
    return _one(connection, where, [], "there is nothing to undo")


def last_undone(connection: sqlite3.Connection) -> Change:
    """The change that was undone last. Raises NoSuchChangeError.

    Of several undone in one moment the oldest: the newest is undone first.
    """
    where = "WHERE undone_at IS NOT NULL ORDER BY undone_at DESC, id"
    return _one(connection, where, [], "there is nothing to redo")


def later(connection: sqlite3.Connection, change_id: int) -> list[int]:
    """The changes in force that build on this one, and those that build on them; newest first."""
    found: set[int] = set()
    look_at = [change_id]
    while look_at:
        earlier = look_at.pop()
        rows = connection.execute(
            f"""SELECT DISTINCT later.change_id {_BUILDS_ON} AND earlier.change_id = :id
                AND (SELECT undone_at FROM changes WHERE id = later.change_id) IS NULL""",
            {"id": earlier},
        )
        new = {int(row[0]) for row in rows} - found
        found |= new
        look_at += new
    return sorted(found, reverse=True)


def undone_below(connection: sqlite3.Connection, change: Change) -> list[int]:
    """Of the changes that this one built on when it was made, those that no longer hold."""
    below = change.inverse.get("builds_on", [])
    rows = connection.execute(
        """SELECT value FROM json_each(?) WHERE NOT EXISTS
           (SELECT 1 FROM changes WHERE id = value AND undone_at IS NULL) ORDER BY value""",
        [json.dumps(below)],
    )
    return [int(row[0]) for row in rows]


def listing(connection: sqlite3.Connection, *, limit: int) -> list[dict[str, Any]]:
    """Changes for people to read, newest first: whom each was about, and how many faces."""
    rows = connection.execute(
        """SELECT id, at, actor, action, undone_at, json_extract(forward, '$.name') AS given_name,
                  (SELECT json_group_array(json_object('person_id', people.id, 'name', people.name))
                   FROM change_subjects JOIN people ON people.id = subject_id
                   WHERE change_id = changes.id AND kind = 'person') AS people,
                  (SELECT count(DISTINCT subject_id) FROM change_subjects
                   WHERE change_id = changes.id AND kind GLOB 'face:*') AS faces_count
           FROM changes ORDER BY id DESC LIMIT ?""",
        [limit],
    )
    return [{**dict(row), "people": json.loads(row["people"])} for row in rows]


def _earlier(connection: sqlite3.Connection, change_id: int) -> list[int]:
    """The changes in force that this one builds on, without those below them."""
    rows = connection.execute(
        """SELECT DISTINCT earlier.change_id FROM change_subjects AS later
           CROSS JOIN change_subjects AS earlier
             ON earlier.subject_id = later.subject_id AND earlier.change_id < later.change_id
            AND earlier.kind = iif(later.kind = 'person', 'person:made', later.kind)
           JOIN changes ON changes.id = earlier.change_id AND changes.undone_at IS NULL
           WHERE later.change_id = ? ORDER BY 1""",
        [change_id],
    )
    return [int(row[0]) for row in rows]


def _one(connection: sqlite3.Connection, where: str, values: list[int], missing: str) -> Change:
    row = connection.execute(
        f"SELECT id, at, actor, action, forward, inverse, undone_at FROM changes {where} LIMIT 1",
        values,
    ).fetchone()
    if row is None:
        raise NoSuchChangeError(missing)
    return Change(
        id=row["id"],
        at=row["at"],
        actor=row["actor"],
        action=row["action"],
        forward=json.loads(row["forward"]),
        inverse=json.loads(row["inverse"]),
        undone_at=row["undone_at"],
    )
