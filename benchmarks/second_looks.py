"""What a second look is worth: all pairs of Labeled Faces in the Wild by first vectors and by the
means of jittered crops, and which pairs that are barely alike enough stay so at a second look.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks import labelled, report, verification
from daemon.faces import zoo
from daemon.faces.embed import embed
from daemon.faces.jitter import LOOKS, second_look
from daemon.people.curve import RATES
from daemon.people.starting import starting

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from benchmarks.labelled import Crops
    from benchmarks.verification import Vectors
    from daemon.faces.values import Embedder

_AT_ONCE = 16
# So much above a threshold a pair is in doubt: half the lead that a name needs, with Dlib.
ZONE = 0.0147


def both(crops: Crops, embedder: Embedder) -> tuple[Vectors, Vectors]:
    """First vectors and second looks by picture."""
    paths = sorted(crops)
    first: Vectors = {}
    again: Vectors = {}
    for start in range(0, len(paths), _AT_ONCE):
        some = paths[start : start + _AT_ONCE]
        faces = [crops[path] for path in some]
        first.update(zip(some, embed(faces, embedder), strict=True))
        again.update(zip(some, second_look(faces, embedder), strict=True))
    return first, again


def measured(first: Vectors, again: Vectors) -> dict[str, Any]:
    """TAR by both, and what a second look does to pairs just above each threshold that is named.

    A second look is held against the similarity that as many pairs of strangers exceed at it.
    """
    found: dict[str, Any] = {"pictures": len(first), "looks": LOOKS, "tar": {}, "doubt": {}}
    for name, vectors in (("first", first), ("second", again)):
        pairs = verification.all_pairs(vectors)
        found["tar"][name] = {
            f"{rate:.0e}": {
                "tar": verification.acceptance(pairs, pairs.everybody, rate),
                "interval": verification.interval(pairs, pairs.everybody, rate, rounds=100),
            }
            for rate in verification.RATES
        }
    one, two = verification.pairs_of(first), verification.pairs_of(again)
    for name in ("balanced", "strict"):
        at, then = _exceeded(one.impostor, RATES[name]), _exceeded(two.impostor, RATES[name])
        found["doubt"][name] = {
            "threshold": at,
            "second_threshold": then,
            "strangers": _fall(one.impostor, two.impostor, at, then),
            "one_person": _fall(one.genuine, two.genuine, at, then),
        }
    return found


def _exceeded(strangers: NDArray[Any], rate: float) -> float:
    """The similarity that this share of pairs of strangers exceeds."""
    return float(np.quantile(strangers, 1 - rate))


def _fall(one: NDArray[Any], two: NDArray[Any], at: float, then: float) -> dict[str, Any]:
    """Of the pairs just above a threshold, how many are below it at the second look."""
    doubtful = (one >= at) & (one < at + ZONE)
    share = float((two[doubtful] < then).mean()) if doubtful.any() else float("nan")
    return {"pairs": int(doubtful.sum()), "fall": share}


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, prog="python -m benchmarks.second_looks")
    parser.add_argument("--json", action="store_true", help="print the result as JSON")
    parser.add_argument("--limit", type=int, help="only so many pictures, for a quick look")
    options = parser.parse_args(arguments)
    data = report.data_folder()
    pictures = sorted((data / "lfw-dev").rglob("*.jpg"))[: options.limit]
    with tempfile.TemporaryDirectory() as folder:
        settings = labelled.settings(data, Path(folder))
        crops = labelled.find_crops(pictures, settings).crops
        embedder = zoo.build_embedder("Dlib", settings)
        result = measured(*both(crops, embedder))
    known = starting(embedder.name, embedder.weights_sha256, embedder.geometry)
    result["built_in"] = {name: known.thresholds[name] for name in ("balanced", "strict")}
    print(json.dumps(result) if options.json else _as_text(result))


def _as_text(result: dict[str, Any]) -> str:
    tar = report.table(
        ("vectors", *(f"TAR at {rate:.0e}" for rate in verification.RATES)),
        [
            (name, *(report.with_interval(it["tar"], it["interval"], percent=False)
                     for it in rates.values()))
            for name, rates in result["tar"].items()
        ],
    )  # fmt: skip
    doubt = report.table(
        ("threshold", "first", "second", "strangers in doubt, fall", "one person in doubt, fall"),
        [
            (
                name,
                f"{it['threshold']:.4f}",
                f"{it['second_threshold']:.4f}",
                *(f"{it[who]['pairs']:,}, {it[who]['fall']:.3f}"
                  for who in ("strangers", "one_person")),
            )
            for name, it in result["doubt"].items()
        ],
    )  # fmt: skip
    return f"{result['pictures']:,} pictures, {result['looks']} looks.\n\n{tar}\n\n{doubt}"


if __name__ == "__main__":
    main()
