"""Ingest jobs out, results in: claims photos and parts of videos, sends them to the workers, the
photos in batches, and commits what comes back.
"""

from __future__ import annotations

import logging
import math
import sqlite3
import threading
import time
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from catalog import calibrations, jobs, parts, status
from catalog.media import commit_part
from catalog.records import PartRecord, SpanRecord
from catalog.spans import commit_span
from daemon import worker
from daemon.errors import EnvironmentTrouble
from daemon.loop import PAUSE_S, Loop
from daemon.pool import WorkerDied
from daemon.tasks import PhotoTask, SpanTask

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from concurrent.futures import Future

    from catalog.jobs import Job, Patience
    from catalog.records import EmbedderRecord
    from catalog.writer import Writer
    from daemon.pool import Pool
    from daemon.settings import Settings, Workers

T = TypeVar("T")

logger = logging.getLogger(__name__)

# One batch in work and one waiting for each worker: enough that none runs dry, little to lose.
BATCHES_A_WORKER = 2
# Loading the models happens within the first task.
START_S = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Errand:
    """A claimed job and the photo or the part of a video that it is about."""

    job: Job
    task: PhotoTask | SpanTask


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What the workers made of an errand."""

    errand: Errand
    record: PartRecord | SpanRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class Listeners:
    """`on_commit` hears the state of each photo that was written, `on_error` what went wrong."""

    on_commit: Callable[[str], None]
    on_error: Callable[[Exception], None]


class Dispatcher:
    """A thread between the job table and the workers."""

    def __init__(
        self,
        writer: Writer,
        pool: Pool,
        settings: Settings,
        *,
        workers: int,
        patience: Patience,
        listeners: Listeners,
    ) -> None:
        self._writer = writer
        self._pool = pool
        self._section: Workers = settings.workers
        self._span_timeout_s = settings.video.timeout_s
        self._workers = workers
        self._patience = patience
        self._listeners = listeners
        self._guard = threading.Lock()
        self._in_flight = 0
        self._unwritten: deque[Result] = deque()
        self._resume_at = 0.0
        self._loop = Loop("dispatch", self._round, listeners.on_error)

    def start(self) -> None:
        """Start looking for ingest jobs."""
        self._loop.start()

    def wake(self) -> None:
        """There may be something to do."""
        self._loop.wake()

    def abandon(self) -> None:
        """Claim and commit nothing more: what is with the workers waits in its row."""
        self._loop.halt()

    def stop(self) -> None:
        """End the thread."""
        self._loop.stop()

    @property
    def busy(self) -> bool:
        """Whether a batch is with the workers, or its results are not written yet."""
        return self._in_flight > 0 or bool(self._unwritten)

    def _round(self) -> float | None:
        while self._unwritten and not self._loop.stopping:
            result = self._unwritten[0]
            error = self._commit(result).exception()
            if isinstance(error, sqlite3.OperationalError):
                raise error
            self._unwritten.popleft()
            if error is not None:
                self._refused(result.errand, error)
        pause_s = self._resume_at - time.monotonic()
        if pause_s > 0:
            return pause_s
        while not self._loop.stopping and self._in_flight < BATCHES_A_WORKER * self._workers:
            claimed = self._writer.run(self._claim)
            if claimed:
                self._send(claimed)
            elif not self._writer.run(_is_due):
                return self._writer.run(lambda it: jobs.seconds_until_due(it, ["ingest"]))
        # Full of work: the next result wakes us.
        return None

    def _claim(self, connection: sqlite3.Connection) -> list[Errand]:
        # With little left every worker gets a share of it; counting stops where that makes no odds.
        shares = BATCHES_A_WORKER * self._workers
        waiting = jobs.count_waiting(connection, "ingest", up_to=self._section.batch * shares)
        size = max(1, min(self._section.batch, -(-waiting // shares)))
        compared = tuple(it.record for it in calibrations.active_embedders(connection))
        errands = []
        for job in jobs.claim(connection, "ingest", size, owner="worker"):
            task = _task(connection, job, compared)
            if task is None:
                jobs.finish(connection, job.id, state="cancelled", error="the file is gone")
            else:
                errands.append(Errand(job=job, task=task))
        return errands

    def _send(self, errands: Sequence[Errand]) -> None:
        """Photos together, each part of a video by itself."""
        photos = []
        for errand in errands:
            if isinstance(errand.task, SpanTask):
                self._send_span(errand, errand.task)
            else:
                photos.append((errand, errand.task))
        if photos:
            self._send_photos(photos)

    def _send_span(self, errand: Errand, task: SpanTask) -> None:
        with self._guard:
            self._in_flight += 1
        future = self._pool.submit(
            worker.catalogue_span, task, timeout_s=self._span_timeout_s + START_S
        )
        future.add_done_callback(lambda done: self._receive([errand], done, lambda it: [it]))

    def _send_photos(self, photos: Sequence[tuple[Errand, PhotoTask]]) -> None:
        with self._guard:
            self._in_flight += 1
        errands = [errand for errand, _ in photos]
        # A batch gets little more than a photo's own limit: one that outlives it is tried again
        # photo by photo, each with the whole limit for itself.
        timeout_s = self._section.timeout_s + START_S + 2.0 * (len(errands) - 1)
        future = self._pool.submit(
            worker.catalogue_photos, [task for _, task in photos], timeout_s=timeout_s
        )
        future.add_done_callback(lambda done: self._receive(errands, done, lambda it: it))

    def _receive(
        self,
        errands: Sequence[Errand],
        done: Future[T],
        records: Callable[[T], Sequence[PartRecord | SpanRecord]],
    ) -> None:
        try:
            if done.cancelled() or self._loop.stopping:
                return
            error = done.exception()
            if error is None:
                for errand, record in zip(errands, records(done.result()), strict=True):
                    self._hand_in(Result(errand=errand, record=record))
            elif isinstance(error, EnvironmentTrouble):
                self._not_now(errands, error)
            elif len(errands) > 1:
                logger.warning("a batch of %d photos failed (%s): one by one", len(errands), error)
                for errand in errands:
                    self._send([errand])
            else:
                self._hand_in(Result(errand=errands[0], record=_failure(errands[0], error)))
        finally:
            with self._guard:
                self._in_flight -= 1
            self._loop.wake()

    def _not_now(self, errands: Sequence[Errand], error: EnvironmentTrouble) -> None:
        """No photo is to blame, but models or workers that do not start. All wait as before."""
        self._resume_at = time.monotonic() + PAUSE_S
        self._writer.submit(lambda it: jobs.give_back(it, [errand.job.id for errand in errands]))
        self._listeners.on_error(error)

    def _hand_in(self, result: Result) -> None:
        """Have a result written, soon; what a full disk refuses is kept for the next round."""

        def written(done: Future[str]) -> None:
            error = None if done.cancelled() else done.exception()
            if isinstance(error, sqlite3.OperationalError):
                self._unwritten.append(result)
                self._listeners.on_error(error)
            elif error is not None:
                self._refused(result.errand, error)

        self._commit(result).add_done_callback(written)

    def _commit(self, result: Result) -> Future[str]:
        errand, record = result.errand, result.record
        in_hand: list[dict[str, Any]] = []

        def work(catalog: sqlite3.Connection, crops: sqlite3.Connection) -> str:
            if isinstance(record, SpanRecord):
                state = commit_span(catalog, crops, record, errand.job, patience=self._patience)
                in_hand.extend(
                    status.videos_in_hand(
                        catalog, workers=self._workers, media_id=errand.job.media_id
                    )
                )
                return state
            return commit_part(catalog, crops, record, errand.job, patience=self._patience)

        def tell(done: Future[str]) -> None:
            if not done.cancelled() and done.exception() is None:
                more = "".join(f"; {status.minutes_done(it)}" for it in in_hand)
                logger.info("%s: %s%s", _shown(errand.task), _what(record), more)
                self._listeners.on_commit(done.result())
                # The same content may have been asked for again while it was in hand.
                self._loop.wake()

        future = self._writer.submit_with_crops(work)
        future.add_done_callback(tell)
        return future

    def _refused(self, errand: Errand, error: BaseException) -> None:
        """The catalog does not take this result: an error of ours, which costs an attempt."""
        logger.error("%s was not written: %s", _shown(errand.task), error, exc_info=error)
        self._commit(Result(errand=errand, record=_not_done(errand, f"not written: {error}")))


def _is_due(connection: sqlite3.Connection) -> bool:
    return jobs.seconds_until_due(connection, ["ingest"]) == 0


def _task(
    connection: sqlite3.Connection, job: Job, compared: tuple[EmbedderRecord, ...]
) -> PhotoTask | SpanTask | None:
    row = connection.execute(
        """SELECT path_bytes, bytes, mtime_ns FROM files
           WHERE media_id = ? AND state = 'present' ORDER BY id LIMIT 1""",
        [job.media_id],
    ).fetchone()
    part = parts.of_job(connection, job)
    if row is None or (part is None and parts.is_of_part(job)):
        return None
    path, size, mtime_ns = bytes(row["path_bytes"]), row["bytes"], row["mtime_ns"]
    if part is None:
        return PhotoTask(
            sha256=job.key, path=path, bytes=size, mtime_ns=mtime_ns, compared=compared
        )
    return SpanTask(
        sha256=parts.sha256_of(job),
        path=path,
        bytes=size,
        mtime_ns=mtime_ns,
        part=part.number,
        parts=part.of,
        start_s=part.start_s,
        end_s=math.inf if part.is_last else part.end_s,
        compared=compared,
    )


def _failure(errand: Errand, error: BaseException) -> PartRecord | SpanRecord:
    """A photo that took its worker along, or that met an error of ours: it may succeed later."""
    if not isinstance(error, WorkerDied):
        logger.error("%r met an unexpected error", errand.task.path, exc_info=error)
    reason = str(error) if isinstance(error, WorkerDied) else f"{type(error).__name__}: {error}"
    return _not_done(errand, reason)


def _not_done(errand: Errand, reason: str) -> PartRecord | SpanRecord:
    task = errand.task
    if isinstance(task, SpanTask):
        return SpanRecord(sha256=task.sha256, part=task.part, error=reason, permanent=False)
    return PartRecord(sha256=task.sha256, error=reason, permanent=False)


def _shown(task: PhotoTask | SpanTask) -> str:
    path = task.path.decode("utf-8", "replace")
    if isinstance(task, SpanTask):
        return f"{path}, minute {task.part + 1} of {task.parts}"
    return path


def _what(record: PartRecord | SpanRecord) -> str:
    """What came of it, in a word."""
    if record.error is not None:
        return record.error
    if isinstance(record, SpanRecord):
        return _counted(len(record.tracks), "track")
    if record.facts is not None and record.facts.kind == "video":
        return f"a video of {record.facts.duration_s or 0:.0f} s"
    return _counted(len(record.faces), "face")


def _counted(number: int, what: str) -> str:
    return f"1 {what}" if number == 1 else f"{number} {what}s"
