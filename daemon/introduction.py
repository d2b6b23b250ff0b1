"""What the daemon says of itself in its row of the catalog, for `status` and the pages."""

from __future__ import annotations

import logging
import multiprocessing
import os
from typing import TYPE_CHECKING, Any

from catalog import clock, exemplars, jobs, log, status
from daemon import comparable, memory

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence

    from catalog.writer import Writer
    from daemon.allotment import Allotment
    from daemon.faces.plan import ModelPlan
    from daemon.hardware import Hardware
    from daemon.worker import Report

logger = logging.getLogger(__name__)


def introduce(
    writer: Writer, models: ModelPlan, machine: Hardware, allotment: Allotment, *, role: str
) -> None:
    """Take over from whoever ran before, and say who runs now, with which models, on what."""
    notes = list(models.notes)

    def take_over(connection: sqlite3.Connection) -> int:
        notes.extend(comparable.notes(connection, models.recognizer_choices))
        exemplars.withdraw_missing(connection)
        status.say(
            connection,
            pid=os.getpid(),
            started_at=clock.now(),
            hardware=described(machine),
            models={
                "detector": list(models.detectors),
                "recognizer": list(models.recognizers),
            },
            workers=workers_now(allotment, []),
            notes=notes,
        )
        log.write(
            connection,
            "started",
            role=role,
            workers=allotment.workers,
            threads=allotment.threads,
            device=allotment.engine.device,
        )
        return jobs.reclaim(connection)

    resumed = writer.run(take_over)
    for note in notes:
        logger.warning("%s", note)
    logger.debug("%s", allotment)
    if resumed:
        logger.info("%d jobs of an earlier run wait again", resumed)


def described(machine: Hardware) -> dict[str, Any]:
    """The machine, for the `hardware` column."""
    return {
        "cores": machine.cores,
        "memory_mb": machine.memory_total_mb,
        "memory_limit_mb": machine.memory_limit_mb,
        "gpus": [gpu.name for gpu in machine.gpus],
        "providers": list(machine.providers),
        "tensorflow": machine.tensorflow,
    }


def workers_now(allotment: Allotment, reports: Sequence[Report]) -> dict[str, Any]:
    """The workers, for the `workers` column: the plan, and what they hold and say right now.

    `memory_mb` is of every process that we started, the identifier too.
    """
    planned = allotment.as_dict()
    living = [child.pid for child in multiprocessing.active_children() if child.pid]
    return {
        "count": planned.pop("workers"),
        **planned,
        "memory_mb": [held for pid in living if (held := memory.resident_mb(pid))],
        "peak_mb": max((report.peak_mb for report in reports), default=0),
        "fallback": next((report.fallback for report in reports if report.fallback), ""),
    }
