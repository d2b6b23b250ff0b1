"""Undo and redo of what people decided."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from catalog import changes, log
from catalog.decisions import DecisionError, belonging, merges, names, sight
from catalog.decisions.decision import repeat
from catalog.decisions.reversal import take_back

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable

    from catalog.decisions.effects import Effects

_PERFORM: dict[str, Callable[[Effects, dict[str, Any]], None]] = {
    "name": names.perform,
    "merge": merges.perform,
    "confirm": belonging.perform_confirm,
    "split": belonging.perform_split,
    "reject": belonging.perform_reject,
    "hide": sight.perform_people,
    "show": sight.perform_people,
    "hide face": sight.perform_faces,
    "show face": sight.perform_faces,
    "cover": sight.perform_cover,
}


class LaterChangesError(DecisionError):
    """Changes that build on this one would have to be undone with it; `later` lists them, newest
    first.
    """

    def __init__(self, change_id: int, later: list[int]) -> None:
        numbers = ", ".join(map(str, later))
        super().__init__(f"change {change_id}: later ones build on it ({numbers}); undo them too")
        self.change_id = change_id
        self.later = later


def undo(
    connection: sqlite3.Connection,
    change_id: int | None = None,
    *,
    actor: str,
    with_later: bool = False,
) -> list[int]:
    """Take a change back, the newest in force where none is named, inside the caller's transaction.
    Returns the ids of what was undone, newest first.

    Raises LaterChangesError where others build on it, unless they are to be undone with it, and
    DecisionError where it cannot be undone.
    """
    target = (
        changes.newest(connection) if change_id is None else changes.read(connection, change_id)
    )
    if target.undone_at is not None:
        raise DecisionError(f"change {target.id} is undone already; `rollcall changes redo` redoes")
    if target.action == "forget":
        raise DecisionError(f"change {target.id}: what was forgotten is gone for good")
    later = changes.later(connection, target.id)
    if later and not with_later:
        raise LaterChangesError(target.id, later)
    undone = [*later, target.id]
    for number in undone:
        take_back(connection, changes.read(connection, number))
        changes.mark_undone(connection, number)
    log.write(connection, "undone", changes=undone, actor=actor)
    return undone


def redo(connection: sqlite3.Connection, change_id: int | None = None, *, actor: str) -> int:
    """Carry out again what was undone, last where none is named; returns its id.

    Raises DecisionError where its ground has changed: what it was built on does not hold, or
    something newer touches the same.
    """
    change = (
        changes.last_undone(connection)
        if change_id is None
        else changes.read(connection, change_id)
    )
    if change.undone_at is None:
        raise DecisionError(f"change {change.id} is not undone; there is nothing to redo")
    below = changes.undone_below(connection, change)
    if below:
        raise DecisionError(
            f"change {change.id} builds on change {below[0]}, which is undone or forgotten; "
            "redo that one first"
        )
    repeat(connection, change.id, _PERFORM[change.action], change.forward, actor=change.actor)
    newer = changes.later(connection, change.id)
    if newer:
        raise DecisionError(
            f"change {change.id} cannot be redone: change {newer[-1]}, which is newer, is about "
            "the same; undo that one first"
        )
    log.write(connection, "redone", change=change.id, actor=actor)
    return change.id
