"""Ingest jobs out, results in: claims photos, sends them to the workers in batches, commits what
comes back.
"""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

from catalog import jobs
from catalog.media import commit_part
from catalog.records import PartRecord
from daemon import worker
from daemon.pool import WorkerDied
from daemon.tasks import PhotoTask

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Sequence
    from concurrent.futures import Future

    from catalog.jobs import Job, Patience
    from catalog.writer import Writer
    from daemon.pool import Pool
    from daemon.settings import Workers

logger = logging.getLogger(__name__)

# One batch in work and one waiting for each worker: enough that none runs dry, little to lose.
BATCHES_A_WORKER = 2
# Loading the models happens within the first task.
START_S = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Errand:
    """A claimed job and the photo it is about."""

    job: Job
    task: PhotoTask


class Dispatcher:
    """A thread between the job table and the workers. `on_commit` hears the state of each photo."""

    def __init__(
        self,
        writer: Writer,
        pool: Pool,
        section: Workers,
        *,
        workers: int,
        patience: Patience,
        on_commit: Callable[[str], None],
    ) -> None:
        self._writer = writer
        self._pool = pool
        self._section = section
        self._workers = workers
        self._patience = patience
        self._on_commit = on_commit
        self._wake = threading.Event()
        self._stopping = False
        self._guard = threading.Lock()
        self._in_flight = 0
        self._thread = threading.Thread(target=self._run, name="dispatch")

    def start(self) -> None:
        """Start looking for ingest jobs."""
        self._thread.start()

    def wake(self) -> None:
        """There may be something to do."""
        self._wake.set()

    def abandon(self) -> None:
        """Claim and commit nothing more: what is with the workers waits in its row."""
        self._stopping = True
        self._wake.set()

    def stop(self) -> None:
        """End the thread."""
        self.abandon()
        if self._thread.ident is not None:
            self._thread.join()

    @property
    def busy(self) -> bool:
        """Whether a batch is with the workers."""
        return self._in_flight > 0

    def _run(self) -> None:
        pause_s: float | None = 0.0
        while not self._stopping:
            self._wake.wait(pause_s)
            self._wake.clear()
            while not self._stopping and self._in_flight < BATCHES_A_WORKER * self._workers:
                errands = self._writer.run(self._claim)
                if not errands:
                    break
                self._send(errands)
            pause_s = self._writer.run(lambda it: jobs.seconds_until_due(it, ["ingest"]))
            # Full of work, or nothing to do: the next result or arrival wakes us.
            if pause_s == 0:
                pause_s = None

    def _claim(self, connection: sqlite3.Connection) -> list[Errand]:
        waiting = jobs.count(connection, "ingest", states="('waiting')")
        share = -(-waiting // (BATCHES_A_WORKER * self._workers))
        size = max(1, min(self._section.batch, share))
        errands = []
        for job in jobs.claim(connection, "ingest", size, owner="worker"):
            task = _task(connection, job)
            if task is None:
                jobs.finish(connection, job.id, state="cancelled", error="the file is gone")
            else:
                errands.append(Errand(job=job, task=task))
        return errands

    def _send(self, errands: Sequence[Errand]) -> None:
        with self._guard:
            self._in_flight += 1
        # A batch gets little more than a photo's own limit: one that outlives it is tried again
        # photo by photo, each with the whole limit for itself.
        timeout_s = self._section.timeout_s + START_S + 2.0 * (len(errands) - 1)
        future = self._pool.submit(
            worker.catalogue_photos, [it.task for it in errands], timeout_s=timeout_s
        )
        future.add_done_callback(lambda done: self._receive(errands, done))

    def _receive(self, errands: Sequence[Errand], done: Future[list[PartRecord]]) -> None:
        try:
            if done.cancelled() or self._stopping:
                return
            error = done.exception()
            if error is None:
                for errand, record in zip(errands, done.result(), strict=True):
                    self._commit(errand, record)
            elif len(errands) > 1:
                logger.warning("a batch of %d photos failed (%s): one by one", len(errands), error)
                for errand in errands:
                    self._send([errand])
            else:
                self._commit(errands[0], _failure(errands[0], error))
        finally:
            with self._guard:
                self._in_flight -= 1
            self._wake.set()

    def _commit(self, errand: Errand, record: PartRecord) -> None:
        def work(catalog: sqlite3.Connection, crops: sqlite3.Connection) -> str:
            return commit_part(catalog, crops, record, errand.job, patience=self._patience)

        written = self._writer.submit_with_crops(work)
        written.add_done_callback(lambda done: self._committed(errand, record, done))

    def _committed(self, errand: Errand, record: PartRecord, done: Future[str]) -> None:
        error = done.exception()
        if error is not None:
            logger.error("%r was not written: %s", errand.task.path, error, exc_info=error)
            self._writer.submit(
                lambda it: jobs.put_back(it, errand.job, f"not written: {error}", self._patience)
            )
            return
        logger.info(
            "%s: %s", _shown(errand.task.path), record.error or f"{len(record.faces)} faces"
        )
        self._on_commit(done.result())


def _task(connection: sqlite3.Connection, job: Job) -> PhotoTask | None:
    row = connection.execute(
        """SELECT path_bytes, bytes, mtime_ns FROM files
           WHERE media_id = ? AND state = 'present' ORDER BY id LIMIT 1""",
        [job.media_id],
    ).fetchone()
    if row is None:
        return None
    return PhotoTask(
        sha256=job.key,
        path=bytes(row["path_bytes"]),
        bytes=row["bytes"],
        mtime_ns=row["mtime_ns"],
    )


def _failure(errand: Errand, error: BaseException) -> PartRecord:
    """A photo that took its worker along, or that met an error of ours: it may succeed later."""
    if not isinstance(error, WorkerDied):
        logger.error("%r met an unexpected error", errand.task.path, exc_info=error)
    reason = str(error) if isinstance(error, WorkerDied) else f"{type(error).__name__}: {error}"
    return PartRecord(sha256=errand.task.sha256, error=reason, permanent=False)


def _shown(path: bytes) -> str:
    return path.decode("utf-8", "replace")
