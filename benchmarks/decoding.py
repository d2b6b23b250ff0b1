"""Faces of large JPEGs found by their width, and milliseconds a picture, by how large the first
decode is.

Crowds, small groups, lonely faces (heads of Labeled Faces in the Wild of known place and size
blended into photographs without faces) and photographs without faces, each through the worker's
whole way from the file to the record, on one thread. Widths are pixels of the full-size picture.
Run: python -m benchmarks.decoding [--side PIXELS] [--rounds N] [--json]
"""

from __future__ import annotations

import argparse
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING
from unittest.mock import patch

import cv2
import numpy as np

from benchmarks import crowds, faceless, report
from benchmarks.detection import Tally, as_text
from daemon import pipeline
from daemon.faces.values import Detection
from daemon.settings import Models, Paths, Settings
from daemon.tasks import PhotoTask

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from catalog.records import PartRecord
    from daemon.faces.values import Picture

WIDTHS = (16, 24, 32, 40, 48, 64, 80, 120)
LONGEST_PX = 4032
_HEADS = 150
_QUALITY = 90
_FEW = 3  # faces in a small group
_NOISE = 3.0  # a sensor's, of 255: an enlarged photograph is smoother than a camera's


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """How large the first decode is at least, and the first look; None leaves it to Rollcall."""

    side: int | None = None
    first_size: int | None = None


WAYS = {
    "Rollcall": Way(),
    "decoded at 1,997": Way(side=1997),
    "decoded whole": Way(side=1 << 20),
    "first seen at 1,280": Way(first_size=1280),
}


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print."""
    options = _options(arguments)
    data = report.data_folder()
    with tempfile.TemporaryDirectory() as folder:
        state = Path(folder)
        settings = Settings(
            paths=Paths(state=state / "state"),
            models=Models(weights=data / "weights", download=False),
        )
        stages = pipeline.Stages.load(settings)
        tallies: dict[str, dict[str, Tally]] = {}
        for name, made in pictures(data, state, options.side, options.rounds):
            tally = tallies.setdefault(name, {way: new_tally() for way in WAYS})
            measure(made, stages, tally, state / "photo.jpg")
    result = {
        name: {way: tally.summary() for way, tally in ways.items()}
        for name, ways in tallies.items()
    }
    report.publish(result, as_text(result), as_json=options.json)


def new_tally() -> Tally:
    """A tally of this benchmark's widths."""
    return Tally(there=dict.fromkeys(WIDTHS, 0), hit=dict.fromkeys(WIDTHS, 0))


def pictures(data: Path, state: Path, side: int, rounds: int) -> Iterator[tuple[str, crowds.Crowd]]:
    """The name of a set and a picture of it, one after another: many would fill the memory."""
    finder = faceless.finder(data, state)
    photos = faceless.photographs(report.photo_folders())
    made = (faceless.faceless(picture, finder) for _, picture in photos)
    empty = [it for it in made if it is not None]
    heads = crowds.read_heads(data / "lfw-dev", finder, count=_HEADS)
    draw = np.random.default_rng(0)
    for _ in range(rounds):
        few = draw.choice(WIDTHS, _FEW).tolist()
        sets = {"crowds": [WIDTHS * 3], "few faces": [few], "lonely faces": [[w] for w in WIDTHS]}
        for name, groups in sets.items():
            for widths in groups:
                seed = int(draw.integers(1 << 30))
                background = empty[seed % len(empty)]
                yield name, crowds.crowd(background, heads, widths, longest_px=side, seed=seed)
    for background in empty:
        yield "without faces", crowds.crowd(background, heads, [], longest_px=side, seed=0)


def measure(
    made: crowds.Crowd, stages: pipeline.Stages, tallies: dict[str, Tally], path: Path
) -> None:
    """Every way on one picture, one after another, so that a slow minute meets all of them."""
    _write(path, made.picture)
    stat = path.stat()
    task = PhotoTask(
        sha256="0" * 64, path=bytes(path), bytes=stat.st_size, mtime_ns=stat.st_mtime_ns
    )
    for way, tally in tallies.items():
        record = _catalogued(task, WAYS[way], stages)
        if record.error:
            raise SystemExit(f"{path}: {record.error}")
        faces = [
            Detection(
                x=it.x,
                y=it.y,
                w=it.w,
                h=it.h,
                landmarks=np.array(it.landmarks, np.float32),
                confidence=it.confidence,
            )
            for it in record.faces
        ]
        looked = [it.seconds for it in record.steps if it.step in ("frames", "detect")]
        tally.ms.append(1000 * sum(looked))
        tally.add(made, faces)


def _catalogued(task: PhotoTask, way: Way, stages: pipeline.Stages) -> PartRecord:
    settings = stages.settings
    if way.first_size is not None:
        detect = settings.detect.model_copy(update={"first_size": way.first_size})
        settings = settings.model_copy(update={"detect": detect})
    side = pipeline.first_side_px if way.side is None else lambda *_: way.side
    with patch.object(pipeline, "first_side_px", side):
        return pipeline.catalogue([task], replace(stages, settings=settings))[0]


def _write(path: Path, picture: Picture) -> None:
    noise = cv2.randn(np.empty(picture.shape, np.int16), 0, _NOISE)
    bgr = cv2.cvtColor(cv2.add(picture, noise, dtype=cv2.CV_8U), cv2.COLOR_RGB2BGR)
    cv2.imwrite(str(path), bgr, [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, prog="python -m benchmarks.decoding")
    parser.add_argument("--json", action="store_true", help="print the result as JSON")
    parser.add_argument("--rounds", type=int, default=10, help="pictures of each kind")
    parser.add_argument("--side", type=int, default=LONGEST_PX, help="longest side of a picture")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    main()
