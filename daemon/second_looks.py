"""Look jobs out, second looks in: faces in doubt are embedded again from jittered crops, and then
judged again.
"""

from __future__ import annotations

import logging
from concurrent.futures import CancelledError
from typing import TYPE_CHECKING

from catalog import embeddings, jobs, looks
from daemon import worker
from daemon.dispatch import START_S
from daemon.errors import EnvironmentTrouble
from daemon.loop import Loop
from daemon.pool import WorkerDied
from daemon.shelf import Shelf
from daemon.tasks import VectorTask

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Sequence

    from catalog.jobs import Job, Patience
    from catalog.writer import Writer
    from daemon.pool import Pool
    from daemon.settings import Settings
    from daemon.shelf import Taken
    from daemon.tasks import VectorAnswer

logger = logging.getLogger(__name__)

# A look at a face takes 40 ms with Dlib on one thread: some seconds of work at most in one task,
# for photos with a few faces each.
AT_ONCE = 16
FACE_S = 2.0


class SecondLooks:
    """A thread between the look jobs and the workers."""

    def __init__(
        self,
        writer: Writer,
        pool: Pool,
        settings: Settings,
        *,
        patience: Patience,
        on_error: Callable[[Exception], None],
    ) -> None:
        self._writer = writer
        self._pool = pool
        self._settings = settings
        self._patience = patience
        self._at_once = AT_ONCE
        self._claimed: list[Job] = []
        self._working = False
        self.on_written: Callable[[], None] = lambda: None
        self._loop = Loop("second looks", self._round, on_error)

    def start(self) -> None:
        """Start looking for look jobs."""
        self._loop.start()

    def wake(self) -> None:
        """There may be something to do."""
        self._loop.wake()

    def abandon(self) -> None:
        """Look and write nothing more: what is in hand waits in its row."""
        self._loop.halt()

    def stop(self) -> None:
        """End the thread; the caller ends the workers first, so that nothing is waited for."""
        self._loop.stop()

    @property
    def busy(self) -> bool:
        """Whether faces are being looked at."""
        return self._working

    def _round(self) -> float | None:
        self._working = True
        try:
            if self._claimed:  # a full disk kept the looks from being written
                self._give_back(self._claimed)
                self._claimed = []
            while not self._loop.stopping:
                self._claimed = self._writer.run(
                    lambda it: jobs.claim(it, looks.KIND, self._at_once, owner="second looks")
                )
                if not self._claimed:
                    return self._writer.run(lambda it: jobs.seconds_until_due(it, [looks.KIND]))
                self._look(self._claimed)
                self._claimed = []
            return None
        finally:
            self._working = False

    def _look(self, claimed: Sequence[Job]) -> None:
        taken, answer = self._take(claimed), None
        if taken:
            timeout_s = self._settings.workers.timeout_s + START_S + FACE_S * len(taken)
            kinds = self._writer.run(looks.kinds)
            task = VectorTask(faces=tuple(it.face for it in taken), kinds=kinds)
            future = self._pool.submit(worker.compute_vectors, task, timeout_s=timeout_s)
            try:
                error = future.exception()
            except CancelledError:
                return
            if self._loop.stopping:
                return
            if error is not None:
                self._failed(claimed, error)
                return
            answer = future.result()
        self._at_once = AT_ONCE
        self._writer.run(lambda it: _write(it, claimed, taken, answer))
        self.on_written()

    def _take(self, claimed: Sequence[Job]) -> list[Taken]:
        """The crops of the faces asked for that still have no second look."""
        with Shelf(self._settings.catalog) as shelf:
            wanted = sorted({face_id for job in claimed for face_id in job.payload["faces"]})
            seen = looks.looked_at(shelf.catalog, wanted)
            return shelf.take([it for it in wanted if it not in seen])

    def _failed(self, claimed: Sequence[Job], error: BaseException) -> None:
        if isinstance(error, EnvironmentTrouble):
            raise error  # no face is to blame: all of it is tried again later
        ours = None if isinstance(error, WorkerDied) else error
        logger.error("a second look failed: %s", error, exc_info=ours)
        if len(claimed) > 1:  # one of them may be to blame: each alone
            self._at_once = 1
            self._give_back(claimed)
            return
        self._writer.run(lambda it: looks.give_up(it, claimed[0], str(error), self._patience))
        self.on_written()

    def _give_back(self, claimed: Sequence[Job]) -> None:
        self._writer.run(lambda it: jobs.give_back(it, [job.id for job in claimed]))


def _write(
    connection: sqlite3.Connection,
    claimed: Sequence[Job],
    taken: Sequence[Taken],
    answer: VectorAnswer | None,
) -> None:
    """The vectors and the end of the jobs in one transaction: killed before it, all is asked again.

    A face whose crop was replaced meanwhile is not missing; who judges it asks anew.
    """
    replaced = {
        it.place.face_id
        for it, vectors in zip(taken, answer.vectors if answer else (), strict=True)
        if not embeddings.write(connection, it.place, vectors)
    }
    for job in claimed:
        faces = job.payload["faces"]
        found = looks.looked_at(connection, faces) | replaced
        looks.close(connection, job, [it for it in faces if it not in found])
