"""Whether the chosen models have their weights."""

from __future__ import annotations

from typing import TYPE_CHECKING

from daemon.checks.problem import Level, Problem

if TYPE_CHECKING:
    from collections.abc import Iterator

    from daemon.settings import Settings


def weights(settings: Settings) -> Iterator[Problem]:
    """What the plan of models has to say; that none can be made is raised as it is."""
    # Not before it is asked for: it looks through installed packages.
    from daemon.faces.plan import plan

    for note in plan(settings).notes:
        problem, _, remedy = note.partition("; ")
        yield Problem(
            check="weights",
            level=Level.WARNING,
            problem=problem,
            remedy=remedy or "run `rollcall models fetch` where there is a network",
        )
