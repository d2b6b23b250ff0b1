"""Putting a backup in the place of the catalog, and the replaced catalog aside, never away.

Only the holder of the catalog's lock may do it. Each database changes place in one rename; a
restore that is cut short between the two is finished by running it again.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from catalog.backup import CATALOG, CROPS, check, read_manifest, sync_folder
from catalog.connect import crops_path
from catalog.errors import CatalogError
from catalog.migrations import CATALOG_STEPS, CROPS_STEPS

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from catalog.backup import Manifest

KNOWN_STEPS = {CATALOG: CATALOG_STEPS, CROPS: CROPS_STEPS}


def restore(
    folder: Path,
    catalog: Path,
    *,
    free_bytes: Callable[[Path], int] = lambda path: shutil.disk_usage(path).free,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> tuple[Manifest, Path | None]:
    """Check the backup in `folder`, then put it in the place of `catalog` and its crops.

    Returns the manifest and the folder with the replaced databases, None where there were none.
    A backup without crops leaves the crops that are there. Raises CatalogError, and nothing has
    changed: the backup is damaged or too new, there is no room, or the catalog is in use.
    """
    manifest = read_manifest(folder)
    _refuse_newer(folder, manifest)
    check(folder, manifest)
    places = {CATALOG: catalog, CROPS: crops_path(catalog)}
    # The crops first: faces without crops are what a restore that was cut short must not leave.
    names = [name for name in (CROPS, CATALOG) if name in manifest.files]
    try:
        catalog.parent.mkdir(parents=True, exist_ok=True)
        _check_room(manifest, catalog.parent, free_bytes(catalog.parent))
        staged = {name: _stage(folder / name, places[name]) for name in names}
        there = [places[name] for name in names if places[name].exists()]
        for path in there:
            _settle(path)
        aside = _aside(catalog.parent, there, now())
        for name in names:
            staged[name].replace(places[name])
        sync_folder(catalog.parent)
    except OSError as error:
        raise CatalogError(
            f"{catalog.parent}: cannot be written ({error}); check who owns it and how full it is"
        ) from error
    finally:
        for name in names:
            _staged(places[name]).unlink(missing_ok=True)
    return manifest, aside


def _refuse_newer(folder: Path, manifest: Manifest) -> None:
    for name, file in manifest.files.items():
        unknown = sorted(set(file.migrations) - set(KNOWN_STEPS[name]))
        if unknown:
            raise CatalogError(
                f"{folder / name}: was made by a newer Rollcall ({manifest.rollcall}, "
                f"{', '.join(unknown)}); update this one"
            )


def _check_room(manifest: Manifest, folder: Path, free_bytes: int) -> None:
    needed = sum(file.bytes for file in manifest.files.values())
    if free_bytes < needed:
        raise CatalogError(
            f"{folder}: {free_bytes // 2**20} MiB free, the restore needs {needed // 2**20} MiB "
            "beside what is there; make room"
        )


def _staged(place: Path) -> Path:
    return place.with_name(f".{place.name}.restoring")


def _stage(source: Path, place: Path) -> Path:
    """A copy of one database on the file system where it will live, safe on the disk."""
    staged = _staged(place)
    staged.unlink(missing_ok=True)
    staged.touch(mode=0o600)
    shutil.copyfile(source, staged)
    descriptor = os.open(staged, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    return staged


def _settle(path: Path) -> None:
    """Fold the write-ahead log into its database: a log left beside another database destroys it.

    A damaged database keeps its log and goes aside with it.
    """
    try:
        connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode=rw", uri=True, timeout=5)
        try:
            connection.execute("PRAGMA journal_mode = DELETE")
        finally:
            connection.close()
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
            raise CatalogError(
                f"{path}: another program has it open; stop `rollcall serve` and whatever else "
                "reads the catalog"
            ) from None
    except sqlite3.DatabaseError:
        pass


def _aside(state: Path, there: list[Path], moment: datetime) -> Path | None:
    """Link the databases that are there into a folder of their own; move logs that were left."""
    if not there:
        return None
    aside = state / f"replaced-{moment.strftime('%Y%m%d-%H%M%S-%f')}"
    aside.mkdir(mode=0o700)
    for path in there:
        for log in (path.with_name(path.name + "-wal"), path.with_name(path.name + "-shm")):
            if log.exists():
                log.rename(aside / log.name)
        try:
            # A link, so that a catalog is in its place at every moment.
            os.link(path, aside / path.name)
        except OSError:  # file systems without links
            path.rename(aside / path.name)
    sync_folder(aside)
    return aside
