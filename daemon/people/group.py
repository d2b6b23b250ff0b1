"""Grouping faces that no reference person explains. Pure: arrays in, values out.

Average linkage (Sokal & Michener 1958: UPGMA): two groups are one as long as their faces are
similar on average. It does not chain, as single linkage does, and its result does not depend on the
order of the faces. Only faces connected by at least one similar pair can end in one group, so each
connected component of that graph is clustered alone, and the whole never needs all pairs in memory.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial.distance import squareform

if TYPE_CHECKING:
    from daemon.faces.values import Vectors

Labels = NDArray[np.int64]
BLOCK = 2048
# Average linkage holds all pairs of a component: 4,000 faces are 64 MB of float64.
LARGEST_COMPONENT = 4000
# A larger component is one that chains; a slightly higher threshold breaks it into its dense parts.
TIGHTEN = 0.005
# Distance of two faces that cannot be one person: far more than any cosine distance (at most 2).
CANNOT_LINK = 20.0


def group(vectors: Vectors, pictures: NDArray[np.int64], threshold: float) -> Labels:
    """Group faces (rows of unit length) whose mean similarity is at least `threshold`.

    Two faces of one picture (equal numbers in `pictures`) are never one group. Returns a label a
    face, numbered by first appearance.
    """
    labels = np.zeros(len(vectors), np.int64)
    used = 0
    for members in _components(vectors, threshold):
        inner = _average_linkage(vectors[members], pictures[members], threshold)
        labels[members] = used + inner
        used += int(inner.max(initial=-1)) + 1
    return _by_first_appearance(_one_a_picture(vectors, pictures, labels))


def join(
    vectors: Vectors, groups: Vectors, labels: Labels, threshold: float
) -> tuple[Labels, NDArray[np.float32]]:
    """Which group each loose face would join by mean similarity, −1 for none, and that similarity.

    `groups` are the grouped faces' vectors and `labels` their groups. Groups are not changed by who
    joins, so that the order of the loose faces does not matter.
    """
    if len(groups) == 0 or len(vectors) == 0:
        return np.full(len(vectors), -1, np.int64), np.zeros(len(vectors), np.float32)
    count = int(labels.max()) + 1
    sums = np.zeros((count, groups.shape[1]), np.float32)
    np.add.at(sums, labels, groups)
    means = sums / np.bincount(labels, minlength=count)[:, None]
    similarities = vectors @ means.T
    best = similarities.argmax(axis=1)
    top = similarities[np.arange(len(vectors)), best]
    return np.where(top >= threshold, best, -1), top


def _components(vectors: Vectors, threshold: float) -> list[NDArray[np.int64]]:
    """Row numbers of each connected component of the graph of similar pairs."""
    found, waiting = [], [(np.arange(len(vectors)), threshold)]
    while waiting:
        rows, limit = waiting.pop()
        for members in _connected(vectors[rows], limit):
            if len(members) > LARGEST_COMPONENT and limit < 1:
                waiting.append((rows[members], limit + TIGHTEN))
            else:
                found.append(rows[members])
    return found


def _connected(vectors: Vectors, threshold: float) -> list[NDArray[np.int64]]:
    size = len(vectors)
    left, right = [], []
    for start in range(0, size, BLOCK):
        similar = vectors[start : start + BLOCK] @ vectors[start:].T >= threshold
        a, b = np.nonzero(np.triu(similar, 1))
        left.append(a + start)
        right.append(b + start)
    if size == 0:
        return []
    a, b = np.concatenate(left), np.concatenate(right)
    graph = coo_array((np.ones(len(a), np.int8), (a, b)), shape=(size, size))
    count, labels = connected_components(graph, directed=False)
    order = np.argsort(labels, kind="stable")
    return np.split(order, np.cumsum(np.bincount(labels, minlength=count))[:-1])


def _average_linkage(vectors: Vectors, pictures: NDArray[np.int64], threshold: float) -> Labels:
    if len(vectors) == 1:
        return np.zeros(1, np.int64)
    distances = 1.0 - vectors.astype(np.float64) @ vectors.T.astype(np.float64)
    distances[pictures[:, None] == pictures[None, :]] = CANNOT_LINK
    np.fill_diagonal(distances, 0.0)
    tree = linkage(squareform(np.maximum(distances, 0.0), checks=False), "average")
    labels: Labels = fcluster(tree, 1.0 - threshold, "distance").astype(np.int64) - 1
    return labels


def _one_a_picture(vectors: Vectors, pictures: NDArray[np.int64], labels: Labels) -> Labels:
    """Where averaging still let two faces of a picture into one group, all but the best leave it."""
    labels = labels.copy()
    rivals: dict[tuple[int, int], list[int]] = defaultdict(list)
    for row, key in enumerate(zip(labels.tolist(), pictures.tolist(), strict=True)):
        rivals[key].append(row)
    fresh = int(labels.max(initial=-1)) + 1
    for (label, _), rows in rivals.items():
        if len(rows) == 1:
            continue
        centre = vectors[labels == label].mean(axis=0)
        for row in sorted(rows, key=lambda row: -float(vectors[row] @ centre))[1:]:
            labels[row] = fresh
            fresh += 1
    return labels


def _by_first_appearance(labels: Labels) -> Labels:
    _, first, inverse = np.unique(labels, return_index=True, return_inverse=True)
    rank = np.argsort(np.argsort(first))
    return rank[inverse].astype(np.int64)
