"""What a quality score is worth: how many of the pairs that are not recognised go when the worst
faces are left out (error versus discard, ISO/IEC 29794-1), by our score, by each measure alone, by
chance and by the oracle, on people whom the fit never saw.

Run: python -m benchmarks.quality [--json] [--fit] [--picture FILE] [--limit N]. With --fit the
terms of the score are fitted on everybody and printed as `daemon/faces/quality_weights.py` has
them; without it the fit is made on half of the people only to be judged by the other half.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks import faces_made_worse, people, report
from benchmarks.degradations import KINDS
from benchmarks.discard import Pairs, drawn_pictures, share_of_oracle
from benchmarks.faces_made_worse import CLEAN, Faces
from benchmarks.quality_fit import as_module, fit, goodness_of, scores_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

DRAWS = 4
ROUNDS = 200
# Single measures to compare with, and the sign by which more is better.
ALONE: Mapping[str, int] = {
    "confidence": 1, "agreement": 1, "size_px": 1, "sharpness": 1, "tenengrad": 1, "blur": -1,
    "detail": 1, "motion": -1, "noise": -1, "blockiness": -1, "contrast": 1, "brightness": 1,
    "symmetry": 1, "misfit": -1, "skin_spread": -1, "norm": 1, "stability": 1,
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Sets:
    """Pairs of the unseen half: half of the pictures degraded, none, and of one kind each."""

    mixed: list[Pairs]
    clean: list[Pairs]
    kinds: dict[str, list[Pairs]]


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print, or fit and print."""
    options = _options(arguments)
    faces = faces_made_worse.read(options.limit, stable=options.stability)
    if options.fit:
        everybody = np.ones(len(faces.people), bool)
        print(as_module(fit(faces, goodness_of(faces), everybody)), end="")
        return
    result = measured(faces, people.half(faces.people, seed=0))
    if options.picture:
        draw_curves(result, options.picture)
    report.publish(result, as_text(result), as_json=options.json)


def measured(faces: Faces, own: NDArray[np.bool_]) -> dict[str, Any]:
    """Fitted on the faces in `own`, judged on the others."""
    sets = _sets(faces, ~own)
    goodness = goodness_of(faces)
    ours = scores_of(goodness, fit(faces, goodness, own))
    unseen = {}
    for kind, pairs in sets.kinds.items():
        without = scores_of(goodness, fit(faces, goodness, own & (faces.kinds != kind)))
        unseen[kind] = _median(pairs, without)
    alone = {
        name: sign * np.nan_to_num(faces.measures[name], nan=-np.inf)
        for name, sign in ALONE.items()
        if not np.isnan(faces.measures[name]).all()
    }
    scores = {"ours": ours, **alone}
    return {
        "pairs": len(sets.mixed[0].similar),
        "fnmr": {
            "mixed": float(np.mean([it.failed.mean() for it in sets.mixed])),
            "clean": float(np.mean([it.failed.mean() for it in sets.clean])),
        },
        "lost": faces.lost,
        "shares": {
            name: {
                "mixed": _median(sets.mixed, values),
                "interval": _interval(sets.mixed[0], values) if name == "ours" else None,
                "clean": _median(sets.clean, values),
                "kinds": {kind: _median(it, values) for kind, it in sets.kinds.items()},
            }
            for name, values in scores.items()
        },
        "unseen": {**unseen, "mean": float(np.mean(list(unseen.values())))},
        "curves": {
            **{name: sets.mixed[0].curve(scores[name]) for name in ("ours", "confidence",
                                                                    "agreement", "sharpness")},
            "oracle": sets.mixed[0].oracle(),
            "chance": sets.mixed[0].chance(),
        },
    }  # fmt: skip


def _sets(faces: Faces, others: NDArray[np.bool_]) -> Sets:
    def pairs(kinds: Sequence[str], share: float, draws: int) -> list[Pairs]:
        return [
            Pairs.of(faces, drawn_pictures(faces, others, kinds, share, seed=seed), seed=seed)
            for seed in range(draws)
        ]

    return Sets(
        mixed=pairs(list(KINDS), 0.5, DRAWS),
        clean=pairs([], 0.0, 1),
        kinds={kind: pairs([kind], 0.5, 2) for kind in KINDS},
    )


def _median(sets: Sequence[Pairs], scores: NDArray[np.float64]) -> float:
    return float(np.median([share_of_oracle(it, scores) for it in sets]))


def _interval(pairs: Pairs, scores: NDArray[np.float64]) -> list[float]:
    """95 % by drawing people again."""
    found = [share_of_oracle(it, scores) for it in pairs.drawn_again(ROUNDS)]
    return [float(it) for it in people.interval(found)]


def draw_curves(result: dict[str, Any], path: str) -> None:
    """The curves as a picture: share discarded to the right, FNMR upwards."""
    from PIL import Image, ImageDraw

    width, height, edge = 720, 480, 60
    image = Image.new("RGB", (width, height), "white")
    pen = ImageDraw.Draw(image)
    most = max(1e-9, *(max(it) for it in result["curves"].values()))
    colours = ("#c0392b", "#2471a3", "#229954", "#b7950b", "#7f8c8d", "#444444")
    pen.rectangle((edge, 20, width - 20, height - edge), outline="#444444")
    for step in range(4):
        at = edge + step / 3 * (width - 20 - edge)
        pen.text((at - 12, height - edge + 8), f"{10 * step} %", fill="#444444")
        level = height - edge - step / 3 * (height - edge - 20)
        pen.text((8, level - 6), f"{100 * most * step / 3:.1f} %", fill="#444444")
    pen.text((width // 2 - 80, height - 24), "of the pairs discarded", fill="#444444")
    for number, (name, values) in enumerate(result["curves"].items()):
        points = [
            (
                edge + i / (len(values) - 1) * (width - 20 - edge),
                height - edge - it / most * (height - edge - 20),
            )
            for i, it in enumerate(values)
        ]
        pen.line(points, fill=colours[number], width=3)
        pen.text((edge + 24, height - edge - 110 + 18 * number), name, fill=colours[number])
    image.save(path)


def as_text(result: dict[str, Any]) -> str:
    """The result for people."""
    rows = []
    for name, it in sorted(result["shares"].items(), key=lambda pair: -pair[1]["mixed"]):
        kinds = [f"{it['kinds'][kind]:.2f}" for kind in KINDS]
        rows.append((name, f"{it['mixed']:.2f}", f"{it['clean']:.2f}", *kinds))
    unseen = result["unseen"]
    rows.append(("ours, kind unseen", "", "", *(f"{unseen[kind]:.2f}" for kind in KINDS)))
    low, high = result["shares"]["ours"]["interval"]
    return "\n".join([
        "Share of the oracle's gain over chance, to 30 % discarded:",
        report.table(("", "mixed", CLEAN, *KINDS), rows),
        f"ours, mixed: {result['shares']['ours']['mixed']:.2f} ({low:.2f}-{high:.2f}); on "
        f"kinds that the fit never saw {unseen['mean']:.2f} on average; FNMR at FMR 1e-3 before: "
        f"{100 * result['fnmr']['mixed']:.1f} %, {100 * result['fnmr']['clean']:.1f} % clean; "
        f"{result['pairs']} pairs.",
    ])  # fmt: skip


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, prog="python -m benchmarks.quality")
    parser.add_argument("--json", action="store_true", help="print the result as JSON")
    parser.add_argument("--fit", action="store_true", help="print the terms, fitted on everybody")
    parser.add_argument("--picture", help="draw the curves into this PNG file")
    parser.add_argument("--stability", action="store_true", help="judge it too; it takes minutes")
    parser.add_argument("--limit", type=int, help="only so many pictures")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    main()
