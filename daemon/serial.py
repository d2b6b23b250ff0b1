"""Jobs of some kinds, a few at a time, through one thread: claimed, done elsewhere, written."""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from concurrent.futures import CancelledError
from typing import TYPE_CHECKING, ClassVar, TypeVar

from catalog import jobs
from daemon.errors import BadFile, EnvironmentTrouble
from daemon.loop import Loop
from daemon.pool import WorkerDied

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Sequence
    from concurrent.futures import Future

    from catalog.jobs import Job, Patience
    from catalog.writer import Writer
    from daemon.pool import Pool
    from daemon.settings import Settings

logger = logging.getLogger(__name__)

T = TypeVar("T")


class Serial(ABC):
    """A thread between the jobs of `kinds`, in this order, and whoever does them. Jobs that fail
    together are done one by one.

    `on_written` is called when something new stands in the catalog.
    """

    name: ClassVar[str]
    owner: ClassVar[str]
    kinds: ClassVar[Sequence[str]]
    at_once: ClassVar[int]

    def __init__(
        self, writer: Writer, *, patience: Patience, on_error: Callable[[Exception], None]
    ) -> None:
        self._writer = writer
        self._patience = patience
        self._at_once = self.at_once
        self._claimed: list[Job] = []
        self._working = False
        self.on_written: Callable[[], None] = lambda: None
        self._loop = Loop(self.name, self._round, on_error)

    def start(self) -> None:
        """Start looking for jobs."""
        self._loop.start()

    def wake(self) -> None:
        """There may be something to do."""
        self._loop.wake()

    def abandon(self) -> None:
        """Ask and write nothing more: what is in hand waits in its row."""
        self._loop.halt()

    def stop(self) -> None:
        """End the thread; the caller ends the processes first, so that nothing is waited for."""
        self._loop.stop()

    @property
    def busy(self) -> bool:
        """Whether jobs are in hand."""
        return self._working

    @property
    def running(self) -> bool:
        """Whether it was started and has not ended."""
        return self._loop.running

    @abstractmethod
    def _do(self, claimed: Sequence[Job]) -> None:
        """Have these jobs done, all of one kind, and close them."""

    @abstractmethod
    def _give_up(self, job: Job, error: str) -> None:
        """A job failed alone."""

    def _answer(self, claimed: Sequence[Job], future: Future[T]) -> T | None:
        """Wait for what comes of these jobs. None where nothing is to be written: it failed, and
        what follows from that was done, or the daemon ends.
        """
        try:
            error = future.exception()
        except CancelledError:
            return None
        if self._loop.stopping:
            return None
        if error is None:
            self._at_once = self.at_once
            return future.result()
        if isinstance(error, EnvironmentTrouble):
            raise error  # no job is to blame: all of them are tried again later
        if not isinstance(error, BadFile):  # that is told with the file that is bad
            ours = None if isinstance(error, WorkerDied) else error
            logger.error("the %s failed: %s", self.owner, error, exc_info=ours)
        if len(claimed) > 1:  # one of them may be to blame: each alone
            self._at_once = 1
            self._give_back(claimed)
        else:
            self._give_up(claimed[0], str(error))
        return None

    def _round(self) -> float | None:
        self._working = True
        try:
            if self._claimed:  # a full disk kept something from being written
                self._give_back(self._claimed)
                self._claimed = []
            while not self._loop.stopping:
                self._claimed = self._writer.run(self._claim)
                if not self._claimed:
                    return self._writer.run(lambda it: jobs.seconds_until_due(it, self.kinds))
                self._do(self._claimed)
                self._claimed = []
            return None
        finally:
            self._working = False

    def _claim(self, connection: sqlite3.Connection) -> list[Job]:
        for kind in self.kinds:
            claimed = jobs.claim(connection, kind, self._at_once, owner=self.owner)
            if claimed:
                return claimed
        return []

    def _give_back(self, claimed: Sequence[Job]) -> None:
        self._writer.run(lambda it: jobs.give_back(it, [job.id for job in claimed]))


class Pooled(Serial):
    """One whose jobs are done by worker processes, as the settings say."""

    def __init__(
        self,
        writer: Writer,
        pool: Pool,
        settings: Settings,
        *,
        patience: Patience,
        on_error: Callable[[Exception], None],
    ) -> None:
        super().__init__(writer, patience=patience, on_error=on_error)
        self._pool = pool
        self._settings = settings
