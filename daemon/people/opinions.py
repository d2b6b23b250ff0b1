"""What each model of an ensemble alone would say of faces. Pure.

By the same rules as the common decision: a reference person, nobody twice in a picture, else the
group that is most similar on average; each with its own calibration. A model founds nobody.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from catalog.assignments import Verdict
from daemon.people.limits import limits
from daemon.people.match import References, match_faces
from daemon.people.scene import by_media
from daemon.people.verdicts import named

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from daemon.faces.values import Vectors
    from daemon.people.ensemble import Ensemble
    from daemon.people.faces import KnownFace
    from daemon.people.judge import Judgement
    from daemon.people.limits import Limits
    from daemon.people.scene import Scene
    from daemon.settings import Identify

    Own = Callable[[Vectors], Vectors]


def opinions(
    scene: Scene,
    judgement: Judgement,
    ensemble: Ensemble,
    references: References,
    section: Identify,
) -> Iterator[Verdict]:
    """The models' verdicts on the faces of a scene that are asked about, given the groups that the
    judgement makes. Of one model alone there is nothing to tell.
    """
    if len(ensemble.members) < 2:
        return
    asked = by_media(face for face in scene.faces if scene.is_asked(face))
    groups = _Groups(scene, judgement)
    for number, member in enumerate(ensemble.members):
        view = _View(
            model=member.embedder.model,
            references=References(
                vectors=ensemble.own(number, references.vectors),
                person_ids=references.person_ids,
                face_ids=references.face_ids,
            ),
            limits=limits(section, member.calibration),
            own=lambda vectors, number=number: ensemble.own(number, vectors),  # type: ignore[misc]
            groups=groups,
        )
        for faces in asked.values():
            yield from view.verdicts(faces, scene)


class _Groups:
    """Sums of the joined vectors of each group, and who is counted in."""

    def __init__(self, scene: Scene, judgement: Judgement) -> None:
        self.place: dict[int, int] = {}
        self.group_of = judgement.group_of
        sums: list[Vectors] = []
        counts: list[int] = []
        parts = [(group.group_id, group.sum / group.weight, group.count) for group in scene.groups]
        parts += [
            (self.group_of[face.id], face.vector, 1)
            for face in scene.faces
            if face.id in self.group_of
        ]
        for group_id, vector, count in parts:
            place = self.place.setdefault(group_id, len(sums))
            if place == len(sums):
                sums.append(np.zeros_like(vector))
                counts.append(0)
            sums[place] = sums[place] + vector * count
            counts[place] += count
        self.ids = list(self.place)
        self.sums = np.stack(sums) if sums else np.zeros((0, 0), np.float32)
        self.counts = np.array(counts, np.float32)


class _View:
    def __init__(
        self, *, model: str, references: References, limits: Limits, own: Own, groups: _Groups
    ) -> None:
        self._model, self._references, self._limits = model, references, limits
        self._own, self._groups = own, groups
        self._sums = own(groups.sums) if len(groups.sums) else groups.sums

    def verdicts(self, faces: Sequence[KnownFace], scene: Scene) -> Iterator[Verdict]:
        """On the faces of one photo or video."""
        vectors = self._own(np.stack([face.vector for face in faces]))
        barred = [scene.barred(face) for face in faces]
        matches = match_faces(
            vectors,
            self._references,
            self._limits,
            barred=barred,
            pictures=[face.pictures for face in faces],
        )
        for face, vector, match, cannot_be in zip(faces, vectors, matches, barred, strict=True):
            if match is not None and (match.certain or match.rivalled):
                yield named(face.id, match, model=self._model)
            else:
                yield self._grouped(face, vector, scene, cannot_be)

    def _grouped(
        self, face: KnownFace, vector: Vectors, scene: Scene, cannot_be: frozenset[int]
    ) -> Verdict:
        unknown = Verdict(face_id=face.id, model=self._model, person_id=None)
        if not len(self._sums):
            return unknown
        sums, counts = self._sums @ vector, self._groups.counts.copy()
        own = self._groups.place.get(self._groups.group_of.get(face.id, 0))
        if own is not None:  # a face is no evidence for itself
            sums[own] -= vector @ vector
            counts[own] -= 1
        ruled_out = [scene.survivor(group_id) in cannot_be for group_id in self._groups.ids]
        allowed = (counts > 0) & ~np.array(ruled_out)
        means = np.where(allowed, sums / np.maximum(counts, 1), -1.0)
        best = int(means.argmax())
        if means[best] < self._limits.group_threshold:
            return unknown
        similarity = float(means[best])
        return Verdict(
            face_id=face.id,
            model=self._model,
            person_id=self._groups.ids[best],
            similarity=similarity,
            margin=similarity - float(np.delete(means, best).max(initial=-1.0)),
            confidence=self._limits.curve.confidence(similarity),
        )
