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

from benchmarks.labelled import Embedded
from daemon.faces.embed import unit
from daemon.faces.weights import find_weights

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from concurrent.futures import Future

    from benchmarks.verification import Vectors
    from daemon.settings import Settings


@contextmanager
def started(pictures: Sequence[Path], settings: Settings) -> Iterator[Future[Embedded]]:
    """Vectors of the pictures' labelled faces, on their way; milliseconds are of the whole call,
    detection included.
    """
    files = [
        find_weights(name, settings.models, state=settings.paths.state).path
        for name in ("yunet", "Dlib")
    ]
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        yield pool.submit(represented, list(pictures), files)


def represented(pictures: Sequence[Path], weights: Sequence[Path]) -> Embedded:
    """The same, here and now; the weights are linked into a home of its own."""
    with tempfile.TemporaryDirectory() as home:
        folder = Path(home) / ".deepface" / "weights"
        folder.mkdir(parents=True)
        for path in weights:
            (folder / path.name).symlink_to(path)
        os.environ.update(DEEPFACE_HOME=home, TF_CPP_MIN_LOG_LEVEL="3")
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
