"""Recompute jobs: what was made with other settings or models is made again, in the background.

Everything up to the crop is read again from the files, part by part, by ordinary ingest jobs behind
all new files; vectors come from the stored crops, see `reembedding`.
"""

from __future__ import annotations

import json
import logging
from concurrent.futures import CancelledError
from typing import TYPE_CHECKING, Any

from catalog import clock, jobs, steps
from catalog.connect import connect
from daemon import ledger
from daemon.errors import RollcallError
from daemon.faces.plan import plan
from daemon.loop import Loop
from daemon.reembedding import Reembedding

if TYPE_CHECKING:
    import sqlite3

    from catalog.jobs import Job
    from daemon.faces.plan import ModelPlan
    from daemon.settings import Settings
    from daemon.supervisor import Supervisor

logger = logging.getLogger(__name__)

RECOMPUTE = "recompute"
# Behind every new file. Few at a time, so that a lone scan which comes across them is soon done.
BEHIND_NEW_FILES = -10
FILES_AT_ONCE = 100
POLL_S = 0.2

_OURS = f"kind = 'ingest' AND priority = {BEHIND_NEW_FILES}"
_IN_HAND = f"""SELECT count(*) FROM jobs WHERE {_OURS} AND (state = 'running'
               OR (state = 'waiting' AND ifnull(not_before, '') <= ?))"""
_NEW_FILES = f"""SELECT 1 FROM jobs WHERE kind = 'ingest' AND priority > {BEHIND_NEW_FILES}
                 AND (state = 'running' OR (state = 'waiting' AND ifnull(not_before, '') <= ?))
                 LIMIT 1"""


def marks_of(
    connection: sqlite3.Connection, settings: Settings, models: ModelPlan
) -> dict[tuple[str, str], list[str]]:
    """The fingerprints of what is made with today's settings and models, for `steps.outdated`."""
    models_used = models.detector, models.recognizer_choices
    planned = [
        ledger.planned_steps(settings, *models_used),
        ledger.planned_video_steps(settings, *models_used),
    ]
    kinds = [ledger.kind_used(choice) for choice in models.recognizer_choices]
    return ledger.marks(planned, steps.fingerprints(connection, "align"), kinds)


class Renewal:
    """A thread that does recompute jobs, one after the other."""

    def __init__(self, supervisor: Supervisor) -> None:
        self._supervisor = supervisor
        self._claimed: list[Job] = []
        self._loop = Loop("recompute", self._round, supervisor.on_error)

    def start(self) -> None:
        """Start looking for recompute jobs."""
        self._loop.start()

    def wake(self) -> None:
        """Another process wrote to the catalog: perhaps a request."""
        self._loop.wake()

    def stop(self) -> None:
        """Give up what is in hand, which goes on from there after the next start."""
        self._loop.stop()

    def _round(self) -> None:
        run = self._supervisor.writer.run
        if self._claimed:  # a full disk kept something from being written
            run(lambda it: jobs.give_back(it, [job.id for job in self._claimed]))
        while not self._loop.stopping:
            self._claimed = run(lambda it: jobs.claim(it, RECOMPUTE, 1, owner="daemon"))
            if not self._claimed:
                return
            try:
                self._do(self._claimed[0])
            except CancelledError:
                return

    def _do(self, job: Job) -> None:
        logger.info("recomputing: %s", job.key)
        state, error = "done", None
        try:
            result = self._embed(job) if job.key == "embed" else self._again(job)
        except RollcallError as problem:
            result, state, error = {"exit_code": problem.exit_code}, "failed", str(problem)
            logger.error("%s", error)
        self._check()
        self._supervisor.writer.run(
            lambda it: jobs.finish(it, job.id, state=state, error=error, result=result)
        )
        self._supervisor.identification.wake()
        logger.info("recomputed: %s: %s", job.key, result)

    def _embed(self, job: Job) -> dict[str, Any]:
        return Reembedding(
            supervisor=self._supervisor, job_id=job.id, rest=self._rest, check=self._check
        ).run()

    def _again(self, job: Job) -> dict[str, Any]:
        """Read again, in slices, every file whose step was made otherwise."""
        supervisor = self._supervisor
        settings, run = supervisor.settings, supervisor.writer.run
        connection = connect(settings.catalog, readonly=True)
        try:
            marks = marks_of(connection, settings, plan(settings))
            progress = {
                "total": steps.outdated(connection, marks).get(job.key, 0),
                "files": 0,
                "after": 0,
                **job.payload,
            }
            self._wait_for_files()  # those of an earlier start
            while found := steps.outdated_media(
                connection, job.key, marks, after=progress["after"], limit=FILES_AT_ONCE
            ):
                progress["files"] += len(found)
                progress["after"] = found[-1][0]
                run(lambda it, found=found: _read_again(it, job, found, progress))  # type: ignore[misc]
                self._wait_for_files()
            left = steps.outdated(connection, marks).get(job.key, 0)
        finally:
            connection.close()
        return {"files": progress["files"], "left": left}

    def _wait_for_files(self) -> None:
        """Until the slice is read; what waits for another try does so by itself."""
        self._supervisor.dispatcher.wake()
        run = self._supervisor.writer.run
        while run(lambda it: it.execute(_IN_HAND, [clock.now()]).fetchone()[0]):
            self._pause()

    def _rest(self) -> None:
        """New files go first."""
        run = self._supervisor.writer.run
        self._check()
        while run(lambda it: it.execute(_NEW_FILES, [clock.now()]).fetchone()) is not None:
            self._pause()

    def _pause(self) -> None:
        self._check()
        self._loop.pause(POLL_S)

    def _check(self) -> None:
        if self._loop.stopping:
            raise CancelledError


def _read_again(
    connection: sqlite3.Connection,
    job: Job,
    found: list[tuple[int, str]],
    progress: dict[str, int],
) -> None:
    """Line up the next files, and note how far that went."""
    for media_id, sha256 in found:
        jobs.enqueue(connection, "ingest", sha256, media_id=media_id, priority=BEHIND_NEW_FILES)
    connection.execute(
        """UPDATE jobs SET payload = ?, progress = min(1.0, CAST(? AS REAL) / max(1, ?))
           WHERE id = ?""",
        [json.dumps(progress), progress["files"], progress["total"], job.id],
    )
