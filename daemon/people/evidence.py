"""How like its group a face is: similarity, lead over the next group, the member most like it.
Pure.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from catalog.assignments import Verdict
    from daemon.faces.values import Vectors
    from daemon.people.faces import KnownFace
    from daemon.people.group import Labels
    from daemon.people.limits import Limits

_AT_ONCE = 512


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Part:
    """A face, or some that are one person already: the weighted sum of the vectors (dimensions) and
    the sum of the weights; who that is (0: not known); and the faces that can be shown for it.
    """

    sum: Vectors
    weight: float
    identity: int
    face_ids: NDArray[np.int64]
    vectors: Vectors


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Clusters:
    """Groups by label 0 … n − 1: `means` (n × dimensions) of weighted vectors, their `weights`,
    `owners` by label, and of each the faces that can be shown for it: ids and vectors.
    """

    means: Vectors
    weights: NDArray[np.float32]
    owners: Mapping[int, int]
    faces: Mapping[int, NDArray[np.int64]]
    vectors: Mapping[int, Vectors]


def clusters(parts: Sequence[Part], labels: Labels, owners: Mapping[int, int]) -> Clusters:
    """Put together the parts that have one label; a label that nobody has is like nobody."""
    count = int(labels.max(initial=-1)) + 1
    together: dict[int, list[Part]] = defaultdict(list)
    for part, label in zip(parts, labels.tolist(), strict=True):
        together[label].append(part)
    means = np.zeros((count, len(parts[0].sum) if parts else 0), np.float32)
    weights = np.zeros(count, np.float32)
    for label, group in together.items():
        weights[label] = sum(part.weight for part in group)
        means[label] = np.sum([part.sum for part in group], axis=0) / weights[label]
    return Clusters(
        means=means,
        weights=weights,
        owners=dict(owners),
        faces={i: np.concatenate([it.face_ids for it in group]) for i, group in together.items()},
        vectors={i: np.concatenate([it.vectors for it in group]) for i, group in together.items()},
    )


def added(
    verdicts: Sequence[Verdict],
    faces: Mapping[int, KnownFace],
    placed: Mapping[int, int],
    clusters: Clusters,
    limits: Limits,
    *,
    is_whole: bool,
) -> list[Verdict]:
    """The verdicts, those about groups with what speaks for them. A face is no evidence for itself;
    one alone has none.

    Where these are not all groups there are (`is_whole`), the lead is the least that it can be: a
    group that is not here is not near.
    """
    floor = -1.0 if is_whole else limits.group_threshold - limits.doubt
    result = list(verdicts)
    about = [
        place
        for place, verdict in enumerate(result)
        if verdict.method == "group" and verdict.person_id is not None
    ]
    for start in range(0, len(about), _AT_ONCE):
        places = about[start : start + _AT_ONCE]
        vectors = np.stack([faces[result[place].face_id].vector for place in places])
        similar = vectors @ clusters.means.T
        for row, place in enumerate(places):
            face = faces[result[place].face_id]
            label = placed[face.id]
            others = np.delete(similar[row], label).max(initial=floor)
            result[place] = _with(result[place], face, label, similar[row], clusters)
            similarity = result[place].similarity
            if similarity is not None:
                result[place] = replace(
                    result[place],
                    margin=similarity - float(others),
                    confidence=limits.curve.confidence(similarity),
                )
    return result


def _with(
    verdict: Verdict, face: KnownFace, label: int, similar: Vectors, clusters: Clusters
) -> Verdict:
    others = clusters.faces[label] != face.id
    if not others.any():
        return verdict
    own = float(similar[label])
    if not others.all():  # take it out of the mean
        part = face.weight / float(clusters.weights[label])
        own = (own - part * float(face.vector @ face.vector)) / (1.0 - part)
    vectors = clusters.vectors[label][others]
    return replace(
        verdict,
        similarity=own,
        evidence_face_id=int(clusters.faces[label][others][(vectors @ face.vector).argmax()]),
    )
