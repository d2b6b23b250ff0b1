"""The milliseconds that each stage of the pipeline takes for one photograph."""

from __future__ import annotations

import os
import statistics
import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2

from benchmarks.stopwatch import rest
from daemon.faces import zoo
from daemon.faces.align import cut
from daemon.faces.detect import detect
from daemon.faces.embed import embed
from daemon.faces.measures.table import measure
from daemon.faces.quality import quality
from daemon.faces.resolution import finer_side_px, first_side_px
from daemon.intake.frames import preview, read_picture
from daemon.intake.probe import probe

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from daemon.faces.values import Detector, Embedder
    from daemon.settings import Settings

# What the pipeline does not do, for comparison.
BESIDE = "(frames, whole picture)"
STAGES = (
    *("probe", "frames, first look", "detect", "frames, again", "detect, again"),
    *("preview", "align", "quality", "embed", BESIDE),
)
OF_FACES = ("align", "quality", "embed")
Laps = dict[str, tuple[float, float]]
"""By stage the milliseconds, and those of the processor."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Kit:
    """The models, the settings, and the threads that models and OpenCV may use."""

    settings: Settings
    detector: Detector
    embedder: Embedder
    threads: int

    @classmethod
    def load(cls, settings: Settings, *, threads: int) -> Kit:
        """YuNet and Dlib, on the device in use."""
        return cls(
            settings=settings,
            detector=zoo.build_detector("yunet", settings, threads=threads),
            embedder=zoo.build_embedder("Dlib", settings, threads=threads),
            threads=threads,
        )


def measured(
    photos: Sequence[Path], kits: dict[str, Kit], rounds: int
) -> tuple[dict[str, dict[str, dict[str, float]]], int]:
    """Of each kit the milliseconds a photograph by stage, and the processor's among them (means
    over the photographs of the medians of the rounds), and how many faces they show. The kits take
    turns from photograph to photograph.
    """
    before = cv2.getNumThreads()
    try:
        looked = [_rounds(photo, kits, rounds) for photo in photos]
    finally:
        cv2.setNumThreads(before)
    means = {
        name: {
            stage: {
                key: statistics.mean(
                    statistics.median(row[stage][place] for row in laps[name]) for laps, _ in looked
                )
                for place, key in enumerate(("ms", "cpu_ms"))
            }
            for stage in STAGES
        }
        for name in kits
    }
    return means, sum(faces for _, faces in looked)


def _rounds(photo: Path, kits: dict[str, Kit], rounds: int) -> tuple[dict[str, list[Laps]], int]:
    """One photograph's times by kit, and its faces."""
    laps: dict[str, list[Laps]] = {}
    for name, kit in kits.items():
        rest()
        # The first prepares buffers for this size of picture.
        looked = [one(photo, kit) for _ in range(rounds + 1)]
        laps[name] = [it for it, _ in looked[1:]]
    return laps, looked[0][1]


def one(photo: Path, kit: Kit) -> tuple[Laps, int]:
    """Milliseconds by stage, 0 for what this photograph does not need, and the number of faces."""
    cv2.setNumThreads(kit.threads)
    laps: Laps = dict.fromkeys(STAGES, (0.0, 0.0))
    path, settings = os.fsencode(photo), kit.settings
    with _lap(laps, "probe"):
        facts = probe(path, max_megapixels=settings.intake.max_megapixels)
    side = first_side_px(settings.detect, kit.detector.name, facts)
    for read, look in (("frames, first look", "detect"), ("frames, again", "detect, again")):
        with _lap(laps, read):
            frame = read_picture(path, facts, min_side_px=side)
        with _lap(laps, look):
            faces = detect([frame.picture], kit.detector, settings.detect, scale=frame.scale)[0]
        finer = finer_side_px(faces, frame)
        if finer is None or finer <= side:
            break
        side = finer
    with _lap(laps, "preview"):
        preview(frame, size_px=settings.crops.preview_size, quality=settings.crops.preview_quality)
    with _lap(laps, "align"):
        crops = [cut(frame.picture, face, frame.scale, settings.crops) for face in faces]
    with _lap(laps, "quality"):
        height, width = frame.picture.shape[:2]
        for crop, face in zip(crops, faces, strict=True):
            quality(measure(crop, face, width, height))
    with _lap(laps, "embed"):
        embed(crops, kit.embedder)
    with _lap(laps, BESIDE):
        read_picture(path, facts, min_side_px=max(facts.width or 0, facts.height or 0))
    return laps, len(faces)


@contextmanager
def _lap(laps: Laps, name: str) -> Iterator[None]:
    start, cpu = time.perf_counter(), time.process_time()
    yield
    laps[name] = 1000 * (time.perf_counter() - start), 1000 * (time.process_time() - cpu)
