"""Whether the faces that come in now can be compared with those that are there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from catalog import calibrations

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence

    from daemon.faces.plan import Choice


def notes(connection: sqlite3.Connection, recognizers: Sequence[Choice]) -> list[str]:
    """What to know where new faces do not get a vector that the catalog's are compared by."""
    found = []
    for active in calibrations.active_embedders(connection):
        if not any(_makes(choice, active) for choice in recognizers):
            found.append(
                f"faces here are compared by {active.model} ({active.geometry}), of which new "
                "faces get no vector: they are compared with nobody; choose that model again in "
                "models.recognizer, or begin a new catalog where its crops changed with a version"
            )
    return found


def _makes(choice: Choice, embedder: calibrations.EmbedderRow) -> bool:
    """Whether this model, as it is chosen now, gives the embedder's vectors; of weights that are
    not here yet nobody knows.
    """
    same = (choice.name, choice.geometry) == (embedder.model, embedder.geometry)
    return same and choice.weights_sha256 in ("", embedder.weights_sha256)
