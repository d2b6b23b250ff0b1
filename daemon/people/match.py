"""Who is in one picture: reference people first, then groups, no one twice. Pure: arrays in, values
out.
"""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from collections.abc import Sequence

    from daemon.faces.values import Vectors
    from daemon.people.crowd import Picture, Pictures
    from daemon.people.limits import Limits

# Less similar than anything can be: the value where there is nobody to be similar to.
NOBODY = -2.0

Present = AbstractSet["tuple[Picture, int]"]
"""Pictures, and people who are in them."""
Similarities = NDArray[np.float32]
"""Faces × people: how similar each face is to each person."""


@dataclass(frozen=True, kw_only=True, eq=False)
class References:
    """What people are known by: `vectors` (exemplars × dimensions), whose each is, and of which
    face.
    """

    vectors: Vectors
    person_ids: NDArray[np.int64]
    face_ids: NDArray[np.int64]

    @cached_property
    def people(self) -> NDArray[np.int64]:
        """Everybody who has an exemplar, each once, in order of their numbers."""
        return np.unique(self.person_ids)

    @cached_property
    def by_person(self) -> NDArray[np.int64]:
        """The numbers of the exemplars, person after person."""
        return np.argsort(self.person_ids, kind="stable")

    @cached_property
    def starts(self) -> NDArray[np.int64]:
        """Where in `by_person` each person begins, and the end."""
        inner = np.searchsorted(self.person_ids[self.by_person], self.people)
        return np.append(inner, len(self.person_ids))

    def of(self, column: int) -> NDArray[np.int64]:
        """The numbers of the exemplars of the person who is at this place in `people`."""
        return self.by_person[self.starts[column] : self.starts[column + 1]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """A face that looks like a reference person. `margin` is the lead over the second person,
    `confidence` the probability that the face and its evidence are one person.

    `certain`: similar enough and with enough of a lead. `rivalled`: similar enough, but somebody
    else is nearly as likely. Neither: not quite similar enough, so a question.
    """

    person_id: int
    similarity: float
    margin: float
    confidence: float
    evidence_face_id: int
    certain: bool
    rivalled: bool = False


def match_faces(
    vectors: Vectors,
    references: References,
    limits: Limits,
    *,
    barred: Sequence[frozenset[int]],
    pictures: Sequence[Pictures] | None = None,
    present: Present = frozenset(),
) -> list[Match | None]:
    """Match faces (faces × dimensions, unit) to the reference people.

    `barred` are the people ruled out for each face, `pictures` those that each is in (None: all in
    one); `present` says who is in which already by a person's decision. Nobody is in a picture
    twice: the most similar pair is settled first.
    """
    if len(references.people) == 0 or len(vectors) == 0:
        return [None] * len(vectors)
    similar = similarities(vectors, references, limits)
    return settle_pictures(
        vectors,
        similar,
        references,
        limits,
        barred=barred,
        pictures=pictures or [((0, 0),)] * len(vectors),
        present=present,
    )


def settle_pictures(
    vectors: Vectors,
    similar: Similarities,
    references: References,
    limits: Limits,
    *,
    barred: Sequence[frozenset[int]],
    pictures: Sequence[Pictures],
    present: Present,
) -> list[Match | None]:
    """The same where the `similarities` of the faces are known already."""
    people = references.people
    for row, ruled_out in enumerate(barred):
        if ruled_out:
            similar[row, np.isin(people, list(ruled_out))] = NOBODY
    outcome: list[Match | None] = [None] * len(vectors)
    taken = set(present)
    for row, column in _best_first(similar, limits.named_from(len(people)) - limits.doubt):
        person_id = int(people[column])
        own_pictures = [(picture, person_id) for picture in pictures[row]]
        if outcome[row] is not None or not taken.isdisjoint(own_pictures):
            continue
        margin = _lead(similar[row], column)
        # A face whose own best is taken by another face of the picture is not that person's second
        # choice: it is somebody else.
        if margin < 0:
            continue
        similarity = float(similar[row, column])
        enough = similarity >= limits.named_from(len(people))
        own = references.of(column)
        outcome[row] = Match(
            person_id=person_id,
            similarity=similarity,
            margin=margin,
            confidence=limits.curve.confidence(similarity),
            evidence_face_id=int(
                references.face_ids[own[(references.vectors[own] @ vectors[row]).argmax()]]
            ),
            certain=enough and margin >= limits.margin,
            rivalled=enough and margin < limits.margin,
        )
        taken.update(own_pictures)
    return outcome


def similarities(vectors: Vectors, references: References, limits: Limits) -> Similarities:
    """How similar each face is to each person: faces × people.

    A person is the mean of the exemplars, each weighted by exp(attention · similarity), so that
    what counts are the pictures that look like this face: an adult's for an adult's, a child's for
    a child's. This is attention over a support set (Vinyals et al. 2016, Matching Networks). The
    weighted mean of m pictures is more similar to everybody than one picture is, because what is by
    chance in each averages out; √(ρ + (1 − ρ)/m), the length that such a mean has where ρ is the
    similarity of a person's pictures, takes that back. So one threshold serves any number of
    exemplars: on Labeled Faces in the Wild the similarity that one pair of strangers in 1,000
    exceeds falls by 0.005 from 1 to 12 of them (`benchmarks.openset`).
    """
    pairs = (vectors @ references.vectors.T)[:, references.by_person]
    starts = references.starts
    best: Similarities = np.maximum.reduceat(pairs, starts[:-1], axis=1)
    # Who is far below the threshold is nobody's rival either.
    floor = limits.named_from(len(references.people)) - limits.doubt - 2 * limits.margin
    near = (best >= floor) & (np.diff(starts) > 1)
    for row, column in zip(*np.nonzero(near), strict=True):
        own = pairs[row, starts[column] : starts[column + 1]]
        best[row, column] = _blended(own, references.vectors[references.of(column)], limits)
    return best


def _blended(similar: Vectors, exemplars: Vectors, limits: Limits) -> float:
    """Similarity to the exemplars' weighted mean, on the scale of one pair; see `similarities`."""
    weights = np.exp(limits.attention * (similar - similar.max()))
    length = float(np.linalg.norm(weights @ exemplars))
    count = float(weights.sum() ** 2 / (weights**2).sum())
    expected = np.sqrt(limits.typical + (1.0 - limits.typical) / count)
    return float(weights @ similar) / length * float(expected)


def _lead(similar: Vectors, column: int) -> float:
    """The lead over who is second; over somebody opposite where there is no second."""
    second = np.delete(similar, column).max(initial=-1.0)
    return float(similar[column] - second)


def _best_first(similarities: Similarities, threshold: float) -> list[tuple[int, int]]:
    """The (row, column) pairs from the threshold up, most similar first; ties in array order."""
    rows, columns = np.nonzero(similarities >= threshold)
    order = np.argsort(-similarities[rows, columns], kind="stable")
    return [(int(rows[i]), int(columns[i])) for i in order]
