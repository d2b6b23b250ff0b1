"""SCRFD by onnxruntime, over a file that the user supplies: its weights are for research only.

Guo, Deng, Lattas, Zafeiriou: Sample and Computation Redistribution for Efficient Face Detection,
ICLR 2022. The exported networks give, stride by stride, scores, boxes and (most of them) five
points, two anchors in every cell.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from daemon.errors import EnvironmentTrouble
from daemon.faces.boxes import suppress
from daemon.faces.landmarks import from_box
from daemon.faces.onnx_files import open_session
from daemon.faces.values import Detection, Picture
from daemon.faces.views import View, padded, shrunk

if TYPE_CHECKING:
    from collections.abc import Sequence

    from daemon.faces.weights import Weights

STRIDES = (8, 16, 32)
_ANCHORS = 2
_OVERLAP = 0.4  # IoU above which the less confident of two boxes goes; the authors' own
_MEAN, _DEVIATION = 127.5, 128.0

Floats = NDArray[np.float32]


class Scrfd:
    """The detector `scrfd`. `floor` is the least score of a face."""

    name = "scrfd"
    version = "1"

    def __init__(self, weights: Weights, *, floor: float = 0.5, threads: int = 1) -> None:
        self.weights_sha256 = weights.sha256
        self.floor = floor
        self._session = open_session(weights.path, threads=threads)
        source = self._session.get_inputs()[0]
        self._input = source.name
        fixed = source.shape[2:]
        # A file exported for one size only is shown pictures in the corner of that size.
        self._fixed = tuple(fixed) if all(isinstance(side, int) for side in fixed) else None
        self._outputs = len(self._session.get_outputs())
        if self._outputs not in (6, 9):
            raise EnvironmentTrouble(
                f"{weights.path.name}: an SCRFD file has 6 or 9 outputs, this has {self._outputs}"
            )

    @property
    def device(self) -> str:
        """What it runs on."""
        return self._session.device

    def detect(self, pictures: Sequence[Picture]) -> list[list[Detection]]:
        """The faces of each picture, in that picture's pixels, most confident first."""
        return [self._one(picture) for picture in pictures]

    def _one(self, picture: Picture) -> list[Detection]:
        view = shrunk(picture, min(self._fixed)) if self._fixed else View(picture=picture)
        height, width = self._fixed or padded(view.picture)
        blob = np.zeros((1, 3, height, width), np.float32)
        rows, columns = view.picture.shape[:2]
        blob[0, :, :rows, :columns] = (
            view.picture.transpose(2, 0, 1).astype(np.float32) - _MEAN
        ) / _DEVIATION
        values = [
            np.asarray(value, np.float32) for value in self._session.run(None, {self._input: blob})
        ]
        scores, boxes, points = decode(values, (height, width), self.floor)
        return [
            view.placed(self._face(boxes[index], points[index], float(scores[index])))
            for index in suppress(boxes, scores, overlap=_OVERLAP)
        ]

    def _face(self, box: Floats, points: Floats, score: float) -> Detection:
        x, y, w, h = (float(value) for value in box)
        laid = np.isnan(points).any()
        return Detection(
            x=x,
            y=y,
            w=w,
            h=h,
            landmarks=from_box((x, y, w, h)) if laid else points.copy(),
            confidence=score,
            detector=self.name,
        )


def decode(
    outputs: Sequence[Floats], shape: tuple[int, int], floor: float
) -> tuple[Floats, Floats, Floats]:
    """Scores, boxes (x, y, w, h) and points (5 × 2; NaN where the network gives none) of what
    reaches `floor`, for one picture of the padded height and width.

    Boxes are distances from an anchor's place to the left, top, right and bottom, points offsets
    from it, both in strides. Both anchors of a cell lie at its corner.
    """
    found = []
    for level, stride in enumerate(STRIDES):
        scores = outputs[level].reshape(-1)
        kept = np.flatnonzero(scores >= floor)
        row, column = np.divmod(kept // _ANCHORS, shape[1] // stride)
        place = np.stack([column, row], axis=1).astype(np.float32) * stride
        away = outputs[level + len(STRIDES)].reshape(-1, 4)[kept] * stride
        points = np.full((len(kept), 5, 2), np.nan, np.float32)
        if len(outputs) > 2 * len(STRIDES):
            offsets = outputs[level + 2 * len(STRIDES)].reshape(-1, 5, 2)[kept]
            points = place[:, None] + offsets * stride
        box = np.concatenate([place - away[:, :2], away[:, :2] + away[:, 2:]], axis=1)
        found.append((scores[kept], box, points))
    scores, boxes, points = (
        np.concatenate(part).astype(np.float32) for part in zip(*found, strict=True)
    )
    return scores, boxes, points
