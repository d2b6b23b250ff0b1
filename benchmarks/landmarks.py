"""How good the five points are, by how well faces are told apart when aligned with them.

YuNet's points as it gives them for the labelled faces of Labeled Faces in the Wild, some 93 pixels
wide; seen from further away; seen as Rollcall sharpens them; and dlib's own chip by its five-point
predictor in YuNet's boxes, made square as dlib's own detector draws them. All through Dlib's
network, plain and as the mean with the mirror image. Minutes on one thread.
Run: python -m benchmarks.landmarks [--json] [--limit N]; it needs the `benchmark` extra (dlib-bin).
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks import labelled, lfw, report, verification
from daemon.faces import looks, zoo
from daemon.faces.align import similarity, warp
from daemon.faces.embed import unit
from daemon.faces.eye_points import Predictor
from daemon.faces.geometry import GEOMETRIES
from daemon.faces.views import shrunk
from daemon.settings import Models, Paths, Settings

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from daemon.faces.dlib_embedder import DlibEmbedder
    from daemon.faces.embed import Chips
    from daemon.faces.values import Detection, Detector, Picture, Vectors

_FAR_PX = (20, 32, 48)
_CLOSE = ((64.0, 160), (192.0, 256), (256.0, 352))
_BATCH = 16


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print."""
    options = _options(arguments)
    data = report.data_folder()
    paths = sorted((data / "lfw-dev").glob("*/*.jpg"))[: options.limit]
    pairs = [
        pair for pair in lfw.read_pairs(data / "lfw-dev") if {pair.first, pair.second} <= set(paths)
    ]
    with tempfile.TemporaryDirectory() as state:
        settings = Settings(
            paths=Paths(state=Path(state)), models=Models(weights=data / "weights", download=False)
        )
        detector = zoo.build_detector("yunet", settings)
        embedder = zoo.build_embedder("Dlib", settings)
        pictures = [labelled.read(path) for path in paths]
        faces = [_labelled(picture, detector) for picture in pictures]
        methods = {}
        for name, chips in _ways(detector).items():
            made = np.stack([chips(*it) for it in zip(pictures, faces, strict=True)])
            for kind, vectors in _both(made, embedder).items():
                methods[f"{name}, {kind}"] = _measures(paths, pairs, vectors)
    result = {"pictures": len(paths), "pairs": len(pairs), "methods": methods}
    report.publish(result, as_text(result), as_json=options.json)


def as_text(result: dict[str, Any]) -> str:
    """The result for people."""
    rows = [
        (name, f"{100 * it['accuracy']:.1f}", f"{it['tar']:.3f}", f"{it['tar_all_pairs']:.4f}")
        for name, it in result["methods"].items()
    ]
    heading = f"{result['pictures']} pictures, {result['pairs']} pairs of the protocol"
    columns = ("", "accuracy %", "TAR at FAR 1e-3", "of all pairs, at FMR 1e-3")
    return heading + "\n\n" + report.table(columns, rows)


def _ways(detector: Detector) -> dict[str, Callable[[Picture, Detection], Picture]]:
    """How a face's chip comes about."""
    ways: dict[str, Callable[[Picture, Detection], Picture]] = {
        "YuNet, 93 px wide": lambda picture, face: _chip(picture, face)
    }
    for width in _FAR_PX:
        ways[f"YuNet, {width} px wide"] = _far(detector, width)
    for width, side in _CLOSE:
        ways[f"YuNet, close look at {width:.0f} px"] = _near(detector, width, side)
    ways["dlib's predictor and chip"] = _dlib_chip()
    return ways


def _far(detector: Detector, width: int) -> Callable[[Picture, Detection], Picture]:
    def chip(picture: Picture, face: Detection) -> Picture:
        view = shrunk(picture, round(max(picture.shape) * width / face.w))
        seen = [view.placed(it) for it in detector.detect([view.picture])[0]]
        return _chip(picture, looks.same(face, seen) or face)

    return chip


def _near(detector: Detector, width: float, side: int) -> Callable[[Picture, Detection], Picture]:
    def chip(picture: Picture, face: Detection) -> Picture:
        view = looks.close_view(picture, face, width, side)
        seen = [view.placed(it) for it in detector.detect([view.picture])[0]]
        return _chip(picture, looks.same(face, seen) or face)

    return chip


def _dlib_chip() -> Callable[[Picture, Detection], Picture]:
    import dlib

    predict = Predictor.load("shape_predictor_5_face_landmarks.dat")

    def chip(picture: Picture, face: Detection) -> Picture:
        points = predict(picture, (face.x, face.y, face.w, face.h))
        found: Picture = dlib.get_face_chip(picture, points, 150, 0.25)
        return found

    return chip


def _chip(picture: Picture, face: Detection) -> Picture:
    geometry = GEOMETRIES["Dlib"]
    matrix = similarity(face.landmarks, np.array(geometry.points, np.float64))
    return warp(picture, matrix, geometry.width, geometry.height)


def _both(chips: Chips, embedder: DlibEmbedder) -> dict[str, Vectors]:
    """The vectors of the chips, and of the mean with their mirror images."""
    plain = _forward(chips, embedder)
    mirrored = _forward(np.ascontiguousarray(chips[:, :, ::-1]), embedder)
    return {"plain": plain, "mirrored mean": unit(plain + mirrored)}


def _forward(chips: Chips, embedder: DlibEmbedder) -> Vectors:
    return np.concatenate(
        [
            unit(embedder._forward(chips[start : start + _BATCH]))
            for start in range(0, len(chips), _BATCH)
        ]
    )


def _measures(
    paths: Sequence[Path], pairs: Sequence[lfw.Pair], vectors: Vectors
) -> dict[str, float]:
    found = dict(zip(paths, vectors, strict=True))
    rows = lfw.pair_rows(pairs, found)
    together = verification.all_pairs(found)
    return {
        "accuracy": lfw.accuracy(rows),
        "tar": lfw.acceptance(rows),
        "tar_all_pairs": verification.acceptance(together, together.everybody, 1e-3),
    }


def _labelled(picture: Picture, detector: Detector) -> Detection:
    """The face nearest the middle; YuNet finds one in every picture of the set."""
    return labelled.in_the_middle(detector.detect([picture])[0], picture)


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, prog="python -m benchmarks.landmarks")
    parser.add_argument("--json", action="store_true", help="print the result as JSON")
    parser.add_argument("--limit", type=int, help="only so many pictures, for a quick look")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    main()
