"""One fetch of some addresses, alone under the lock or through the daemon that runs."""

from __future__ import annotations

import os
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from catalog import downloads
from catalog.connect import connect, transaction
from daemon.downloads.downloads import there
from daemon.errors import EnvironmentTrouble
from daemon.following import daemon_runs, wait_for_catalog
from daemon.supervisor import Supervisor

if TYPE_CHECKING:
    import sqlite3
    import threading
    from collections.abc import Sequence

    from daemon.settings import Settings

FOLLOW_S = 0.3


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What came of an address: files, and why others did not come. `is_open`: it is tried again
    later; `is_over`: one try has ended.
    """

    address: str
    files: tuple[str, ...]
    error: str | None
    is_open: bool
    is_over: bool

    def as_dict(self) -> dict[str, Any]:
        """The same for JSON."""
        return {
            "address": self.address,
            "files": list(self.files),
            "error": self.error,
            "tried_again": self.is_open,
        }


def fetch_alone(
    settings: Settings, addresses: Sequence[str], *, stop: threading.Event
) -> list[Outcome]:
    """Take the lock, fetch, catalogue what came, and let go."""
    with Supervisor(settings, "alone", stop=stop) as supervisor:
        asked = supervisor.writer.run(lambda it: _request(it, addresses))
        supervisor.downloads.start()
        supervisor.drain()
        with closing(connect(settings.catalog, readonly=True)) as connection:
            found = [_outcome(connection, it) for it in asked]
        named = [path for it in found for path in it.files]
        paths = [bytes(Path(it)) for it in named if os.path.lexists(it)]
        if paths and not stop.is_set():
            supervisor.arrivals.scan(paths, "inbox", progress=lambda _: None)
            supervisor.drain()
            if supervisor.identification.changed:
                supervisor.repair()
    return found


def fetch_through_daemon(
    settings: Settings, addresses: Sequence[str], *, stop: threading.Event
) -> list[Outcome]:
    """Hand the addresses to the daemon as jobs, and follow each to the end of its first try. Raises
    EnvironmentTrouble where the daemon ended before it.
    """
    wait_for_catalog(settings, stop)
    with closing(connect(settings.catalog)) as connection:
        with transaction(connection):
            asked = _request(connection, addresses)
        while not stop.wait(FOLLOW_S):
            running = daemon_runs(settings)
            found = [_outcome(connection, it) for it in asked]
            if all(it.is_over for it in found):
                return found
            if not running:
                raise EnvironmentTrouble(
                    "the daemon ended before everything was fetched; it goes on with its next start"
                )
        return [_outcome(connection, it) for it in asked]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asked:
    """A job, and how often it had been tried when it was asked for: it may wait since long ago."""

    job_id: int
    tries: int


def _request(connection: sqlite3.Connection, addresses: Sequence[str]) -> list[_Asked]:
    asked = []
    for job_id in downloads.request(connection, addresses, again=True):
        row = connection.execute("SELECT attempts FROM jobs WHERE id = ?", [job_id]).fetchone()
        asked.append(_Asked(job_id=job_id, tries=row["attempts"]))
    return asked


def _outcome(connection: sqlite3.Connection, asked: _Asked) -> Outcome:
    row = connection.execute(
        "SELECT key, state, attempts, error FROM jobs WHERE id = ?", [asked.job_id]
    ).fetchone()
    is_over = row["state"] not in ("waiting", "running") or (
        row["state"] == "waiting" and row["attempts"] > asked.tries
    )
    error = row["error"] if is_over else None
    if row["state"] == "cancelled":
        error = error or "cancelled"
    paths = [it.path for it in there(connection, row["key"])] if is_over else []
    return Outcome(
        address=row["key"],
        files=tuple(dict.fromkeys(paths)),
        error=error,
        is_open=row["state"] == "waiting",
        is_over=is_over,
    )
