"""Open-set identification on Labeled Faces in the Wild: half of the people are known by one, three
or five pictures, everybody else's pictures are strangers'.

The first table is threshold-free: the rate at which known people are found first and above the
similarity that so few strangers reach. The second is what the settings and calibration that
Rollcall comes with do. Run: python -m benchmarks.openset [--json] [--limit N] [--splits N]
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks import people, report
from daemon.people.limits import limits
from daemon.people.match import References, match_picture, similarities
from daemon.people.starting import starting
from daemon.settings import Identify

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from benchmarks.people import Faces
    from daemon.people.limits import Limits

    Scores = NDArray[np.float32]

PICTURES = (1, 3, 5)
HOUSEHOLDS = (10, 40, 80, None)
STRANGERS = 0.01
RATES = (1e-2, 1e-3, 1e-4)
EXEMPLARS = (1, 2, 3, 5, 8, 12)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print."""
    options = _options(arguments)
    faces = people.read(options.limit)
    allowed = default_limits()
    result = {
        "identification": [
            {"pictures": count, **identified(faces, count, allowed, options.splits)}
            for count in PICTURES
        ],
        "outcomes": [
            outcomes(faces, count, household, allowed, options.splits)
            for count in PICTURES
            for household in HOUSEHOLDS
        ],
        "strangers": [
            {"exemplars": count, **reached(faces, count, allowed, options.splits)}
            for count in EXEMPLARS
        ],
    }
    report.publish(result, as_text(result), as_json=options.json)


def default_limits() -> Limits:
    """What Rollcall comes with for Dlib's known weights."""
    from daemon.faces.registry import KNOWN_SHA256

    weights = KNOWN_SHA256["dlib_face_recognition_resnet_model_v1.dat"]
    return limits(Identify(), starting("Dlib", weights, "dlib150-v2+mirror"))


def worlds(
    faces: Faces, pictures: int, splits: int, household: int | None = None
) -> Iterator[tuple[References, Faces, Faces]]:
    """Known people by so many pictures each, their other pictures, and those of strangers."""
    everybody, counts = np.unique(faces.people, return_counts=True)
    for seed in range(splits):
        draw = np.random.default_rng(seed)
        half = draw.permutation(everybody)[: len(everybody) // 2]
        enough = [person for person in half if counts[person] > pictures]
        known = enough[:household]
        taken: list[int] = []
        for person in known:
            taken += draw.permutation(np.flatnonzero(faces.people == person))[:pictures].tolist()
        presented = np.isin(faces.people, known)
        presented[taken] = False
        references = References(
            vectors=faces.vectors[taken],
            person_ids=faces.people[taken],
            face_ids=np.array(taken, np.int64),
        )
        yield references, faces.of(presented), faces.of(~np.isin(faces.people, half))


def identified(faces: Faces, pictures: int, allowed: Limits, splits: int) -> dict[str, Any]:
    """Identification rates at STRANGERS false positives, by way to compare."""
    found: dict[str, list[float]] = {name: [] for name in WAYS}
    counts = []
    first: tuple[float, float] | None = None
    for references, known, strangers in worlds(faces, pictures, splits):
        counts.append((len(references.people), len(known), len(strangers)))
        for name, way in WAYS.items():
            bar = np.quantile(
                way(strangers.vectors, references, allowed).max(axis=1), 1 - STRANGERS
            )
            scores = way(known.vectors, references, allowed)
            right = references.people[scores.argmax(axis=1)] == known.people
            hits = right & (scores.max(axis=1) >= bar)
            found[name].append(float(hits.mean()))
            if first is None:
                first = people.interval(known.people, lambda it, h=hits: float(h[it].mean()))
    return {
        "rates": {name: float(np.mean(it)) for name, it in found.items()},
        "worst": {name: min(it) for name, it in found.items()},
        "interval": first,
        "counts": np.mean(counts, axis=0).round().astype(int).tolist(),
    }


def outcomes(
    faces: Faces, pictures: int, household: int | None, allowed: Limits, splits: int
) -> dict[str, Any]:
    """Shares of strangers named and asked about, and of known people named right, named wrong,
    asked about.
    """
    rows = []
    for references, known, strangers in worlds(faces, pictures, splits, household):
        outside = [_outcome(it, references, allowed) for it in strangers.vectors]
        inside = [_outcome(it, references, allowed) for it in known.vectors]
        right = [who == person for (who, _), person in zip(inside, known.people, strict=True)]
        named = [certain for _, certain in inside]
        rows.append(
            (
                len(references.people),
                np.mean([certain for _, certain in outside]),
                np.mean([who is not None and not certain for who, certain in outside]),
                np.mean(np.array(right) & np.array(named)),
                np.mean(~np.array(right) & np.array(named)),
                np.mean([who is not None and not certain for who, certain in inside]),
            )
        )
    names = ("people", "strangers_named", "strangers_asked", "right", "wrong", "asked")
    mean = np.mean(rows, axis=0)
    return {"pictures": pictures, **dict(zip(names, map(float, mean), strict=True))}


def _outcome(vector: Scores, references: References, allowed: Limits) -> tuple[int | None, bool]:
    (match,) = match_picture(vector[None], references, allowed, barred=[frozenset()])
    return (None, False) if match is None else (match.person_id, match.certain)


def reached(faces: Faces, exemplars: int, allowed: Limits, splits: int) -> dict[str, Any]:
    """The similarity to somebody with so many exemplars that a share of strangers reaches."""
    wide = replace(allowed, threshold=0.0, tenfold=0.0)  # of everybody, however unlike
    values = [
        np.quantile(similarities(strangers.vectors, references, wide), [1 - it for it in RATES])
        for references, _, strangers in worlds(faces, exemplars, splits)
    ]
    return {"similarities": np.mean(values, axis=0).tolist()}


def _best(vectors: Scores, references: References, _: Limits) -> Scores:
    pairs = (vectors @ references.vectors.T)[:, references.by_person]
    best: Scores = np.maximum.reduceat(pairs, references.starts[:-1], axis=1)
    return best


def _mean(vectors: Scores, references: References, _: Limits) -> Scores:
    pairs = (vectors @ references.vectors.T)[:, references.by_person]
    sums: Scores = np.add.reduceat(pairs, references.starts[:-1], axis=1)
    return sums / np.diff(references.starts).astype(np.float32)


def _to_mean(vectors: Scores, references: References, _: Limits) -> Scores:
    means = np.add.reduceat(references.vectors[references.by_person], references.starts[:-1])
    means /= np.linalg.norm(means, axis=1, keepdims=True)
    cosines: Scores = vectors @ means.T
    return cosines


def _ours(vectors: Scores, references: References, allowed: Limits) -> Scores:
    return similarities(vectors, references, replace(allowed, threshold=0.0, tenfold=0.0))


WAYS: Mapping[str, Callable[[Scores, References, Limits], Scores]] = {
    "Rollcall": _ours,
    "the best exemplar": _best,
    "mean similarity": _mean,
    "cosine to the mean": _to_mean,
}


def as_text(result: dict[str, Any]) -> str:
    """The result for people."""
    return "\n\n".join(
        [
            f"Identification rate where {STRANGERS:.0%} of strangers' pictures are taken for "
            "somebody. Mark: three pictures 0.93.",
            report.table(
                ("pictures each", "known people", "their pictures", "strangers'", *WAYS, "worst",
                 "interval of one split"),
                [
                    (it["pictures"], *it["counts"],
                     *(f"{it['rates'][name]:.3f}" for name in WAYS),
                     f"{it['worst']['Rollcall']:.3f}",
                     "{:.3f}-{:.3f}".format(*it["interval"]))
                    for it in result["identification"]
                ],
            ),
            "What the settings that Rollcall comes with do, before second looks (%):",
            report.table(
                ("pictures each", "known people", "strangers named", "asked about",
                 "known: right", "wrong", "asked about"),
                [
                    (it["pictures"], round(it["people"]),
                     *(f"{100 * it[name]:.2f}" for name in
                       ("strangers_named", "strangers_asked", "right", "wrong", "asked")))
                    for it in result["outcomes"]
                ],
            ),
            "The similarity that a share of strangers reaches to somebody with so many exemplars:",
            report.table(
                ("exemplars", *(f"{rate:.0e}" for rate in RATES)),
                [
                    (it["exemplars"], *(f"{value:.4f}" for value in it["similarities"]))
                    for it in result["strangers"]
                ],
            ),
        ]
    )  # fmt: skip


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, prog="python -m benchmarks.openset")
    parser.add_argument("--json", action="store_true", help="print the result as JSON")
    parser.add_argument("--limit", type=int, help="only so many pictures, for a quick look")
    parser.add_argument("--splits", type=int, default=5, help="ways to halve the people")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    main()
