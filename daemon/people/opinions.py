"""What each model of an ensemble alone would say of the faces of a picture. Pure.

By the same rules as the common decision: a reference person, nobody twice in a picture, else the
group that is most similar on average; each with its own calibration. A model founds nobody.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from catalog.assignments import Verdict
from daemon.people.limits import limits
from daemon.people.match import References, match_picture
from daemon.people.verdicts import grouped, named

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from daemon.people.ensemble import Ensemble
    from daemon.people.faces import KnownFace
    from daemon.people.groups import Groups
    from daemon.people.limits import Limits
    from daemon.settings import Identify


class Opinions:
    """The models' own views of one gallery. Of one model alone there is nothing to tell."""

    def __init__(
        self, ensemble: Ensemble, references: References, groups: Groups, section: Identify
    ) -> None:
        self._views = [
            _View(
                ensemble,
                number,
                References(
                    vectors=ensemble.own(number, references.vectors),
                    person_ids=references.person_ids,
                    face_ids=references.face_ids,
                ),
                groups.seen_as(lambda sums, number=number: ensemble.own(number, sums)),  # type: ignore[misc]
                limits(section, member.calibration),
            )
            for number, member in enumerate(ensemble.members)
            if len(ensemble.members) > 1
        ]

    def of(
        self,
        faces: Sequence[KnownFace],
        *,
        barred: Sequence[frozenset[int]],
        counted_in: Mapping[int, Collection[int]],
    ) -> Iterator[Verdict]:
        """Each model's verdict on each face; `barred` are the groups and people that it cannot be,
        `counted_in` the groups whose sums hold it, because a face is no evidence for itself.
        """
        for view in self._views:
            yield from view.verdicts(faces, barred, counted_in)


class _View:
    def __init__(
        self,
        ensemble: Ensemble,
        number: int,
        references: References,
        groups: Groups,
        limits: Limits,
    ) -> None:
        self._ensemble, self._number = ensemble, number
        self._model = ensemble.members[number].embedder.model
        self._references, self._groups, self._limits = references, groups, limits

    def verdicts(
        self,
        faces: Sequence[KnownFace],
        barred: Sequence[frozenset[int]],
        counted_in: Mapping[int, Collection[int]],
    ) -> Iterator[Verdict]:
        if not faces:
            return
        vectors = self._ensemble.own(self._number, np.stack([face.vector for face in faces]))
        matches = match_picture(vectors, self._references, self._limits, barred=barred)
        for face, vector, match, cannot_be in zip(faces, vectors, matches, barred, strict=True):
            if match is not None:
                yield named(face.id, match, model=self._model)
            else:
                yield self._grouped(face, vector, cannot_be, counted_in.get(face.id, ()))

    def _grouped(
        self,
        face: KnownFace,
        vector: np.ndarray[tuple[int, ...], np.dtype[np.float32]],
        cannot_be: frozenset[int],
        counted_in: Collection[int],
    ) -> Verdict:
        with self._groups.apart(counted_in, vector):
            similarities = self._groups.similarities(vector, without=cannot_be)
        if not len(similarities) or similarities.max() < self._limits.group_threshold:
            return Verdict(face_id=face.id, model=self._model, person_id=None)
        best = int(similarities.argmax())
        similarity = float(similarities[best])
        second = float(np.delete(similarities, best).max(initial=-1.0))
        return grouped(
            face.id,
            self._groups.ids[best],
            self._limits,
            similarity=similarity,
            margin=similarity - second,
            model=self._model,
        )
