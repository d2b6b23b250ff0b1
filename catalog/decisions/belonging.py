"""Who faces are: confirmed, split off, ruled out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from catalog import leaders, people
from catalog.decisions.aftermath import ids
from catalog.decisions.decision import carry_out
from catalog.decisions.errors import DecisionError

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence

    from catalog.decisions.effects import Effects


def confirm(
    connection: sqlite3.Connection, face_ids: Sequence[int], person_id: int, *, actor: str
) -> int:
    """These faces are this person, also a second one of a picture. Returns the id of the change.

    Lifts whatever ruled them out before; a face that a person confirmed already stays as it is.
    """
    person_id = people.survivor(connection, person_id)
    forward = {"face_ids": sorted(set(face_ids)), "person_id": person_id}
    return carry_out(connection, "confirm", perform_confirm, forward, actor=actor)


def confirm_all(connection: sqlite3.Connection, person_id: int, *, actor: str) -> int:
    """All faces that the machine found to be this person are. Returns the id of the change."""
    person_id = people.survivor(connection, person_id)
    rows = connection.execute(
        f"""SELECT id FROM faces WHERE person_id = ? AND state = 'active'
           AND NOT {leaders.FOLLOWS}
           AND NOT EXISTS (SELECT 1 FROM assignments WHERE face_id = faces.id AND model = 'all'
                           AND method = 'user' AND ended_at IS NULL)""",
        [person_id],
    )
    faces = [int(row["id"]) for row in rows]
    if not faces:
        raise DecisionError(f"person {person_id} has no face that is not confirmed already")
    return confirm(connection, faces, person_id, actor=actor)


def perform_confirm(effects: Effects, forward: dict[str, Any]) -> None:
    """Assign the faces, show those that were no faces until now."""
    person_id = people.survivor(effects.connection, forward["person_id"])
    faces = existing(effects.connection, forward["face_ids"])
    faces -= _said_to_be(effects.connection, faces, person_id)
    if not faces:
        raise DecisionError(f"a person said already that this is person {person_id}")
    effects.about(person_id)
    effects.rule_in(faces, person_id)
    effects.set_state(effects.rule_in(faces, None), "active")
    effects.assign(faces, person_id)


def split(
    connection: sqlite3.Connection,
    person_id: int,
    face_ids: Sequence[int],
    *,
    actor: str,
    to: int | None = None,
) -> int:
    """These faces of a person are somebody else: `to`, or a new person. Returns the id of the
    change.
    """
    old = people.survivor(connection, person_id)
    faces = sorted(set(face_ids))
    _refuse_strangers(connection, faces, old)
    new = people.create(connection, origin="user") if to is None else to
    forward = {"person_id": old, "face_ids": faces, "to": new, "made": to is None}
    return carry_out(connection, "split", perform_split, forward, actor=actor)


def perform_split(effects: Effects, forward: dict[str, Any]) -> None:
    """Rule the old person out and assign the new one."""
    connection = effects.connection
    old, new = (people.survivor(connection, forward[key]) for key in ("person_id", "to"))
    if old == new:
        raise DecisionError(f"these faces are person {old} already; name somebody else")
    faces = existing(connection, forward["face_ids"])
    _refuse_strangers(connection, faces, old)
    effects.about(old, new)
    if forward["made"]:
        effects.made(new)
    effects.rule_out(faces, old)
    effects.rule_in(faces, new)
    effects.assign(faces, new)


def reject(
    connection: sqlite3.Connection, face_ids: Sequence[int], person_id: int | None, *, actor: str
) -> int:
    """These faces are not this person, and are never offered as such again; None: they are no
    faces, and go out of sight. Returns the id of the change.
    """
    if person_id is not None:
        person_id = people.survivor(connection, person_id)
    forward = {"face_ids": sorted(set(face_ids)), "person_id": person_id}
    return carry_out(connection, "reject", perform_reject, forward, actor=actor)


def perform_reject(effects: Effects, forward: dict[str, Any]) -> None:
    """Rule the person out, or hide what is no face."""
    faces = existing(effects.connection, forward["face_ids"])
    if forward["person_id"] is None:
        effects.rule_out(faces, None)
        effects.set_state(faces, "hidden")
        # What was hidden before is hidden for two reasons now: it does not come back by one alone.
        effects.touch("face:state", faces)
        return
    person_id = people.survivor(effects.connection, forward["person_id"])
    effects.about(person_id)
    effects.rule_out(faces, person_id)


def whose(connection: sqlite3.Connection, face_ids: Sequence[int]) -> int:
    """The one person that all of these faces are or are suggested to be. Raises DecisionError."""
    rows = connection.execute(
        """SELECT DISTINCT ifnull(people.merged_into, people.id)
           FROM json_each(?) AS wanted
           LEFT JOIN assignments ON assignments.face_id = wanted.value AND model = 'all'
                                 AND ended_at IS NULL
           LEFT JOIN people ON people.id = assignments.person_id""",
        [ids(existing(connection, face_ids))],
    ).fetchall()
    if len(rows) > 1 or rows[0][0] is None:
        raise DecisionError("the catalog does not say one person of these faces; say which person")
    return int(rows[0][0])


def existing(connection: sqlite3.Connection, face_ids: Sequence[int]) -> set[int]:
    """These faces, or, of faces that follow the leader of a track, their leaders: what is said of
    one holds for its track. Raises DecisionError where one of them is not there any more.
    """
    rows = connection.execute(
        """SELECT id FROM faces WHERE id IN (SELECT value FROM json_each(?))
           AND state IN ('active', 'hidden')""",
        [ids(face_ids)],
    )
    found = {int(row["id"]) for row in rows}
    missing = set(face_ids) - found
    if missing or not found:
        which = f"face {min(missing)}" if missing else "no face"
        raise DecisionError(f"{which}: there is no such face; the catalog's pages show the numbers")
    leading = leaders.of(connection, found)
    return {leading.get(it, it) for it in found}


def _refuse_strangers(
    connection: sqlite3.Connection, faces: Sequence[int] | set[int], person_id: int
) -> None:
    row = connection.execute(
        """SELECT value FROM json_each(?) WHERE NOT EXISTS
           (SELECT 1 FROM faces WHERE id = value AND person_id = ?) LIMIT 1""",
        [ids(faces), person_id],
    ).fetchone()
    if row is not None:
        raise DecisionError(
            f"face {row[0]} is not person {person_id}; split off only faces that are"
        )


def _said_to_be(connection: sqlite3.Connection, faces: set[int], person_id: int) -> set[int]:
    """Those of these faces of which a person said that they are this one."""
    rows = connection.execute(
        """SELECT face_id FROM assignments JOIN people ON people.id = assignments.person_id
           WHERE face_id IN (SELECT value FROM json_each(?)) AND model = 'all'
             AND state = 'assigned' AND ended_at IS NULL AND method = 'user'
             AND ifnull(merged_into, people.id) = ?""",
        [ids(faces), person_id],
    )
    return {int(row["face_id"]) for row in rows}
