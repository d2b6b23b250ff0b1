"""How well faces are told apart: Labeled Faces in the Wild through Rollcall's own stages.

The verification protocol, and all pairs of the pictures with the people split into halves. Beside
it, on the same pictures and the same weights, what `DeepFace.represent` gives, and every detector
with every recognition model whose weights are here. Run: python -m benchmarks.accuracy [--json]
[--folds 1 2 3] [--limit N] [--no-peer] [--no-table] [--packaged]
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2

from benchmarks import combinations, labelled, lfw, peer, report, verification

if TYPE_CHECKING:
    from collections.abc import Sequence

PLAIN, MIRRORED, PEER = "Rollcall, plain chip", "Rollcall, mirrored mean", "DeepFace.represent"
# Pairs of either kind in a fold for the table of models: about a minute.
_TABLE_PAIRS = 40


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print."""
    options = _options(arguments)
    cv2.setNumThreads(1)
    data = report.data_folder()
    folder = data / "lfw-dev"
    protocol = lfw.read_pairs(folder)
    pairs = lfw.limited(protocol, [f - 1 for f in options.folds], options.limit)
    pictures = lfw.pictures(pairs)
    everything = pictures if options.limit else sorted(folder.glob("*/*.jpg"))
    with tempfile.TemporaryDirectory() as state, ExitStack() as stack:
        settings = labelled.settings(data, Path(state), packaged=options.packaged)
        print(f"{len(everything)} pictures, {len(pairs)} pairs", file=sys.stderr)
        found = labelled.find_crops(everything, settings)
        ours = {
            name: labelled.embedded(found.crops, settings, mirror=name == MIRRORED)
            for name in (PLAIN, MIRRORED)
        }
        # Only now, so that our own times are taken on a machine that is not busy with it.
        theirs = None if options.no_peer else stack.enter_context(peer.started(pictures))
        table, absent = [], {}
        if not options.no_table:
            few = lfw.limited(protocol, [0, 1, 2], min(_TABLE_PAIRS, options.limit or _TABLE_PAIRS))
            table, absent = combinations.measured(few, settings)
        result: dict[str, Any] = {
            "pairs": len(pairs),
            "pictures": len(everything),
            "detector": found.detector,
            "without_a_face": len(everything) - len(found.crops),
            "detect_ms": round(found.picture_ms, 1),
            "methods": {name: measures(pairs, it) for name, it in ours.items()},
            "all_pairs": {
                name: verification.report_of(verification.all_pairs(it.vectors))
                for name, it in ours.items()
            },
            "models": table,
            "absent": absent,
        }
        if theirs is not None:
            result["methods"][PEER] = measures(pairs, theirs.result())
    report.publish(result, as_text(result), as_json=options.json)


def measures(pairs: Sequence[lfw.Pair], found: labelled.Embedded) -> dict[str, Any]:
    """Accuracy and TAR at FAR 1e-3 with their intervals, and the time a face took."""
    rows = lfw.pair_rows(pairs, found.vectors)
    return {
        "accuracy": lfw.accuracy(rows),
        "accuracy_interval": report.bootstrap_interval(rows, lfw.accuracy, rounds=500),
        "tar_at_far_1e-3": lfw.acceptance(rows),
        "tar_interval": report.bootstrap_interval(rows, lfw.acceptance, rounds=500),
        "face_ms": round(found.face_ms, 1),
        "cpu_ms": round(found.cpu_ms, 1),
    }


def as_text(result: dict[str, Any]) -> str:
    """The result for people."""
    parts = [
        f"{result['pairs']} pairs, 95 % intervals; {result['detector']} found no face in "
        f"{result['without_a_face']} of {result['pictures']} pictures, "
        f"{result['detect_ms']} ms each.\n"
        "Time is aligning and embedding on one core (medians); DeepFace's includes its detection.",
        report.table(
            ("", "accuracy %", "TAR at FAR 1e-3", "ms a face", "of a processor"),
            [
                (
                    name,
                    report.with_interval(it["accuracy"], it["accuracy_interval"]),
                    report.with_interval(it["tar_at_far_1e-3"], it["tar_interval"], percent=False),
                    it["face_ms"],
                    it["cpu_ms"],
                )
                for name, it in result["methods"].items()
            ],
        ),
    ]
    for name, it in result["all_pairs"].items():
        parts += _all_pairs_text(name, it)
    if result["models"]:
        parts += combinations.as_text(result["models"], result["absent"])
    return "\n\n".join(parts)


def _all_pairs_text(name: str, it: dict[str, Any]) -> list[str]:
    rates = [f"{rate:.0e}" for rate in verification.RATES]
    split = it["halves_at_1e-03"]
    return [
        f"{name}, all {it['pairs']['genuine']:,} pairs of one person and "
        f"{it['pairs']['impostor']:,} of two, TAR at FAR, intervals over people. Of 50 random "
        f"halves\nthe mean at 1e-3 is {split['mean']:.3f}, the standard deviation "
        f"{split['deviation']:.3f}.",
        report.table(
            ("people", *rates),
            [
                (part, *(report.with_interval(found[rate]["tar"], found[rate]["interval"],
                                              percent=False) for rate in rates))
                for part, found in it["parts"].items()
            ],
        ),
    ]  # fmt: skip


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, prog="python -m benchmarks.accuracy")
    parser.add_argument("--json", action="store_true", help="print the result as JSON")
    parser.add_argument("--folds", type=int, nargs="+", default=[1, 2, 3], help="which folds")
    parser.add_argument(
        "--limit", type=int, help="pairs of either kind in a fold, for a quick look"
    )
    parser.add_argument("--no-peer", action="store_true", help="without DeepFace.represent")
    parser.add_argument("--no-table", action="store_true", help="without the table of all models")
    parser.add_argument("--packaged", action="store_true", help="only weights inside packages")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    main()
