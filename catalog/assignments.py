"""Who a face is: the machine's verdicts are applied here, under what people decided.

Every verdict is checked against the catalog of this moment, inside the transaction that applies it:
a decision a person made while the identifier was thinking wins.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from catalog import clock, leaders, people

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
    `question` is who it is asked about besides: a face in an unnamed group may well be somebody.
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
    question: Verdict | None = None


def batches(
    connection: sqlite3.Connection, verdicts: Sequence[Verdict], size: int
) -> list[Sequence[Verdict]]:
    """The verdicts in parts of about this size, those on faces that are seen together never apart:
    between two parts nobody is in a picture twice. At least one part.
    """
    place_of = leaders.places(connection, {it.face_id for it in verdicts})
    together: dict[int, list[Verdict]] = defaultdict(list)
    for verdict in verdicts:
        together[place_of.get(verdict.face_id, 0)].append(verdict)
    found: list[list[Verdict]] = [[]]
    for own in together.values():
        if len(found[-1]) >= size:
            found.append([])
        found[-1] += own
    return list(found)


def apply(
    connection: sqlite3.Connection, verdicts: Sequence[Verdict], founded: dict[int, int]
) -> int:
    """Write these verdicts where nobody decided otherwise. Returns how many faces changed hands.

    Whoever leaves a person comes before whoever of the same picture takes the place, and where it
    is not left after all, because somebody decided otherwise meanwhile, it is not taken. `founded`
    collects the ids given to new people, for answers that are applied in several chunks.
    """
    changed = 0
    waiting = list(verdicts)
    while waiting:
        leaving = {it.face_id for it in waiting if it.model == DECISION}
        ready: list[Verdict] = []
        blocked: list[Verdict] = []
        for verdict in waiting:
            (blocked if _holders(connection, verdict) & leaving else ready).append(verdict)
        swapping = frozenset() if ready else frozenset(leaving)
        changed += sum(_write(connection, it, founded, swapping) for it in ready or blocked)
        waiting = blocked if ready else []
    return changed


def _write(
    connection: sqlite3.Connection,
    verdict: Verdict,
    founded: dict[int, int],
    swapping: frozenset[int],
) -> int:
    """Write a verdict, where it may be; 1 if the face changed hands by it, else 0."""
    if not _may_judge(connection, verdict) or _holders(connection, verdict) - swapping:
        return 0
    claims = []
    for claim in (verdict, verdict.question):
        person_id = None if claim is None else _real_person(connection, claim, founded)
        if claim is None or person_id is None:
            continue
        if not _ruled_out(connection, verdict.face_id, person_id):
            claims.append((claim, person_id))
        elif claim is verdict:
            return 0
    return _decide(connection, verdict, claims)


def _holders(connection: sqlite3.Connection, verdict: Verdict) -> set[int]:
    """The other faces of the picture that are the person whom this verdict makes the face."""
    person_id = verdict.person_id
    if verdict.model != DECISION or verdict.state != "assigned" or person_id is None:
        return set()
    rows = connection.execute(
        """SELECT other.id FROM beside CROSS JOIN faces AS other ON other.id = beside_id
           WHERE face_id = :face
             AND other.person_id IS NOT (SELECT person_id FROM faces WHERE id = :face)
             AND +other.person_id = (SELECT ifnull(merged_into, id) FROM people WHERE id = :person)
        """,
        {"face": verdict.face_id, "person": person_id},
    )
    return {int(row["id"]) for row in rows}


def _may_judge(connection: sqlite3.Connection, verdict: Verdict) -> bool:
    """Whether the face is still there and speaks for itself, no person named it, and it is one
    where it is to be somebody.
    """
    found = connection.execute(
        f"""SELECT 1 FROM faces WHERE id = :id AND state IN ('active', 'hidden')
           AND NOT {leaders.FOLLOWS}
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


def _decide(
    connection: sqlite3.Connection, verdict: Verdict, claims: Sequence[tuple[Verdict, int]]
) -> int:
    """Make these the machine's open rows of the face; 1 if it changed hands by it, else 0.

    A row that says the same by the same method stays, so that a repair pass over an unchanged
    catalog writes nothing, and a row keeps saying who it was before people were merged.
    """
    now = clock.now()
    open_rows = connection.execute(
        """SELECT assignments.id, assignments.state, assignments.method,
                  ifnull(merged_into, people.id) AS survivor
           FROM assignments JOIN people ON people.id = assignments.person_id
           WHERE face_id = ? AND model = ? AND ended_at IS NULL""",
        [verdict.face_id, verdict.model],
    ).fetchall()
    known = {(row["survivor"], row["state"], row["method"]): row["id"] for row in open_rows}
    wanted = {
        (people.survivor(connection, person_id), claim.state, claim.method): (claim, person_id)
        for claim, person_id in claims
    }
    connection.executemany(
        "UPDATE assignments SET state = 'withdrawn', ended_at = ? WHERE id = ?",
        [(now, row_id) for key, row_id in known.items() if key not in wanted],
    )
    for claim, person_id in (wanted[key] for key in wanted if key not in known):
        _insert(connection, verdict, claim, person_id, now)
    # By what somebody is found may change without anybody changing hands.
    if verdict.model != DECISION or {it[:2] for it in known} == {it[:2] for it in wanted}:
        return 0
    survivor = next((person_id for person_id, state, _ in wanted if state == "assigned"), None)
    connection.execute("UPDATE faces SET person_id = ? WHERE id = ?", [survivor, verdict.face_id])
    return 1


def _insert(
    connection: sqlite3.Connection, verdict: Verdict, claim: Verdict, person_id: int, now: str
) -> None:
    connection.execute(
        """INSERT INTO assignments (face_id, person_id, model, state, method, similarity,
               margin, confidence, evidence_face_id, decided_at, decided_by)
           VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)""",
        [
            verdict.face_id,
            person_id,
            verdict.model,
            claim.state,
            claim.method,
            claim.similarity,
            claim.margin,
            claim.confidence,
            claim.evidence_face_id,
            now,
            IDENTIFIER,
        ],
    )
