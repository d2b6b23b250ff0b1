"""Roots: the folders that files belong to. The innermost root owns a file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from catalog import clock

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Collection

Role = Literal["inbox", "reference", "scanned"]
State = Literal["present", "unreachable", "retired"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Root:
    """A row of `roots`; `identity` is what proved, when it was last seen, that it was mounted."""

    id: int
    path: bytes
    role: Role
    identity: str | None
    state: State


def below(folder: bytes) -> tuple[bytes, bytes]:
    """The half-open range of the paths that lie below this folder, in byte order."""
    prefix = folder.rstrip(b"/")
    return prefix + b"/", prefix + b"0"


def contains(folder: bytes, path: bytes) -> bool:
    """Whether `path` is this folder or lies below it."""
    return path == folder or path.startswith(folder.rstrip(b"/") + b"/")


def list_roots(connection: sqlite3.Connection) -> list[Root]:
    """All roots that are not retired, innermost first."""
    rows = connection.execute(
        """SELECT id, path_bytes, role, identity, state FROM roots WHERE state <> 'retired'
           ORDER BY length(path_bytes) DESC, path_bytes"""
    )
    return [_root(row) for row in rows]


def root_of(connection: sqlite3.Connection, path: bytes) -> Root | None:
    """The innermost root that owns this path, None where it lies in none."""
    return next((root for root in list_roots(connection) if contains(root.path, path)), None)


def ensure_root(connection: sqlite3.Connection, path: bytes, role: Role) -> int:
    """The root of this absolute, normalised path, made where it is new. Returns its id.

    A folder to scan that already lies in a root belongs to that one. A new inner root takes over
    the files below it.
    """
    if role == "scanned":
        owner = root_of(connection, path)
        if owner is not None:
            return owner.id
    row = connection.execute(
        """INSERT INTO roots (path_bytes, path, role) VALUES (?, ?, ?)
           ON CONFLICT (path_bytes) DO UPDATE SET role = excluded.role,
               state = iif(state = 'retired', 'present', state)
           RETURNING id""",
        [path, path.decode("utf-8", "replace"), role],
    ).fetchone()
    _take_over(connection, int(row["id"]), path)
    return int(row["id"])


def retire_others(connection: sqlite3.Connection, configured: Collection[int]) -> list[int]:
    """Retire the watched roots that the configuration no longer names; folders scanned once stay.

    Their files go to the root around them, where there is one. Returns the ids retired.
    """
    gone = [
        root
        for root in list_roots(connection)
        if root.role != "scanned" and root.id not in configured
    ]
    for root in gone:
        connection.execute("UPDATE roots SET state = 'retired' WHERE id = ?", [root.id])
        outer = root_of(connection, root.path)
        if outer is not None:
            connection.execute(
                "UPDATE files SET root_id = ? WHERE root_id = ?", [outer.id, root.id]
            )
    return [root.id for root in gone]


def mark_root(
    connection: sqlite3.Connection, root_id: int, *, state: State, identity: str | None = None
) -> None:
    """Note what a look at the root found; seen present, all its present files were seen too."""
    if state == "present":
        connection.execute(
            """UPDATE roots SET state = 'present', last_seen_at = ?,
                      identity = ifnull(?, identity) WHERE id = ?""",
            [clock.now(), identity, root_id],
        )
    else:
        connection.execute("UPDATE roots SET state = ? WHERE id = ?", [state, root_id])


def _take_over(connection: sqlite3.Connection, root_id: int, path: bytes) -> None:
    """Give this root the files below it that belong to a root around it."""
    outer = [
        root.id
        for root in list_roots(connection)
        if root.id != root_id and contains(root.path, path)
    ]
    retired = connection.execute(
        "SELECT id, path_bytes FROM roots WHERE state = 'retired'"
    ).fetchall()
    outer += [int(row["id"]) for row in retired]
    connection.execute(
        f"""UPDATE files SET root_id = ? WHERE path_bytes >= ? AND path_bytes < ?
            AND root_id IN ({",".join("?" * len(outer))})""",
        [root_id, *below(path), *outer],
    )


def _root(row: sqlite3.Row) -> Root:
    return Root(
        id=row["id"],
        path=bytes(row["path_bytes"]),
        role=row["role"],
        identity=row["identity"],
        state=row["state"],
    )
