"""One question to the models, alone under the lock or through the daemon that runs."""

from __future__ import annotations

import json
from concurrent.futures import TimeoutError as FutureTimeoutError
from contextlib import closing
from typing import TYPE_CHECKING, Any

from catalog import jobs
from catalog.connect import connect, transaction
from daemon import worker
from daemon.errors import EnvironmentTrouble
from daemon.requests import SEARCH
from daemon.supervisor import Supervisor
from daemon.tasks import SearchTask

if TYPE_CHECKING:
    import threading

    from daemon.settings import Settings

URGENT = 100
POLL_S = 0.1


def search_alone(
    settings: Settings, path: bytes, k: int, *, stop: threading.Event
) -> dict[str, Any] | None:
    """Take the lock for this one search. None where it was stopped; raises BadFile."""
    with Supervisor(settings, "alone", stop=stop, for_files=False) as supervisor:
        future = supervisor.pool.submit(
            worker.search, SearchTask(path=path, k=k), timeout_s=settings.workers.timeout_s
        )
        while not stop.is_set():
            try:
                return future.result(timeout=POLL_S)
            except FutureTimeoutError:
                continue
    return None


def search_through_daemon(
    settings: Settings, path: bytes, k: int, *, stop: threading.Event
) -> dict[str, Any] | None:
    """Hand the search to the daemon as an urgent job, which is deleted when it is answered."""
    with closing(connect(settings.catalog)) as connection:
        with transaction(connection):
            job_id = jobs.enqueue(
                connection,
                SEARCH,
                f"{path.hex()}/{k}",
                priority=URGENT,
                payload={"path": path.hex(), "k": k},
            )
        try:
            while not stop.wait(POLL_S):
                row = connection.execute(
                    "SELECT state, result, error FROM jobs WHERE id = ?", [job_id]
                ).fetchone()
                if row["state"] == "done":
                    answer: dict[str, Any] = json.loads(row["result"])
                    return answer
                if row["state"] not in ("waiting", "running"):
                    raise EnvironmentTrouble(row["error"] or "the search was cancelled")
        finally:
            with transaction(connection):
                connection.execute("DELETE FROM jobs WHERE id = ?", [job_id])
    return None
