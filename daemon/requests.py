"""What other commands ask of the running daemon, as jobs: to scan some paths, to search a photo."""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING, Any

from catalog import jobs
from daemon import worker
from daemon.errors import RollcallError
from daemon.pool import WorkerDied
from daemon.tasks import SearchTask

if TYPE_CHECKING:
    import sqlite3

    from catalog.jobs import Job
    from daemon.supervisor import Supervisor

logger = logging.getLogger(__name__)

SCAN, SEARCH = "scan", "search"


class Requests:
    """A thread that takes requests in turn, the urgent ones first."""

    def __init__(self, supervisor: Supervisor) -> None:
        self._supervisor = supervisor
        self._wake = threading.Event()
        self._wake.set()
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="requests")

    def start(self) -> None:
        """Start answering."""
        self._thread.start()

    def wake(self) -> None:
        """Another process wrote to the catalog: perhaps a request."""
        self._wake.set()

    def stop(self) -> None:
        """End after the request in hand."""
        self._stopping = True
        self._wake.set()
        if self._thread.ident is not None:
            self._thread.join()

    def _run(self) -> None:
        while not self._stopping:
            self._wake.wait()
            self._wake.clear()
            while not self._stopping and (claimed := self._supervisor.writer.run(_claim)):
                for job in claimed:
                    self._answer(job)

    def _answer(self, job: Job) -> None:
        try:
            result = self._scan(job) if job.kind == SCAN else self._search(job)
            state, error = "done", None
        except (RollcallError, WorkerDied, OSError) as problem:
            result, state, error = None, "failed", str(problem)
        self._supervisor.writer.run(
            lambda it: jobs.finish(it, job.id, state=state, error=error, result=result)
        )

    def _scan(self, job: Job) -> dict[str, Any]:
        paths = [bytes.fromhex(path) for path in job.payload["paths"]]
        seen = 0

        def looked_at(count: int) -> None:
            nonlocal seen
            seen += count

        self._supervisor.arrivals.scan(paths, "scanned", progress=looked_at)
        return {"files_seen": seen}

    def _search(self, job: Job) -> dict[str, Any]:
        task = SearchTask(path=bytes.fromhex(job.payload["path"]), k=int(job.payload["k"]))
        timeout_s = self._supervisor.settings.workers.timeout_s
        return self._supervisor.pool.submit(worker.search, task, timeout_s=timeout_s).result()


def _claim(connection: sqlite3.Connection) -> list[Job]:
    for kind in (SEARCH, SCAN):
        claimed = jobs.claim(connection, kind, 1, owner="daemon")
        if claimed:
            return claimed
    return []
