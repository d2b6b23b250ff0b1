"""What an embedder's similarities mean in this catalog: what counts now, and what a person's own
confirmed faces say.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from daemon.errors import UsageError
from daemon.people.calibration import PAIRS_BEYOND, Pairs, recalibrated
from daemon.people.curve import RATES, Calibration
from daemon.people.in_force import brought, current
from daemon.people.own_pairs import collect

if TYPE_CHECKING:
    import sqlite3

    from catalog.calibrations import EmbedderRow

# Fewer people than these are no sample of strangers: thresholds of 5 drawn from Labeled Faces in
# the Wild miss their rate by a factor of four. See benchmarks.calibration.
PEOPLE_NEEDED = 5
FACES_NEEDED = 50
STRANGERS_NEEDED = int(PAIRS_BEYOND / max(RATES.values()))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Recalibration:
    """An embedder with what counted and what shall count; `pairs` is None where nothing was
    counted.
    """

    embedder: EmbedderRow
    before: Calibration
    now: Calibration
    pairs: Pairs | None


def from_own_faces(connection: sqlite3.Connection, embedder: EmbedderRow) -> Recalibration:
    """A calibration by the faces that people confirmed.

    It corrects the one that the embedder starts with, not the last: the faces that made that one
    are still in the catalog and would count twice. Raises UsageError, with what is missing, where
    there are too few.
    """
    pairs = collect(connection, embedder)
    enough = pairs.people >= PEOPLE_NEEDED and pairs.faces >= FACES_NEEDED
    if not enough or len(pairs.impostor) < STRANGERS_NEEDED or not len(pairs.genuine):
        raise UsageError(
            f"{embedder.model}: {pairs.faces} confirmed faces of {pairs.people} people, "
            f"{len(pairs.genuine)} pairs of one person and {len(pairs.impostor)} of two; needed "
            f"are {FACES_NEEDED} faces of {PEOPLE_NEEDED} people with names and {STRANGERS_NEEDED} "
            "pairs of two: add reference pictures or confirm more faces"
        )
    source = f"{pairs.faces:,} confirmed faces of {pairs.people:,} people"
    return Recalibration(
        embedder=embedder,
        before=current(connection, embedder),
        now=recalibrated(pairs, brought(embedder), source),
        pairs=pairs,
    )


def from_start(connection: sqlite3.Connection, embedder: EmbedderRow) -> Recalibration:
    """Back to the calibration that the embedder starts with."""
    before = current(connection, embedder)
    return Recalibration(embedder=embedder, before=before, now=brought(embedder), pairs=None)
