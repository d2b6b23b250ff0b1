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
# Ten thousand pictures of one child are fifty million similar pairs.
PAIRS_HELD = 8_000_000
# Average linkage holds all pairs of a component: 4,000 faces are 64 MB of float64.
LARGEST_COMPONENT = 4000
# Distance of two faces that cannot be one person: far more than any cosine distance (at most 2).
CANNOT_LINK = 20.0


def group(vectors: Vectors, pictures: NDArray[np.int64], threshold: float) -> Labels:
    """Group faces (rows of unit length) whose mean similarity is at least `threshold`.

    Two faces of one picture (equal numbers in `pictures`) are never one group. Returns a label a
    face, numbered by first appearance.
    """
    labels = np.zeros(len(vectors), np.int64)
    used = 0
    for component in _connected(vectors, threshold):
        pieces = _pieces(vectors, component)
        for members in pieces:
            inner = _average_linkage(vectors[members], pictures[members], threshold)
            labels[members] = used + inner
            used += int(inner.max()) + 1
        if len(pieces) > 1:
            labels[component] = used + _reunited(vectors[component], labels[component], threshold)
            used = int(labels[component].max()) + 1
    return numbered(_one_a_picture(vectors, pictures, labels))


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


def _pieces(vectors: Vectors, component: NDArray[np.int64]) -> list[NDArray[np.int64]]:
    """The component, or halves of it across its longest axis until no piece is too large."""
    found, waiting = [], [component]
    while waiting:
        rows = waiting.pop()
        high = _upper_half(vectors[rows]) if len(rows) > LARGEST_COMPONENT else None
        if high is None or not high.any():
            found.append(rows)
        else:
            waiting += [rows[high], rows[~high]]
    return found


def _upper_half(vectors: Vectors) -> NDArray[np.bool_]:
    """Which faces lie beyond the median on the first principal axis; none where all are alike."""
    centred = vectors - vectors.mean(axis=0)
    _, axes = np.linalg.eigh(centred.T @ centred)
    along = centred @ axes[:, -1]
    beyond: NDArray[np.bool_] = along > np.median(along)
    return beyond


def _reunited(vectors: Vectors, labels: Labels, threshold: float) -> Labels:
    """Put together what halving a component tore apart: somebody in thousands of photos.

    The mean similarity of two groups is the product of their mean vectors, so groups are compared
    without their faces; then faces that are left alone join the group that they are most like.
    """
    labels = numbered(labels)
    sizes = np.bincount(labels)
    sums = np.zeros((len(sizes), vectors.shape[1]), np.float32)
    np.add.at(sums, labels, vectors)
    large = np.flatnonzero(sizes > 1)
    if len(large) > 1:
        means = sums[large] / sizes[large, None]
        distances = np.maximum(1.0 - means @ means.T, 0.0)
        tree = linkage(squareform(distances, checks=False), "average")
        together = np.arange(len(sizes))
        together[large] = len(sizes) + fcluster(tree, 1.0 - threshold, "distance")
        labels = numbered(together[labels])
    alone = np.bincount(labels)[labels] == 1
    if alone.all():
        return labels
    groups, inverse = np.unique(labels[~alone], return_inverse=True)
    joined, _ = join(vectors[alone], vectors[~alone], inverse, threshold)
    labels[alone] = np.where(joined >= 0, groups[joined], labels[alone])
    return labels


def _connected(vectors: Vectors, threshold: float) -> list[NDArray[np.int64]]:
    """Row numbers of each component; a block of pairs is merged before too many are held."""
    size = len(vectors)
    if size == 0:
        return []
    labels, count = np.arange(size), size
    left, right, held = [], [], 0
    for rows in range(0, size, BLOCK):
        for columns in range(rows, size, BLOCK):
            similar = vectors[rows : rows + BLOCK] @ vectors[columns : columns + BLOCK].T
            a, b = np.nonzero(similar >= threshold)
            left.append(labels[a + rows])
            right.append(labels[b + columns])
            held += len(a)
            is_last = rows + BLOCK >= size
            if held > PAIRS_HELD or is_last:
                count, merged = _components_of(left, right, count)
                labels, left, right, held = merged[labels], [], [], 0
    order = np.argsort(labels, kind="stable")
    return np.split(order, np.cumsum(np.bincount(labels, minlength=count))[:-1])


def _components_of(left: list[Labels], right: list[Labels], count: int) -> tuple[int, Labels]:
    a, b = np.concatenate(left), np.concatenate(right)
    graph = coo_array((np.ones(len(a), np.int8), (a, b)), shape=(count, count))
    found, merged = connected_components(graph, directed=False)
    return int(found), merged.astype(np.int64)


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
    """Where averaging still put two faces of a picture into one group, all but the best leave."""
    before, labels = labels, labels.copy()
    rivals: dict[tuple[int, int], list[int]] = defaultdict(list)
    for row, key in enumerate(zip(labels.tolist(), pictures.tolist(), strict=True)):
        rivals[key].append(row)
    fresh = int(labels.max(initial=-1)) + 1
    for (label, _), rows in rivals.items():
        if len(rows) == 1:
            continue
        centre = vectors[before == label].mean(axis=0)
        for row in sorted(rows, key=lambda row: -float(vectors[row] @ centre))[1:]:
            labels[row] = fresh
            fresh += 1
    return labels


def numbered(labels: Labels) -> Labels:
    """The same groups, numbered from 0 by first appearance."""
    _, first, inverse = np.unique(labels, return_index=True, return_inverse=True)
    rank = np.argsort(np.argsort(first))
    return rank[inverse].astype(np.int64)
