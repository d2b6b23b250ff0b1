"""How every decision is carried out: noted, done, and what follows from it, in the caller's
transaction.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from catalog import changes
from catalog.decisions.effects import Effects
from catalog.decisions.errors import DecisionError

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable


def carry_out(
    connection: sqlite3.Connection,
    action: str,
    perform: Callable[[Effects, dict[str, Any]], None],
    forward: dict[str, Any],
    *,
    actor: str,
) -> int:
    """Do it and note it; returns the id of the change. Raises DecisionError.

    `forward` is all that `perform` needs, so that redo carries out the same.
    """
    change_id = changes.begin(connection, action, forward, actor=actor)
    repeat(connection, change_id, perform, forward, actor=actor)
    return change_id


def repeat(
    connection: sqlite3.Connection,
    change_id: int,
    perform: Callable[[Effects, dict[str, Any]], None],
    forward: dict[str, Any],
    *,
    actor: str,
) -> None:
    """Do what this change says, and note afresh how to take it back. Raises DecisionError where
    nothing is left to do.
    """
    effects = Effects(connection, change_id, actor)
    perform(effects, forward)
    if not effects.did_something:
        raise DecisionError("there is nothing to change: the catalog says so already")
    effects.settle()
    changes.complete(connection, change_id, inverse=effects.inverse, keys=effects.keys)
