"""Running a state machine on a copy of a migrated catalog."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hypothesis import HealthCheck, settings

if TYPE_CHECKING:
    from pathlib import Path


def play(machine: Any, migrated: Path, **options: Any) -> None:
    """Run it by these settings of hypothesis. Its invariants, rules and teardown assert; it copies
    `migrated` for each of its lives.
    """

    class Play(machine.TestCase):  # type: ignore[misc, name-defined]
        pass

    machine.migrated = migrated
    Play.settings = settings(
        deadline=None, suppress_health_check=list(HealthCheck), database=None, **options
    )
    Play().runTest()
