"""Where an export may be written, and that one writes there at a time."""

from __future__ import annotations

import fcntl
import os
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from catalog import roots
from daemon.errors import EnvironmentTrouble, UsageError
from daemon.export.folder import PICTURES, written_to

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Iterator

    from daemon.settings import Settings


def checked(
    settings: Settings, catalog: sqlite3.Connection, path: Path, folders: Iterable[str]
) -> Path:
    """The real path of the folder to export to. Raises UsageError where it, or one of these folders
    in it, lies where photos are looked for or where Rollcall keeps its own.
    """
    real = Path(os.path.realpath(path.expanduser()))
    around = settings.paths.watched_around(real)
    root = roots.root_of(catalog, os.fsencode(real))
    if around is not None or root is not None:
        watched = around or Path(os.fsdecode(root.path if root else b""))
        raise UsageError(
            f"{real}: lies inside {watched}, which is catalogued, so Rollcall would catalogue its "
            "own pictures; choose a folder outside of it"
        )
    state = settings.paths.state.resolve()
    if real.is_relative_to(state):
        raise UsageError(f"{real}: lies inside the state folder {state}; choose another folder")
    catalogued = {Path(os.fsdecode(it.path)) for it in roots.list_roots(catalog)}
    apart = {state, *(it.resolve() for it in settings.paths.watched)} | catalogued
    apart_here = {it.parent if it.name == PICTURES else it for it in apart} | apart
    taken = next((name for name in folders if real / name in apart_here), None)
    if taken is not None:
        raise UsageError(
            f"{real / taken}: would be a person's folder, and Rollcall watches it or keeps its own "
            f"there; choose another folder than {real}"
        )
    return real


@contextmanager
def opened(folder: Path) -> Iterator[None]:
    """Make the folder, for its owner alone, where it is not, and keep other exports out of it."""
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"{folder}: not a folder; name another")
    with written_to(folder):
        if not folder.exists():
            folder.parent.mkdir(parents=True, exist_ok=True)
            folder.mkdir(mode=0o700)
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise EnvironmentTrouble(
                f"{folder}: another export writes there; wait for its end"
            ) from None
        except OSError:  # network folders that have no locks: nobody is kept out
            pass
        yield
    finally:
        os.close(descriptor)
