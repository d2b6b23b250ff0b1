"""What the settings and the calibrations ask of a face now, by model."""

from __future__ import annotations

from typing import TYPE_CHECKING

from catalog.evidence import Bars
from daemon.people.ensemble import Ensemble
from daemon.people.limits import limits

if TYPE_CHECKING:
    import sqlite3

    from daemon.people.curve import Calibration
    from daemon.settings import Settings


def bars_now(connection: sqlite3.Connection, settings: Settings) -> dict[str, Bars]:
    """By model, and `all` for the decision."""
    ensemble = Ensemble.read(connection)
    models = {it.embedder.model: it.calibration for it in ensemble.members}
    every = {"all": ensemble.calibration, **models} if ensemble.members else {}
    (people,) = connection.execute(
        """SELECT count(DISTINCT ifnull(people.merged_into, people.id))
           FROM exemplars JOIN people ON people.id = person_id WHERE state = 'used'"""
    ).fetchone()
    return {model: _bar(settings, calibration, people) for model, calibration in every.items()}


def _bar(settings: Settings, calibration: Calibration, people: int) -> Bars:
    allowed = limits(settings.identify, calibration)
    return Bars(
        threshold=allowed.named_from(people),
        margin=allowed.margin,
        group_threshold=allowed.group_threshold,
        found_quality=allowed.found_quality,
        found_track_quality=allowed.found_track_quality,
    )
