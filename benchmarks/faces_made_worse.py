"""The labelled faces of `lfw-dev` as they are and made worse in every way: measures and vectors by
Rollcall's own stages.
"""

from __future__ import annotations

import multiprocessing
import tempfile
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np

from benchmarks import degradations, labelled, report
from catalog.measures import MEASURES
from daemon.faces import zoo
from daemon.faces.align import cut
from daemon.faces.detect import detect
from daemon.faces.measures.table import measure
from daemon.faces.measures.vector import stability, told
from daemon.faces.plan import plan

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from daemon.faces.values import Crop, Detection, Detector, Picture
    from daemon.settings import Settings

CLEAN = "clean"
# A face found in a worse picture is the same if its middle is within half its width.
_SAME = 0.5


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Faces:
    """`people`, `pictures` and `kinds` (faces) by number, the names of the kinds, vectors (faces ×
    dimensions), and `measures` by name (faces). `lost` counts the faces no longer found, by kind.
    """

    people: NDArray[np.int64]
    pictures: NDArray[np.int64]
    kinds: NDArray[np.str_]
    vectors: NDArray[np.float32]
    measures: dict[str, NDArray[np.float64]]
    lost: dict[str, int]


def read(limit: int | None = None, processes: int = 2, *, stable: bool = False) -> Faces:
    """Every labelled picture, clean and in each kind at a strength drawn for it; `stable`: with
    their stability, which takes four times as long.
    """
    paths = sorted((report.data_folder() / "lfw-dev").glob("*/*.jpg"))[:limit]
    parts = [list(enumerate(paths))[start::processes] for start in range(processes)]
    # A process that runs networks has threads, whose locks a fork would copy.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(processes, mp_context=context) as pool:
        found = list(pool.map(partial(_part, stable=stable), parts))
    seen = [it for some, _, _ in found for it in some]
    lost: Counter[str] = sum((it for _, _, it in found), Counter())
    names = np.array([path.parent.name for path in paths])
    pictures = np.array([picture for picture, _, _ in seen])
    return Faces(
        people=np.unique(names, return_inverse=True)[1][pictures],
        pictures=pictures,
        kinds=np.array([kind for _, kind, _ in seen]),
        vectors=np.concatenate([vectors for _, vectors, _ in found]),
        measures={name: np.array([it.get(name, np.nan) for _, _, it in seen]) for name in MEASURES},
        lost=dict(lost),
    )


Row = tuple[int, str, dict[str, float]]


def _part(
    paths: Sequence[tuple[int, Path]], *, stable: bool
) -> tuple[list[Row], NDArray[np.float32], Counter[str]]:
    cv2.setNumThreads(1)
    with tempfile.TemporaryDirectory() as state:
        settings = labelled.settings(report.data_folder(), Path(state))
        finder = zoo.build_detectors(plan(settings).detectors, settings)
        look = partial(_look, finder=finder, settings=settings)
        embedder = zoo.build_embedder("Dlib", settings, threads=1)
        rows, vectors, lost = [], [], Counter[str]()
        for number, path in paths:
            some = []
            for kind, seen in _views(number, path, look):
                if seen is None:
                    lost[kind] += 1
                    continue
                some.append((kind, *seen))
            if not some:
                continue
            crops = [crop for _, crop, _ in some]
            found = embedder.embedded(crops)
            vectors.append(found.vectors)
            more = told(found)
            if stable:
                for own, it in zip(more, stability(crops, embedder), strict=True):
                    own["stability"] = it
            rows += [
                (number, kind, {**measures, **own})
                for (kind, _, measures), own in zip(some, more, strict=True)
            ]
    return rows, np.concatenate(vectors), lost


def _views(
    number: int, path: Path, look: partial[tuple[Crop, Detection, dict[str, float]] | None]
) -> Iterator[tuple[str, tuple[Crop, dict[str, float]] | None]]:
    picture = labelled.read(path)
    clean = look(picture, None)
    if clean is None:
        yield CLEAN, None
        return
    crop, face, measures = clean
    yield CLEAN, (crop, measures)
    box = face.x, face.y, face.w, face.h
    draw = np.random.default_rng(number)
    for kind, degrade in degradations.EVERY.items():
        worse = degrade(picture, int(draw.integers(degradations.STRENGTHS)), draw, box)
        shrunk = worse.shape[1] / picture.shape[1]
        x, y, w, h = (shrunk * it for it in box)
        seen = look(worse, (x + w / 2, y + h / 2, _SAME * w))
        yield kind, None if seen is None else (seen[0], seen[2])


def _look(
    picture: Picture,
    place: tuple[float, float, float] | None,
    *,
    finder: Detector,
    settings: Settings,
) -> tuple[Crop, Detection, dict[str, float]] | None:
    """The face nearest to a place, within so many pixels; the middle of the picture where none is
    given.
    """
    height, width = picture.shape[:2]
    x, y, reach = place or (width / 2, height / 2, np.inf)
    faces = detect([picture], finder, settings.detect)[0]
    face = min(faces, key=lambda it: labelled.distance(it, x, y), default=None)
    if face is None or labelled.distance(face, x, y) > reach:
        return None
    crop = cut(picture, face, 1.0, settings.crops)
    return crop, face, measure(crop, face, width, height)
