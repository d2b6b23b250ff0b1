"""The worker's stages in order: probe → frames → detect → align → quality → embed.

Each photo goes through the first five alone, so that one decoded picture is in memory at a time;
the crops of the whole batch then go through each recognition model together. That tells one measure
of quality more, so the score is made of the measures at the end.
"""

from __future__ import annotations

import os
import time
from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from catalog import clock
from catalog.records import (
    EmbedderRecord,
    FaceRecord,
    MediaFacts,
    PartRecord,
    PreviewRecord,
    QualityRecord,
)
from daemon.errors import BadFile, TryLater
from daemon.face_work import add_told, crops_of, face_record, measured
from daemon.faces.detect import detect
from daemon.faces.embed import embed
from daemon.faces.quality import FITTED_FOR, quality
from daemon.faces.resolution import finer_side_px, first_side_px
from daemon.intake.frames import preview, read_picture
from daemon.intake.probe import probe
from daemon.stages import Stages as Stages
from daemon.stages import kind_of
from daemon.stepbook import StepBook

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from contextlib import AbstractContextManager

    from daemon.faces.values import Crop, Detection, Picture, Vectors
    from daemon.intake.frames import Frame
    from daemon.tasks import PhotoTask, SpanTask


@dataclass(slots=True, kw_only=True)
class Work:
    """One photo on its way through the stages."""

    task: PhotoTask
    stages: Stages
    book: StepBook
    facts: MediaFacts | None = None
    preview: PreviewRecord | None = None
    scale: float = 1.0
    found: list[Detection] = field(default_factory=list)
    crops: list[Crop] = field(default_factory=list)
    measures: list[dict[str, float]] = field(default_factory=list)
    vectors: list[dict[EmbedderRecord, bytes]] = field(default_factory=list)
    failure: BadFile | None = None

    @property
    def is_seen(self) -> bool:
        """Whether it is a photo that was looked at."""
        return self.failure is None and self.facts is not None and self.facts.kind == "image"


def catalogue(tasks: Sequence[PhotoTask], stages: Stages) -> list[PartRecord]:
    """One record a task, in order; a photo that cannot be catalogued gives a record with the
    reason.
    """
    works = [
        Work(task=task, stages=stages, book=StepBook(stages.steps, stages.device)) for task in tasks
    ]
    for work in works:
        try:
            _look(work)
        except BadFile as error:
            work.failure = error
    _recognise([work for work in works if work.is_seen], stages)
    return [_record(work) for work in works]


def _look(work: Work) -> None:
    """probe → frames → detect → align → quality, for one photo."""
    settings, path = work.stages.settings, work.task.path
    still_the_same(work.task)
    with work.book.step("probe"):
        work.facts = probe(path, max_megapixels=settings.intake.max_megapixels)
    if work.facts.kind == "video":
        return  # its parts are read one by one
    frame, work.found = _find(path, work.facts, work.stages, step=work.book.step)
    with work.book.step("frames"):
        work.preview = preview(
            frame, size_px=settings.crops.preview_size, quality=settings.crops.preview_quality
        )
    still_the_same(work.task)
    with work.book.step("align"):
        work.crops = crops_of(frame, work.found, settings)
    with work.book.step("quality"):
        work.measures = measured(frame.size, frame.scale, work.found, work.crops, work.stages)
    work.scale = frame.scale


def _find(
    path: bytes,
    facts: MediaFacts,
    stages: Stages,
    *,
    step: Callable[[str, str], AbstractContextManager[None]],
) -> tuple[Frame, list[Detection]]:
    """frames → detect, at the size of the first look, and again where faces profit from more."""
    detector, section = stages.detector, stages.settings.detect
    side: int | None = first_side_px(section, detector.name, facts)
    while side is not None:
        with step("frames", ""):
            frame = read_picture(path, facts, min_side_px=side)
        with step("detect", detector.name):
            found = detect([frame.picture], detector, section, scale=frame.scale)[0]
        finer = finer_side_px(found, frame)
        side = finer if finer is not None and finer > side else None
    return frame, found


def _untimed(_name: str, _model: str) -> AbstractContextManager[None]:
    return nullcontext()


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Look:
    """What was found in a photo that is not catalogued: boxes (x, y, w, h), and for each
    recognition model their unit vectors.
    """

    boxes: tuple[tuple[float, float, float, float], ...]
    vectors: dict[EmbedderRecord, Vectors]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Examined:
    """A picture as it was looked at, and its faces with what was measured of them; `scale` is how
    many pixels of the full-size picture one of it shows.
    """

    picture: Picture
    scale: float
    faces: tuple[tuple[Detection, QualityRecord], ...]


def examine(path: bytes, stages: Stages) -> Examined:
    """Measure the faces of a photo that is not catalogued. Raises BadFile, as `look` does."""
    frame, faces, crops = _seen(path, stages)
    measures = measured(frame.size, frame.scale, faces, crops, stages)
    for embedder in stages.embedders:
        if embedder.name == FITTED_FOR:
            add_told(measures, embedder.embedded(crops), crops, embedder, settings=stages.settings)
    rated = tuple(quality(it) for it in measures)
    return Examined(
        picture=frame.picture, scale=frame.scale, faces=tuple(zip(faces, rated, strict=True))
    )


def look(path: bytes, stages: Stages, *, compared: Sequence[EmbedderRecord] = ()) -> Look:
    """Find and embed the faces of a photo, for a search; by these kinds too, as far as their
    weights are here. Raises BadFile, as `probe` and `frames` do.
    """
    frame, faces, crops = _seen(path, stages)
    scale = frame.scale
    return Look(
        boxes=tuple((it.x * scale, it.y * scale, it.w * scale, it.h * scale) for it in faces),
        vectors={kind_of(it): embed(crops, it) for it in stages.embedders_for(compared)},
    )


def _seen(path: bytes, stages: Stages) -> tuple[Frame, list[Detection], list[Crop]]:
    """A photo that is not catalogued, its faces, and their crops."""
    facts = probe(path, max_megapixels=stages.settings.intake.max_megapixels)
    if facts.kind == "video":
        raise BadFile("it is a video; give a photo")
    frame, faces = _find(path, facts, stages, step=_untimed)
    return frame, faces, crops_of(frame, faces, stages.settings)


def _recognise(works: Sequence[Work], stages: Stages) -> None:
    """embed: the crops of all photos through each model at once."""
    crops = [crop for work in works for crop in work.crops]
    compared = [kind for work in works for kind in work.task.compared]
    for embedder in stages.embedders_for(compared):
        started_at, start = clock.now(), time.perf_counter()
        embedded = embedder.embedded(crops)
        seconds = (time.perf_counter() - start) / max(1, len(crops))
        kind = kind_of(embedder)
        measures = [it for work in works for it in work.measures]
        add_told(measures, embedded, crops, embedder, settings=stages.settings)
        rows = iter(embedded.vectors.astype("<f4", copy=False))
        for work in works:
            work.vectors = work.vectors or [{} for _ in work.crops]
            for result in work.vectors:
                result[kind] = next(rows).tobytes()
            if stages.is_noted(embedder):
                work.book.note("embed", embedder.name, started_at, seconds * len(work.crops))


def _record(work: Work) -> PartRecord:
    if work.failure is not None:
        return PartRecord(
            sha256=work.task.sha256,
            facts=work.facts,
            preview=work.preview,
            steps=work.book.records,
            error=str(work.failure),
            permanent=not isinstance(work.failure, TryLater),
        )
    return PartRecord(
        sha256=work.task.sha256,
        facts=work.facts,
        preview=work.preview,
        faces=tuple(_face(work, number) for number in range(len(work.found))),
        steps=work.book.records,
    )


def _face(work: Work, number: int) -> FaceRecord:
    return face_record(
        work.found[number],
        work.crops[number],
        work.measures[number],
        work.vectors[number],
        scale=work.scale,
        detector=work.stages.detector,
    )


def still_the_same(task: PhotoTask | SpanTask) -> None:
    """A file that changed since it was hashed is another content: it will be settled and come
    again.
    """
    try:
        stat = os.stat(task.path)  # noqa: PTH116 - the path is bytes
    except OSError as error:
        raise TryLater(f"cannot be read any more ({error.strerror})") from error
    if (stat.st_size, stat.st_mtime_ns) != (task.bytes, task.mtime_ns):
        raise TryLater("changed while it was being read")
