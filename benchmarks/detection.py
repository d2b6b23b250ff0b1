"""Faces found by their width, false ones, and milliseconds a picture, for several ways to look.

Three sets, each at the size at which Rollcall decodes: crowds (heads of Labeled Faces in the Wild
of known place and size blended into photographs without faces; all widths in one picture), lonely
faces (one in a picture), and photographs without faces. Beside them the photographs themselves,
where a face that two large looks agree on counts as one. Widths are pixels of a picture whose
longest side is 2,000. One thread. Run: python -m benchmarks.detection [--json] [--rounds N]
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks import crowds, faceless, report
from daemon.faces import zoo
from daemon.faces.boxes import overlaps
from daemon.faces.detect import detect
from daemon.faces.looks import whole
from daemon.faces.views import shrunk
from daemon.settings import Detect, Models, Paths, Settings

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from daemon.faces.values import Detection, Detector, Picture

WIDTHS = (16, 20, 24, 28, 32, 40, 48, 64, 96)
LONGEST_PX = 2000
_HEADS = 150
_HIT = 0.3  # IoU from which a detection means a face: at these widths a pixel is much
_EACH = 3  # faces of each width in a crowd
_SURE = 0.6


@dataclass(slots=True, kw_only=True)
class Tally:
    """What one way of looking did on one set."""

    there: dict[int, int] = field(default_factory=lambda: dict.fromkeys(WIDTHS, 0))
    hit: dict[int, int] = field(default_factory=lambda: dict.fromkeys(WIDTHS, 0))
    false: int = 0
    ms: list[float] = field(default_factory=list)

    def add(self, crowd: crowds.Crowd, faces: Sequence[Detection]) -> None:
        """Count the faces of one picture."""
        boxes = np.array([[it.x, it.y, it.w, it.h] for it in faces], np.float32).reshape(-1, 4)
        shared = overlaps(crowd.boxes, boxes)
        for box, row in zip(crowd.boxes, shared, strict=True):
            width = min(self.there, key=lambda it: abs(it - float(box[2])))
            self.there[width] += 1
            self.hit[width] += bool(row.max(initial=0) > _HIT)
        self.false += int((shared.max(axis=0, initial=0) < 0.1).sum())

    def summary(self) -> dict[str, Any]:
        """Recall by width, false faces, median and mean milliseconds."""
        recall = {w: self.hit[w] / count for w, count in self.there.items() if count}
        return {
            "recall": recall,
            "false": self.false,
            "ms": round(statistics.median(self.ms), 1),
            "ms_mean": round(statistics.mean(self.ms), 1),
        }


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print."""
    options = _options(arguments)
    data = report.data_folder()
    with tempfile.TemporaryDirectory() as folder:
        state = Path(folder)
        finder = faceless.finder(data, state)
        settings = Settings(
            paths=Paths(state=state), models=Models(weights=data / "weights", download=False)
        )
        ways = ways_to_look(zoo.build_detector("yunet", settings))
        result = {
            name: measured(pictures, ways)
            for name, pictures in sets(data, finder, options.rounds).items()
        }
    report.publish(result, as_text(result), as_json=options.json)


def ways_to_look(detector: Detector) -> dict[str, Callable[[Picture], list[Detection]]]:
    """Once at several sizes, and Rollcall's own."""
    every = Detect(min_face_px=1)
    fine = every.model_copy(update={"size": LONGEST_PX})
    once = every.model_copy(update={"second_chance": False})

    def fixed(size: int) -> Callable[[Picture], list[Detection]]:
        return lambda picture: whole([picture], detector.detect, size)[0]

    def led(section: Detect) -> Callable[[Picture], list[Detection]]:
        return lambda picture: detect([picture], detector, section)[0]

    return {
        "once at 640": fixed(640),
        "once at 1024": fixed(1024),
        "once at 1280": fixed(1280),
        "at 2000, by tiles": fixed(LONGEST_PX),
        "Rollcall": led(every),
        "Rollcall, no second chance": led(once),
        "Rollcall, size = 2000": led(fine),
    }


def sets(data: Path, finder: faceless.YuNet, rounds: int) -> dict[str, list[crowds.Crowd]]:
    """The pictures of every set with the faces they hold."""
    photos = [
        shrunk(picture, LONGEST_PX).picture
        for _, picture in faceless.photographs(report.photo_folders())
    ]
    empty = [
        it for it in (faceless.faceless(picture, finder) for picture in photos) if it is not None
    ]
    heads = crowds.read_heads(data / "lfw-dev", finder, count=_HEADS)
    nobody = np.zeros((0, 4), np.float32)
    return {
        "crowds": [
            _made(empty[number % len(empty)], heads, WIDTHS * _EACH, seed=number)
            for number in range(rounds)
        ],
        "lonely faces": [
            _made(
                empty[(5 * number + width) % len(empty)], heads, [width], seed=100 * width + number
            )
            for number in range(rounds)
            for width in WIDTHS
        ],
        "without faces": [crowds.Crowd(picture=picture, boxes=nobody) for picture in empty],
        "photographs": [
            crowds.Crowd(picture=picture, boxes=_agreed(picture, finder)) for picture in photos
        ],
    }


def measured(
    pictures: Sequence[crowds.Crowd], ways: dict[str, Callable[[Picture], list[Detection]]]
) -> dict[str, Any]:
    """Every way on every picture, one after another, so that a slow minute meets all of them."""
    tallies = {name: Tally() for name in ways}
    for way in ways.values():
        way(pictures[0].picture)
    for crowd in pictures:
        for name, way in ways.items():
            start = time.perf_counter()
            faces = way(crowd.picture)
            tallies[name].ms.append(1000 * (time.perf_counter() - start))
            tallies[name].add(crowd, faces)
    return {name: tally.summary() for name, tally in tallies.items()}


def as_text(result: dict[str, Any]) -> str:
    """The result for people."""
    parts = []
    for name, ways in result.items():
        widths = sorted({w for it in ways.values() for w in it["recall"]})
        rows = [
            (way, *(f"{it['recall'][w]:.2f}" for w in widths), it["false"], it["ms"], it["ms_mean"])
            for way, it in ways.items()
        ]
        headings = (name, *(f"{w} px" for w in widths), "false", "ms", "mean ms")
        parts.append(report.table(headings, rows))
    return "\n\n".join(parts)


def _made(
    background: Picture, heads: Sequence[crowds.Head], widths: Sequence[float], *, seed: int
) -> crowds.Crowd:
    return crowds.crowd(background, heads, widths, longest_px=LONGEST_PX, seed=seed)


def _agreed(picture: Picture, finder: faceless.YuNet) -> NDArray[np.float32]:
    """The faces that looks at 1280 and at full size both show."""
    first, second = (
        [face for face in whole([picture], finder.detect, size)[0] if face.confidence >= _SURE]
        for size in (1280, LONGEST_PX)
    )
    rows = [[it.x, it.y, it.w, it.h] for it in first]
    boxes = np.array(rows, np.float32).reshape(-1, 4)
    others = np.array([[it.x, it.y, it.w, it.h] for it in second], np.float32).reshape(-1, 4)
    kept: NDArray[np.float32] = boxes[overlaps(boxes, others).max(axis=1, initial=0) > 0.5]
    return kept


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, prog="python -m benchmarks.detection")
    parser.add_argument("--json", action="store_true", help="print the result as JSON")
    parser.add_argument("--rounds", type=int, default=16, help="pictures of each kind")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    main()
