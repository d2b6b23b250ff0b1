"""Whether the machine and the programs below Rollcall are what it needs."""

from __future__ import annotations

import ctypes
import sqlite3
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from daemon import hardware
from daemon.checks.problem import Level, Problem

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from daemon.hardware import Hardware
    from daemon.settings import Settings

OLDEST_PYTHON = (3, 11)
# STRICT tables.
OLDEST_SQLITE = (3, 37)
EARLIEST_YEAR = 2024
# A worker with the default models, and something for the rest of the machine.
LEAST_MEMORY_MB = 1024
# adjtimex(2): the clock is not synchronised.
TIME_ERROR = 5
RUNTIMES = {
    "NVIDIA": ({"CUDAExecutionProvider", "TensorrtExecutionProvider"}, "onnxruntime-gpu"),
    "AMD": ({"MIGraphXExecutionProvider", "ROCMExecutionProvider"}, "onnxruntime-rocm"),
}


def python(
    _settings: Settings, *, version: tuple[int, ...] = sys.version_info[:3]
) -> Iterator[Problem]:
    """Python itself."""
    if version < OLDEST_PYTHON:
        yield Problem(
            check="python",
            level=Level.ERROR,
            problem=f"Python is {'.'.join(map(str, version))}, too old",
            remedy="install Rollcall with Python 3.11 or newer",
        )


def sqlite(
    _settings: Settings, *, version: tuple[int, ...] = sqlite3.sqlite_version_info
) -> Iterator[Problem]:
    """The SQLite that this Python is linked with."""
    if version < OLDEST_SQLITE:
        yield Problem(
            check="sqlite",
            level=Level.ERROR,
            problem=f"SQLite is {'.'.join(map(str, version))}, without STRICT tables",
            remedy="use a Python that is linked with SQLite 3.37 or newer",
        )


def clock(
    _settings: Settings,
    *,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
    synchronised: Callable[[], bool | None] = lambda: _synchronised(),
) -> Iterator[Problem]:
    """Whether the time that will stand in the catalog can be right."""
    moment = now()
    if moment.year < EARLIEST_YEAR:
        yield Problem(
            check="clock",
            level=Level.ERROR,
            problem=f"the clock says {moment:%Y-%m-%d}, which cannot be",
            remedy="set it: sudo timedatectl set-ntp true",
        )
    elif synchronised() is False:
        yield Problem(
            check="clock",
            level=Level.WARNING,
            problem="the clock is not synchronised with the network's time",
            remedy="sudo timedatectl set-ntp true",
        )


def memory(
    _settings: Settings, *, survey: Callable[[], Hardware] = hardware.survey
) -> Iterator[Problem]:
    """Whether a worker has room."""
    found = survey()
    if 0 < found.memory_total_mb < LEAST_MEMORY_MB:
        limit = " (the limit of its control group)" if found.memory_limit_mb else ""
        yield Problem(
            check="memory",
            level=Level.ERROR,
            problem=f"{found.memory_total_mb} MiB of memory{limit}, a worker needs about 1 GiB",
            remedy="give the machine or the container more",
        )
    elif 0 < found.memory_available_mb < LEAST_MEMORY_MB:
        yield Problem(
            check="memory",
            level=Level.WARNING,
            problem=f"only {found.memory_available_mb} MiB of memory are free now",
            remedy="end other programs, or let them swap",
        )


def graphics(
    _settings: Settings, *, survey: Callable[[], Hardware] = hardware.survey
) -> Iterator[Problem]:
    """Graphics cards that lie idle for want of a driver or of a runtime."""
    found = survey()
    for gpu in found.gpus:
        if gpu.vendor not in RUNTIMES:
            continue
        wanted, package = RUNTIMES[gpu.vendor]
        if not gpu.usable:
            yield Problem(
                check="graphics",
                level=Level.WARNING,
                problem=f"{gpu.name}: no driver is loaded, or its devices are not yours to open",
                remedy=f"install {gpu.vendor}'s driver; a user needs the groups video and render, "
                "the service `rollcall service install --gpu`",
            )
        elif not wanted & set(found.providers):
            yield Problem(
                check="graphics",
                level=Level.WARNING,
                problem=f"{gpu.name}: onnxruntime here runs on the processor only",
                remedy=f"install {package} in the place of onnxruntime",
            )


def _synchronised() -> bool | None:
    """Whether the kernel takes its clock for synchronised; None where it does not tell."""
    try:
        # Larger than struct timex; its first field, 0, asks to change nothing.
        state = ctypes.CDLL(None).adjtimex(ctypes.create_string_buffer(512))
    except (OSError, AttributeError):
        return None
    return None if state < 0 else state != TIME_ERROR
