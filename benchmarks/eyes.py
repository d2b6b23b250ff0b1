"""How well open eyes are told from closed ones by two patches: against the eye aspect ratio of
dlib's 68-point predictor, which is not for commercial use and only judges here.

Run: python -m benchmarks.eyes [--json] [--limit N]; it needs the `benchmark` extra (dlib-bin) and
the package face_recognition_models.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks import labelled, people, report
from daemon.faces import zoo
from daemon.faces.align import cut
from daemon.faces.detect import detect
from daemon.faces.eye_points import Predictor, eye_aspect_ratio
from daemon.faces.measures.eyes import openness
from daemon.faces.measures.face import Face
from daemon.faces.plan import plan

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

LOWEST = 0.2


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print."""
    options = _options(arguments)
    ours, ratios = measured(options.limit)
    result = {
        "faces": len(ours),
        "auc": auc(ours, ratios),
        "interval": interval(ours, ratios),
        "correlation": float(np.corrcoef(ours, ratios)[0, 1]),
    }
    report.publish(result, as_text(result), as_json=options.json)


def measured(limit: int | None) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Our measure and the eye aspect ratio of each labelled face."""
    predict = Predictor.load()
    data = report.data_folder()
    found: list[tuple[float, float]] = []
    with tempfile.TemporaryDirectory() as state:
        settings = labelled.settings(data, Path(state))
        finder = zoo.build_detectors(plan(settings).detectors, settings)
        for path in sorted((data / "lfw-dev").glob("*/*.jpg"))[:limit]:
            picture = labelled.read(path)
            faces = detect([picture], finder, settings.detect)[0]
            if faces:
                face = labelled.in_the_middle(faces, picture)
                crop = cut(picture, face, 1.0, settings.crops)
                ratio = eye_aspect_ratio(predict, crop, face, 1.0)
                found.append((openness(Face.of(crop).eyes), ratio))
    ours, ratios = np.array(found).T
    return ours, ratios


def auc(ours: NDArray[np.float64], ratios: NDArray[np.float64]) -> float:
    """The probability that one of the lowest fifth of ratios has less than one of the others."""
    low = ratios <= np.quantile(ratios, LOWEST)
    closed, others = ours[low], ours[~low]
    return float((closed[:, None] < others[None]).mean())


def interval(ours: NDArray[np.float64], ratios: NDArray[np.float64]) -> list[float]:
    """95 %, faces drawn again."""
    draw = np.random.default_rng(0)
    rounds = (draw.integers(0, len(ours), len(ours)) for _ in range(200))
    return [float(it) for it in people.interval([auc(ours[it], ratios[it]) for it in rounds])]


def as_text(result: dict[str, Any]) -> str:
    """The result for people."""
    low, high = result["interval"]
    return (
        f"{result['faces']} faces: the lowest fifth by eye aspect ratio is told from the others "
        f"with an AUC of {result['auc']:.3f} ({low:.3f}-{high:.3f}); "
        f"correlation {result['correlation']:.2f}"
    )


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, prog="python -m benchmarks.eyes")
    parser.add_argument("--json", action="store_true", help="print the result as JSON")
    parser.add_argument("--limit", type=int, help="only so many pictures")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    main()
