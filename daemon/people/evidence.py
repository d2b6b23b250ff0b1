"""How like its group a face is: similarity, lead over the next group, the member most like it.
Pure.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from daemon.people.faces import weight

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from catalog.assignments import Verdict
    from daemon.faces.values import Vectors
    from daemon.people.crowd import Summary
    from daemon.people.faces import KnownFace
    from daemon.people.group import Labels
    from daemon.people.limits import Limits

_AT_ONCE = 512


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


def clusters(
    labels: Labels,
    owners: Mapping[int, int],
    anchored: Sequence[Sequence[KnownFace]],
    groups: Sequence[Summary],
    founders: Sequence[KnownFace],
) -> Clusters:
    """Put together what has one label; labels run over anchored people, large groups, founders."""
    count = int(labels.max(initial=-1)) + 1
    ids: dict[int, list[NDArray[np.int64]]] = defaultdict(list)
    rows: dict[int, list[Vectors]] = defaultdict(list)
    dimensions = next((len(face.vector) for face in founders), 0)
    dimensions = next((len(faces[0].vector) for faces in anchored), dimensions)
    dimensions = next((len(group.sum) for group in groups), dimensions)
    sums, weights = np.zeros((count, dimensions), np.float32), np.zeros(count, np.float32)
    singles = [[face] for face in founders]
    numbers = labels.tolist()
    first = len(anchored)
    faces_of = [*zip(numbers[:first], anchored, strict=True)]
    faces_of += zip(numbers[first + len(groups) :], singles, strict=True)
    for label, faces in faces_of:
        own = np.array([weight(face.quality) for face in faces], np.float32)
        vectors = np.stack([face.vector for face in faces])
        sums[label] += own @ vectors
        weights[label] += own.sum()
        ids[label].append(np.array([face.id for face in faces], np.int64))
        rows[label].append(vectors)
    for label, group in zip(numbers[first : first + len(groups)], groups, strict=True):
        sums[label] += group.sum
        weights[label] += group.weight
        ids[label].append(group.some_faces)
        rows[label].append(group.some_vectors)
    means = (sums / np.maximum(weights, 1e-30)[:, None]).astype(np.float32)
    return Clusters(
        means=means,
        weights=weights,
        owners=dict(owners),
        faces={label: np.concatenate(parts) for label, parts in ids.items()},
        vectors={label: np.concatenate(parts) for label, parts in rows.items()},
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
        part = weight(face.quality) / float(clusters.weights[label])
        own = (own - part * float(face.vector @ face.vector)) / (1.0 - part)
    vectors = clusters.vectors[label][others]
    return replace(
        verdict,
        similarity=own,
        evidence_face_id=int(clusters.faces[label][others][(vectors @ face.vector).argmax()]),
    )
