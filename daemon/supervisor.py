"""The small process that holds everything together: it parses no file and holds no model.

Watcher and walks feed arrivals, arrivals make ingest jobs, the dispatcher takes them to the workers
and commits what comes back, identification follows. `watch` runs all of it for ever; a lone command
starts the same parts for one task.
"""

from __future__ import annotations

import logging
import os
import sqlite3
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING, Literal, Self

from catalog import jobs, status
from catalog.jobs import Patience
from catalog.writer import Writer
from daemon import hardware, migration
from daemon.allotment import allot
from daemon.dispatch import Dispatcher, Listeners
from daemon.downloads.downloads import Downloads
from daemon.errors import EnvironmentTrouble
from daemon.faces.plan import plan as plan_models
from daemon.identification import Identification
from daemon.intake.arrivals import Arrivals
from daemon.introduction import introduce, workers_now
from daemon.lock import CatalogLock
from daemon.pool import LocalPool
from daemon.projections import Projections
from daemon.second_looks import SecondLooks
from daemon.worker import Conditions, Term

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Sequence
    from types import TracebackType

    from daemon.lock import Owner
    from daemon.settings import Settings

logger = logging.getLogger(__name__)

WAIT_FOR_LONE_S = 3600.0
# A whole repair after each drain costs seconds up to this size; beyond, the nightly one does it.
REPAIR_AFTER_DRAIN_FACES = 20_000
DRAIN_POLL_S = 0.05
SAY_EVERY_S = 5.0
# A disk that stays full is not told every few seconds.
TELL_EVERY_S = 60.0


class Supervisor:
    """The parts, started in order and stopped in reverse. Use as a context manager."""

    def __init__(
        self,
        settings: Settings,
        role: Literal["watch", "alone"],
        *,
        stop: threading.Event,
        for_files: bool = True,
    ) -> None:
        self.settings = settings
        self._for_files = for_files
        self._role = role
        self._stop = stop
        self._lock = CatalogLock(settings.paths.state)
        self._stack = ExitStack()
        self.committed = 0
        self._judged = 0
        self._said_at = 0.0
        self._fallback, self._peak_mb = "", 0
        self._failure: Exception | None = None
        self._told_at = -TELL_EVERY_S
        self.on_foreign_change: Callable[[], None] = lambda: None

    def __enter__(self) -> Self:
        try:
            self._start()
        except sqlite3.Error as error:
            self._stack.close()
            raise self._trouble(error) from error
        except BaseException:
            self._stack.close()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._stack.close()
        cause = self._failure or error
        if isinstance(cause, sqlite3.Error):
            raise self._trouble(cause) from cause
        if self._failure is not None:
            raise self._failure

    def on_error(self, error: Exception) -> None:
        """What a thread of ours met. The daemon waits until its disk has room again; anything
        else ends it, and the next start goes on from the catalog.
        """
        patient = isinstance(error, sqlite3.OperationalError | EnvironmentTrouble)
        if self._role == "alone" or not patient:
            self._failure = self._failure or error
            self._stop.set()
        elif time.monotonic() - self._told_at >= TELL_EVERY_S:
            self._told_at = time.monotonic()
            reason: Exception | str = error
            if isinstance(error, sqlite3.OperationalError):
                reason = f"{self.settings.catalog}: cannot be written ({error}); make room"
            logger.error("%s; nothing is lost, waiting until that is mended", reason)

    def _trouble(self, error: sqlite3.Error) -> EnvironmentTrouble:
        return EnvironmentTrouble(
            f"{self.settings.catalog}: cannot be read or written ({error}); make room on its disk, "
            "or look with `rollcall doctor`; nothing is lost, the next start goes on from here"
        )

    def drain(self, progress: Callable[[], None] = lambda: None) -> None:
        """Wait until nothing is left to ingest or identify; failed files wait for their next
        try.
        """
        while not self._stop.is_set() and self.is_working():
            progress()
            self.mend()
            self._stop.wait(DRAIN_POLL_S)
        self._say_workers()

    def is_working(self) -> bool:
        """Whether something is in hand or due now."""
        parts = (self.dispatcher, self.identification, self.second_looks, self.downloads)
        if any(it.busy for it in parts):
            return True
        kinds = ["ingest", *Identification.kinds, *SecondLooks.kinds]
        if self.downloads.running:
            kinds += Downloads.kinds
        return self.writer.run(lambda it: _something_is_due(it, kinds))

    def repair(self, progress: Callable[[], None] = lambda: None) -> None:
        """Judge everybody again at once, and wait for it."""
        self.writer.run(lambda it: jobs.enqueue(it, "repair", "whole"))
        self.identification.wake()
        self.drain(progress)

    def tidy(self) -> None:
        """Once a second: end idle workers, say what they are, repair after a drain."""
        try:
            self._tidy()
        except sqlite3.Error as error:
            self.on_error(error)

    def mend(self) -> None:
        """Replace processes from which nothing is heard any more."""
        for pool in (self.pool, self._identifier):
            pool.mend()

    def _tidy(self) -> None:
        self.mend()
        if self.pool.running or self._identifier.running:
            self.pool.close_if_idle(self.settings.workers.idle_s)
            self._identifier.close_if_idle(self.settings.workers.idle_s)
            self._say_workers()
        judged = self.identification.changed
        if judged != self._judged and not self.is_working():
            self._judged = judged
            if self.writer.run(_few_faces):
                self.writer.run(lambda it: jobs.enqueue(it, "repair", "whole"))
                self.identification.wake()

    def _say_workers(self) -> None:
        """Write the workers' memory where `status` finds it: now and then, and when the last
        ends.
        """
        said = workers_now(self.allotment, self.pool.reports())
        now = time.monotonic()
        if said["memory_mb"] and now - self._said_at < SAY_EVERY_S:
            return
        self._said_at = now
        # What it once said holds until the next start, also when the workers have ended.
        self._fallback = said["fallback"] = said["fallback"] or self._fallback
        self._peak_mb = said["peak_mb"] = max(said["peak_mb"], self._peak_mb)
        self.writer.run(lambda it: status.say(it, workers=said))

    def _start(self) -> None:
        settings, stack = self.settings, self._stack
        models = plan_models(settings)
        self._lock.acquire(
            self._role, wait_s=WAIT_FOR_LONE_S, on_wait=_tell_waiting, pause=self._stop.wait
        )
        stack.callback(self._lock.release)
        migration.bring_up(settings.catalog)
        self.writer = Writer(settings.catalog, on_foreign_change=self._changed_elsewhere)
        self.writer.start()
        stack.callback(self.writer.stop)
        machine = hardware.survey()
        self.allotment = allot(machine, settings.workers, tensorflow=models.tensorflow)
        introduce(self.writer, models, machine, self.allotment, role=self._role)
        if self.allotment.engine.why and (machine.gpus or settings.workers.device == "gpu"):
            level = logging.WARNING if settings.workers.device == "gpu" else logging.INFO
            logger.log(level, "networks run on the processor: %s", self.allotment.engine.why)
        self._start_parts()

    def _start_parts(self) -> None:
        settings, stack = self.settings, self._stack
        section = settings.workers
        patience = Patience(max_attempts=settings.jobs.max_attempts, retry_s=settings.jobs.retry_s)
        allotment = self.allotment
        conditions = Conditions(
            settings=settings,
            supervisor=os.getpid(),
            engine=allotment.engine,
            threads=allotment.threads,
            memory_mb=section.memory_mb,
        )
        self.pool = LocalPool(
            allotment.workers, conditions, term=Term(section.recycle, allotment.recycle_mb)
        )
        self._identifier = LocalPool(1, conditions)
        self.identification = Identification(
            self.writer, self._identifier, patience=patience, on_error=self.on_error
        )
        self.second_looks = SecondLooks(
            self.writer, self.pool, settings, patience=patience, on_error=self.on_error
        )
        self.downloads = Downloads(
            self.writer, self.pool, settings, patience=patience, on_error=self.on_error
        )
        self.projections = Projections(
            self.writer, self.pool, settings, patience=patience, on_error=self.on_error
        )
        self.identification.on_written = self.second_looks.wake
        self.second_looks.on_written = self.identification.wake
        self.dispatcher = Dispatcher(
            self.writer,
            self.pool,
            settings,
            workers=allotment.workers,
            patience=patience,
            listeners=Listeners(on_commit=self._committed, on_error=self.on_error),
        )
        self.arrivals = Arrivals(
            settings.catalog,
            self.writer,
            settings.intake,
            on_job=self._wake_all,
            on_error=self.on_error,
            fetches=settings.download.enabled,
        )
        # Stopped in reverse: arrivals first, then the workers, so that their threads end at once.
        stack.callback(self.identification.stop)
        stack.callback(self._identifier.stop)
        stack.callback(self.second_looks.stop)
        stack.callback(self.downloads.stop)
        stack.callback(self.projections.stop)
        stack.callback(self.dispatcher.stop)
        stack.callback(self.pool.stop)
        stack.callback(self._abandon)
        stack.callback(self.arrivals.stop)
        if self._for_files:
            self.identification.start()
            self.second_looks.start()
            self.dispatcher.start()

    def _abandon(self) -> None:
        """From here on results are not committed any more; what is in hand waits in its row."""
        self.dispatcher.abandon()
        self.second_looks.abandon()
        self.downloads.abandon()
        self.projections.abandon()
        self.identification.abandon()

    def _committed(self, state: str) -> None:
        if state != "pending":
            self.committed += 1
        self.identification.wake()

    def _changed_elsewhere(self) -> None:
        """A person decided something, or a command asks for something."""
        self._wake_all()
        self.on_foreign_change()

    def _wake_all(self) -> None:
        self.dispatcher.wake()
        self.second_looks.wake()
        self.identification.wake()
        self.downloads.wake()
        self.projections.wake()


def _something_is_due(connection: sqlite3.Connection, kinds: Sequence[str]) -> bool:
    if any(jobs.count(connection, kind, states="('running')") for kind in kinds):
        return True
    return jobs.seconds_until_due(connection, kinds) == 0


def _few_faces(connection: sqlite3.Connection) -> bool:
    row = connection.execute("SELECT count(*) FROM faces WHERE state = 'active'").fetchone()
    return int(row[0]) <= REPAIR_AFTER_DRAIN_FACES


def _tell_waiting(owner: Owner) -> None:
    logger.warning("waiting for another command to end (pid %s)", owner.pid)
