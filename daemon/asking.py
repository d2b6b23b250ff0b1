"""One question to the models, alone under the lock or through the daemon that runs."""

from __future__ import annotations

import json
import uuid
from concurrent.futures import TimeoutError as FutureTimeoutError
from contextlib import closing
from typing import TYPE_CHECKING, Any

from catalog import jobs
from catalog.connect import connect, transaction
from daemon import worker
from daemon.dispatch import START_S
from daemon.errors import EnvironmentTrouble
from daemon.following import followed, wait_for_catalog
from daemon.pool import WorkerDied
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
    """Take the lock for this one search. None where it was stopped; raises BadFile and
    EnvironmentTrouble.
    """
    with Supervisor(settings, "alone", stop=stop, for_files=False) as supervisor:
        future = supervisor.pool.submit(
            worker.search,
            SearchTask(path=path, k=k),
            timeout_s=settings.workers.timeout_s + START_S,
        )
        while not stop.is_set():
            try:
                return future.result(timeout=POLL_S)
            except FutureTimeoutError:
                supervisor.pool.mend()
            except WorkerDied as error:
                raise EnvironmentTrouble(f"the photo could not be looked at: {error}") from error
    return None


def search_through_daemon(
    settings: Settings, path: bytes, k: int, *, stop: threading.Event
) -> dict[str, Any] | None:
    """Hand the search to the daemon as an urgent job, which is deleted when it is answered.

    Raises BadFile and EnvironmentTrouble, as `followed` does.
    """
    wait_for_catalog(settings, stop)
    with closing(connect(settings.catalog)) as connection:
        with transaction(connection):
            job_id = jobs.enqueue(
                connection,
                SEARCH,
                # A number of its own: two people may ask the same, and each deletes her question.
                f"{path.hex()}/{k}/{uuid.uuid4().hex}",
                priority=URGENT,
                payload={"path": path.hex(), "k": k},
            )
        try:
            while not stop.wait(POLL_S):
                row = followed(connection, settings, job_id)
                if row["state"] == "done":
                    answer: dict[str, Any] = json.loads(row["result"])
                    return answer
        finally:
            with transaction(connection):
                connection.execute("DELETE FROM jobs WHERE id = ?", [job_id])
    return None
