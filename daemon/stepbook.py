"""What was done for a part, step by step, with the time that it took: the lines of the ledger."""

from __future__ import annotations

import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from catalog import clock
from catalog.records import StepRecord
from daemon.errors import BadFile

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from daemon.ledger import Planned


class StepBook:
    """`planned` are the steps by (step, model); `device` says on what a model runs."""

    def __init__(
        self, planned: Mapping[tuple[str, str], Planned], device: Callable[[str], str]
    ) -> None:
        self._planned = planned
        self._device = device
        self._records: dict[tuple[str, str], StepRecord] = {}

    @property
    def records(self) -> tuple[StepRecord, ...]:
        """The lines, in the order of the last time that each step was worked at."""
        return tuple(self._records.values())

    @contextmanager
    def step(self, name: str, model: str = "") -> Iterator[None]:
        """Time a step and write it down, failed where a BadFile ends it."""
        started_at, start = clock.now(), time.perf_counter()
        try:
            yield
        except BadFile as error:
            self.note(name, model, started_at, time.perf_counter() - start, error=str(error))
            raise
        self.note(name, model, started_at, time.perf_counter() - start)

    def note(
        self,
        name: str,
        model: str,
        started_at: str,
        seconds: float,
        *,
        error: str | None = None,
        planned: Planned | None = None,
    ) -> None:
        """Write one line; what is done in several goes counts as one step. `planned` is given for a
        step that is not among the book's own.
        """
        before = self._records.pop((name, model), None)
        if before is not None:
            started_at, seconds = before.started_at, before.seconds + seconds
        step = planned or self._planned[name, model]
        self._records[name, model] = StepRecord(
            step=name,
            model=model,
            fingerprint=step.fingerprint,
            parameters=step.parameters,
            state="failed" if error else "done",
            started_at=started_at,
            seconds=round(seconds, 6),
            error=error,
            device=self._device(model),
        )
