"""OpenCV's cascades for faces and eyes: DeepFace's detector `opencv`, without DeepFace.

Viola, Jones: Rapid Object Detection using a Boosted Cascade of Simple Features, CVPR 2001. Frontal
upright faces only; it is here for those who chose it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np
from numpy.typing import NDArray

from daemon.errors import EnvironmentTrouble
from daemon.faces import landmarks
from daemon.faces.values import Detection

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from daemon.faces.landmarks import Box, Point
    from daemon.faces.values import Picture
    from daemon.faces.weights import Weights

Grey = NDArray[np.uint8]
_STEP, _NEIGHBOURS = 1.1, 10  # from scale to scale, and hits that make a face: DeepFace's
_LEAST_SIDE_PX = 24  # the cascade's window
# The last stage's sum ranks faces and is no probability; DeepFace too lays it between these.
_LEAST_CONFIDENCE, _HIGHEST_SUM = 0.9, 10.0


class Haar:
    """The detector `opencv`."""

    name = "opencv"
    version = "1"

    def __init__(self, weights: Weights) -> None:
        self.weights_sha256 = weights.sha256
        self._faces, self._eyes = (_cascade(path) for path in weights.paths)

    def detect(self, pictures: Sequence[Picture]) -> list[list[Detection]]:
        """The faces of each picture, in that picture's pixels, most confident first; none in a tiny
        picture.
        """
        return [self._one(picture) for picture in pictures]

    def _one(self, picture: Picture) -> list[Detection]:
        if min(picture.shape[:2]) < _LEAST_SIDE_PX:
            return []
        grey: Grey = np.asarray(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), np.uint8)
        boxes, _, sums = self._faces.detectMultiScale3(
            grey, _STEP, _NEIGHBOURS, outputRejectLevels=True
        )
        faces = [
            self._face(grey, (int(x), int(y), int(w), int(h)), float(total))
            for (x, y, w, h), total in zip(boxes, np.ravel(sums), strict=True)
        ]
        return sorted(faces, key=lambda face: -face.confidence)

    def _face(self, grey: Grey, box: tuple[int, int, int, int], total: float) -> Detection:
        x, y, w, h = box
        found = self._eyes.detectMultiScale(grey[y : y + h, x : x + w], _STEP, _NEIGHBOURS)
        eyes = [(ex + x, ey + y, ew, eh) for ex, ey, ew, eh in found]
        share = min(max(total, 0.0), _HIGHEST_SUM) / _HIGHEST_SUM
        return Detection(
            x=float(x),
            y=float(y),
            w=float(w),
            h=float(h),
            landmarks=points(box, eyes),
            confidence=_LEAST_CONFIDENCE + (1 - _LEAST_CONFIDENCE) * share,
            detector=self.name,
        )


def points(box: Box, eyes: Sequence[Box]) -> NDArray[np.float32]:
    """Five landmarks through the two largest boxes of eyes, or from the face's box where those
    cannot be its eyes.
    """
    pair = sorted(eyes, key=lambda eye: -eye[2] * eye[3])[:2]
    if len(pair) == 2:
        right, left = sorted(_middle(eye) for eye in pair)
        if landmarks.plausible_eyes(box, right, left):
            return landmarks.from_eyes(right, left)
    return landmarks.from_box(box)


def _middle(box: Box) -> Point:
    x, y, w, h = box
    return float(x + w / 2), float(y + h / 2)


def _cascade(path: Path) -> cv2.CascadeClassifier:
    """The cascade in an XML file. Raises EnvironmentTrouble where there is none in it."""
    cascade = cv2.CascadeClassifier()
    try:
        loaded = cascade.load(str(path))
    except cv2.error:
        loaded = False
    if not loaded or cascade.empty():
        raise EnvironmentTrouble(f"{path} is no cascade of OpenCV; fetch it again")
    return cascade
