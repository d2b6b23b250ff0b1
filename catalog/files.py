"""Files: one row per path, which says what content was last seen there.

A file is its content, so a path is an attribute: moves, copies, touch, chmod and remounts change
rows here and nothing else. All functions run inside a transaction of the caller.

`last_seen_at` is written when something about the row changes. That a present file is still there
is said once for all by `roots.last_seen_at`, so that a rescan in which nothing changed writes one
row and not a hundred thousand.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from catalog import clock, exemplars, roots
from catalog.roots import below

if TYPE_CHECKING:
    import os
    import sqlite3
    from collections.abc import Iterable, Sequence

STEP_ROWS = 1000
COLUMNS = "id, path_bytes, root_id, media_id, bytes, mtime_ns, inode, device, state, reason"


@dataclass(frozen=True, slots=True, kw_only=True)
class FileStat:
    """What tells without reading that a file is still the same one.

    All four wrap into SQLite's signed 64 bits: some file systems give inodes above 2^63, and any
    user can date a file to the year 3000. Only equality is ever asked of them.
    """

    bytes: int
    mtime_ns: int
    inode: int
    device: int

    @classmethod
    def of(cls, result: os.stat_result) -> FileStat:
        """The four values of `os.stat`."""
        return cls(
            bytes=result.st_size,
            mtime_ns=_signed(result.st_mtime_ns),
            inode=_signed(result.st_ino),
            device=_signed(result.st_dev),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class FileRow:
    """A row of `files`; `stat` is None where the file was never measured."""

    id: int
    path: bytes
    root_id: int
    media_id: int | None
    stat: FileStat | None
    state: str
    reason: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """What `record_media` did; `is_new` where the catalog had never seen this content."""

    file_id: int
    media_id: int
    media_state: str
    is_new: bool
    replaces_media_id: int | None


def path_of(connection: sqlite3.Connection, media_id: int) -> str | None:
    """Where this content lies, or lay last."""
    row = connection.execute(
        "SELECT path FROM files WHERE media_id = ? ORDER BY state = 'present' DESC, id LIMIT 1",
        [media_id],
    ).fetchone()
    return None if row is None else row["path"]


def paths_of(connection: sqlite3.Connection, media_id: int) -> list[str]:
    """Everywhere this content lies, first `path_of`'s; where it lies nowhere, where it lay last."""
    rows = connection.execute(
        # The plus keeps the planner on the index by media: by state it would read them all.
        "SELECT path FROM files WHERE media_id = ? AND +state = 'present' ORDER BY id",
        [media_id],
    ).fetchall()
    last = None if rows else path_of(connection, media_id)
    return [row["path"] for row in rows] if last is None else [last]


def shown(path: bytes) -> str:
    """The path as text for people: bytes that are not UTF-8 become replacement characters."""
    return path.decode("utf-8", "replace")


def row_of(row: sqlite3.Row) -> FileRow:
    """A FileRow from a selected row with `COLUMNS`."""
    measured = row["mtime_ns"] is not None and row["inode"] is not None
    return FileRow(
        id=row["id"],
        path=bytes(row["path_bytes"]),
        root_id=row["root_id"],
        media_id=row["media_id"],
        stat=FileStat(
            bytes=row["bytes"],
            mtime_ns=row["mtime_ns"],
            inode=row["inode"],
            device=row["device"],
        )
        if measured
        else None,
        state=row["state"],
        reason=row["reason"],
    )


def known(connection: sqlite3.Connection, path: bytes) -> FileRow | None:
    """The row of this very path."""
    row = connection.execute(f"SELECT {COLUMNS} FROM files WHERE path_bytes = ?", [path]).fetchone()
    return None if row is None else row_of(row)


def sample(connection: sqlite3.Connection, root_id: int, limit: int = 200) -> list[FileRow]:
    """Some present files of a root, spread over it: evidence for whether it is really mounted."""
    rows = connection.execute(
        f"""SELECT {COLUMNS} FROM files WHERE root_id = ? AND state = 'present'
            AND mtime_ns IS NOT NULL ORDER BY (id * 2654435761) % 4294967296 LIMIT ?""",
        [root_id, limit],
    )
    return [row_of(row) for row in rows]


def record_media(
    connection: sqlite3.Connection, path: bytes, stat: FileStat, sha256: str, root_id: int
) -> Recorded:
    """This content now lies at this path. Content never seen before becomes a pending media.

    Where the path held other content, new content notes whose place it took.
    """
    before = known(connection, path)
    media = connection.execute("SELECT id, state FROM media WHERE sha256 = ?", [sha256]).fetchone()
    replaces = before.media_id if media is None and before is not None else None
    if media is None:
        media = connection.execute(
            """INSERT INTO media (sha256, bytes, replaces_media_id, added_at) VALUES (?, ?, ?, ?)
               RETURNING id, state""",
            [sha256, stat.bytes, replaces, clock.now()],
        ).fetchone()
        is_new = True
    else:
        is_new = False
    file_id = _upsert(
        connection,
        path,
        root_id,
        media_id=media["id"],
        bytes=stat.bytes,
        mtime_ns=stat.mtime_ns,
        inode=stat.inode,
        device=stat.device,
        state="present",
        reason=None,
    )
    return Recorded(
        file_id=file_id,
        media_id=media["id"],
        media_state=media["state"],
        is_new=is_new,
        replaces_media_id=replaces,
    )


def record_problem(
    connection: sqlite3.Connection,
    path: bytes,
    state: Literal["unreadable", "ignored"],
    reason: str,
    root_id: int,
) -> bool:
    """Note why what lies at this path is not catalogued; content known from before is kept.

    Returns False, and writes nothing, where the row says so already.
    """
    before = known(connection, path)
    if before is not None and (before.state, before.reason) == (state, reason):
        return False
    _upsert(connection, path, root_id, state=state, reason=reason)
    return True


def record_stats(connection: sqlite3.Connection, stats: Iterable[tuple[int, FileStat]]) -> None:
    """The same files under other inode or device numbers (a remount), or present again."""
    connection.executemany(
        """UPDATE files SET bytes = ?, mtime_ns = ?, inode = ?, device = ?, state = 'present',
                  reason = NULL, missing_since = NULL, last_seen_at = ? WHERE id = ?""",
        [
            [stat.bytes, stat.mtime_ns, stat.inode, stat.device, clock.now(), file_id]
            for file_id, stat in stats
        ],
    )


def mark_missing(connection: sqlite3.Connection, file_ids: Sequence[int]) -> None:
    """These files are gone. What never had content (a sidecar, an unreadable file) is forgotten.

    Only call it where the root is really there: an empty or unreachable folder proves nothing.
    """
    for start in range(0, len(file_ids), STEP_ROWS):
        ids = file_ids[start : start + STEP_ROWS]
        marks = ",".join("?" * len(ids))
        connection.execute(f"DELETE FROM files WHERE media_id IS NULL AND id IN ({marks})", ids)
        connection.execute(
            f"""UPDATE files SET state = 'missing', reason = NULL, missing_since = ?,
                       last_seen_at = max(last_seen_at, ifnull(
                           (SELECT last_seen_at FROM roots WHERE roots.id = files.root_id), ''))
                WHERE state <> 'missing' AND id IN ({marks})""",
            [clock.now(), *ids],
        )


def delete(connection: sqlite3.Connection, path: bytes, *, limit: int = STEP_ROWS) -> list[int]:
    """The file or folder at this path was seen to go: mark it, and all below it, missing.

    Takes at most `limit` files; call it in transactions of its own until it returns none.
    Returns the ids of the rows.
    """
    rows = connection.execute(
        """SELECT id FROM files WHERE path_bytes = ? AND state <> 'missing' UNION ALL
           SELECT id FROM files WHERE path_bytes >= ? AND path_bytes < ? AND state <> 'missing'
           LIMIT ?""",
        [path, *below(path), limit],
    ).fetchall()
    ids = [int(row["id"]) for row in rows]
    mark_missing(connection, ids)
    return ids


def move(
    connection: sqlite3.Connection, old: bytes, new: bytes, *, limit: int = STEP_ROWS
) -> list[int]:
    """The file or folder at `old` is now at `new`: rows keep their ids, media and decisions.

    Takes at most `limit` files, each consistent alone; call it in transactions of its own until it
    returns none. Returns the ids of the rows moved.
    """
    rows = connection.execute(
        """SELECT id, path_bytes FROM files WHERE path_bytes = ? UNION ALL
           SELECT id, path_bytes FROM files WHERE path_bytes >= ? AND path_bytes < ? LIMIT ?""",
        [old, *below(old), limit],
    ).fetchall()
    for row in rows:
        _move_row(connection, int(row["id"]), new + bytes(row["path_bytes"])[len(old) :])
    return [int(row["id"]) for row in rows]


def _move_row(connection: sqlite3.Connection, file_id: int, new: bytes) -> None:
    there = known(connection, new)
    if there is not None:
        # The file that was overwritten: its media stays, its reference picture counts no longer.
        _note_replaced(connection, file_id, there)
        exemplars.withdraw_file(connection, there.id)
        connection.execute("DELETE FROM files WHERE id = ?", [there.id])
    root = roots.root_of(connection, new)
    connection.execute(
        """UPDATE files SET path_bytes = ?, path = ?, root_id = ifnull(?, root_id),
                  state = iif(state = 'missing', 'present', state), missing_since = NULL,
                  last_seen_at = ? WHERE id = ?""",
        [new, shown(new), root.id if root else None, clock.now(), file_id],
    )


def _note_replaced(connection: sqlite3.Connection, file_id: int, there: FileRow) -> None:
    """A tool wrote its result beside the picture and then moved it over: that is a new version.

    Only while its faces are still to come: decisions are copied when they are committed.
    """
    connection.execute(
        """UPDATE media SET replaces_media_id = ? WHERE replaces_media_id IS NULL
           AND state = 'pending' AND id > ? AND id = (SELECT media_id FROM files WHERE id = ?)""",
        [there.media_id, there.media_id, file_id],
    )


def _upsert(
    connection: sqlite3.Connection, path: bytes, root_id: int, **values: int | str | None
) -> int:
    """Insert the row of this path or change it; columns not named stay. Returns its id."""
    now = clock.now()
    columns = {"path": shown(path), "root_id": root_id, "last_seen_at": now, **values}
    row = connection.execute(
        f"""INSERT INTO files (path_bytes, first_seen_at, {", ".join(columns)})
            VALUES (?, ?, {", ".join("?" * len(columns))})
            ON CONFLICT (path_bytes) DO UPDATE SET missing_since = NULL,
                {", ".join(f"{name} = excluded.{name}" for name in columns)}
            RETURNING id""",
        [path, now, *columns.values()],
    ).fetchone()
    return int(row["id"])


def _signed(value: int) -> int:
    return (value + 2**63) % 2**64 - 2**63
