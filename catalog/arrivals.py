"""What follows from a file's arrival, move or disappearance: jobs, exemplars, judgements.

Every function runs inside a transaction of the caller, so that a file never stands in the catalog
without the work that it asks for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from catalog import downloads, exemplars, files, folders, jobs, media, parts, reconcile, roots

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence

    from catalog.files import FileStat
    from catalog.reconcile import Change
    from catalog.roots import Role

# A reference picture names many photos, so it goes first.
INGEST_PRIORITY = {"reference": 20, "inbox": 0, "scanned": 0}


def is_unchanged(connection: sqlite3.Connection, path: bytes, stat: FileStat) -> bool:
    """Whether this very file was read already; then there is nothing to hash."""
    row = files.known(connection, path)
    if row is None or row.media_id is None or row.stat != stat:
        return False
    return row.state == "present"


def record(connection: sqlite3.Connection, path: bytes, stat: FileStat, sha256: str) -> bool:
    """This content lies at this path. True where that means work for somebody."""
    root = roots.root_of(connection, path)
    if root is None:
        return False
    recorded = files.record_media(connection, path, stat, sha256, root.id)
    downloads.tie(connection, path, recorded.media_id)
    if recorded.media_state == "pending":
        _ingest(connection, recorded.media_id, sha256, root.role)
        return True
    if root.role == "reference":
        exemplars.enrol(connection, recorded.file_id)
    else:
        _judge(connection, recorded.media_id)
    return True


def delete(connection: sqlite3.Connection, path: bytes) -> int:
    """Some files at or below this path went; returns how many, 0 when all are marked."""
    gone = files.delete(connection, path)
    for file_id in gone:
        exemplars.withdraw_file(connection, file_id)
    return len(gone)


def move(connection: sqlite3.Connection, old: bytes, new: bytes) -> int:
    """Some files at or below `old` are now at `new`; returns how many, 0 when all are."""
    folders.rename(connection, old, new)
    moved = files.move(connection, old, new)
    for file_id in moved:
        _follow_role(connection, file_id)
    return len(moved)


def apply(connection: sqlite3.Connection, changes: Sequence[Change], root_id: int) -> None:
    """Follow what a walk found; see `reconcile.apply`."""
    reconcile.apply(connection, changes, root_id)
    for change in changes:
        if change.kind in ("moved", "same") and change.row is not None:
            _follow_role(connection, change.row.id)


def note_problem(connection: sqlite3.Connection, path: bytes, reason: str) -> bool:
    """This file cannot be read; its row says why. False where it said so already."""
    root = roots.root_of(connection, path)
    return root is not None and files.record_problem(
        connection, path, "unreadable", reason, root.id
    )


def note_sidecar(connection: sqlite3.Connection, path: bytes) -> None:
    """This file lies beside a picture and is not read."""
    root = roots.root_of(connection, path)
    if root is not None:
        files.record_problem(connection, path, "ignored", "a sidecar of a picture", root.id)


def _follow_role(connection: sqlite3.Connection, file_id: int) -> None:
    """A file came into a root of another role, perhaps: enrol it, or withdraw it and judge its
    faces.
    """
    row = connection.execute(
        """SELECT files.media_id, files.state, roots.role, media.sha256, media.state AS media_state
           FROM files JOIN roots ON roots.id = files.root_id JOIN media ON media.id = files.media_id
           WHERE files.id = ?""",
        [file_id],
    ).fetchone()
    if row is None or row["state"] != "present":
        return
    if row["media_state"] == "pending":  # its job ended when the file was out of sight
        _ingest(connection, int(row["media_id"]), row["sha256"], row["role"])
    if row["role"] == "reference":
        exemplars.enrol(connection, file_id)
    else:
        exemplars.withdraw_file(connection, file_id)
        _judge(connection, int(row["media_id"]))


def _ingest(connection: sqlite3.Connection, media_id: int, sha256: str, role: Role) -> None:
    """Line up the reading of a photo, unless a worker has this very content in hand: copies that
    arrive together are computed once.
    """
    if not jobs.in_hand(connection, "ingest", sha256) and not parts.are_open(connection, media_id):
        priority = INGEST_PRIORITY[role]
        jobs.enqueue(connection, "ingest", sha256, media_id=media_id, priority=priority)


def _judge(connection: sqlite3.Connection, media_id: int) -> None:
    """Line up identification of a media that was only a reference picture until now."""
    unjudged = connection.execute(
        """SELECT 1 FROM faces WHERE media_id = :id AND state = 'active'
           AND NOT EXISTS (SELECT 1 FROM assignments JOIN faces AS other
                           ON other.id = assignments.face_id WHERE other.media_id = :id)""",
        {"id": media_id},
    ).fetchone()
    if unjudged is not None:
        media.judge(connection, media_id)
