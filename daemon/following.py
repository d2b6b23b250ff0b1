"""What a command needs to ask the running daemon for something: its catalog, and the fate of a
job.
"""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, ParamSpec, TypeVar

from catalog.migrations import is_current
from daemon.errors import AlreadyRunning, BadFile, CatalogError, EnvironmentTrouble
from daemon.lock import CatalogLock

if TYPE_CHECKING:
    import sqlite3
    import threading
    from collections.abc import Callable

    from daemon.settings import Settings

# A daemon that has just started makes its catalog, or brings an older one to this version.
PATIENCE_S = 60.0
POLL_S = 0.2


P = ParamSpec("P")
T = TypeVar("T")


def through_or_alone(
    settings: Settings, through: Callable[P, T], alone: Callable[P, T], *, stop: threading.Event
) -> Callable[P, T | None]:
    """`through` where a daemon runs, else `alone`, which takes the lock; called, it returns None
    where it was stopped while it waited for another command to end.
    """
    do = through if daemon_runs(settings) else alone

    def ask(*arguments: P.args, **options: P.kwargs) -> T | None:
        try:
            return do(*arguments, **options)
        except AlreadyRunning:
            if not stop.is_set():
                raise
            return None

    return ask


def daemon_runs(settings: Settings) -> bool:
    """Whether a daemon owns the catalog, so that it has to be asked."""
    owner = CatalogLock(settings.paths.state).owner()
    return owner is not None and owner.role == "watch"


def wait_for_catalog(
    settings: Settings, stop: threading.Event, *, clock: Callable[[], float] = time.monotonic
) -> None:
    """Return when the daemon's catalog is ready. Raises EnvironmentTrouble where none comes."""
    start = clock()
    while not _is_ready(settings) and not stop.is_set():
        if clock() - start > PATIENCE_S or not daemon_runs(settings):
            raise EnvironmentTrouble(
                f"{settings.catalog}: the daemon did not make it; see what `rollcall watch` says"
            )
        stop.wait(POLL_S)


def _is_ready(settings: Settings) -> bool:
    try:
        return is_current(settings.catalog)
    except CatalogError:  # perhaps it is being made this moment
        return False


def followed(connection: sqlite3.Connection, settings: Settings, job_id: int) -> sqlite3.Row:
    """The row of a job that the daemon was asked to do, while it may still come to be done.

    Raises EnvironmentTrouble where it failed, was cancelled, or nobody is there to do it; BadFile
    where it failed because of the file that it is about.
    """
    # The lock first: a daemon that ends after this look has written what it did before it.
    running = daemon_runs(settings)
    row: sqlite3.Row | None = connection.execute(
        "SELECT kind, state, progress, result, error FROM jobs WHERE id = ?", [job_id]
    ).fetchone()
    if row is None or row["state"] == "cancelled":
        raise EnvironmentTrouble("the daemon's job was cancelled before it was done")
    if row["state"] not in ("waiting", "running", "done"):
        code = json.loads(row["result"] or "{}").get("exit_code")
        raise (BadFile if code == BadFile.exit_code else EnvironmentTrouble)(row["error"])
    if row["state"] != "done" and not running:
        raise EnvironmentTrouble(
            f"the daemon ended before the {row['kind']} was done; start it again, or run the same "
            "command without it"
        )
    return row
