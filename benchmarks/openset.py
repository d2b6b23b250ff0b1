"""Open-set identification on Labeled Faces in the Wild: half of the people are known by one, three
or five pictures, everybody else's pictures are strangers'.

The first table takes no threshold from the settings: how many pictures of known people are found
first and above the similarity that so few strangers reach. The others are what the settings and
the calibration that Rollcall comes with do, and what other leads would.

Run: python -m benchmarks.openset [--json] [--limit N] [--splits N]
"""

from __future__ import annotations

import argparse
import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks import people, report
from benchmarks.likeness import WAYS, ours
from daemon.faces.registry import KNOWN_SHA256
from daemon.people.limits import limits
from daemon.people.match import References, match_faces
from daemon.people.starting import starting
from daemon.settings import Identify

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from benchmarks.people import Faces
    from daemon.people.limits import Limits

    Scores = NDArray[np.float32]

PICTURES = (1, 3, 5)
HOUSEHOLDS = (10, 40, 80, None)
STRANGERS = 0.01
RATES = (1e-2, 1e-3, 1e-4)
EXEMPLARS = (1, 2, 3, 5, 8, 12)
LEADS = (1.0, 5.0, 20.0, 150.0)
OUTCOMES = ("strangers_named", "strangers_asked", "right", "wrong", "asked", "asked_right")


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
            {"pictures": count, **outcomes(worlds(faces, count, options.splits, size), allowed)}
            for count in PICTURES
            for size in HOUSEHOLDS
        ],
        "leads": [
            {"lead": lead, **outcomes(worlds(faces, 3, options.splits), _with_lead(allowed, lead))}
            for lead in LEADS
        ],
        "strangers": reached(faces, allowed, options.splits),
    }
    report.publish(result, as_text(result), as_json=options.json)


def default_limits() -> Limits:
    """What Rollcall comes with for Dlib's known weights."""
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
        if not known:
            raise SystemExit(f"nobody known has more than {pictures} pictures: raise --limit")
        taken: list[int] = []
        for person in known:
            taken += draw.permutation(np.flatnonzero(faces.people == person))[:pictures].tolist()
        presented = np.isin(faces.people, known)
        presented[taken] = False
        references = _references(faces, np.array(taken, np.int64))
        yield references, faces.of(presented), faces.of(~np.isin(faces.people, half))


def _references(faces: Faces, taken: NDArray[np.int64]) -> References:
    return References(vectors=faces.vectors[taken], person_ids=faces.people[taken], face_ids=taken)


def identified(faces: Faces, pictures: int, allowed: Limits, splits: int) -> dict[str, Any]:
    """Identification rates at STRANGERS false positives, by way to compare; the interval is that of
    one split, mean of the splits', known people and strangers drawn again.
    """
    found: dict[str, list[float]] = {name: [] for name in WAYS}
    counts, spans = [], []
    for references, known, strangers in worlds(faces, pictures, splits):
        counts.append((len(references.people), len(known), len(strangers)))
        for name, way in WAYS.items():
            scores = way(known.vectors, references, allowed)
            right = references.people[scores.argmax(axis=1)] == known.people
            hits = np.where(right, scores.max(axis=1), -np.inf)
            others = way(strangers.vectors, references, allowed).max(axis=1)
            found[name].append(float((hits > bar(others)).mean()))
            if name == "Rollcall":
                spans.append(_interval(hits, known.people, others, strangers.people))
    return {
        "rates": {name: float(np.mean(it)) for name, it in found.items()},
        "least": {name: min(it) for name, it in found.items()},
        "interval": np.mean(spans, axis=0).tolist(),
        "counts": np.mean(counts, axis=0).round().astype(int).tolist(),
    }


def bar(strangers: Scores) -> float:
    """The score that no more than STRANGERS of the strangers exceed."""
    place = len(strangers) - 1 - int(STRANGERS * len(strangers))
    return float(np.partition(strangers, place)[place])


def _interval(
    hits: Scores, known: NDArray[np.int64], others: Scores, strangers: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Whole people are drawn: a stranger who looks like somebody does so in each picture."""
    draws = zip(people.drawn(known), people.drawn(strangers, seed=1), strict=True)
    return people.interval([(hits[one] > bar(others[other])).mean() for one, other in draws])


def outcomes(tried: Iterator[tuple[References, Faces, Faces]], allowed: Limits) -> dict[str, Any]:
    """Means of OUTCOMES: shares of strangers, then of known people's pictures; besides how many
    people and pictures, all splits together.
    """
    rows, counts = [], []
    for references, known, strangers in tried:
        outside = [_outcome(it, references, allowed) for it in strangers.vectors]
        inside = [_outcome(it, references, allowed) for it in known.vectors]
        right = np.array([it[0] for it in inside]) == known.people
        named = np.array([certain for _, certain in inside])
        asked = np.array([who >= 0 and not certain for who, certain in inside])
        rows.append(
            (
                np.mean([certain for _, certain in outside]),
                np.mean([who >= 0 and not certain for who, certain in outside]),
                *(np.mean(it) for it in (right & named, ~right & named, asked, asked & right)),
            )
        )
        counts.append((len(references.people), len(known), len(strangers)))
    return {
        **dict(zip(OUTCOMES, map(float, np.mean(rows, axis=0)), strict=True)),
        "people": float(np.mean(counts, axis=0)[0]),
        "counts": np.sum(counts, axis=0)[1:].tolist(),
    }


def _with_lead(allowed: Limits, lead: float) -> Limits:
    return replace(allowed, margin=math.log(lead) / allowed.curve.slope)


def _outcome(vector: Scores, references: References, allowed: Limits) -> tuple[int, bool]:
    """Who it is, -1 for nobody, and whether it is a name."""
    (match,) = match_faces(vector[None], references, allowed, barred=[frozenset()])
    return (-1, False) if match is None else (match.person_id, match.certain)


def reached(faces: Faces, allowed: Limits, splits: int) -> list[dict[str, Any]]:
    """The similarity to somebody with so many exemplars that shares of pairs of a stranger and a
    known person exceed. The same people are known in each row, those with more pictures than the
    last wants, and everybody else is a stranger.
    """
    many = faces.with_pictures(EXEMPLARS[-1])
    strangers = faces.of(~many)
    rows = []
    for count in EXEMPLARS:
        values = []
        for seed in range(splits):
            draw = np.random.default_rng(seed)
            taken = np.concatenate(
                [draw.permutation(np.flatnonzero(faces.people == person))[:count]
                 for person in np.unique(faces.people[many])]
            )  # fmt: skip
            scores = ours(strangers.vectors, _references(faces, taken), allowed)
            values.append(np.quantile(scores, [1 - it for it in RATES]))
        rows.append({"exemplars": count, "similarities": np.mean(values, axis=0).tolist()})
    return rows


def as_text(result: dict[str, Any]) -> str:
    """The result for people."""
    return "\n\n".join(
        [
            f"Identification rate where {STRANGERS:.0%} of strangers' pictures are taken for "
            "somebody, and its interval for one split. Mark: three pictures 0.93.",
            _identification(result["identification"]),
            "What the settings that Rollcall comes with do, before second looks (%):",
            _outcomes(result["outcomes"], ("pictures each", "pictures")),
            "Three pictures each, with a lead of these odds (%):",
            _outcomes(result["leads"], ("lead", "lead")),
            "The similarity that a share of pairs of strangers reaches, by exemplars:",
            report.table(
                ("exemplars", *(f"{rate:.0e}" for rate in RATES)),
                [
                    (it["exemplars"], *(f"{value:.4f}" for value in it["similarities"]))
                    for it in result["strangers"]
                ],
            ),
        ]
    )


def _identification(rows: Sequence[Mapping[str, Any]]) -> str:
    first, *others = WAYS
    return report.table(
        ("pictures each", "people", "their pictures", "strangers'", first, "least", *others),
        [
            (
                it["pictures"],
                *it["counts"],
                report.with_interval(it["rates"][first], it["interval"], percent=False),
                f"{it['least'][first]:.3f}",
                *(f"{it['rates'][name]:.3f}" for name in others),
            )
            for it in rows
        ],
    )


def _outcomes(rows: Sequence[Mapping[str, Any]], first: tuple[str, str]) -> str:
    """One row each; `first` is the heading and the key of the first column."""
    return report.table(
        (first[0], "known people", "pictures", "strangers'", "strangers named", "asked about",
         "known: right", "wrong", "asked about", "of these rightly"),
        [
            (f"{it[first[1]]:g}", round(it["people"]), *it["counts"],
             *(f"{100 * it[name]:.2f}" for name in OUTCOMES))
            for it in rows
        ],
    )  # fmt: skip


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, prog="python -m benchmarks.openset")
    parser.add_argument("--json", action="store_true", help="print the result as JSON")
    parser.add_argument("--limit", type=int, help="only so many pictures, for a quick look")
    parser.add_argument("--splits", type=int, default=10, help="ways to halve the people")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    main()
