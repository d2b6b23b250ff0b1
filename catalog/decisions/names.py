"""What people are called."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from catalog import people
from catalog.decisions.decision import carry_out
from catalog.decisions.errors import DecisionError

if TYPE_CHECKING:
    import sqlite3

    from catalog.decisions.effects import Effects

LONGEST_NAME = 200


def name_person(connection: sqlite3.Connection, person_id: int, name: str, *, actor: str) -> int:
    """Give somebody a name, or another one. Returns the id of the change.

    Raises DecisionError for an empty or over-long name, and for one that somebody else has.
    """
    clean = " ".join(name.split())
    if not clean or len(clean) > LONGEST_NAME or clean.isdecimal() or not _is_text(clean):
        raise DecisionError(
            f"{name!r}: not a name; expected 1 to {LONGEST_NAME} characters, and not a mere number"
        )
    forward = {"person_id": people.survivor(connection, person_id), "name": clean}
    return carry_out(connection, "name", perform, forward, actor=actor)


def clear_name(connection: sqlite3.Connection, person_id: int, *, actor: str) -> int:
    """Take somebody's name away: one more person without a name. Returns the id of the change."""
    forward = {"person_id": people.survivor(connection, person_id), "name": None}
    return carry_out(connection, "name", perform, forward, actor=actor)


def perform(effects: Effects, forward: dict[str, Any]) -> None:
    """Write the name, None for none."""
    person_id = people.survivor(effects.connection, forward["person_id"])
    if forward["name"] is not None:
        refuse_taken(effects.connection, forward["name"], [person_id])
    effects.about(person_id)
    effects.set_person(person_id, "name", forward["name"])


def refuse_taken(connection: sqlite3.Connection, name: str, own: list[int]) -> None:
    """Raise DecisionError where somebody but these people has this name."""
    others = [other for other in people.called(connection, name) if other not in own]
    if others:
        raise DecisionError(
            f"person {others[0]} is called {name!r} already; give a name that tells them apart"
        )


def _is_text(name: str) -> bool:
    """Whether the catalog can hold it: an argument that is not UTF-8 arrives with lone
    surrogates.
    """
    return not any("\ud800" <= character <= "\udfff" for character in name)
