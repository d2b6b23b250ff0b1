"""Grouping the faces of Labeled Faces in the Wild: Rollcall's way beside single and average
linkage, DBSCAN and HDBSCAN on the same vectors, each with its best parameters of one half of the
people, seen on the other half; and what the order of arrival changes.

Run: python -m benchmarks.grouping [--json] [--limit N] [--splits N] [--orders N]
"""

from __future__ import annotations

import argparse
import itertools
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.spatial.distance import squareform

from benchmarks import arrival, people, report
from daemon.people.agreement import bcubed, pairwise
from daemon.people.faces import weight
from daemon.people.group import group
from daemon.people.methods import alone

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from numpy.typing import NDArray

    from benchmarks.people import Faces

    Labels = NDArray[np.int64]
    Way = Callable[[Faces], Iterable[tuple[Any, Labels]]]

THRESHOLDS = np.arange(0.924, 0.9481, 0.001)
SEVERAL = 5
MARKS = (
    "BCubed F 0.955, pairwise F 0.94, pairwise precision 0.96; with five pictures BCubed F 0.975"
)
SCORES = ("BCubed P", "BCubed R", "BCubed F", "pairwise P", "pairwise R", "pairwise F")
# Whose scores, grouped with whom, by the parameters that were best for whom in the other half.
READINGS = {
    "everybody": "everybody",
    "several": "with five pictures, alone, by the parameters of their like",
    "several_by_all": "with five pictures, alone, by the parameters of everybody",
    "several_within": "with five pictures, among everybody, by the parameters of everybody",
}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Half:
    """Half of the people, and the groups that each parameter makes: of everybody's faces, and of
    those alone who have several pictures.
    """

    faces: Faces
    several: NDArray[np.bool_]
    groups: dict[Any, Labels]
    groups_of_several: dict[Any, Labels]


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print."""
    options = _options(arguments)
    faces = people.read(options.limit)
    several = faces.of(faces.with_pictures(SEVERAL))
    result: dict[str, Any] = {
        "faces": len(faces),
        "people": len(np.unique(faces.people)),
        "several": {"faces": len(several), "people": len(np.unique(several.people))},
        "splits": options.splits,
        "ways": {name: halved(faces, way, options.splits) for name, way in WAYS.items()},
        "orders": arrival.measured(faces, options.orders) if options.orders else None,
    }
    report.publish(result, as_text(result), as_json=options.json)


def halved(faces: Faces, way: Way, splits: int) -> dict[str, Any]:
    """For each of READINGS the scores of the halves that were not tuned on (halves × SCORES), and
    the 95 % interval of one half, mean of the halves'; besides the parameters that were best.
    """
    rows: dict[str, list[Any]] = {name: [] for name in READINGS}
    spans: dict[str, list[Any]] = {name: [] for name in READINGS}
    chosen = []
    for pair in people.halves(faces, splits):
        one, other = (_tried(it, way) for it in pair)
        for tuned, unseen in ((one, other), (other, one)):
            best = _best(tuned.groups, tuned.faces.people)
            chosen.append(best)
            for name, (labels, truth, places) in _read(tuned, unseen, best).items():
                scores = scores_of_drawn(labels, truth)
                rows[name].append(scores(places).tolist())
                again = [scores(places[it]) for it in people.drawn(truth[places])]
                spans[name].append(people.interval(again))
    return {
        "halves": rows,
        "interval": {name: np.mean(it, axis=0).tolist() for name, it in spans.items()},
        "parameters": sorted({str(it) for it in chosen}),
    }


def _tried(faces: Faces, way: Way) -> Half:
    several = faces.with_pictures(SEVERAL)
    return Half(
        faces=faces,
        several=several,
        groups=dict(way(faces)),
        groups_of_several=dict(way(faces.of(several))),
    )


def _read(tuned: Half, unseen: Half, best: Any) -> dict[str, tuple[Labels, Labels, Labels]]:
    """Of each reading the groups, the people, and the places of the faces that count."""
    truth = unseen.faces.people
    of_several = truth[unseen.several]
    own = _best(tuned.groups_of_several, tuned.faces.people[tuned.several])
    everywhere, alone = np.arange(len(truth)), np.arange(len(of_several))
    return {
        "everybody": (unseen.groups[best], truth, everywhere),
        "several": (unseen.groups_of_several[own], of_several, alone),
        "several_by_all": (unseen.groups_of_several[best], of_several, alone),
        "several_within": (unseen.groups[best], truth, np.flatnonzero(unseen.several)),
    }


def _best(groups: Mapping[Any, Labels], truth: Labels) -> Any:
    """The parameter with the greatest sum of both F."""
    return max(groups, key=lambda it: bcubed(groups[it], truth).f + pairwise(groups[it], truth).f)


def scores_of_drawn(labels: Labels, truth: Labels) -> Callable[[Labels], NDArray[np.float64]]:
    """SCORES over some faces (their places), each as well grouped as it is among all; of all faces
    what `agreement` counts.
    """
    together = labels[:, None] == labels[None]
    same = truth[:, None] == truth[None]
    grouped, own, both = (it.sum(axis=1) for it in (together, same, together & same))

    def drawn(places: Labels) -> NDArray[np.float64]:
        g, o, b = grouped[places], own[places], both[places]
        return np.array(
            [
                *_with_f((b / g).mean(), (b / o).mean()),
                *_with_f(_share(b - 1, g - 1), _share(b - 1, o - 1)),
            ]
        )

    return drawn


def _share(some: Labels, of_all: Labels) -> float:
    """Where there is nothing at all, nothing is wrong."""
    return float(some.sum() / of_all.sum()) if of_all.any() else 1.0


def _with_f(precision: float, recall: float) -> tuple[float, float, float]:
    total = precision + recall
    return precision, recall, 2 * precision * recall / total if total else 0.0


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
        yield (least, round(float(threshold), 4)), alone(maker.fit_predict(distances))


def _hdbscan(faces: Faces) -> Iterable[tuple[Any, Labels]]:
    """Without `cluster_selection_epsilon`, over which scikit-learn 1.9 stumbles on these faces."""
    from sklearn.cluster import HDBSCAN

    for least, core in itertools.product((2, 3, 5), (1, 2, 3, 4)):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            maker = HDBSCAN(min_cluster_size=least, min_samples=core, copy=True)
            yield (least, core), alone(maker.fit_predict(faces.vectors))


WAYS: Mapping[str, Way] = {
    "Rollcall": _ours,
    "average linkage": _linked("average", THRESHOLDS),
    "single linkage": _linked("single", np.arange(0.930, 0.9801, 0.001)),
    "DBSCAN": _dbscan,
    "HDBSCAN": _hdbscan,
}


def as_text(result: dict[str, Any]) -> str:
    """The result for people."""
    several, ours = result["several"], result["ways"]["Rollcall"]
    parts = [
        f"{result['faces']:,} faces of {result['people']:,} people, {result['splits']} ways to "
        "halve them: parameters of one half, scores on the other, and the interval of one half. "
        f"Marks: {MARKS}.",
        _table({name: (it, "everybody") for name, it in result["ways"].items()}),
        _lead(result["ways"]),
        f"{several['faces']:,} faces of the {several['people']:,} people with five pictures or "
        "more, grouped alone by the parameters of their like:",
        _table({name: (it, "several") for name, it in result["ways"].items()}),
        "Rollcall, three ways to read it:",
        _table({READINGS[it]: (ours, it) for it in READINGS if it != "everybody"}),
        "Best parameters: "
        + "; ".join(f"{name} {', '.join(it['parameters'])}" for name, it in result["ways"].items()),
    ]
    if result["orders"]:
        parts.append(arrival.as_text(result["orders"]))
    return "\n\n".join(parts)


def _lead(ways: Mapping[str, Any]) -> str:
    """How far ahead of average linkage, half by half. Halves of several splits share people, so
    the standard error over them is too small; the deviation of one half is not.
    """
    ahead = np.subtract(
        *(ways[it]["halves"]["everybody"] for it in ("Rollcall", "average linkage"))
    )
    return "Rollcall less average linkage, mean and deviation over the halves: " + ", ".join(
        f"{SCORES[place]} {ahead[:, place].mean():+.4f} ± {ahead[:, place].std():.4f}, ahead in "
        f"{(ahead[:, place] > 0).sum()} of {len(ahead)}"
        for place in (2, 5, 3)
    )


def _table(rows: Mapping[str, tuple[Mapping[str, Any], str]]) -> str:
    """Means over the halves; of the scores that have a mark the interval, of F the least too."""
    cells = []
    for name, (it, reading) in rows.items():
        halves, spans = np.array(it["halves"][reading]), np.array(it["interval"][reading])
        mean = halves.mean(axis=0)
        marked = [
            report.with_interval(mean[place], (spans[0, place], spans[1, place]), percent=False)
            for place in (2, 3, 5)
        ]
        cells.append(
            (name, f"{mean[0]:.4f}", f"{mean[1]:.4f}", marked[0],
             f"{halves[:, 2].min():.4f}", marked[1], f"{mean[4]:.4f}", marked[2],
             f"{halves[:, 5].min():.4f}")
        )  # fmt: skip
    return report.table(
        ("", "BCubed P", "R", "F", "least F", "pairwise P", "R", "F", "least F"), cells
    )


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, prog="python -m benchmarks.grouping")
    parser.add_argument("--json", action="store_true", help="print the result as JSON")
    parser.add_argument("--limit", type=int, help="only so many pictures, for a quick look")
    parser.add_argument("--splits", type=int, default=8, help="ways to halve the people")
    parser.add_argument("--orders", type=int, default=10, help="orders of arrival; 0: none")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    main()
