"""Whether the catalog is sound, of this version, and nobody else's."""

from __future__ import annotations

import shutil
from contextlib import closing
from typing import TYPE_CHECKING

from catalog.connect import connect, crops_path
from catalog.migrations import is_current
from daemon.checks.problem import Level, Problem
from daemon.lock import CatalogLock

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from daemon.settings import Settings

SHOWN = 5
# What a photo takes in catalog and crops, until this catalog tells.
MEDIA_BYTES = 200_000
TELLING = 100


def daemon(settings: Settings) -> Iterator[Problem]:
    """Who works on the catalog now."""
    owner = CatalogLock(settings.paths.state).owner()
    if owner is not None:
        yield Problem(
            check="daemon",
            level=Level.NOTE,
            problem=f"{settings.paths.state}: Rollcall is running on this catalog "
            f"(pid {owner.pid}, {owner.role}, since {owner.started_at}); a second one would end",
            remedy="nothing, unless you did not start it",
        )


def databases(settings: Settings) -> Iterator[Problem]:
    """Pages and references of the catalog, its version, and the crops beside it."""
    catalog, crops = settings.catalog, crops_path(settings.catalog)
    if not catalog.exists():
        return
    if not crops.exists():
        yield Problem(
            check="catalog",
            level=Level.ERROR,
            problem=f"{crops}: is missing beside the catalog, so faces have no pictures",
            remedy="bring it back from a backup",
        )
    for path in (catalog, crops):
        if path.exists():
            yield from _damage(path)
    if crops.exists() and not is_current(catalog):
        yield Problem(
            check="catalog",
            level=Level.WARNING,
            problem=f"{catalog}: is of an older version",
            remedy="start `rollcall watch`, which brings it to this one; make a backup before",
        )


def growth(
    settings: Settings,
    *,
    free_bytes: Callable[[Path], int] = lambda path: shutil.disk_usage(path).free,
) -> Iterator[Problem]:
    """Whether what waits to be catalogued will find room."""
    catalog = settings.catalog
    if not catalog.exists():
        return
    with closing(connect(catalog, readonly=True)) as connection:
        if not connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'media'").fetchone():
            return
        row = connection.execute(
            """SELECT ifnull(sum(state = 'pending'), 0) AS waiting,
                      ifnull(sum(state = 'done'), 0) AS done FROM media"""
        ).fetchone()
    waiting, done = int(row["waiting"]), int(row["done"])
    paths = [path for path in (catalog, crops_path(catalog)) if path.exists()]
    taken = sum(path.stat().st_size for path in paths)
    needed = waiting * (taken // done if done >= TELLING else MEDIA_BYTES)
    free = free_bytes(catalog.parent)
    if needed > free:
        yield Problem(
            check="growth",
            level=Level.WARNING,
            problem=f"{catalog.parent}: {waiting} files wait and will take about "
            f"{needed / 1e9:.1f} GB, {free / 1e9:.1f} GB are free",
            remedy="make room on that disk, or move the state folder and change paths.state",
        )


def _damage(path: Path) -> Iterator[Problem]:
    with closing(connect(path, readonly=True)) as connection:
        found = [
            " ".join(str(row[0]).split())
            for row in connection.execute(f"PRAGMA quick_check({SHOWN})")
            if row[0] != "ok"
        ]
        rows = connection.execute("PRAGMA foreign_key_check").fetchmany(SHOWN)
    found += [f"{row[0]} row {row[1]} refers to nothing in {row[2]}" for row in rows]
    for text in found:
        yield Problem(
            check="catalog",
            level=Level.ERROR,
            problem=f"{path}: {text}",
            remedy="run `rollcall verify`, then restore a backup: `rollcall restore FOLDER`",
        )
