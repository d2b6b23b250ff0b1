"""What similarities mean, for each embedder: the newest row counts, older ones tell what counted
before.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from catalog import clock
from catalog.records import SECOND_LOOK, EmbedderRecord

if TYPE_CHECKING:
    import sqlite3


@dataclass(frozen=True, slots=True, kw_only=True)
class CalibrationRow:
    """One calibration as the catalog has it. `curve` are slope and intercept of the log-odds,
    `thresholds` similarities by name, `source` whence they come, in words.
    """

    source: str
    curve: dict[str, float]
    thresholds: dict[str, float]
    made_at: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EmbedderRow:
    """One way to compute a vector."""

    id: int
    model: str
    weights_sha256: str
    geometry: str
    dimensions: int

    @property
    def record(self) -> EmbedderRecord:
        """The same as the workers know it."""
        return EmbedderRecord(
            model=self.model,
            weights_sha256=self.weights_sha256,
            geometry=self.geometry,
            dimensions=self.dimensions,
        )


def newest(connection: sqlite3.Connection, embedder_id: int) -> CalibrationRow | None:
    """The calibration that counts; None where none was ever written."""
    row = connection.execute(
        """SELECT source, curve, thresholds, made_at FROM calibrations
           WHERE embedder_id = ? ORDER BY id DESC LIMIT 1""",
        [embedder_id],
    ).fetchone()
    if row is None:
        return None
    return CalibrationRow(
        source=row["source"],
        curve=json.loads(row["curve"]),
        thresholds=json.loads(row["thresholds"]),
        made_at=row["made_at"],
    )


def write(
    connection: sqlite3.Connection,
    embedder_id: int,
    *,
    source: str,
    curve: dict[str, float],
    thresholds: dict[str, float],
) -> None:
    """Make this the calibration that counts."""
    connection.execute(
        """INSERT INTO calibrations (embedder_id, source, curve, thresholds, made_at)
           VALUES (?, ?, ?, ?, ?)""",
        [embedder_id, source, json.dumps(curve), json.dumps(thresholds), clock.now()],
    )


def active_embedders(connection: sqlite3.Connection) -> list[EmbedderRow]:
    """The embedders whose vectors are compared, in the order in which they came; several are an
    ensemble.
    """
    return _embedders(connection, "active")


def weights(connection: sqlite3.Connection) -> list[tuple[EmbedderRow, float]]:
    """The embedders whose vectors are compared, and how much each counts: by the slope of its
    curve, as in every decision.
    """
    found = [(it, newest(connection, it.id)) for it in active_embedders(connection)]
    if any(row is None for _, row in found):  # before the first decision: all alike
        return [(it, 1.0) for it, _ in found]
    return [(it, row.curve["slope"]) for it, row in found if row is not None]


def embedders(connection: sqlite3.Connection) -> list[EmbedderRow]:
    """All embedders that a vector was ever made by, but for those of second looks, which are read
    by the calibration of the embedder that they are a second look of.
    """
    return _embedders(connection, f"geometry NOT LIKE '%{SECOND_LOOK}'")


def _embedders(connection: sqlite3.Connection, condition: str) -> list[EmbedderRow]:
    rows = connection.execute(
        f"""SELECT id, model, weights_sha256, geometry, dimensions FROM embedders
            WHERE {condition} ORDER BY id"""
    )
    return [EmbedderRow(**dict(row)) for row in rows]
