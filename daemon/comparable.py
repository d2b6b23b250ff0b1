"""Whether the faces of the catalog are compared by the models that the settings choose."""

from __future__ import annotations

from typing import TYPE_CHECKING

from catalog import calibrations, recompute
from catalog.records import EmbedderRecord
from daemon.faces.weights import entry

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence

    from daemon.faces.plan import Choice


def notes(connection: sqlite3.Connection, recognizers: Sequence[Choice]) -> list[str]:
    """What to know where faces are compared by other models than the chosen ones."""
    if is_switched(connection, recognizers):
        return []
    active = calibrations.active_embedders(connection)
    old = [it for it in active if not any(_makes(choice, it) for choice in recognizers)]
    counts = ", ".join(f"{it.model} ({it.geometry})" for it in active)
    places = [(it.model, it.geometry) for it in old]
    chosen = ", ".join(
        f"{it.name} ({it.geometry}{', other weights' if (it.name, it.geometry) in places else ''})"
        for it in recognizers
    )
    lacking = (
        f"; where the weights of {', '.join(it.model for it in old)} are not on this machine any "
        "more, new faces are compared with nobody until then"
        if old
        else ""
    )
    return [
        f"faces here are compared by {counts}, and models.recognizer chooses {chosen}: `rollcall "
        f"recompute embed` computes the vectors of all faces and changes over{lacking}"
    ]


def is_switched(connection: sqlite3.Connection, recognizers: Sequence[Choice]) -> bool:
    """Whether exactly the chosen models are compared by, or nothing is yet."""
    active = calibrations.active_embedders(connection)
    if not active:
        return True
    every = all(any(_makes(choice, it) for choice in recognizers) for it in active)
    return every and all(any(_makes(choice, it) for it in active) for choice in recognizers)


def count_lacking(connection: sqlite3.Connection, recognizers: Sequence[Choice]) -> int:
    """How many faces lack a vector by one of the chosen models."""
    return recompute.count_lacking(connection, [_kind(choice) for choice in recognizers])


def _kind(choice: Choice) -> EmbedderRecord:
    return EmbedderRecord(
        model=choice.name,
        weights_sha256=choice.weights_sha256,
        geometry=choice.geometry,
        dimensions=entry(choice.name).dimensions,
    )


def _makes(choice: Choice, embedder: calibrations.EmbedderRow) -> bool:
    """Whether this model, as it is chosen now, gives the embedder's vectors; of weights that are
    not here yet nobody knows.
    """
    same = (choice.name, choice.geometry) == (embedder.model, embedder.geometry)
    return same and choice.weights_sha256 in ("", embedder.weights_sha256)
