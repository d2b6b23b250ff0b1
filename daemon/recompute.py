"""One recompute, alone under the lock or through the daemon that runs, and whether there is
anything to do.
"""

from __future__ import annotations

import json
from contextlib import closing
from typing import TYPE_CHECKING, Any

from catalog import jobs, steps
from catalog.connect import connect, transaction
from daemon import comparable
from daemon.errors import EnvironmentTrouble
from daemon.faces.plan import plan
from daemon.following import followed, wait_for_catalog
from daemon.renewal import RECOMPUTE, Renewal, marks_of
from daemon.supervisor import Supervisor

if TYPE_CHECKING:
    import sqlite3
    import threading
    from collections.abc import Callable, Mapping

    from daemon.faces.plan import ModelPlan
    from daemon.settings import Settings

    Told = Callable[[float], None]

EMBED = "embed"
STEPS = ("probe", "frames", "detect", "align", "quality", EMBED)
FOLLOW_S = 0.2


def is_done(settings: Settings, step: str) -> bool:
    """Whether there is nothing to do. Raises CatalogError where there is no catalog."""
    models = plan(settings)
    with closing(connect(settings.catalog, readonly=True)) as connection:
        found = steps.outdated(connection, marks_of(connection, settings, models))
        if step == EMBED:
            return not needs_embed(connection, models, found)
    return step not in found


def needs_embed(
    connection: sqlite3.Connection, models: ModelPlan, outdated: Mapping[str, int]
) -> bool:
    """Whether a file or a face lacks a vector by the chosen models, or only the change to them is
    left. `outdated` are files by step.
    """
    if EMBED in outdated or not comparable.is_switched(connection, models.recognizer_choices):
        return True
    return comparable.count_lacking(connection, models.recognizer_choices) > 0


def recompute_alone(
    settings: Settings, step: str, *, stop: threading.Event, tell: Told
) -> dict[str, Any] | None:
    """Take the lock, do it, and judge everybody by it. None where it was stopped."""
    with Supervisor(settings, "alone", stop=stop) as supervisor:
        renewal = Renewal(supervisor)
        job_id = supervisor.writer.run(lambda it: jobs.enqueue(it, RECOMPUTE, step))
        renewal.start()
        try:
            with closing(connect(settings.catalog, readonly=True)) as connection:
                while not stop.wait(FOLLOW_S):
                    supervisor.pool.mend()
                    row = _row(connection, job_id)
                    tell(float(row["progress"] or 0.0))
                    if row["state"] == "done":
                        supervisor.drain()
                        return _result(row)
                    if row["state"] not in ("waiting", "running"):
                        raise EnvironmentTrouble(row["error"] or "the job was cancelled")
        finally:
            renewal.stop()
    return None


def recompute_through_daemon(
    settings: Settings, step: str, *, stop: threading.Event, tell: Told
) -> dict[str, Any] | None:
    """Hand it to the daemon as a job, or follow the one that it has in hand. None where the
    following was stopped, which does not stop the daemon.
    """
    wait_for_catalog(settings, stop)
    with closing(connect(settings.catalog)) as connection:
        with transaction(connection):
            job_id = _in_hand(connection, step) or jobs.enqueue(connection, RECOMPUTE, step)
        while not stop.wait(FOLLOW_S):
            row = followed(connection, settings, job_id)
            tell(float(row["progress"] or 0.0))
            if row["state"] == "done":
                return _result(row)
    return None


def _in_hand(connection: sqlite3.Connection, step: str) -> int | None:
    row = connection.execute(
        "SELECT id FROM jobs WHERE kind = ? AND key = ? AND state = 'running'", [RECOMPUTE, step]
    ).fetchone()
    return None if row is None else int(row["id"])


def _row(connection: sqlite3.Connection, job_id: int) -> sqlite3.Row:
    row: sqlite3.Row = connection.execute(
        "SELECT state, progress, result, error FROM jobs WHERE id = ?", [job_id]
    ).fetchone()
    return row


def _result(row: sqlite3.Row) -> dict[str, Any]:
    result: dict[str, Any] = json.loads(row["result"] or "{}")
    return result
