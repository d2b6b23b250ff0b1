"""Vectors of faces from their stored crops, in a worker: of other models, and second looks."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING

from catalog.records import SECOND_LOOK, EmbedderRecord
from daemon.faces.embed import embed
from daemon.faces.jitter import second_look
from daemon.faces.stored import crop_of
from daemon.stages import kind_of
from daemon.tasks import VectorAnswer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from daemon.faces.values import Crop, Embedder, Vectors
    from daemon.stages import Stages
    from daemon.tasks import VectorTask


def compute(task: VectorTask, stages: Stages) -> VectorAnswer:
    """The vectors that the task asks for, of all faces whose crop can still be read."""
    crops = [crop_of(face) for face in task.faces]
    readable = [crop for crop in crops if crop is not None]
    kinds = task.kinds or tuple(kind_of(embedder) for embedder in stages.embedders)
    found: dict[EmbedderRecord, list[bytes]] = {}
    seconds: dict[EmbedderRecord, float] = {}
    devices: dict[EmbedderRecord, str] = {}
    for kind in kinds:
        plain = replace(kind, geometry=kind.geometry.removesuffix(SECOND_LOOK))
        embedder = stages.embedder(plain)
        if embedder is None:
            continue
        start = time.perf_counter()
        vectors = _vectors(readable, embedder, again=plain != kind).astype("<f4", copy=False)
        seconds[kind] = (time.perf_counter() - start) / max(1, len(readable))
        devices[kind] = stages.device(embedder.name)
        found[kind] = [vector.tobytes() for vector in vectors]
    rows = iter(range(len(readable)))
    return VectorAnswer(
        vectors=tuple({} if crop is None else _row(found, next(rows)) for crop in crops),
        seconds=seconds,
        devices=devices,
    )


def _row(found: dict[EmbedderRecord, list[bytes]], row: int) -> dict[EmbedderRecord, bytes]:
    return {kind: vectors[row] for kind, vectors in found.items()}


def _vectors(crops: Sequence[Crop], embedder: Embedder, *, again: bool) -> Vectors:
    return second_look(crops, embedder) if again else embed(crops, embedder)
