"""What can be wrong with an installation: every problem at once, each with its remedy."""

from __future__ import annotations

import logging
import sqlite3
from typing import TYPE_CHECKING

from catalog.errors import RollcallError
from daemon.checks import catalog_state, configuration, folders, machine, models, web
from daemon.checks.problem import Level, Problem

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from daemon.settings import Settings

__all__ = ["CHECKS", "Level", "Problem", "examine"]

logger = logging.getLogger(__name__)

CHECKS: tuple[Callable[[Settings], Iterable[Problem]], ...] = (
    machine.python,
    machine.sqlite,
    machine.clock,
    machine.memory,
    machine.graphics,
    machine.tensorflow,
    folders.watched,
    folders.weights,
    folders.nesting,
    folders.state,
    folders.file_system,
    folders.room,
    folders.inotify,
    models.weights,
    catalog_state.daemon,
    catalog_state.databases,
    catalog_state.growth,
    web.port,
)


def examine(config: Path | None = None) -> Iterator[Problem]:
    """All problems, as they are found. Goes on with defaults where the configuration is broken."""
    settings, problems = configuration.read(config)
    yield from problems
    for check in CHECKS:
        yield from _guarded(check, settings)


def _guarded(
    check: Callable[[Settings], Iterable[Problem]], settings: Settings
) -> Iterator[Problem]:
    name = check.__name__.replace("_", " ")
    try:
        yield from check(settings)
    except RollcallError as error:
        # Its one line says what to do after the semicolon.
        problem, _, remedy = str(error).partition("; ")
        yield Problem(check=name, level=Level.ERROR, problem=problem, remedy=remedy)
    except (OSError, sqlite3.Error) as error:
        yield Problem(
            check=name,
            level=Level.ERROR,
            problem=f"{name}: cannot be looked at ({error})",
            remedy="mend what it names and run `rollcall doctor` again",
        )
    except Exception as error:  # whatever is broken, the other checks still have to speak
        logger.exception("the check %s failed", name)
        yield Problem(
            check=name,
            level=Level.ERROR,
            problem=f"{name}: the check itself failed ({error!r})",
            remedy="report it with the lines that the log shows",
        )
