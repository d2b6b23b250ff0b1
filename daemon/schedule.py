"""What the daemon does by the clock: compare with the disk, repair and clean at night."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.cron import CronTrigger
from apscheduler.triggers.interval import IntervalTrigger

from catalog import crops, jobs, log
from daemon import projections

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Sequence

    from apscheduler.triggers.base import BaseTrigger

    from daemon.supervisor import Supervisor

logger = logging.getLogger(__name__)

DAY_S = 86_400.0
KEEP_DONE_JOBS_S = 14 * DAY_S
# A crash between the commits of crops.db and the catalog leaves an orphan; a day later it may go.
ORPHAN_AGE_S = DAY_S
# A quarter of the interval: many machines started by one power cut do not look at one disk at once.
JITTER = 0.25


@dataclass(frozen=True, slots=True, kw_only=True)
class Appointment:
    """A regular job: its name, a sentence, when, and what. `run` returns at once or in seconds."""

    name: str
    sentence: str
    trigger: BaseTrigger
    run: Callable[[], None]


class Schedule:
    """The appointments of one daemon, kept by APScheduler in a thread of its own."""

    def __init__(self, supervisor: Supervisor, folders: Sequence[bytes]) -> None:
        self._supervisor = supervisor
        self._folders = folders
        self._scheduler = BackgroundScheduler(timezone="UTC", job_defaults={"coalesce": True})
        for appointment in self.appointments():
            self._scheduler.add_job(
                _guarded(appointment),
                appointment.trigger,
                id=appointment.name,
                name=appointment.sentence,
                max_instances=1,
                misfire_grace_time=None,
            )

    def appointments(self) -> tuple[Appointment, ...]:
        """Everything that happens by the clock."""
        rescan_s = self._supervisor.settings.intake.rescan_minutes * 60
        return (
            Appointment(
                name="rescan",
                sentence="compare the watched folders with the catalog",
                trigger=IntervalTrigger(seconds=rescan_s, jitter=rescan_s * JITTER),
                run=self._rescan,
            ),
            Appointment(
                name="repair",
                sentence="judge every face again at once",
                trigger=CronTrigger(hour=3, minute=10, jitter=600, timezone="UTC"),
                run=self._repair,
            ),
            Appointment(
                name="map",
                sentence="bring all faces into two dimensions for the map",
                trigger=CronTrigger(hour=3, minute=40, jitter=600, timezone="UTC"),
                run=self._project,
            ),
            Appointment(
                name="clean",
                sentence="drop orphaned crops, long finished jobs and old log lines",
                trigger=CronTrigger(hour=4, minute=10, jitter=600, timezone="UTC"),
                run=self._clean,
            ),
        )

    def start(self) -> None:
        """Start keeping appointments."""
        self._scheduler.start()

    def stop(self) -> None:
        """Finish the one that is being kept, and keep no more."""
        if self._scheduler.running:
            self._scheduler.shutdown()

    def _rescan(self) -> None:
        for folder in self._folders:
            self._supervisor.arrivals.lost(folder, "the regular comparison")

    def _repair(self) -> None:
        self._supervisor.writer.run(lambda it: jobs.enqueue(it, "repair", "whole"))
        self._supervisor.identification.wake()

    def _project(self) -> None:
        for method in projections.available():
            self._supervisor.writer.run(
                lambda it, method=method: jobs.enqueue(it, projections.KIND, method)  # type: ignore[misc]
            )
        self._supervisor.projections.wake()

    def _clean(self) -> None:
        writer = self._supervisor.writer

        def drop(catalog: sqlite3.Connection, pictures: sqlite3.Connection) -> int:
            return crops.drop_orphans(catalog, pictures, older_than_s=ORPHAN_AGE_S)

        while writer.submit_with_crops(drop).result():
            pass
        writer.run(lambda it: jobs.prune(it, older_than_s=KEEP_DONE_JOBS_S))
        keep_rows = self._supervisor.settings.log.keep_rows
        writer.run(lambda it: log.prune(it, keep_rows=keep_rows))
        writer.run(lambda it: it.execute("PRAGMA optimize"))


def _guarded(appointment: Appointment) -> Callable[[], None]:
    """One appointment that fails must not end the others; the next one tries again."""

    def keep() -> None:
        try:
            appointment.run()
        except Exception:
            logger.exception("could not %s", appointment.sentence)

    return keep
