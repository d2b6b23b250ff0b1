"""Identify jobs to the identifier, its verdicts to the writer: one serial stream, in commit
order.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from catalog import assignments, jobs, log, looks
from daemon import worker
from daemon.people import in_force
from daemon.serial import Serial
from daemon.tasks import Question

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Sequence

    from catalog.assignments import Verdict
    from catalog.jobs import Job, Patience
    from catalog.writer import Writer
    from daemon.pool import Pool
    from daemon.tasks import Answer

# Verdicts written in one transaction: some milliseconds, so that nobody waits for us.
CHUNK = 200
TIMEOUT_S = 1800.0


class Identification(Serial):
    """A thread between the identify jobs and the identifier process; `changed` counts the faces
    that changed hands.
    """

    name, owner = "identification", "identifier"
    kinds = ("identify", "rejudge", "repair")
    at_once = 64

    def __init__(
        self,
        writer: Writer,
        pool: Pool,
        *,
        patience: Patience,
        on_error: Callable[[Exception], None],
    ) -> None:
        super().__init__(writer, patience=patience, on_error=on_error)
        self._pool = pool
        self.changed = 0

    def _do(self, claimed: Sequence[Job]) -> None:
        future = self._pool.submit(worker.identify, _question(claimed), timeout_s=TIMEOUT_S)
        answer = self._answer(claimed, future)
        if answer is not None:
            self._write(claimed, answer)

    def _give_up(self, job: Job, error: str) -> None:
        self._writer.run(lambda it: jobs.put_back(it, job, error, self._patience))

    def _write(self, claimed: Sequence[Job], answer: Answer) -> None:
        verdicts = answer.verdicts
        founded: dict[int, int] = {}
        changed = 0
        chunks: list[Sequence[Verdict]] = [verdicts]
        if len(verdicts) > CHUNK:
            chunks = self._writer.run(lambda it: assignments.batches(it, verdicts, CHUNK))
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
