"""Identify jobs to the identifier, its verdicts to the writer: one serial stream, in commit
order.
"""

from __future__ import annotations

import logging
from concurrent.futures import CancelledError
from typing import TYPE_CHECKING

from catalog import assignments, jobs, log, looks
from daemon import worker
from daemon.errors import EnvironmentTrouble
from daemon.loop import Loop
from daemon.people import in_force
from daemon.pool import WorkerDied
from daemon.tasks import Question

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Sequence

    from catalog.jobs import Job, Patience
    from catalog.writer import Writer
    from daemon.pool import Pool
    from daemon.tasks import Answer

logger = logging.getLogger(__name__)

KINDS = ("identify", "rejudge", "repair")
AT_ONCE = 64
# Verdicts written in one transaction: some milliseconds, so that nobody waits for us.
CHUNK = 200
TIMEOUT_S = 1800.0


class Identification:
    """A thread between the identify jobs and the identifier process."""

    def __init__(
        self,
        writer: Writer,
        pool: Pool,
        *,
        patience: Patience,
        on_error: Callable[[Exception], None],
    ) -> None:
        self._writer = writer
        self._pool = pool
        self._patience = patience
        self._at_once = AT_ONCE
        self._claimed: list[Job] = []
        self._working = False
        self.changed = 0
        self.on_written: Callable[[], None] = lambda: None
        self._loop = Loop("identification", self._round, on_error)

    def start(self) -> None:
        """Start looking for identify, rejudge and repair jobs."""
        self._loop.start()

    def wake(self) -> None:
        """There may be something to do."""
        self._loop.wake()

    def abandon(self) -> None:
        """Ask and write nothing more: what is in hand waits in its row."""
        self._loop.halt()

    def stop(self) -> None:
        """End the thread; the caller ends the identifier first, so that nothing is waited for."""
        self._loop.stop()

    @property
    def busy(self) -> bool:
        """Whether a question is with the identifier."""
        return self._working

    def _round(self) -> float | None:
        self._working = True
        try:
            self._let_go()
            while not self._loop.stopping:
                self._claimed = self._writer.run(self._claim)
                if not self._claimed:
                    return self._writer.run(lambda it: jobs.seconds_until_due(it, KINDS))
                self._ask(self._claimed)
                self._claimed = []
            return None
        finally:
            self._working = False

    def _let_go(self) -> None:
        """What a full disk kept from being written is asked again."""
        if self._claimed:
            self._writer.run(lambda it: jobs.give_back(it, [job.id for job in self._claimed]))
            self._claimed = []

    def _claim(self, connection: sqlite3.Connection) -> list[Job]:
        for kind in KINDS:
            claimed = jobs.claim(connection, kind, self._at_once, owner="identifier")
            if claimed:
                return claimed
        return []

    def _ask(self, claimed: Sequence[Job]) -> None:
        future = self._pool.submit(worker.identify, _question(claimed), timeout_s=TIMEOUT_S)
        try:
            error = future.exception()
        except CancelledError:
            return
        if self._loop.stopping:
            return
        if isinstance(error, EnvironmentTrouble):
            raise error  # nothing that was asked is to blame: all of it is asked again later
        if error is None:
            self._at_once = AT_ONCE
            self._write(claimed, future.result())
            return
        ours = None if isinstance(error, WorkerDied) else error
        logger.error("the identifier failed: %s", error, exc_info=ours)
        if len(claimed) > 1:  # one of them may be to blame: each alone
            self._at_once = 1
            self._writer.run(lambda it: jobs.give_back(it, [job.id for job in claimed]))
            return
        self._writer.run(lambda it: jobs.put_back(it, claimed[0], str(error), self._patience))

    def _write(self, claimed: Sequence[Job], answer: Answer) -> None:
        verdicts = answer.verdicts
        founded: dict[int, int] = {}
        changed = 0
        chunks = [verdicts[i : i + CHUNK] for i in range(0, len(verdicts), CHUNK)] or [()]
        for chunk in chunks[:-1]:
            changed += self._writer.run(
                lambda it, chunk=chunk: assignments.apply(it, chunk, founded)  # type: ignore[misc]
            )
        for start in range(0, len(answer.doubtful), CHUNK):
            some = answer.doubtful[start : start + CHUNK]
            self._writer.run(lambda it, some=some: looks.ask(it, some))  # type: ignore[misc]

        def close(connection: sqlite3.Connection) -> int:
            last = assignments.apply(connection, chunks[-1], founded)
            _close(connection, claimed, changed + last)
            return last

        self.changed += changed + self._writer.run(close)
        self.on_written()


def _close(connection: sqlite3.Connection, claimed: Sequence[Job], changed: int) -> None:
    """The end of the jobs, in the transaction of the last verdicts: killed before it, all is asked
    again.
    """
    in_force.begin(connection)
    for job in claimed:
        jobs.finish(connection, job.id, result={"faces_changed": changed})
    if claimed[0].kind == "repair":
        log.write(connection, "repaired", faces_changed=changed)


def _question(claimed: Sequence[Job]) -> Question:
    kind = claimed[0].kind
    if kind == "repair":
        return Question(whole=True)
    if kind == "rejudge":
        return Question(people_ids=tuple(int(job.key) for job in claimed))
    return Question(media_ids=tuple(job.media_id for job in claimed if job.media_id is not None))
