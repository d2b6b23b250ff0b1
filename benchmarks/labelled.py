"""The labelled faces of Labeled Faces in the Wild through Rollcall's own stages: one stored crop a
picture, and its vector. The labelled face is the one nearest the middle.
"""

from __future__ import annotations

import math
import statistics
import time
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import cv2
import numpy as np

from daemon.faces import zoo
from daemon.faces.align import cut
from daemon.faces.detect import detect
from daemon.faces.embed import embed
from daemon.faces.measures.table import measure
from daemon.faces.plan import plan
from daemon.settings import Embed, Models, Paths, Settings

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from benchmarks.verification import Vectors
    from daemon.faces.values import Crop, Detection, Detector, Picture

Crops = dict["Path", "Crop"]
_AT_ONCE = 64


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Found:
    """The crops of the pictures in which a face was found, milliseconds a picture, the detector's
    name, and the faces' measures.
    """

    crops: Crops
    picture_ms: float
    detector: str
    measures: dict[Path, dict[str, float]]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Embedded:
    """Vectors by picture, and milliseconds a face for aligning and embedding on one thread: by the
    clock, and of a processor, which others on the machine disturb less. `agreements` say how well
    each vector agrees with the mirror image's, where that was asked.
    """

    vectors: Vectors
    face_ms: float
    cpu_ms: float
    agreements: dict[Path, float] = field(default_factory=dict)


def settings(data: Path, state: Path, *, packaged: bool = False) -> Settings:
    """The defaults with the weights of the test data, or only with those inside packages."""
    folder = None if packaged else data / "weights"
    return Settings(paths=Paths(state=state), models=Models(weights=folder, download=False))


def find_crops(
    pictures: Sequence[Path], settings: Settings, detector: Detector | None = None
) -> Found:
    """The stored crop of each picture's labelled face, by this detector or the settings' own."""
    finder = detector or zoo.build_detectors(plan(settings).detectors, settings)
    crops, measures, spent = {}, {}, 0.0
    for path in pictures:
        picture = read(path)
        start = time.perf_counter()
        faces = detect([picture], finder, settings.detect)[0]
        spent += time.perf_counter() - start
        if faces:
            face = in_the_middle(faces, picture)
            crops[path] = cut(picture, face, 1.0, settings.crops)
            height, width = picture.shape[:2]
            measures[path] = measure(crops[path], face, width, height)
    return Found(
        crops=crops,
        picture_ms=1000 * spent / len(pictures),
        detector=finder.name,
        measures=measures,
    )


def embedded(crops: Crops, settings: Settings, *, mirror: bool, model: str = "Dlib") -> Embedded:
    """The vectors of the crops by one recognition model; times are medians over batches."""
    chosen = settings.model_copy(update={"embed": Embed(mirror=mirror)})
    embedder = zoo.build_embedder(model, chosen, threads=1)
    faces = list(crops.items())
    embed([crop for _, crop in faces[:_AT_ONCE]], embedder)  # the first run sets things up
    vectors: Vectors = {}
    agree: dict[Path, float] = {}
    clock, cpu = [], []
    for start in range(0, len(faces), _AT_ONCE):
        part = faces[start : start + _AT_ONCE]
        begun = time.perf_counter(), time.process_time()
        found = embedder.embedded([crop for _, crop in part])
        clock.append(1000 * (time.perf_counter() - begun[0]) / len(part))
        cpu.append(1000 * (time.process_time() - begun[1]) / len(part))
        vectors.update(zip((path for path, _ in part), found.vectors, strict=True))
        agree.update(zip((path for path, _ in part), found.agreement.tolist(), strict=True))
    return Embedded(
        vectors=vectors,
        agreements=agree,
        face_ms=statistics.median(clock) if clock else 0.0,
        cpu_ms=statistics.median(cpu) if cpu else 0.0,
    )


def read(path: Path) -> Picture:
    """A picture file, RGB."""
    picture: Picture = np.asarray(cv2.cvtColor(cv2.imread(str(path)), cv2.COLOR_BGR2RGB), np.uint8)
    return picture


def in_the_middle(faces: Sequence[Detection], picture: Picture) -> Detection:
    """The labelled one of these faces, at least one: the nearest to the middle of the picture."""
    height, width = picture.shape[:2]
    return min(faces, key=lambda it: distance(it, width / 2, height / 2))


def distance(face: Detection, x: float, y: float) -> float:
    """How far the middle of a face is from a point, pixels."""
    return math.hypot(face.x + face.w / 2 - x, face.y + face.h / 2 - y)


def shrunk(face: Detection, factor: float) -> Detection:
    """The same face in the picture drawn `factor` as large."""
    return replace(
        face,
        x=face.x * factor,
        y=face.y * factor,
        w=face.w * factor,
        h=face.h * factor,
        landmarks=face.landmarks * np.float32(factor),
    )
