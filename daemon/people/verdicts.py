"""What was found of a face, as the verdict that the writer applies. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from catalog.assignments import DECISION, Verdict

if TYPE_CHECKING:
    from daemon.people.limits import Limits
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
    face_id: int,
    group_id: int | None,
    limits: Limits,
    *,
    similarity: float | None = None,
    margin: float | None = None,
    model: str = DECISION,
) -> Verdict:
    """A member of a group to whose faces it is so similar on average; None: of no group."""
    confidence = None
    if similarity is not None and group_id is not None:
        confidence = limits.curve.confidence(similarity)
    return Verdict(
        face_id=face_id,
        model=model,
        person_id=group_id,
        similarity=similarity,
        margin=margin,
        confidence=confidence,
    )
