"""Grouping the faces of Labeled Faces in the Wild: Rollcall's way beside single and average
linkage, DBSCAN and HDBSCAN on the same vectors, each with its best parameters of one half of the
people, seen on the other half; and what the order of arrival changes.

Run: python -m benchmarks.grouping [--json] [--limit N] [--splits N] [--orders N]
"""

from __future__ import annotations

import argparse
import itertools
import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.spatial.distance import squareform

from benchmarks import arrival, people, report
from daemon.people.agreement import bcubed, pairwise
from daemon.people.faces import weight
from daemon.people.group import group

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from numpy.typing import NDArray

    from benchmarks.people import Faces

    Labels = NDArray[np.int64]
    Way = Callable[[Faces], Iterable[tuple[Any, Labels]]]

THRESHOLDS = np.arange(0.924, 0.9481, 0.001)
MARKS = (
    "BCubed F 0.955, pairwise F 0.94, pairwise precision 0.96; with five pictures BCubed F 0.975"
)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print."""
    options = _options(arguments)
    faces = people.read(options.limit)
    several = faces.of(faces.with_pictures(5))
    result: dict[str, Any] = {
        "faces": len(faces),
        "people": len(np.unique(faces.people)),
        "several": {"faces": len(several), "people": len(np.unique(several.people))},
        "ways": {name: halved(faces, way, options.splits) for name, way in WAYS.items()},
        "ways_of_several": {
            name: halved(several, way, options.splits) for name, way in WAYS.items()
        },
        "orders": arrival.measured(faces, options.orders) if options.orders else None,
    }
    report.publish(result, as_text(result), as_json=options.json)


def halved(faces: Faces, way: Way, splits: int) -> dict[str, Any]:
    """Scores on the halves that were not tuned on: means, the worst, and the interval of the first
    split's; the parameter where it was best.
    """
    rows, chosen = [], []
    first: tuple[float, float] | None = None
    for tuned, unseen in people.halves(faces, splits):
        best = max(way(tuned), key=lambda it: _both(it[1], tuned.people))[0]
        labels = next(found for parameter, found in way(unseen) if parameter == best)
        rows.append(_row(labels, unseen.people))
        chosen.append(best)
        if first is None:
            first = people.interval(unseen.people, bcubed_of_drawn(labels, unseen.people))
    table = np.array(rows)
    return {
        "mean": table.mean(axis=0).tolist(),
        "worst": table.min(axis=0).tolist(),
        "halves": table.tolist(),
        "interval": first,
        "parameters": sorted({str(it) for it in chosen}),
    }


def bcubed_of_drawn(labels: Labels, truth: Labels) -> Callable[[Labels], float]:
    """BCubed F over some faces (their places), each as well grouped as it is among all."""
    together = labels[:, None] == labels[None]
    same = truth[:, None] == truth[None]
    both = (together & same).sum(axis=1)
    precision, recall = both / together.sum(axis=1), both / same.sum(axis=1)

    def drawn(places: Labels) -> float:
        p, r = float(precision[places].mean()), float(recall[places].mean())
        return 2 * p * r / (p + r)

    return drawn


def _both(labels: Labels, truth: Labels) -> float:
    return bcubed(labels, truth).f + pairwise(labels, truth).f


def _row(labels: Labels, truth: Labels) -> tuple[float, ...]:
    one, other = bcubed(labels, truth), pairwise(labels, truth)
    return one.precision, one.recall, one.f, other.precision, other.recall, other.f


def _ours(faces: Faces) -> Iterable[tuple[Any, Labels]]:
    weights = np.array([weight(it) for it in faces.qualities], np.float32)
    pictures = np.arange(len(faces))
    for threshold in THRESHOLDS:
        yield round(float(threshold), 4), group(faces.vectors, pictures, float(threshold), weights)


def _linked(method: str, thresholds: NDArray[np.float64]) -> Way:
    def way(faces: Faces) -> Iterable[tuple[Any, Labels]]:
        vectors = faces.vectors.astype(np.float64)
        distances = 1.0 - vectors @ vectors.T
        np.fill_diagonal(distances, 0.0)
        tree = linkage(squareform(np.maximum(distances, 0.0), checks=False), method)
        for threshold in thresholds:
            yield round(float(threshold), 4), fcluster(tree, 1.0 - threshold, "distance")

    return way


def _dbscan(faces: Faces) -> Iterable[tuple[Any, Labels]]:
    from sklearn.cluster import DBSCAN

    distances = np.maximum(1.0 - faces.vectors @ faces.vectors.T, 0.0)
    for least, threshold in itertools.product((1, 2, 3, 4), np.arange(0.930, 0.975, 0.0025)):
        maker = DBSCAN(eps=1.0 - threshold, min_samples=least, metric="precomputed")
        yield (least, round(float(threshold), 4)), _alone(maker.fit_predict(distances))


def _hdbscan(faces: Faces) -> Iterable[tuple[Any, Labels]]:
    from sklearn.cluster import HDBSCAN

    for least, core in itertools.product((2, 3), (1, 2)):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            maker = HDBSCAN(min_cluster_size=least, min_samples=core, copy=True)
            yield (least, core), _alone(maker.fit_predict(faces.vectors))


def _alone(labels: NDArray[Any]) -> Labels:
    """Whoever a method leaves out is alone."""
    labels = labels.astype(np.int64)
    out = labels < 0
    labels[out] = labels.max(initial=-1) + 1 + np.arange(int(out.sum()))
    return labels


WAYS: Mapping[str, Way] = {
    "Rollcall": _ours,
    "average linkage": _linked("average", THRESHOLDS),
    "single linkage": _linked("single", np.arange(0.930, 0.9801, 0.001)),
    "DBSCAN": _dbscan,
    "HDBSCAN": _hdbscan,
}


def as_text(result: dict[str, Any]) -> str:
    """The result for people."""
    several = result["several"]
    parts = [
        f"{result['faces']:,} faces of {result['people']:,} people; parameters of one half of the "
        f"people, scores on the other. Marks: {MARKS}.",
        _table(result["ways"]),
        _lead(result["ways"]),
        f"People with at least five pictures alone: {several['faces']:,} faces of "
        f"{several['people']:,} people.",
        _table(result["ways_of_several"]),
    ]
    if result["orders"]:
        parts.append(arrival.as_text(result["orders"]))
    return "\n\n".join(parts)


def _lead(ways: Mapping[str, Any]) -> str:
    """How far ahead of average linkage, half by half, with the standard error of the mean."""
    ahead = np.array(ways["Rollcall"]["halves"]) - np.array(ways["average linkage"]["halves"])
    error = ahead.std(axis=0) / np.sqrt(len(ahead))
    names = {2: "BCubed F", 5: "pairwise F", 3: "pairwise precision"}
    return "Rollcall less average linkage, half by half: " + ", ".join(
        f"{name} {ahead.mean(axis=0)[place]:+.4f} ± {error[place]:.4f}"
        for place, name in names.items()
    )


def _table(ways: Mapping[str, Any]) -> str:
    return report.table(
        ("", "BCubed P", "R", "F (interval of one half)", "worst F", "pairwise P", "R", "F",
         "worst F"),
        [
            (name, *(f"{value:.4f}" for value in it["mean"][:2]),
             report.with_interval(it["mean"][2], it["interval"], percent=False),
             f"{it['worst'][2]:.4f}", *(f"{value:.4f}" for value in it["mean"][3:]),
             f"{it['worst'][5]:.4f}")
            for name, it in ways.items()
        ],
    )  # fmt: skip


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, prog="python -m benchmarks.grouping")
    parser.add_argument("--json", action="store_true", help="print the result as JSON")
    parser.add_argument("--limit", type=int, help="only so many pictures, for a quick look")
    parser.add_argument("--splits", type=int, default=8, help="ways to halve the people")
    parser.add_argument("--orders", type=int, default=10, help="orders of arrival; 0: none")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    main()
