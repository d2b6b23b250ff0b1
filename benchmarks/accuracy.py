"""How well faces are told apart: the verification protocol of Labeled Faces in the Wild through
Rollcall's own stages.

Beside it, on the same pictures and the same weights, what `DeepFace.represent` gives. The labelled
face is the one nearest the middle of a picture. Run: python -m benchmarks.accuracy [--json]
[--folds 1 2 3] [--limit N] [--no-peer]
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks import lfw, report
from daemon.faces import zoo
from daemon.faces.align import cut
from daemon.faces.detect import detect
from daemon.faces.embed import embed, unit
from daemon.faces.plan import plan
from daemon.faces.weights import find_weights
from daemon.settings import Embed, Models, Paths, Settings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from daemon.faces.values import Crop, Detection

FALSE_MATCH_RATES = (1e-2, 1e-3, 1e-4, 1e-5)
Vectors = dict[Path, NDArray[np.float32]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Method:
    """One way to compute vectors: its name, the vectors, milliseconds a face for aligning and
    embedding.
    """

    name: str
    vectors: Vectors
    face_ms: float


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print."""
    options = _options(arguments)
    data = report.data_folder()
    folder = data / "lfw-dev"
    pairs = lfw.limited(lfw.read_pairs(folder), [f - 1 for f in options.folds], options.limit)
    pictures = sorted({path for pair in pairs for path in (pair.first, pair.second)})
    everything = pictures if options.limit else sorted(folder.glob("*/*.jpg"))
    with tempfile.TemporaryDirectory() as state:
        settings = _settings(data, Path(state), packaged=options.packaged)
        print(f"{len(everything)} pictures, {len(pairs)} pairs", file=sys.stderr)
        crops, found_ms, detector = find_crops(everything, settings)
        methods = [
            ours(crops, settings, mirror=False, pictures=pictures),
            ours(crops, settings, mirror=True, pictures=everything),
        ]
        if not options.no_peer:
            methods.append(peer(pictures, settings))
    rows = {method.name: pair_rows(pairs, method.vectors) for method in methods}
    result: dict[str, Any] = {
        "pairs": len(pairs),
        "pictures": len(everything),
        "detector": detector,
        "without_a_face": len(everything) - len(crops),
        "detect_ms": round(found_ms, 1),
        "methods": {method.name: measures(rows[method.name], method.face_ms) for method in methods},
        "similarity": distribution(methods[1].vectors),
    }
    report.publish(result, as_text(result), as_json=options.json)


def find_crops(pictures: Sequence[Path], settings: Settings) -> tuple[dict[Path, Crop], float, str]:
    """The stored crop of each picture's labelled face, the milliseconds a picture took, and the
    detector's name.
    """
    detector = zoo.build_detectors(plan(settings).detectors, settings)
    crops, spent = {}, 0.0
    for path in pictures:
        picture = cv2.cvtColor(cv2.imread(str(path)), cv2.COLOR_BGR2RGB)
        start = time.perf_counter()
        faces = detect([picture], detector, settings.detect)[0]
        spent += time.perf_counter() - start
        if faces:
            face = min(faces, key=lambda face: from_middle(_middle(face), picture.shape))
            crops[path] = cut(picture, face, 1.0, settings.crops)
    return crops, 1000 * spent / len(pictures), detector.name


def ours(
    crops: dict[Path, Crop], settings: Settings, *, mirror: bool, pictures: Sequence[Path]
) -> Method:
    """Rollcall's vectors, from the stored crops."""
    chosen = settings.model_copy(update={"embed": Embed(mirror=mirror)})
    embedder = zoo.build_embedder("Dlib", chosen)
    paths = [path for path in pictures if path in crops]
    embed([crops[path] for path in paths[:8]], embedder)  # the first run sets things up
    start = time.perf_counter()
    vectors = embed([crops[path] for path in paths], embedder)
    spent = time.perf_counter() - start
    return Method(
        name="Rollcall, mirrored mean" if mirror else "Rollcall, plain chip",
        vectors=dict(zip(paths, vectors, strict=True)),
        face_ms=1000 * spent / len(paths),
    )


def peer(pictures: Sequence[Path], settings: Settings) -> Method:
    """What DeepFace.represent gives with the same detector and recognition weights, linked into a
    home of its own.
    """
    with tempfile.TemporaryDirectory() as home:
        weights = Path(home) / ".deepface" / "weights"
        weights.mkdir(parents=True)
        for name in ("yunet", "Dlib"):
            source = find_weights(name, settings.models, state=settings.paths.state).path
            (weights / source.name).symlink_to(source)
        os.environ["DEEPFACE_HOME"] = home
        from deepface import DeepFace

        vectors: Vectors = {}
        spent = 0.0
        for path in pictures:
            picture = cv2.imread(str(path))
            start = time.perf_counter()
            faces = DeepFace.represent(
                picture, model_name="Dlib", detector_backend="yunet", enforce_detection=False
            )
            spent += time.perf_counter() - start
            face = min(faces, key=lambda face: from_middle(_area_middle(face), picture.shape))
            vectors[path] = unit(np.array([face["embedding"]], np.float32))[0]
    return Method(name="DeepFace.represent", vectors=vectors, face_ms=1000 * spent / len(pictures))


def pair_rows(pairs: Sequence[lfw.Pair], vectors: Vectors) -> lfw.Rows:
    """Fold, same, similarity of each pair; -1 where one of the pictures gave no face."""
    rows = []
    for pair in pairs:
        first, second = vectors.get(pair.first), vectors.get(pair.second)
        similarity = -1.0 if first is None or second is None else float(first @ second)
        rows.append((pair.fold, float(pair.same), similarity))
    return np.array(rows, np.float64)


def measures(rows: lfw.Rows, face_ms: float) -> dict[str, Any]:
    """Accuracy and TAR at FAR 1e-3 with their intervals, and the time a face took."""
    return {
        "accuracy": lfw.accuracy(rows),
        "accuracy_interval": report.bootstrap_interval(rows, lfw.accuracy, rounds=500),
        "tar_at_far_1e-3": lfw.acceptance(rows),
        "tar_interval": report.bootstrap_interval(rows, lfw.acceptance, rounds=500),
        "face_ms": round(face_ms, 2),
    }


def distribution(vectors: Vectors) -> dict[str, Any]:
    """Similarities of all pairs of pictures: percentiles, and what each threshold lets through and
    finds.
    """
    paths = sorted(vectors)
    people = np.array([path.parent.name for path in paths])
    matrix = np.stack([vectors[path] for path in paths])
    upper = np.triu_indices(len(paths), k=1)
    similarity = (matrix @ matrix.T)[upper]
    same = (people[:, None] == people[None, :])[upper]
    genuine, impostor = similarity[same], np.sort(similarity[~same])[::-1]
    thresholds = {}
    for rate in FALSE_MATCH_RATES:
        at = float(impostor[min(int(rate * len(impostor)), len(impostor) - 1)])
        thresholds[f"{rate:.0e}"] = {"threshold": at, "found": float((genuine > at).mean())}
    return {
        "genuine_pairs": len(genuine),
        "impostor_pairs": len(impostor),
        "genuine_percentiles": _percentiles(genuine),
        "impostor_percentiles": _percentiles(impostor),
        "at_false_match_rate": thresholds,
    }


def as_text(result: dict[str, Any]) -> str:
    """The result for people."""
    rows = [
        (
            name,
            report.with_interval(it["accuracy"], it["accuracy_interval"]),
            report.with_interval(it["tar_at_far_1e-3"], it["tar_interval"], percent=False),
            it["face_ms"],
        )
        for name, it in result["methods"].items()
    ]
    similarity = result["similarity"]
    return "\n\n".join(
        [
            f"{result['pairs']} pairs, 95 % intervals; {result['detector']} found no face in "
            f"{result['without_a_face']} of {result['pictures']} pictures, "
            f"{result['detect_ms']} ms each.\n"
            "Time is aligning and embedding; DeepFace's includes its detection.",
            report.table(("", "accuracy %", "TAR at FAR 1e-3", "ms a face"), rows),
            f"Cosine similarity of the mirrored mean, {similarity['genuine_pairs']} genuine and "
            f"{similarity['impostor_pairs']} impostor pairs:",
            report.table(
                ("percentile", *similarity["genuine_percentiles"]),
                [
                    (kind, *(f"{v:.3f}" for v in similarity[f"{kind}_percentiles"].values()))
                    for kind in ("genuine", "impostor")
                ],
            ),
            report.table(
                ("false match rate", "threshold", "genuine found"),
                [
                    (rate, f"{it['threshold']:.4f}", f"{it['found']:.3f}")
                    for rate, it in similarity["at_false_match_rate"].items()
                ],
            ),
        ]
    )


def from_middle(point: tuple[float, float], shape: tuple[int, ...]) -> float:
    """Squared distance of a point from the middle of a picture."""
    return (point[0] - shape[1] / 2) ** 2 + (point[1] - shape[0] / 2) ** 2


def _middle(face: Detection) -> tuple[float, float]:
    return face.x + face.w / 2, face.y + face.h / 2


def _area_middle(face: dict[str, Any]) -> tuple[float, float]:
    area = face["facial_area"]
    return area["x"] + area["w"] / 2, area["y"] + area["h"] / 2


def _percentiles(values: NDArray[Any]) -> dict[str, float]:
    marks = (0.1, 1, 5, 25, 50, 75, 95, 99, 99.9)
    return {f"{mark:g}": float(np.percentile(values, mark)) for mark in marks}


def _settings(data: Path, state: Path, *, packaged: bool) -> Settings:
    folder = None if packaged else data / "weights"
    return Settings(paths=Paths(state=state), models=Models(weights=folder, download=False))


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, prog="python -m benchmarks.accuracy")
    parser.add_argument("--json", action="store_true", help="print the result as JSON")
    parser.add_argument("--folds", type=int, nargs="+", default=[1, 2, 3], help="which folds")
    parser.add_argument(
        "--limit", type=int, help="pairs of either kind in a fold, for a quick look"
    )
    parser.add_argument("--no-peer", action="store_true", help="without DeepFace.represent")
    parser.add_argument("--packaged", action="store_true", help="only weights inside packages")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    main()
