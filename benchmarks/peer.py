"""What `DeepFace.represent` gives with the same detector and recognition weights, in a process of
its own: it silences warnings and takes gigabytes.
"""

from __future__ import annotations

import math
import multiprocessing
import os
import statistics
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from benchmarks import report
from benchmarks.labelled import Embedded
from daemon.faces.embed import unit
from daemon.faces.weights import find_weights
from daemon.settings import Models

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from concurrent.futures import Future

    from benchmarks.verification import Vectors


def home(place: Path) -> dict[str, str]:
    """The environment in which DeepFace finds the weights of the test data, below `place`."""
    weights = place / "deepface" / ".deepface" / "weights"
    weights.mkdir(parents=True, exist_ok=True)
    models = Models(weights=report.data_folder() / "weights")
    for name in ("yunet", "Dlib"):
        source = find_weights(name, models, state=place).path
        link = weights / source.name
        if not link.exists():
            link.symlink_to(source)
    return {"DEEPFACE_HOME": str(place / "deepface"), "TF_CPP_MIN_LOG_LEVEL": "3"}


@contextmanager
def started(pictures: Sequence[Path]) -> Iterator[Future[Embedded]]:
    """Vectors of the pictures' labelled faces, on their way; milliseconds are of the whole call,
    detection included.
    """
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        yield pool.submit(represented, list(pictures))


def represented(pictures: Sequence[Path]) -> Embedded:
    """The same, here and now; the weights are linked into a home of its own."""
    with tempfile.TemporaryDirectory() as place:
        os.environ.update(home(Path(place)))
        from deepface import DeepFace

        vectors: Vectors = {}
        clock, cpu = [], []
        for path in pictures:
            picture = cv2.imread(str(path))
            start = time.perf_counter(), time.process_time()
            faces = DeepFace.represent(
                picture, model_name="Dlib", detector_backend="yunet", enforce_detection=False
            )
            clock.append(1000 * (time.perf_counter() - start[0]))
            cpu.append(1000 * (time.process_time() - start[1]))
            middle = picture.shape[1] / 2, picture.shape[0] / 2
            face = min(faces, key=lambda face: math.dist(_middle(face), middle))
            vectors[path] = unit(np.array([face["embedding"]], np.float32))[0]
    return Embedded(
        vectors=vectors, face_ms=statistics.median(clock), cpu_ms=statistics.median(cpu)
    )


def _middle(face: dict[str, Any]) -> tuple[float, float]:
    area = face["facial_area"]
    return area["x"] + area["w"] / 2, area["y"] + area["h"] / 2
