"""MTCNN by onnxruntime: a cascade of three small networks, unrounded boxes, five landmarks.

Zhang, Zhang, Li, Qiao: Joint Face Detection and Alignment Using Multi-task Cascaded Convolutional
Networks, IEEE Signal Processing Letters 2016. A convolutional network proposes boxes at every scale
of the picture, a second one refines them, a third one decides and places the landmarks. Weights,
thresholds and the arithmetic of boxes are those of the `mtcnn` package, so its answers are ours. As
there, a box gives way to every surer one that it overlaps. Which is surer the evidence tells:
many probabilities are 1 to the last bit, and the package leaves those to chance.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import cv2
import numpy as np
from numpy.typing import NDArray

from daemon.faces.boxes import shares, unrivalled
from daemon.faces.mtcnn_networks import PLANS, convert
from daemon.faces.onnx_files import open_session, prepared
from daemon.faces.values import Detection

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from daemon.faces.values import Picture
    from daemon.faces.weights import Weights

Floats = NDArray[np.float32]
Corners = NDArray[np.float32]
"""Boxes × 4: left, top, right, bottom in pixels."""

LEAST_FACE_PX = 20.0  # the package's default
_WINDOW_PX, _STRIDE_PX = 12, 2  # of the proposal network
_STEP = 0.709  # from one scale to the next: half the area
_PROPOSED, _REFINED, _DECIDED = 0.6, 0.7, 0.8  # probabilities that the three networks must exceed
_OVERLAP_AT_SCALE, _OVERLAP = 0.5, 0.7  # of two boxes that show one face
_BATCH = 128  # faces in one run: bounds the memory that a crowd takes
_GREY = (127.5, 127.5, 127.5)  # what lies beyond the picture: zero to the networks


class Mtcnn:
    """The detector `mtcnn`: faces from `least_face_px` of the pictures it is given. On one thread:
    its many small runs take twice as long on two.
    """

    name = "mtcnn"
    version = "1"

    def __init__(
        self,
        weights: Weights,
        *,
        state: Path,
        least_face_px: float = LEAST_FACE_PX,
    ) -> None:
        self.weights_sha256 = weights.sha256
        self.least_face_px = least_face_px
        self._sessions = {}
        for path in weights.paths:
            name = path.stem
            file = prepared(path, state=state, kind=f"mtcnn-{name}", convert=partial(convert, name))
            self._sessions[name] = open_session(file)

    @property
    def device(self) -> str:
        """What it runs on."""
        return self._sessions["pnet"].device

    def detect(self, pictures: Sequence[Picture]) -> list[list[Detection]]:
        """The faces of each picture, in that picture's pixels, most confident first; one picture
        after the other.
        """
        return [self._one(picture) for picture in pictures]

    def _one(self, picture: Picture) -> list[Detection]:
        boxes, points, evidence = self._decide(
            picture, self._refine(picture, self._propose(picture))
        )
        return [
            Detection(
                x=float(box[0]),
                y=float(box[1]),
                w=float(box[2] - box[0]),
                h=float(box[3] - box[1]),
                landmarks=np.stack([point[:5], point[5:]], axis=1),
                confidence=float(1 / (1 + np.exp(-sure))),
                detector=self.name,
            )
            for box, point, sure in zip(boxes, points, evidence, strict=True)
            if (box[2:] > box[:2]).all()
        ]

    def _propose(self, picture: Picture) -> Corners:
        """The squares that may hold a face, at all scales."""
        plain = picture.astype(np.float32)  # averages that are not rounded
        found = [self._at_scale(plain, scale) for scale in scales(picture, self.least_face_px)]
        boxes = np.concatenate([np.zeros((0, 4), np.float32), *(boxes for boxes, _ in found)])
        evidence = np.concatenate([np.zeros(0, np.float32), *(sure for _, sure in found)])
        return squares(boxes[unrivalled(_sized(boxes), evidence, overlap=_OVERLAP)])

    def _at_scale(self, picture: Floats, scale: float) -> tuple[Corners, Floats]:
        """The proposals at one scale, in the picture's pixels, and the evidence for them."""
        height, width = picture.shape[:2]
        size = (int(width * scale), int(height * scale))
        small = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
        run = self._sessions["pnet"].run
        (evidence,), (offsets,) = run(["evidence", "boxes"], {"pictures": small[None]})
        rows, columns = np.nonzero(evidence[0] > logit(_PROPOSED))
        corner = np.stack([columns, rows], axis=1) * _STRIDE_PX
        windows = np.concatenate([corner + 1, corner + _WINDOW_PX], axis=1).astype(np.float32)
        boxes = moved(windows, offsets[:, rows, columns].T, pixel=0) / np.float32(scale)
        sure = evidence[0, rows, columns]
        kept = unrivalled(_sized(boxes), sure, overlap=_OVERLAP_AT_SCALE)
        return boxes[kept], sure[kept]

    def _refine(self, picture: Picture, boxes: Corners) -> Corners:
        """The squares that the second network takes for faces, moved onto them."""
        sure, offsets = self._judge("rnet", picture, boxes)
        good = sure > logit(_REFINED)
        better = moved(boxes[good], offsets[good], pixel=1)
        return squares(better[unrivalled(_sized(better), sure[good], overlap=_OVERLAP)])

    def _decide(self, picture: Picture, boxes: Corners) -> tuple[Corners, Floats, Floats]:
        """Boxes, landmarks (five x, five y) and evidence of the faces, surest first."""
        sure, offsets, points = self._judge("onet", picture, boxes)
        good = sure > logit(_DECIDED)
        boxes, offsets, points, sure = boxes[good], offsets[good], points[good], sure[good]
        size = boxes[:, 2:] - boxes[:, :2] + 1
        points = points * size.repeat(5, axis=1) + boxes[:, :2].repeat(5, axis=1) - 1
        boxes = moved(boxes, offsets, pixel=1)
        kept = unrivalled(_sized(boxes), sure, overlap=_OVERLAP, measure=shares)
        return boxes[kept], points[kept], sure[kept]

    def _judge(self, network: str, picture: Picture, boxes: Corners) -> tuple[Floats, ...]:
        """Evidence, offsets and, of the last network, points for each box."""
        plan = PLANS[network]
        outputs = ["evidence", "boxes", "points"][: len(plan.outputs)]
        answers = [
            self._sessions[network].run(
                outputs, {"pictures": crops(picture, boxes[start : start + _BATCH], plan.side or 0)}
            )
            for start in range(0, max(1, len(boxes)), _BATCH)  # no boxes: an empty answer
        ]
        evidence, *others = (np.concatenate(parts) for parts in zip(*answers, strict=True))
        return evidence[:, 0], *others


def logit(probability: float) -> float:
    """What the evidence for this probability is."""
    return float(np.log(probability / (1 - probability)))


def scales(picture: Picture, least_face_px: float) -> list[float]:
    """The scales at which a picture is looked at, from the one where the least face fills a window
    to the last one where a window fits.
    """
    found, scale = [], min(1.0, _WINDOW_PX / least_face_px)
    while int(min(picture.shape[:2]) * scale) >= _WINDOW_PX:
        found.append(scale)
        scale *= _STEP
    return found


def moved(boxes: Corners, offsets: Floats, *, pixel: int) -> Corners:
    """The boxes with their corners moved by offsets in box sizes; `pixel` is what those sizes are
    larger by.
    """
    size = boxes[:, 2:] - boxes[:, :2] + np.float32(pixel)
    return boxes + offsets * np.tile(size, 2)


def squares(boxes: Corners) -> Corners:
    """The smallest squares around the same middles that cover the boxes."""
    middle = (boxes[:, :2] + boxes[:, 2:]) / 2
    half = (boxes[:, 2:] - boxes[:, :2]).max(axis=1, keepdims=True) / 2
    return np.concatenate([middle - half, middle + half], axis=1)


def crops(picture: Picture, boxes: Corners, side: int) -> NDArray[np.uint8]:
    """What the boxes show, `side` × `side` each: points of an even grid from corner to corner, grey
    beyond the picture.
    """
    height, width = picture.shape[:2]
    last = np.array([width - 1, height - 1] * 2) / np.array([width, height] * 2)
    faces = np.empty((len(boxes), side, side, 3), np.uint8)
    for face, (left, top, right, bottom) in zip(faces, boxes * last, strict=True):
        across, down = (right - left) / (side - 1), (bottom - top) / (side - 1)
        cv2.warpAffine(
            picture,
            np.array([[across, 0, left], [0, down, top]]),
            (side, side),
            dst=face,
            flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
            borderValue=_GREY,
        )
    return faces


def _sized(boxes: Corners) -> Floats:
    return np.concatenate([boxes[:, :2], boxes[:, 2:] - boxes[:, :2]], axis=1)
