"""Several people are one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from catalog import people
from catalog.decisions.aftermath import RULED_OUT
from catalog.decisions.decision import carry_out
from catalog.decisions.errors import DecisionError

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence

    from catalog.decisions.effects import Effects


def merge(
    connection: sqlite3.Connection, person_ids: Sequence[int], survivor_id: int, *, actor: str
) -> int:
    """These people are the survivor, who takes the first name there is where it has none. Returns
    the id of the change.

    Assignments, rejections and exemplars keep who it was, so that the merge can be undone whatever
    came after it. Two people with names of their own become one without asking: ask before.
    """
    forward = {"person_ids": list(dict.fromkeys(person_ids)), "survivor_id": survivor_id}
    return carry_out(connection, "merge", perform, forward, actor=actor)


def perform(effects: Effects, forward: dict[str, Any]) -> None:
    """Point them at the survivor, and lift what the merge contradicts."""
    connection = effects.connection
    survivor = people.survivor(connection, forward["survivor_id"])
    others = list(dict.fromkeys(people.survivor(connection, it) for it in forward["person_ids"]))
    if not others or survivor in others:
        raise DecisionError(
            f"person {survivor} and whom to merge into it are one already; name somebody else"
        )
    effects.about(survivor, *others)
    # Covers and names of these are read through the merge.
    for kind in ("person:cover", "person:name"):
        effects.touch(kind, [survivor, *others])
    _take_name(effects, others, survivor)
    for other in others:
        for (member,) in connection.execute(
            "SELECT id FROM people WHERE merged_into = ? ORDER BY id", [other]
        ).fetchall():
            effects.set_person(member, "merged_into", survivor)
        effects.set_person(other, "merged_into", survivor)
    _reconcile(effects, survivor)
    effects.join(others, survivor)


def _take_name(effects: Effects, others: Sequence[int], survivor: int) -> None:
    names = dict(
        effects.connection.execute("SELECT id, name FROM people WHERE name IS NOT NULL").fetchall()
    )
    taken = next((names[other] for other in others if other in names), None)
    effects.touch_names(*(names[other] for other in others if other in names))
    if survivor not in names and taken is not None:
        effects.set_person(survivor, "name", taken)


def _reconcile(effects: Effects, survivor: int) -> None:
    """Faces that are one of those who are one now, and were ruled out for another of them.

    Where a person said who it is, the older "not her" is what was wrong; where the machine did, the
    face is nobody again.
    """
    rows = effects.connection.execute(
        f"""SELECT DISTINCT assignments.face_id, assignments.method = 'user' AS said
            FROM people AS ruled JOIN rejections AS no ON no.person_id = ruled.id
            JOIN assignments ON assignments.face_id = no.face_id
            WHERE (ruled.id = :survivor OR ruled.merged_into = :survivor)
              AND assignments.ended_at IS NULL AND {RULED_OUT}""",
        {"survivor": survivor},
    ).fetchall()
    said = {int(row["face_id"]) for row in rows if row["said"]}
    effects.rule_in(said, survivor)
    effects.end_ruled_out({int(row["face_id"]) for row in rows} - said)
