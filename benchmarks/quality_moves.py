"""Which way each measure of a face goes under each degradation, and whether it stays where it
should: shares of faces over five strengths.

Run: python -m benchmarks.quality_moves [--json] [--faces N]
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks import degradations, labelled, report
from catalog.measures import MEASURES
from daemon.faces import zoo
from daemon.faces.align import cut
from daemon.faces.detect import detect
from daemon.faces.measures.table import measure
from daemon.faces.plan import plan

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from daemon.faces.values import Detection, Picture
    from daemon.settings import Settings

# What a degradation does to a measure: 1 raises it, −1 lowers it.
MOVES: Mapping[tuple[str, str], int] = {
    ("defocus", "sharpness"): -1, ("defocus", "tenengrad"): -1, ("defocus", "blur"): 1,
    ("defocus", "detail"): -1,
    ("motion", "sharpness"): -1, ("motion", "tenengrad"): -1, ("motion", "blur"): 1,
    ("motion", "motion"): 1,
    ("low resolution", "sharpness"): -1, ("low resolution", "blur"): 1,
    ("low resolution", "detail"): -1,
    ("dark", "brightness"): -1, ("dark", "underexposed"): 1, ("dark", "contrast"): -1,
    ("compression", "blockiness"): 1, ("compression", "flatness"): 1,
    ("noise", "noise"): 1, ("noise", "sharpness"): 1,
    ("occlusion", "symmetry"): -1, ("occlusion", "skin_spread"): 1,
    ("haze", "contrast"): -1, ("overexposed", "overexposed"): 1, ("overexposed", "brightness"): 1,
    ("far", "size_px"): -1,
}  # fmt: skip
# What it should leave where it is, within 5 % of the range that faces have.
STAYS: Mapping[str, Sequence[str]] = {
    "defocus": ("brightness", "overexposed", "noise"),
    "motion": ("brightness", "overexposed", "noise"),
    "low resolution": ("brightness", "overexposed", "noise"),
    "dark": ("blockiness",),
    "compression": ("brightness", "overexposed"),
    "noise": ("brightness",),
    "occlusion": ("noise",),
    "far": ("brightness", "contrast"),
}
WITHIN = 0.05


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print."""
    options = _options(arguments)
    result = measured(options.faces)
    report.publish(result, as_text(result), as_json=options.json)


def measured(faces: int) -> dict[str, Any]:
    """Shares of faces and strengths that went the right way, and that stayed."""
    right: dict[tuple[str, str], list[float]] = {}
    stayed: dict[tuple[str, str], list[float]] = {}
    for clean, worse in _pairs(faces):
        for kind, views in worse.items():
            for (cause, name), sign in MOVES.items():
                if cause == kind:
                    went = [sign * (it[name] - clean[name]) > 0 for it in views]
                    right.setdefault((kind, name), []).extend(went)
            for name in STAYS.get(kind, ()):
                spread = MEASURES[name].high - MEASURES[name].low
                still = [abs(it[name] - clean[name]) <= WITHIN * spread for it in views]
                stayed.setdefault((kind, name), []).extend(still)
    return {
        "faces": faces,
        "moves": [[*key, float(np.mean(values))] for key, values in sorted(right.items())],
        "stays": [[*key, float(np.mean(values))] for key, values in sorted(stayed.items())],
    }


def _pairs(
    faces: int,
) -> Iterator[tuple[dict[str, float], dict[str, list[dict[str, float]]]]]:
    """The measures of a clean face, and of it in each kind at each strength."""
    data = report.data_folder()
    paths = sorted((data / "lfw-dev").glob("*/*.jpg"))
    chosen = np.random.default_rng(0).permutation(len(paths))[:faces]
    with tempfile.TemporaryDirectory() as state:
        settings = labelled.settings(data, Path(state))
        finder = zoo.build_detectors(plan(settings).detectors, settings)
        for number in chosen.tolist():
            picture = labelled.read(paths[number])
            found = detect([picture], finder, settings.detect)[0]
            if found:
                face = labelled.in_the_middle(found, picture)
                yield _measured(picture, face, settings), _worse(picture, face, settings, number)


def _worse(
    picture: Picture, face: Detection, settings: Settings, seed: int
) -> dict[str, list[dict[str, float]]]:
    box = face.x, face.y, face.w, face.h
    found: dict[str, list[dict[str, float]]] = {}
    for kind, degrade in degradations.EVERY.items():
        for strength in range(degradations.STRENGTHS):
            worse = degrade(picture, strength, np.random.default_rng(seed), box)
            placed = labelled.shrunk(face, worse.shape[1] / picture.shape[1])
            found.setdefault(kind, []).append(_measured(worse, placed, settings))
    return found


def _measured(picture: Picture, face: Detection, settings: Settings) -> dict[str, float]:
    height, width = picture.shape[:2]
    return measure(cut(picture, face, 1.0, settings.crops), face, width, height)


def as_text(result: dict[str, Any]) -> str:
    """The result for people."""
    rows = [
        (kind, name, "rises" if MOVES[kind, name] > 0 else "falls", f"{100 * share:.1f} %")
        for kind, name, share in result["moves"]
    ]
    rows += [(kind, name, "stays", f"{100 * share:.1f} %") for kind, name, share in result["stays"]]
    return report.table(("degradation", "measure", "", f"of {result['faces']} faces, 5 strengths"),
                        rows)  # fmt: skip


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, prog="python -m benchmarks.quality_moves")
    parser.add_argument("--json", action="store_true", help="print the result as JSON")
    parser.add_argument("--faces", type=int, default=200, help="of so many pictures")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    main()
