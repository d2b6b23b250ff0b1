"""What is shown: people and faces hidden and shown again, and whose face stands for a person."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from catalog import people
from catalog.decisions.belonging import existing
from catalog.decisions.decision import carry_out
from catalog.decisions.errors import DecisionError

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence

    from catalog.decisions.effects import Effects


def hide_people(connection: sqlite3.Connection, person_ids: Sequence[int], *, actor: str) -> int:
    """These people appear in no list; they are still recognised. Returns the id of the change."""
    forward = {"person_ids": _survivors(connection, person_ids), "hidden": 1}
    return carry_out(connection, "hide", perform_people, forward, actor=actor)


def show_people(connection: sqlite3.Connection, person_ids: Sequence[int], *, actor: str) -> int:
    """These people appear again. Returns the id of the change."""
    forward = {"person_ids": _survivors(connection, person_ids), "hidden": 0}
    return carry_out(connection, "show", perform_people, forward, actor=actor)


def perform_people(effects: Effects, forward: dict[str, Any]) -> None:
    """Write it for each of these people."""
    for person_id in _survivors(effects.connection, forward["person_ids"]):
        effects.about(person_id)
        effects.set_person(person_id, "hidden", forward["hidden"])


def hide_faces(connection: sqlite3.Connection, face_ids: Sequence[int], *, actor: str) -> int:
    """These faces count nowhere; they stay who they are. Returns the id of the change."""
    forward = {"face_ids": sorted(set(face_ids)), "state": "hidden"}
    return carry_out(connection, "hide face", perform_faces, forward, actor=actor)


def show_faces(connection: sqlite3.Connection, face_ids: Sequence[int], *, actor: str) -> int:
    """These faces count again, and are faces again where they were said to be none. Returns the id
    of the change.
    """
    forward = {"face_ids": sorted(set(face_ids)), "state": "active"}
    return carry_out(connection, "show face", perform_faces, forward, actor=actor)


def perform_faces(effects: Effects, forward: dict[str, Any]) -> None:
    """Write it for each of these faces."""
    faces = existing(effects.connection, forward["face_ids"])
    if forward["state"] == "active":
        effects.rule_in(faces, None)
    effects.set_state(faces, forward["state"])


def choose_cover(
    connection: sqlite3.Connection, person_id: int, face_id: int | None, *, actor: str
) -> int:
    """This face stands for this person, as long as it is theirs; None: the best one again. Returns
    the id of the change.
    """
    forward = {"person_id": people.survivor(connection, person_id), "face_id": face_id}
    return carry_out(connection, "cover", perform_cover, forward, actor=actor)


def perform_cover(effects: Effects, forward: dict[str, Any]) -> None:
    """Write it, if the face is that person's."""
    person_id = people.survivor(effects.connection, forward["person_id"])
    face_id = forward["face_id"]
    if face_id is not None and not _is_face_of(effects.connection, face_id, person_id):
        raise DecisionError(
            f"face {face_id} is not person {person_id}; choose one that is, or confirm it first"
        )
    effects.about(person_id)
    effects.set_person(person_id, "cover_face_id", face_id)


def _is_face_of(connection: sqlite3.Connection, face_id: int, person_id: int) -> bool:
    """Whether this face is in sight and that person's, by an assignment or a reference picture."""
    found = connection.execute(
        """SELECT 1 FROM faces WHERE id = :face AND state = 'active' AND (person_id = :person
           OR person_id IS NULL AND EXISTS
              (SELECT 1 FROM exemplars JOIN people ON people.id = exemplars.person_id
               WHERE exemplars.face_id = :face AND exemplars.state = 'used'
                 AND ifnull(merged_into, people.id) = :person))""",
        {"face": face_id, "person": person_id},
    ).fetchone()
    return found is not None


def _survivors(connection: sqlite3.Connection, person_ids: Sequence[int]) -> list[int]:
    return sorted({people.survivor(connection, person_id) for person_id in person_ids})
