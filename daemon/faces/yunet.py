"""YuNet by onnxruntime: any picture size, batches, unrounded boxes, five landmarks.

Wu, Peng, Yu: YuNet: A Tiny Millisecond-level Face Detector, Machine Intelligence Research 2023. The
published file fixes its input at 640×640; the network is convolutional, so with free dimensions it
runs at every multiple of 32.
"""

from __future__ import annotations

from collections import defaultdict
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING

import cv2
import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import numpy_helper

from daemon.faces.batches import Batches
from daemon.faces.boxes import suppress
from daemon.faces.onnx_files import open_session, prepared
from daemon.faces.values import Detection, Picture
from daemon.faces.views import padded

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from daemon.faces.weights import Weights

STRIDES = (8, 16, 32)
DOUBT = 0.03  # least score of what may be a face: most faces 10 to 15 px wide reach it
# Megapixels in one run, on a processor and on a card. Larger batches fall out of a processor's
# cache: crowds with 27 close looks took 20 % less time at 0.3 than at 4, each of four pictures at
# 640 px 45 % more. On a card some 150 MB of activations a megapixel bound one run.
_ON_A_CPU, _ON_A_CARD = 0.3, 4.0
_OVERLAP = (
    0.3  # IoU above which the less confident of two boxes goes; OpenCV's default for this network
)

# Of a floor, so that rounding leaves nothing out that reaches it.
_NEARLY = 0.999

Rows = NDArray[np.float32]
"""Candidates × 15: x, y, w, h, five points (x, y), score."""

_NOTHING: Rows = np.zeros((0, 15), np.float32)


class YuNet:
    """The detector `yunet`. `floor` is the least score of a face; later stages may ask for more."""

    name = "yunet"
    version = "2"

    def __init__(
        self, weights: Weights, *, state: Path, floor: float = 0.3, threads: int = 1
    ) -> None:
        self.weights_sha256 = weights.sha256
        self.floor = floor
        path = prepared(weights.path, state=state, kind="yunet", convert=free_dimensions)
        self._session = open_session(path, threads=threads)
        self._batches: defaultdict[tuple[int, int], Batches] = defaultdict(Batches)
        self._outputs = [output.name for output in self._session.get_outputs()]

    def detect(self, pictures: Sequence[Picture]) -> list[list[Detection]]:
        """The faces of each picture, in that picture's pixels, most confident first.

        Pictures of equal padded size go through the network together; what shares a batch changes
        no result.
        """
        return self._detect(pictures, self.floor)

    def suspect(self, pictures: Sequence[Picture]) -> list[list[Detection]]:
        """The same with everything that may be a face, down to the score `DOUBT`."""
        return self._detect(pictures, min(self.floor, DOUBT))

    def _detect(self, pictures: Sequence[Picture], floor: float) -> list[list[Detection]]:
        groups: dict[tuple[int, int], list[int]] = {}
        for index, picture in enumerate(pictures):
            groups.setdefault(padded(picture), []).append(index)
        found: list[list[Detection]] = [[] for _ in pictures]
        for (height, width), members in groups.items():
            run = partial(self._run_some, [pictures[i] for i in members], floor)
            most = _at_once(self.device, height * width)
            answers = self._batches[height, width].run(len(members), run, most=most)
            for index, faces in zip(members, chain.from_iterable(answers), strict=True):
                found[index] = faces
        return found

    @property
    def device(self) -> str:
        """What it runs on."""
        return self._session.device

    def _run_some(
        self, pictures: list[Picture], floor: float, piece: slice
    ) -> list[list[Detection]]:
        return self._run(pictures[piece], *padded(pictures[0]), floor)

    def _run(
        self, pictures: list[Picture], height: int, width: int, floor: float
    ) -> list[list[Detection]]:
        blob = np.zeros((len(pictures), 3, height, width), np.float32)
        for row, picture in zip(blob, pictures, strict=True):
            # Blue first is what the network was trained on.
            for plane, channel in zip(row, reversed(cv2.split(picture)), strict=True):
                plane[: picture.shape[0], : picture.shape[1]] = channel
        values = self._session.run(None, {self._session.get_inputs()[0].name: blob})
        outputs = dict(zip(self._outputs, values, strict=True))
        each = [{name: value[i] for name, value in outputs.items()} for i in range(len(pictures))]
        return [self._faces(decode(one, width, floor)) for one in each]

    def _faces(self, rows: Rows) -> list[Detection]:
        kept = suppress(rows[:, :4], rows[:, 14], overlap=_OVERLAP)
        return [
            Detection(
                x=float(row[0]),
                y=float(row[1]),
                w=float(row[2]),
                h=float(row[3]),
                landmarks=row[4:14].reshape(5, 2).copy(),
                confidence=float(row[14]),
                detector=self.name,
            )
            for row in rows[kept]
        ]


def decode(outputs: dict[str, NDArray[np.float32]], width: int, floor: float) -> Rows:
    """The candidates of one picture of the padded `width` whose score reaches `floor`.

    The score is the geometric mean of class and objectness; box centres and points are offsets from
    a cell's corner in strides, sizes are logarithms.
    """
    found = []
    for stride in STRIDES:
        cls = outputs[f"cls_{stride}"].reshape(-1)
        obj = outputs[f"obj_{stride}"].reshape(-1)
        # Nearly all cells are far below: they are left out before anything costly.
        near = np.flatnonzero(cls * obj >= _NEARLY * floor**2)
        score = np.sqrt(np.clip(cls[near], 0, 1) * np.clip(obj[near], 0, 1))
        reached = score >= floor
        cells, score = near[reached], score[reached]
        if not len(cells):
            continue
        row, column = np.divmod(cells, width // stride)
        corner = np.stack([column, row], axis=1).astype(np.float32)
        box = outputs[f"bbox_{stride}"][cells]
        centre = (corner + box[:, :2]) * stride
        size = np.exp(box[:, 2:]) * stride
        points = (outputs[f"kps_{stride}"][cells].reshape(-1, 5, 2) + corner[:, None]) * stride
        found.append(
            np.concatenate(
                [centre - size / 2, size, points.reshape(-1, 10), score[:, None]], axis=1
            )
        )
    rows: Rows = np.concatenate(found or [_NOTHING]).astype(np.float32)
    return rows


def free_dimensions(data: bytes) -> bytes:
    """The same network with free batch, height and width."""
    model = onnx.load_from_string(data)
    for value in (*model.graph.input, *model.graph.output):
        dimensions = value.type.tensor_type.shape.dim
        free = (0, 2, 3) if len(dimensions) == 4 else (0, 1)
        for axis in free:
            dimensions[axis].dim_param = f"{value.name}_{axis}"
    del model.graph.value_info[:]  # the intermediate shapes of the fixed size
    reshapes = {node.input[1] for node in model.graph.node if node.op_type == "Reshape"}
    for constant in model.graph.initializer:
        if constant.name in reshapes:
            shape = numpy_helper.to_array(constant).copy()
            shape[0] = 0  # "as it was": the file says 1 and would flatten a batch
            constant.CopyFrom(numpy_helper.from_array(shape, constant.name))
    serialized: bytes = model.SerializeToString()
    return serialized


def _at_once(device: str, pixels: int) -> int:
    """How many pictures of so many pixels go through the network in one run, at most."""
    megapixels = _ON_A_CPU if device == "cpu" else _ON_A_CARD
    return max(1, int(megapixels * 1e6 / pixels))
