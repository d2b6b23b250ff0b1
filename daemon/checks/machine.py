"""Whether the machine and the programs below Rollcall are what it needs."""

from __future__ import annotations

import ctypes
import sqlite3
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from daemon import hardware
from daemon.allotment import CARDS, choose, idle
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
# Whose cards are worth a word: Intel's are in most processors.
WORTH_A_WORD = ("NVIDIA", "AMD")


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
    settings: Settings, *, survey: Callable[[], Hardware] = hardware.survey
) -> Iterator[Problem]:
    """Graphics cards that lie idle for want of a driver or of a runtime, and one that is asked for
    and not to be had.
    """
    found = survey()
    if settings.workers.device == "cpu":
        return
    for gpu in found.gpus:
        reason = idle(gpu, found) if gpu.vendor in WORTH_A_WORD else ""
        if not reason:
            continue
        package = next(card.package for card in CARDS if card.vendor == gpu.vendor)
        remedy = f"install {package} in the place of onnxruntime"
        if not gpu.usable:
            remedy = (
                f"install {gpu.vendor}'s driver; a user needs the groups video and render, "
                "the service `rollcall service install --gpu`"
            )
        yield Problem(check="graphics", level=Level.WARNING, problem=reason, remedy=remedy)
    engine = choose(found, settings.workers.device)
    if settings.workers.device == "gpu" and engine.device == "cpu":
        yield Problem(
            check="graphics",
            level=Level.ERROR,
            problem=f"workers.device is gpu, and none can be used: {engine.why}",
            remedy='mend that, or set workers.device = "auto"',
        )


def tensorflow(
    settings: Settings, *, survey: Callable[[], Hardware] = hardware.survey
) -> Iterator[Problem]:
    """TensorFlow on the processor although there is a card for it. That it is missing where a
    chosen model needs it, the check of the weights says.
    """
    # Not before it is asked for: it looks through installed packages.
    from daemon.faces.packages import uses_tensorflow
    from daemon.faces.registry import MODELS

    found = survey()
    chosen = (*settings.models.detector, *settings.models.recognizer)
    names = [name for name in chosen if name in MODELS and uses_tensorflow(name)]
    usable = [gpu for gpu in found.gpus if gpu.vendor == "NVIDIA" and gpu.usable]
    if names and usable and found.tensorflow == "processor" and settings.workers.device != "cpu":
        yield Problem(
            check="tensorflow",
            level=Level.WARNING,
            problem=f"{names[0]} runs in TensorFlow, which here does not use {usable[0].name}",
            remedy="pip install 'tensorflow[and-cuda]'",
        )


def _synchronised() -> bool | None:
    """Whether the kernel takes its clock for synchronised; None where it does not tell."""
    try:
        # Larger than struct timex; its first field, 0, asks to change nothing.
        state = ctypes.CDLL(None).adjtimex(ctypes.create_string_buffer(512))
    except (OSError, AttributeError):
        return None
    return None if state < 0 else state != TIME_ERROR
