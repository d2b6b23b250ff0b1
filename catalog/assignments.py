"""Who a face is: the machine's verdicts are applied here, under what people decided.

Every verdict is checked against the catalog of this moment, inside the transaction that applies it:
a decision a person made while the identifier was thinking wins.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from catalog import clock, people

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence

IDENTIFIER = "identifier"
DECISION = "all"
"""The model of the rows that decide; others are the models' own verdicts, where several look."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What the identifier thinks of one face.

    `person_id` negative: a person who does not exist yet; equal numbers in one batch are the same
    new person, and the writer gives it an id. None: unknown. `state` is assigned or suggested.
    `model` is `all` for the decision; a verdict of one model of several decides nothing.
    """

    face_id: int
    person_id: int | None
    model: str = DECISION
    state: str = "assigned"
    method: str = "group"
    similarity: float | None = None
    margin: float | None = None
    confidence: float | None = None
    evidence_face_id: int | None = None


def apply(
    connection: sqlite3.Connection, verdicts: Sequence[Verdict], founded: dict[int, int]
) -> int:
    """Write these verdicts where nobody decided otherwise. Returns how many faces changed hands.

    `founded` collects the ids given to new people, for answers that are applied in several chunks.
    """
    changed = 0
    for verdict in verdicts:
        if not _may_judge(connection, verdict):
            continue
        person_id = _real_person(connection, verdict, founded)
        if person_id is None or not _ruled_out(connection, verdict.face_id, person_id):
            changed += _decide(connection, verdict, person_id)
    return changed


def _may_judge(connection: sqlite3.Connection, verdict: Verdict) -> bool:
    """Whether the face is still there, no person named it, and it is one where it is to be
    somebody.
    """
    found = connection.execute(
        """SELECT 1 FROM faces WHERE id = :id AND state IN ('active', 'hidden')
           AND NOT EXISTS (SELECT 1 FROM assignments WHERE face_id = :id AND model = 'all'
                           AND method = 'user' AND state = 'assigned' AND ended_at IS NULL)
           AND (:nobody OR NOT EXISTS (SELECT 1 FROM rejections WHERE face_id = :id
                                       AND person_id IS NULL))""",
        {"id": verdict.face_id, "nobody": verdict.person_id is None},
    ).fetchone()
    return found is not None


def _real_person(
    connection: sqlite3.Connection, verdict: Verdict, founded: dict[int, int]
) -> int | None:
    """The id behind a verdict's person: founded at first use, None where it no longer exists."""
    if verdict.person_id is None:
        return None
    if verdict.person_id < 0:
        if verdict.person_id not in founded:
            founded[verdict.person_id] = people.create(connection, origin="group")
        return founded[verdict.person_id]
    found = connection.execute("SELECT 1 FROM people WHERE id = ?", [verdict.person_id]).fetchone()
    return verdict.person_id if found is not None else None


def _ruled_out(connection: sqlite3.Connection, face_id: int, person_id: int) -> bool:
    """Whether a person said "not her", also about anyone who is one with her by now."""
    found = connection.execute(
        """SELECT 1 FROM rejections JOIN people ON people.id = rejections.person_id
           WHERE rejections.face_id = ? AND ifnull(people.merged_into, people.id) =
                 (SELECT ifnull(merged_into, id) FROM people WHERE id = ?)""",
        [face_id, person_id],
    ).fetchone()
    return found is not None


def _decide(connection: sqlite3.Connection, verdict: Verdict, person_id: int | None) -> int:
    """Replace the machine's open rows of this face and model where the answer is another; 1 if
    the face changed hands by it, else 0.

    An equal answer leaves the old row, so that a repair pass over an unchanged catalog writes
    nothing, and a row keeps saying who it was before people were merged.
    """
    now = clock.now()
    survivor = None if person_id is None else people.survivor(connection, person_id)
    open_rows = connection.execute(
        """SELECT assignments.id, assignments.state, ifnull(merged_into, people.id) AS survivor
           FROM assignments JOIN people ON people.id = assignments.person_id
           WHERE face_id = ? AND model = ? AND ended_at IS NULL""",
        [verdict.face_id, verdict.model],
    ).fetchall()
    wanted = set() if survivor is None else {(survivor, verdict.state)}
    if wanted == {(row["survivor"], row["state"]) for row in open_rows}:
        return 0
    connection.executemany(
        "UPDATE assignments SET state = 'withdrawn', ended_at = ? WHERE id = ?",
        [(now, row["id"]) for row in open_rows],
    )
    if person_id is not None:
        connection.execute(
            """INSERT INTO assignments (face_id, person_id, model, state, method, similarity,
                   margin, confidence, evidence_face_id, decided_at, decided_by)
               VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)""",
            [
                verdict.face_id,
                person_id,
                verdict.model,
                verdict.state,
                verdict.method,
                verdict.similarity,
                verdict.margin,
                verdict.confidence,
                verdict.evidence_face_id,
                now,
                IDENTIFIER,
            ],
        )
    if verdict.model != DECISION:
        return 0
    connection.execute(
        "UPDATE faces SET person_id = ? WHERE id = ?",
        [survivor if verdict.state == "assigned" else None, verdict.face_id],
    )
    return 1
