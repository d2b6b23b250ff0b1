"""Comparing what a walk found under a folder with what the catalog knows of it.

The comparison only reads, in small steps, and holds a bit a file: it may run on a connection of its
own while others write. What it yields is applied in transactions of the caller.
"""

# Paths are bytes here, which pathlib does not take.
# ruff: noqa: PTH120

from __future__ import annotations

import os
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING, Literal

from catalog import exemplars, files, folders
from catalog.files import COLUMNS, FileRow, FileStat, row_of
from catalog.roots import below, contains

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Iterable, Iterator, Sequence

LOOK_UP_ROWS = 500
LIST_ROWS = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What a walk saw at a path.

    `kind`: a file to read; a sidecar; a `duplicate` link to a folder that is walked at its own
    place; a `problem` with its reason. `is_folder` with a problem: nothing is known about what lies
    below.
    """

    path: bytes
    kind: Literal["file", "folder", "sidecar", "duplicate", "problem"]
    stat: FileStat | None = None
    reason: str | None = None
    is_folder: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One path at which disk and catalog differ.

    `new` and `changed` have to settle and be hashed. The others `apply` does: `moved` (from
    `row.path`, by inode; `with_folder` where the folder went along), `same` (other inode or device
    numbers, or present again), `ignored`, `problem`, and `gone`.
    """

    kind: Literal["new", "changed", "moved", "same", "ignored", "problem", "gone"]
    path: bytes
    stat: FileStat | None = None
    row: FileRow | None = None
    reason: str | None = None
    with_folder: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """What was walked: a root or a folder in it, and what may be concluded.

    `is_present`: the root is judged to be really there, so what was not found may be gone.
    `keeps_inodes`: inode numbers survive a remount (not on FAT and most of FUSE).
    """

    root_id: int
    folder: bytes
    is_present: bool = True
    keeps_inodes: bool = True


def device_of(path: bytes, *, stat: Callable[[bytes], os.stat_result] = os.stat) -> int | None:
    """The device that this path is on, or would be: that of the nearest folder that exists."""
    while True:
        try:
            return FileStat.of(stat(path)).device
        except (FileNotFoundError, NotADirectoryError):
            parent = os.path.dirname(path)
            if parent == path:
                return None
            path = parent
        except OSError:
            return None


@dataclass(slots=True, kw_only=True)
class Reconciliation:
    """One comparison; after `changes()` is exhausted the counts are complete.

    `unproven` counts files that were not found but may be on a disk that is not mounted now: the
    device that they lay on is not the one that is there.
    """

    connection: sqlite3.Connection
    scope: Scope
    found: Iterable[Found]
    exists: Callable[[bytes], bool] = os.path.lexists
    device: Callable[[bytes], int | None] = device_of
    unchanged: int = 0
    unproven: int = 0
    _seen: bytearray = field(default_factory=bytearray)
    _unknown: list[bytes] = field(default_factory=list)
    _renumbered: dict[int, int] = field(default_factory=dict)
    _devices: dict[bytes, int | None] = field(default_factory=dict)

    def changes(self) -> Iterator[Change]:
        """Every difference, in the order of the walk; what is gone comes last."""
        walk = iter(self.found)
        while chunk := list(islice(walk, LOOK_UP_ROWS)):
            rows = self._rows([item.path for item in chunk])
            for item in chunk:
                raw = rows.get(item.path)
                if raw is not None:
                    self._tick(raw["id"])
                    if _is_same(raw, item):
                        self.unchanged += 1
                        continue
                change = self._compare(item, None if raw is None else row_of(raw))
                if change is not None:
                    yield change
        if self.scope.is_present:
            yield from self._gone()

    def _compare(self, item: Found, row: FileRow | None) -> Change | None:
        if item.kind == "file" and item.stat is not None:
            return self._compare_file(item.path, item.stat, row)
        if item.is_folder and item.kind == "problem":
            self._unknown.append(item.path)
        kind: Literal["problem", "ignored"] = "problem" if item.kind == "problem" else "ignored"
        state = "unreadable" if kind == "problem" else "ignored"
        if row is not None and (row.state, row.reason) == (state, item.reason):
            self.unchanged += 1
            return None
        return Change(kind=kind, path=item.path, row=row, reason=item.reason)

    def _compare_file(self, path: bytes, stat: FileStat, row: FileRow | None) -> Change | None:
        if row is None:
            origin = self._origin(stat)
            if origin is None:
                return Change(kind="new", path=path, stat=stat)
            gone = not self.exists(folders.apart(origin.path, path)[0])
            return Change(kind="moved", path=path, stat=stat, row=origin, with_folder=gone)
        if row.media_id is None or row.state not in ("present", "missing"):
            return Change(kind="changed", path=path, stat=stat, row=row)
        if not self._equal(row.stat, stat):
            return Change(kind="changed", path=path, stat=stat, row=row)
        if row.stat is not None and row.stat.device != stat.device:
            self._renumbered[row.stat.device] = stat.device
        return Change(kind="same", path=path, stat=stat, row=row)

    def _equal(self, known: FileStat | None, now: FileStat) -> bool:
        """Whether the file was left alone. Device numbers are dealt anew at each boot."""
        return (
            known is not None
            and (known.bytes, known.mtime_ns) == (now.bytes, now.mtime_ns)
            and (known.inode == now.inode or not self.scope.keeps_inodes)
        )

    def _origin(self, stat: FileStat) -> FileRow | None:
        """The row of the same file at a path where it no longer is."""
        if not self.scope.keeps_inodes:
            return None
        rows = self.connection.execute(
            f"""SELECT {COLUMNS} FROM files WHERE inode = ? AND device = ? AND bytes = ?
                AND mtime_ns = ? AND media_id IS NOT NULL AND state IN ('present', 'missing')""",
            [stat.inode, stat.device, stat.bytes, stat.mtime_ns],
        ).fetchall()
        for row in map(row_of, rows):
            # Of several hard links only one can be where the file went.
            if not self._ticked(row.id) and not self.exists(row.path):
                self._tick(row.id)
                return row
        return None

    def _rows(self, paths: Sequence[bytes]) -> dict[bytes, sqlite3.Row]:
        rows = self.connection.execute(
            f"SELECT {COLUMNS} FROM files WHERE path_bytes IN ({','.join('?' * len(paths))})",
            paths,
        )
        return {row["path_bytes"]: row for row in rows}

    def _gone(self) -> Iterator[Change]:
        low, high = below(self.scope.folder)
        while True:
            # The plus keeps the planner on the index by path, which gives the order for nothing.
            rows = self.connection.execute(
                f"""SELECT {COLUMNS} FROM files WHERE path_bytes >= ? AND path_bytes < ?
                    AND +root_id = ? AND state <> 'missing' ORDER BY path_bytes LIMIT ?""",
                [low, high, self.scope.root_id, LIST_ROWS],
            ).fetchall()
            for row in rows:
                if not self._ticked(row["id"]) and self._is_gone(row_of(row)):
                    yield Change(kind="gone", path=row["path_bytes"], row=row_of(row))
            if len(rows) < LIST_ROWS:
                return
            # The next path in byte order.
            low = rows[-1]["path_bytes"] + b"\0"

    def _is_gone(self, row: FileRow) -> bool:
        """Whether the file is certainly gone, and not out of sight or written during the walk.

        A problem that the walk did not meet again is over, whatever lies there now.
        """
        if row.media_id is not None and self.exists(row.path):
            return False
        hidden = any(contains(folder, row.path) for folder in self._unknown)
        if hidden or not self._on_its_device(row):
            self.unproven += 1
            return False
        return True

    def _on_its_device(self, row: FileRow) -> bool:
        if row.stat is None:
            return True
        folder = os.path.dirname(row.path)
        if folder not in self._devices:
            self._devices[folder] = self.device(folder)
        device = row.stat.device
        return self._devices[folder] in (device, self._renumbered.get(device, device))

    def _tick(self, file_id: int) -> None:
        byte, bit = divmod(file_id, 8)
        if byte >= len(self._seen):
            self._seen.extend(bytes(byte + 1024 - len(self._seen)))
        self._seen[byte] |= 1 << bit

    def _ticked(self, file_id: int) -> bool:
        byte, bit = divmod(file_id, 8)
        return byte < len(self._seen) and bool(self._seen[byte] >> bit & 1)


def _is_same(row: sqlite3.Row, item: Found) -> bool:
    """Whether nothing happened to a file, without making values of it: most are of this kind."""
    stat = item.stat
    return (
        stat is not None
        and item.kind == "file"
        and row["state"] == "present"
        and row["media_id"] is not None
        and row["mtime_ns"] == stat.mtime_ns
        and row["bytes"] == stat.bytes
        and row["inode"] == stat.inode
        and row["device"] == stat.device
    )


def apply(connection: sqlite3.Connection, changes: Iterable[Change], root_id: int) -> None:
    """Write all but `new` and `changed`, which have to be read first. A few hundred at a time.

    Reference pictures that came back or moved are enrolled again; gone ones are withdrawn.
    """
    touched: list[int] = []
    for change in changes:
        row = change.row
        if change.kind == "moved" and row is not None and change.stat is not None:
            if change.with_folder:
                folders.rename(connection, *folders.apart(row.path, change.path))
            touched += files.move(connection, row.path, change.path)
            files.record_stats(connection, [(row.id, change.stat)])
        elif change.kind == "same" and row is not None and change.stat is not None:
            files.record_stats(connection, [(row.id, change.stat)])
            touched += [row.id] if row.state == "missing" else []
        elif change.kind == "problem":
            files.record_problem(
                connection, change.path, "unreadable", change.reason or "", root_id
            )
        elif change.kind == "ignored":
            files.record_problem(connection, change.path, "ignored", change.reason or "", root_id)
        elif change.kind == "gone" and row is not None:
            files.mark_missing(connection, [row.id])
            touched.append(row.id)
    renew_exemplars(connection, touched)


def renew_exemplars(connection: sqlite3.Connection, file_ids: Iterable[int]) -> None:
    """After files moved, came or went: the reference pictures among them count, or not."""
    for file_id in file_ids:
        row = connection.execute(
            """SELECT roots.role FROM files JOIN roots ON roots.id = files.root_id
               WHERE files.id = ? AND files.state = 'present'""",
            [file_id],
        ).fetchone()
        if row is not None and row["role"] == "reference":
            exemplars.enrol(connection, file_id)
        else:
            exemplars.withdraw_file(connection, file_id)
