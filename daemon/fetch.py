"""One fetch of some addresses, alone under the lock or through the daemon that runs."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from catalog import downloads
from catalog.connect import connect, transaction
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
    """What came of an address: files, or why there are none. `is_open`: it is tried again later."""

    address: str
    files: tuple[str, ...]
    error: str | None
    is_open: bool

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
        job_ids = supervisor.writer.run(lambda it: downloads.request(it, addresses, again=True))
        supervisor.downloads.start()
        supervisor.drain()
        with closing(connect(settings.catalog, readonly=True)) as connection:
            found = _outcomes(connection, job_ids)
        paths = [bytes(Path(path)) for it in found for path in it.files]
        if paths and not stop.is_set():
            supervisor.arrivals.scan(paths, "inbox", progress=lambda _: None)
            supervisor.drain()
            if supervisor.identification.changed:
                supervisor.repair()
    return found


def fetch_through_daemon(
    settings: Settings, addresses: Sequence[str], *, stop: threading.Event
) -> list[Outcome]:
    """Hand the addresses to the daemon as jobs, and follow them to their first end. Raises
    EnvironmentTrouble where the daemon ended before it.
    """
    wait_for_catalog(settings, stop)
    with closing(connect(settings.catalog)) as connection:
        with transaction(connection):
            job_ids = downloads.request(connection, addresses, again=True)
        while not stop.wait(FOLLOW_S):
            running = daemon_runs(settings)
            found = _outcomes(connection, job_ids)
            if all(it.files or it.error for it in found):
                return found
            if not running:
                raise EnvironmentTrouble(
                    "the daemon ended before everything was fetched; it goes on with its next start"
                )
        return _outcomes(connection, job_ids)


def _outcomes(connection: sqlite3.Connection, job_ids: Sequence[int]) -> list[Outcome]:
    found = []
    for job_id in job_ids:
        row = connection.execute(
            """SELECT key, state, error, ifnull(result ->> '$.files', '[]') AS files FROM jobs
               WHERE id = ?""",
            [job_id],
        ).fetchone()
        files = connection.execute("SELECT value FROM json_each(?)", [row["files"]]).fetchall()
        found.append(
            Outcome(
                address=row["key"],
                files=tuple(str(it["value"]) for it in files),
                error=row["error"],
                is_open=row["state"] == "waiting",
            )
        )
    return found
