"""Grouping as scikit-learn does it, for those who compare. Pure: arrays in, labels out.

All compare by cosine, which for unit vectors orders pairs as their distance does. None knows what
people decided, or that nobody is in a photo twice.
"""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from daemon.errors import EnvironmentTrouble
from daemon.people.group import numbered

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from daemon.faces.values import Vectors
    from daemon.people.curve import Calibration
    from daemon.people.group import Labels

SEED = 0
# An affinity of nothing at all tears the graph apart, which the eigenvectors do not forgive.
_LEAST_AFFINITY = 1e-6
Parameters = dict[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Method:
    """One way to group. `defaults` are its parameters by the calibration and the number of groups
    there are; `most_faces` what it does in about a minute and in a gigabyte.
    """

    most_faces: int
    defaults: Callable[[Calibration, int], Parameters]
    run: Callable[[Vectors, Parameters, Calibration], Labels]


def cluster(
    name: str, vectors: Vectors, parameters: Parameters, calibration: Calibration
) -> Labels:
    """A label for each face (rows of unit length), numbered by first appearance; a face that the
    method leaves out is a group of its own. Raises EnvironmentTrouble without scikit-learn.
    """
    if len(vectors) < 2:
        return np.arange(len(vectors), dtype=np.int64)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of what it may change one day, and of empty clusters
        labels = METHODS[name].run(vectors, parameters, calibration)
    return numbered(alone(labels))


def alone(labels: Labels) -> Labels:
    """The labels, and one of its own for whoever a method left out (a negative label)."""
    labels = labels.astype(np.int64)
    out = labels < 0
    labels[out] = labels.max(initial=-1) + 1 + np.arange(int(out.sum()))
    return labels


def _sklearn() -> Any:
    try:
        from sklearn import cluster as found
    except ImportError as error:
        raise EnvironmentTrouble(
            "comparing needs scikit-learn, which is not installed; run "
            "`pip install '.[compare]'` where Rollcall was cloned"
        ) from error
    return found


def _dbscan(vectors: Vectors, given: Parameters, _: Calibration) -> Labels:
    maker = _sklearn().DBSCAN(
        eps=given["eps"], min_samples=int(given["min_samples"]), metric="cosine", algorithm="brute"
    )
    labels: Labels = maker.fit_predict(vectors)
    return labels


def _hdbscan(vectors: Vectors, given: Parameters, _: Calibration) -> Labels:
    """Without a distance of its own to stop at: scikit-learn's stumbles over it on real faces."""
    maker = _sklearn().HDBSCAN(min_cluster_size=int(given["min_samples"]), copy=True)
    labels: Labels = maker.fit_predict(vectors)
    return labels


def _agglomerative(vectors: Vectors, given: Parameters, _: Calibration) -> Labels:
    maker = _sklearn().AgglomerativeClustering(
        n_clusters=None, distance_threshold=given["eps"], metric="cosine", linkage="average"
    )
    labels: Labels = maker.fit_predict(vectors)
    return labels


def _kmeans(vectors: Vectors, given: Parameters, _: Calibration) -> Labels:
    count = min(int(given["clusters"]), len(vectors))
    maker = _sklearn().KMeans(n_clusters=count, n_init=1, random_state=SEED)
    labels: Labels = maker.fit_predict(vectors)
    return labels


def _spectral(vectors: Vectors, given: Parameters, calibration: Calibration) -> Labels:
    """Its affinity is the probability that two faces are one person."""
    curve = calibration.curve
    odds = np.clip(curve.slope * (vectors @ vectors.T) + curve.intercept, -500, 500)
    affinity = np.maximum(1 / (1 + np.exp(-odds.astype(np.float64))), _LEAST_AFFINITY)
    maker = _sklearn().SpectralClustering(
        n_clusters=min(int(given["clusters"]), len(vectors) - 1),
        affinity="precomputed",
        assign_labels="cluster_qr",
        random_state=SEED,
    )
    labels: Labels = maker.fit_predict((affinity + affinity.T) / 2)
    return labels


# DBSCAN chains from face to face, so it needs a similarity that strangers hardly ever reach. By
# Dlib it groups Labeled Faces in the Wild best at 0.955 (BCubed F 0.928, pairwise 0.880; at 0.944,
# the strict threshold, 0.901 and 0.532), where the curve has odds of 3,000.
CHAIN_LOG_ODDS = math.log(3000)
METHODS: Final[Mapping[str, Method]] = {
    "dbscan": Method(
        most_faces=10_000,
        defaults=lambda it, _: {
            "eps": 1 - it.curve.similarity_at(CHAIN_LOG_ODDS),
            "min_samples": 2,
        },
        run=_dbscan,
    ),
    "hdbscan": Method(
        most_faces=5_000,
        defaults=lambda _, __: {"min_samples": 2},
        run=_hdbscan,
    ),
    "agglomerative": Method(
        most_faces=5_000,
        defaults=lambda it, _: {"eps": 1 - it.thresholds["group"]},
        run=_agglomerative,
    ),
    "kmeans": Method(
        most_faces=10_000, defaults=lambda _, groups: {"clusters": groups}, run=_kmeans
    ),
    "spectral": Method(
        most_faces=2_000, defaults=lambda _, groups: {"clusters": groups}, run=_spectral
    ),
}
