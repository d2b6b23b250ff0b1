"""The calibration that counts for each embedder. Plain numbers, for the small processes too."""

from __future__ import annotations

from typing import TYPE_CHECKING

from catalog import calibrations
from daemon.people.curve import Calibration, Curve
from daemon.people.starting import BROUGHT, starting

if TYPE_CHECKING:
    import sqlite3

    from catalog.calibrations import EmbedderRow


def brought(embedder: EmbedderRow) -> Calibration:
    """What Rollcall brings along for this embedder."""
    return starting(embedder.model, embedder.weights_sha256, embedder.geometry)


def current(connection: sqlite3.Connection, embedder: EmbedderRow) -> Calibration:
    """The newest calibration of an embedder, else the one that it starts with."""
    first = brought(embedder)
    row = calibrations.newest(connection, embedder.id)
    if row is None:
        return first
    return Calibration(
        source=row.source,
        curve=Curve(slope=row.curve["slope"], intercept=row.curve["intercept"]),
        thresholds={**first.thresholds, **row.thresholds},
        measured=first.measured or row.source != first.source,
    )


def record(connection: sqlite3.Connection, embedder: EmbedderRow, found: Calibration) -> None:
    """Make this the calibration that counts."""
    calibrations.write(
        connection,
        embedder.id,
        source=found.source,
        curve={"slope": found.curve.slope, "intercept": found.curve.intercept},
        thresholds=dict(found.thresholds),
    )


def begin(connection: sqlite3.Connection) -> None:
    """Write down what embedders start with, so that people see it beside their vectors; also where
    an earlier version of Rollcall started with other numbers.
    """
    for embedder in calibrations.embedders(connection):
        first = brought(embedder)
        row = calibrations.newest(connection, embedder.id)
        if row is not None and (row.source not in BROUGHT or row.thresholds == first.thresholds):
            continue
        record(connection, embedder, first)


def unmeasured(connection: sqlite3.Connection) -> list[str]:
    """The models in use of whose similarities nobody counted pairs."""
    active = calibrations.active_embedders(connection)
    return [it.model for it in active if not current(connection, it).measured]
