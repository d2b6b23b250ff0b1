"""Who is in one picture: reference people first, then groups, no one twice. Pure: arrays in, values
out.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from collections.abc import Sequence

    from daemon.faces.values import Vectors
    from daemon.people.limits import Limits

# Less similar than anything can be: the value where there is nobody to be similar to.
NOBODY = -2.0

Similarities = NDArray[np.float32]
"""Faces × people: how similar each face is to each person."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class References:
    """What people are known by: `vectors` (exemplars × dimensions), whose each is, and of which
    face.
    """

    vectors: Vectors
    person_ids: NDArray[np.int64]
    face_ids: NDArray[np.int64]

    @property
    def people(self) -> NDArray[np.int64]:
        """Everybody who has an exemplar, each once, in order of their numbers."""
        return np.unique(self.person_ids)


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """A face that looks like a reference person. `margin` is the lead over the second person,
    `confidence` the probability that the face and its evidence are one person.
    """

    person_id: int
    similarity: float
    margin: float
    confidence: float
    evidence_face_id: int
    certain: bool


def match_picture(
    vectors: Vectors,
    references: References,
    limits: Limits,
    *,
    barred: Sequence[frozenset[int]],
    present: frozenset[int] = frozenset(),
) -> list[Match | None]:
    """Match the faces of one picture (faces × dimensions, unit) to the reference people.

    `barred` are the people ruled out for each face; `present` those who are in the picture already
    by a person's decision. Nobody is in a picture twice: the most similar pair is settled first.
    """
    people = references.people
    if len(people) == 0 or len(vectors) == 0:
        return [None] * len(vectors)
    similarities = vectors @ references.vectors.T
    best = _per_person(similarities, references, people)
    for row, ruled_out in enumerate(barred):
        if ruled_out:
            best[row, np.isin(people, list(ruled_out))] = NOBODY
    outcome: list[Match | None] = [None] * len(vectors)
    taken = set(present)
    for row, column in _best_first(best, limits.threshold):
        person_id = int(people[column])
        if outcome[row] is not None or person_id in taken:
            continue
        similarity = float(best[row, column])
        margin = similarity - float(np.delete(best[row], column).max(initial=-1.0))
        # A face whose own best is taken by another face of the picture is not that person's second
        # choice: it is somebody else.
        if margin < 0:
            continue
        outcome[row] = Match(
            person_id=person_id,
            similarity=similarity,
            margin=margin,
            confidence=limits.curve.confidence(similarity),
            evidence_face_id=_evidence(similarities[row], references, person_id),
            certain=margin >= limits.margin,
        )
        taken.add(person_id)
    return outcome


def _per_person(
    similarities: Similarities, references: References, people: NDArray[np.int64]
) -> Similarities:
    """Each face's similarity to the exemplar of each person that is most similar."""
    order = np.argsort(references.person_ids, kind="stable")
    starts = np.searchsorted(references.person_ids[order], people)
    best: Similarities = np.maximum.reduceat(similarities[:, order], starts, axis=1)
    return best


def _evidence(similarities: Similarities, references: References, person_id: int) -> int:
    """The face of the exemplar of this person that is most similar to one face."""
    own = np.flatnonzero(references.person_ids == person_id)
    return int(references.face_ids[own[similarities[own].argmax()]])


def _best_first(similarities: Similarities, threshold: float) -> list[tuple[int, int]]:
    """The (row, column) pairs from the threshold up, most similar first; ties in array order."""
    rows, columns = np.nonzero(similarities >= threshold)
    order = np.argsort(-similarities[rows, columns], kind="stable")
    return [(int(rows[i]), int(columns[i])) for i in order]
