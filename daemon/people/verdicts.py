"""What was found of a face, as the verdict that the writer applies. Pure."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from catalog.assignments import DECISION, Verdict

if TYPE_CHECKING:
    from daemon.people.match import Match


def named(face_id: int, match: Match, *, model: str = DECISION) -> Verdict:
    """A reference person, or the question whether it is that person."""
    return Verdict(
        face_id=face_id,
        model=model,
        person_id=match.person_id,
        state="assigned" if match.certain else "suggested",
        method="reference",
        similarity=match.similarity,
        margin=match.margin,
        confidence=match.confidence,
        evidence_face_id=match.evidence_face_id,
    )


def grouped(
    face_id: int, group_id: int | None, *, match: Match | None = None, model: str = DECISION
) -> Verdict:
    """A member of a group, or of none; besides it is asked whether it is whom it looks like."""
    verdict = Verdict(face_id=face_id, model=model, person_id=group_id)
    if match is None or match.person_id == group_id:
        return verdict
    return replace(verdict, question=replace(named(face_id, match), state="suggested"))
