"""The repair pass on demand, alone under the lock or through the daemon that runs."""

from __future__ import annotations

import json
from contextlib import closing
from typing import TYPE_CHECKING

from catalog import jobs
from catalog.connect import connect, transaction
from daemon.errors import EnvironmentTrouble
from daemon.following import followed, wait_for_catalog
from daemon.supervisor import Supervisor

if TYPE_CHECKING:
    import sqlite3
    import threading

    from daemon.settings import Settings

POLL_S = 0.2
# Before what is judged by the way, since somebody waits for it.
URGENT = 100


def repair_alone(settings: Settings, *, stop: threading.Event) -> int | None:
    """Take the lock, judge everybody again at once, and let go; photos that wait to be read are
    left alone. Returns how many faces changed hands, None where it was stopped.

    Raises EnvironmentTrouble where it failed.
    """
    with Supervisor(settings, "alone", stop=stop, for_files=False) as supervisor:
        job_id = supervisor.writer.run(_ask)
        supervisor.identification.start()
        while not stop.wait(POLL_S):
            supervisor.mend()
            row = supervisor.writer.run(lambda it: _job(it, job_id))
            if row["state"] == "done":
                return _changed(row)
            if row["error"] is not None:
                raise EnvironmentTrouble(f"the repair failed: {row['error']}")
    return None


def repair_through_daemon(settings: Settings, *, stop: threading.Event) -> int | None:
    """Hand the repair to the daemon and follow it; otherwise as `repair_alone`."""
    wait_for_catalog(settings, stop)
    with closing(connect(settings.catalog)) as connection:
        with transaction(connection):
            job_id = _ask(connection)
        while not stop.wait(POLL_S):
            row = followed(connection, settings, job_id)
            if row["state"] == "done":
                return _changed(row)
    return None


def _ask(connection: sqlite3.Connection) -> int:
    job_id = jobs.enqueue(connection, "repair", "whole", priority=URGENT)
    # What became of an earlier try is not what becomes of this one.
    connection.execute("UPDATE jobs SET error = NULL WHERE id = ?", [job_id])
    return job_id


def _job(connection: sqlite3.Connection, job_id: int) -> sqlite3.Row:
    row: sqlite3.Row = connection.execute(
        "SELECT state, result, error FROM jobs WHERE id = ?", [job_id]
    ).fetchone()
    return row


def _changed(row: sqlite3.Row) -> int:
    return int(json.loads(row["result"] or "{}").get("faces_changed", 0))
