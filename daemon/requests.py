"""What other commands ask of the running daemon, as jobs: to scan some paths, to search a photo."""

from __future__ import annotations

from concurrent.futures import CancelledError
from concurrent.futures import TimeoutError as FutureTimeoutError
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from catalog import jobs
from daemon import worker
from daemon.dispatch import START_S
from daemon.errors import RollcallError
from daemon.loop import Loop
from daemon.pool import WorkerDied
from daemon.tasks import SearchTask

if TYPE_CHECKING:
    from catalog.jobs import Job
    from daemon.supervisor import Supervisor

SCAN, SEARCH = "scan", "search"
POLL_S = 0.2


class Requests:
    """Takes requests in turn, each kind for itself: a search waits for no scan."""

    def __init__(self, supervisor: Supervisor) -> None:
        self._desks = [_Desk(supervisor, kind) for kind in (SEARCH, SCAN)]

    def start(self) -> None:
        """Start answering."""
        for desk in self._desks:
            desk.loop.start()

    def wake(self) -> None:
        """Another process wrote to the catalog: perhaps a request."""
        for desk in self._desks:
            desk.loop.wake()

    def stop(self) -> None:
        """Give up the requests in hand, which wait in their rows; the caller stops the arrivals
        first.
        """
        for desk in self._desks:
            desk.loop.stop()


class _Desk:
    """A thread that answers the requests of one kind."""

    def __init__(self, supervisor: Supervisor, kind: str) -> None:
        self._supervisor = supervisor
        self._kind = kind
        self._claimed: list[Job] = []
        self.loop = Loop(f"{kind} requests", self._round, supervisor.on_error)

    def _round(self) -> None:
        run = self._supervisor.writer.run
        if self._claimed:  # a full disk kept the answer from being written
            run(lambda it: jobs.give_back(it, [job.id for job in self._claimed]))
        while not self.loop.stopping:
            self._claimed = run(lambda it: jobs.claim(it, self._kind, 1, owner="daemon"))
            if not self._claimed:
                return
            self._answer(self._claimed[0])

    def _answer(self, job: Job) -> None:
        try:
            result = self._scan(job) if job.kind == SCAN else self._search(job)
            state, error = "done", None
        except (RollcallError, WorkerDied, OSError) as problem:
            # Whoever asked ends with the code that it would have ended with alone.
            result = {"exit_code": getattr(problem, "exit_code", 3)}
            state, error = "failed", str(problem)
        except CancelledError:
            return
        if not self.loop.stopping:
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
        timeout_s = self._supervisor.settings.workers.timeout_s + START_S
        future = self._supervisor.pool.submit(worker.search, task, timeout_s=timeout_s)
        while not self.loop.stopping:
            with suppress(FutureTimeoutError):
                error = future.exception(timeout=POLL_S)
                if error is None:
                    return future.result()
                if isinstance(error, RollcallError | WorkerDied):
                    raise error
                raise WorkerDied(f"unexpected {type(error).__name__}: {error}") from error
        raise CancelledError
