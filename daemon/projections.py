"""Maps of all faces that take minutes to compute: a job at night, where the libraries are there."""

from __future__ import annotations

import importlib.util
from typing import TYPE_CHECKING, Final

from catalog import jobs, projections
from daemon import worker
from daemon.serial import Pooled
from daemon.tasks import ProjectionTask

if TYPE_CHECKING:
    from collections.abc import Sequence

    from catalog.jobs import Job

KIND: Final = "project"
PACKAGES: Final = {"tsne": "sklearn", "umap": "umap"}
"""What each method needs."""

# t-SNE of so many faces takes some two minutes of one core; a screen shows no more points anyway.
MOST: Final = 20_000
_TIMEOUT_S: Final = 3600.0
_ROWS_AT_ONCE: Final = 5000


def available() -> list[str]:
    """The methods whose libraries are installed."""
    return [it for it, package in PACKAGES.items() if importlib.util.find_spec(package)]


class Projections(Pooled):
    """A thread between the project jobs and a worker."""

    name, owner = "projections", "projections"
    kinds = (KIND,)
    at_once = 1

    def _do(self, claimed: Sequence[Job]) -> None:
        (job,) = claimed
        task = ProjectionTask(catalog=self._settings.catalog, method=job.key, most=MOST)
        answer = self._answer(
            claimed, self._pool.submit(worker.project, task, timeout_s=_TIMEOUT_S)
        )
        if answer is None:
            return
        self._writer.run(lambda it: projections.clear(it, job.key))
        for start in range(0, len(answer), _ROWS_AT_ONCE):
            rows = answer[start : start + _ROWS_AT_ONCE]
            self._writer.run(lambda it, rows=rows: projections.add(it, job.key, rows))  # type: ignore[misc]
        self._writer.run(lambda it: jobs.finish(it, job.id, result={"faces": len(answer)}))
        self.on_written()

    def _give_up(self, job: Job, error: str) -> None:
        self._writer.run(lambda it: jobs.put_back(it, job, error, self._patience))
