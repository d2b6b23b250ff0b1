"""What a similarity means: the curve to confidence and the thresholds, fitted to one half of the
people of Labeled Faces in the Wild and tried on the other, then swapped.

Prints the numbers for `daemon/people/starting.py`, fitted to all pairs. Run: python -m
benchmarks.calibration [--json] [--limit N] [--no-owners]
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks import isotonic, labelled, report, small_owners, verification
from daemon.people.calibration import fit, reliability_error, thresholds
from daemon.people.curve import RATES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from daemon.people.calibration import Pairs
    from daemon.people.curve import Curve


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print."""
    options = _options(arguments)
    data = report.data_folder()
    pictures = sorted((data / "lfw-dev").glob("*/*.jpg"))[: options.limit]
    with tempfile.TemporaryDirectory() as state:
        settings = labelled.settings(data, Path(state))
        crops = labelled.find_crops(pictures, settings).crops
        vectors = {
            mirror: labelled.embedded(crops, settings, mirror=mirror).vectors
            for mirror in (True, False)
        }
    owners = [] if options.no_owners else small_owners.tried(vectors[True])
    result = {
        "halves": swapped(vectors[True]),
        "starting": {
            "mirrored mean": fitted(verification.pairs_of(vectors[True])),
            "plain chip": fitted(verification.pairs_of(vectors[False])),
        },
        "owners": owners,
    }
    report.publish(result, as_text(result), as_json=options.json)


def swapped(vectors: verification.Vectors) -> list[dict[str, Any]]:
    """Each half of the people seen by what was fitted to the other."""
    people = len({path.parent for path in vectors})
    one, other = (
        verification.pairs_of(verification.half_vectors(vectors, weights))
        for weights in verification.halves(people)
    )
    return [unseen(one, other), unseen(other, one)]


def unseen(seen: Pairs, other: Pairs) -> dict[str, Any]:
    """How reliable `seen`'s curve is on the other people, and what its thresholds do there."""
    curve = fit(seen.genuine, seen.impostor)
    error, rows = reliability_error(curve, other.genuine, other.impostor)
    steps = isotonic.fit(seen.genuine, seen.impostor)
    return {
        "genuine": len(other.genuine),
        "impostor": len(other.impostor),
        "error": error,
        "reliability": rows,
        "loss": _loss(curve, other),
        "isotonic_error": steps.error(other.genuine, other.impostor),
        "isotonic_loss": steps.loss(other.genuine, other.impostor),
        "thresholds": {
            name: {
                "wanted": RATES[name],
                "threshold": value,
                "met": float((other.impostor > value).mean()),
                "found": float((other.genuine > value).mean()),
            }
            for name, value in thresholds(seen.impostor).items()
        },
    }


def fitted(pairs: Pairs) -> dict[str, Any]:
    """Curve and thresholds of all pairs."""
    curve = fit(pairs.genuine, pairs.impostor)
    return {
        "genuine": len(pairs.genuine),
        "impostor": len(pairs.impostor),
        "slope": curve.slope,
        "intercept": curve.intercept,
        "thresholds": thresholds(pairs.impostor),
        "error": reliability_error(curve, pairs.genuine, pairs.impostor)[0],
    }


def as_text(result: dict[str, Any]) -> str:
    """The result for people."""
    parts = []
    for number, half in enumerate(result["halves"], 1):
        parts += _half_text(number, half)
    parts.append("Fitted to all pairs, for daemon/people/starting.py:")
    for name, it in result["starting"].items():
        values = ", ".join(f"{key} {value:.4f}" for key, value in it["thresholds"].items())
        parts.append(
            f"{name}: slope {it['slope']:.1f}, intercept {it['intercept']:.1f}; {values} "
            f"({it['genuine']:,} and {it['impostor']:,} pairs, calibration error "
            f"{it['error']:.4f})"
        )
    if result["owners"]:
        parts.append(small_owners.as_text(result["owners"]))
    return "\n\n".join(parts)


def _half_text(number: int, half: dict[str, Any]) -> list[str]:
    return [
        f"Half {number}, by what was fitted to the other: {half['genuine']:,} pairs of one person, "
        f"{half['impostor']:,} of two.\n"
        f"Calibration error of the line {half['error']:.4f}, of isotonic steps "
        f"{half['isotonic_error']:.4f}; mean log loss {half['loss']:.4f} and "
        f"{half['isotonic_loss']:.4f}.",
        report.table(
            ("threshold", "similarity", "false matches wanted", "met", "one person found"),
            [
                (name, f"{it['threshold']:.4f}", f"{it['wanted']:.0e}", f"{it['met']:.1e}",
                 f"{it['found']:.3f}")
                for name, it in half["thresholds"].items()
            ],
        ),
        report.table(
            ("confidence", "share of pairs", "mean confidence", "are one person"),
            [
                (f"{place / 10:.1f}-{(place + 1) / 10:.1f}", f"{weight:.4f}", f"{mean:.3f}",
                 f"{share:.3f}")
                for place, (weight, mean, share) in enumerate(half["reliability"])
            ],
        ),
    ]  # fmt: skip


def _loss(curve: Curve, pairs: Pairs) -> float:
    """Mean negative logarithm of the confidence in what is true, both kinds weighing the same."""
    odds = [curve.slope * it.astype(np.float64) + curve.intercept
            for it in (pairs.genuine, pairs.impostor)]  # fmt: skip
    return float((np.logaddexp(0, -odds[0]).mean() + np.logaddexp(0, odds[1]).mean()) / 2)


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, prog="python -m benchmarks.calibration")
    parser.add_argument("--json", action="store_true", help="print the result as JSON")
    parser.add_argument("--limit", type=int, help="only so many pictures, for a quick look")
    parser.add_argument("--no-owners", action="store_true", help="without own people by number")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    main()
