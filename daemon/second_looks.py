"""Look jobs out, second looks in: faces in doubt are embedded again from jittered crops, and then
judged again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from catalog import embeddings, looks
from daemon import worker
from daemon.dispatch import START_S
from daemon.serial import Pooled
from daemon.shelf import Shelf
from daemon.tasks import VectorTask

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence

    from catalog.jobs import Job
    from daemon.shelf import Taken
    from daemon.tasks import VectorAnswer

FACE_S = 2.0


class SecondLooks(Pooled):
    """A thread between the look jobs and the workers."""

    # A look at a face takes 40 ms with Dlib on one thread: some seconds of work at most in one
    # task, for photos with a few faces each.
    name, owner = "second looks", "second looks"
    kinds = (looks.KIND,)
    at_once = 16

    def _do(self, claimed: Sequence[Job]) -> None:
        taken, answer = self._take(claimed), None
        if taken:
            timeout_s = self._settings.workers.timeout_s + START_S + FACE_S * len(taken)
            kinds = self._writer.run(looks.kinds)
            task = VectorTask(faces=tuple(it.face for it in taken), kinds=kinds)
            future = self._pool.submit(worker.compute_vectors, task, timeout_s=timeout_s)
            answer = self._answer(claimed, future)
            if answer is None:
                return
        self._writer.run(lambda it: _write(it, claimed, taken, answer))
        self.on_written()

    def _give_up(self, job: Job, error: str) -> None:
        self._writer.run(lambda it: looks.give_up(it, job, error, self._patience))
        self.on_written()

    def _take(self, claimed: Sequence[Job]) -> list[Taken]:
        """The crops of the faces asked for that still have no second look."""
        with Shelf(self._settings.catalog) as shelf:
            wanted = sorted({face_id for job in claimed for face_id in job.payload["faces"]})
            seen = looks.looked_at(shelf.catalog, wanted)
            return shelf.take([it for it in wanted if it not in seen])


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
