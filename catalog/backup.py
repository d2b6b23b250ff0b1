"""Copies of the catalog and its crops, made while the daemon works: a folder with a manifest.

Both are copied from read transactions that begin together, the catalog's first. Crops are committed
before the faces that refer to them, so the copy never holds a face without its crop. A reader keeps
no writer waiting, it only keeps the write-ahead log from being cut while it reads.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import sqlite3
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from catalog import clock
from catalog.connect import crops_path, snapshots
from catalog.errors import CatalogError
from catalog.migrations import RECORD

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

FORMAT = 1
MANIFEST = "manifest.json"
CATALOG = "catalog.db"
CROPS = "crops.db"
PAGES_A_STEP = 2048
# The copies themselves, the manifest, and what the file system needs for its own.
SPARE_BYTES = 16 * 1024 * 1024
COUNTED = {CATALOG: ("media", "files", "faces", "people", "changes"), CROPS: ("crops", "previews")}


@dataclass(frozen=True, slots=True, kw_only=True)
class BackupFile:
    """One database of a backup as it was written: its size, SHA-256, migrations and row counts."""

    bytes: int
    sha256: str
    migrations: tuple[str, ...]
    rows: dict[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """What a backup says of itself. `files` maps catalog.db, and crops.db unless left out."""

    format: int
    rollcall: str
    sqlite: str
    made_at: str
    files: dict[str, BackupFile]


def back_up(
    catalog: Path,
    folder: Path,
    *,
    version: str,
    crops: bool = True,
    progress: Callable[[str, int, int], None] | None = None,
    free_bytes: Callable[[Path], int] = lambda path: shutil.disk_usage(path).free,
) -> Manifest:
    """Copy the live catalog into `folder`, which must not exist; it appears complete or not at all.

    `version` is the program's own; `progress(name, pages done, pages in all)` is called while the
    copies grow. Raises CatalogError: nothing to copy, no room, or a damaged catalog.
    """
    if os.path.lexists(folder):
        raise CatalogError(f"{folder}: exists already; a backup overwrites nothing, name another")
    sources = {CATALOG: catalog} | ({CROPS: crops_path(catalog)} if crops else {})
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with snapshots(*sources.values()) as opened, _draft(folder) as draft:
            connections = dict(zip(sources, opened, strict=True))
            _check_room(connections, folder.parent, free_bytes(folder.parent))
            for name, connection in connections.items():
                _copy(connection, draft / name, progress)
            manifest = _manifest(draft, tuple(sources), version)
            _write_durably(draft / MANIFEST, json.dumps(asdict(manifest), indent=2))
            draft.rename(folder)
            sync_folder(folder.parent)
    except sqlite3.Error as error:
        raise CatalogError(
            f"{catalog}: cannot be copied ({error}); run `rollcall verify` to see what is damaged"
        ) from error
    except OSError as error:
        raise CatalogError(
            f"{folder}: cannot be written ({error.strerror}); choose another folder"
        ) from error
    return manifest


def read_manifest(folder: Path) -> Manifest:
    """What the backup in `folder` says of itself. Raises CatalogError where it is not a backup."""
    path = folder / MANIFEST
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        files = {name: _backup_file(found["files"][name]) for name in found["files"]}
        manifest = Manifest(
            format=int(found["format"]),
            rollcall=str(found["rollcall"]),
            sqlite=str(found["sqlite"]),
            made_at=str(found["made_at"]),
            files=files,
        )
    except FileNotFoundError:
        raise CatalogError(
            f"{folder}: no backup of Rollcall ({MANIFEST} is missing); give the folder that "
            "`rollcall backup` made"
        ) from None
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise CatalogError(f"{path}: cannot be read ({error!r}); take another backup") from error
    if manifest.format > FORMAT:
        raise CatalogError(f"{folder}: was made by a newer Rollcall; update this one")
    if CATALOG not in files or set(files) - {CATALOG, CROPS}:
        raise CatalogError(f"{path}: lists {sorted(files)}, not {CATALOG}; take another backup")
    return manifest


def check(folder: Path, manifest: Manifest) -> None:
    """Raise CatalogError unless every file of the backup is there, unchanged and undamaged."""
    for name, expected in manifest.files.items():
        path = folder / name
        try:
            if path.stat().st_size != expected.bytes or sha256_of(path) != expected.sha256:
                raise CatalogError(
                    f"{path}: is not what was backed up (its SHA-256 differs from {MANIFEST}); "
                    "take another backup"
                )
            problem = _damage(path)
        except OSError as error:
            raise CatalogError(f"{path}: cannot be read ({error.strerror})") from error
        except sqlite3.Error as error:
            raise CatalogError(f"{path}: is no database ({error}); take another backup") from error
        if problem != "ok":
            raise CatalogError(f"{path}: is damaged ({problem}); take another backup")


def sha256_of(path: Path) -> str:
    """The SHA-256 of a file's bytes, in hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def sync_folder(folder: Path) -> None:
    """Make what was created, renamed or removed in a folder outlast a power cut."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def _draft(folder: Path) -> Iterator[Path]:
    """A private folder beside `folder` that is gone afterwards, unless it was renamed."""
    draft = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", suffix=".part", dir=folder.parent))
    try:
        yield draft
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def _check_room(connections: dict[str, sqlite3.Connection], folder: Path, free_bytes: int) -> None:
    needed = SPARE_BYTES
    for connection in connections.values():
        pages = connection.execute("PRAGMA page_count").fetchone()[0]
        needed += pages * connection.execute("PRAGMA page_size").fetchone()[0]
    if free_bytes < needed:
        raise CatalogError(
            f"{folder}: {free_bytes // 2**20} MiB free, the backup needs {needed // 2**20} MiB; "
            "make room, choose another folder or leave the crops out with --no-crops"
        )


def _copy(
    source: sqlite3.Connection, path: Path, progress: Callable[[str, int, int], None] | None
) -> None:
    def report(_status: int, remaining: int, total: int) -> None:
        if progress is not None:
            progress(path.name, total - remaining, total)

    path.touch(mode=0o600)
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as target:
        source.backup(target, pages=PAGES_A_STEP, progress=report)
        # One file and no log beside it, whoever opens the copy.
        target.execute("PRAGMA journal_mode = DELETE")
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _manifest(draft: Path, names: tuple[str, ...], version: str) -> Manifest:
    files = {}
    for name in names:
        path = draft / name
        problem = _damage(path)
        if problem != "ok":
            raise CatalogError(
                f"{name}: the copy is damaged ({problem}), and so is what it was copied from; "
                "run `rollcall verify`"
            )
        with contextlib.closing(sqlite3.connect(path)) as connection:
            rows = {
                table: int(connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0])
                for table in COUNTED[name]
            }
            steps = connection.execute(f"SELECT name FROM {RECORD} ORDER BY name").fetchall()
        files[name] = BackupFile(
            bytes=path.stat().st_size,
            sha256=sha256_of(path),
            migrations=tuple(step for (step,) in steps),
            rows=rows,
        )
    return Manifest(
        format=FORMAT,
        rollcall=version,
        sqlite=sqlite3.sqlite_version,
        made_at=clock.now(),
        files=files,
    )


def _backup_file(found: dict[str, Any]) -> BackupFile:
    return BackupFile(
        bytes=int(found["bytes"]),
        sha256=str(found["sha256"]),
        migrations=tuple(str(step) for step in found["migrations"]),
        rows={str(table): int(count) for table, count in found["rows"].items()},
    )


def _damage(path: Path) -> str:
    """ "ok", or the first thing that is wrong with a database that nobody has open."""
    with contextlib.closing(
        sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)
    ) as connection:
        return str(connection.execute("PRAGMA integrity_check(1)").fetchone()[0])


def _write_durably(path: Path, text: str) -> None:
    with path.open("w", encoding="utf-8") as file:
        file.write(text + "\n")
        file.flush()
        os.fsync(file.fileno())
