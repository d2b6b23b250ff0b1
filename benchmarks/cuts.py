"""Cuts of made videos, of which all are known: ours beside PySceneDetect's detectors.

`python -m benchmarks.cuts [--seeds N] [--shots N] [--json]`; the peer needs `pip install --no-deps
scenedetect` (with its dependencies it would put a second OpenCV over the first).
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2

from benchmarks import films, report
from daemon.video import reader
from daemon.video.cuts import scenes
from daemon.video.glimpse import Glimpse

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    Find = Callable[[Path], list[float]]

# A cut is found where one is told within two frames of 25 a second and what they are left out by.
_NEAR_S = 0.2


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print."""
    options = _options(arguments)
    ways: dict[str, Find] = {"Rollcall": ours, **_peers()}
    found: dict[str, list[tuple[list[float], list[float], float, float]]] = {it: [] for it in ways}
    with tempfile.TemporaryDirectory() as folder:
        for seed in range(1, options.seeds + 1):
            path = films.make(
                Path(folder) / f"{seed}.mp4", "--seed", str(seed), "--shots", str(options.shots)
            )
            shots = films.shots(path)
            wanted = [it.start_s for it in shots[1:]]
            for name, find in ways.items():
                start = time.perf_counter()
                told = find(path)
                spent_s = time.perf_counter() - start
                found[name].append((wanted, told, spent_s, shots[-1].end_s))
    result = {name: _scores(rows) for name, rows in found.items()}
    report.publish(result, as_text(result), as_json=options.json)


def ours(path: Path) -> list[float]:
    """Where scenes begin, by the frames that a scan decodes too."""
    cv2.setNumThreads(1)
    with reader.opened(bytes(path)) as film:
        glimpsed = ((it, Glimpse.of(it.luma())) for it in film.frames(0.0, 1e9))
        return [shown.time_s for shown, _, begins in scenes(glimpsed) if begins]


def _peers() -> dict[str, Find]:
    try:
        from scenedetect import AdaptiveDetector, ContentDetector, ThresholdDetector, detect
    except ImportError:
        return {}

    def by(kind: Any) -> Find:
        def find(path: Path) -> list[float]:
            return [start.get_seconds() for start, _ in detect(str(path), kind())][1:]

        return find

    kinds = (ContentDetector, AdaptiveDetector, ThresholdDetector)
    return {f"PySceneDetect {kind.__name__}": by(kind) for kind in kinds}


def _scores(rows: Sequence[tuple[list[float], list[float], float, float]]) -> dict[str, float]:
    hits = wanted = told = 0
    for real, found, _, _ in rows:
        wanted, told = wanted + len(real), told + len(found)
        hits += sum(any(abs(a - b) <= _NEAR_S for b in found) for a in real)
    precision, recall = hits / max(1, told), hits / max(1, wanted)
    return {
        "cuts": wanted,
        "precision": min(1.0, precision),
        "recall": recall,
        "times_real_time": sum(it[3] for it in rows) / sum(it[2] for it in rows),
    }


def as_text(result: dict[str, Any]) -> str:
    """The result for people."""
    rows = [
        (name, it["cuts"], f"{it['precision']:.3f}", f"{it['recall']:.3f}",
         f"{it['times_real_time']:.0f}")
        for name, it in result.items()
    ]  # fmt: skip
    return report.table(("", "cuts", "precision", "recall", "x real time"), rows)


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, prog="python -m benchmarks.cuts")
    parser.add_argument("--seeds", type=int, default=3, help="videos")
    parser.add_argument("--shots", type=int, default=30, help="shots in a video")
    parser.add_argument("--json", action="store_true", help="print the result as JSON")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    main()
