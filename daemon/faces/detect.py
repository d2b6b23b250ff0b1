"""The stage that finds faces: pictures of any size in, detections in those pictures' own pixels
out.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import cv2
import numpy as np

from daemon.faces import device
from daemon.faces.align import as_picture
from daemon.faces.boxes import suppress

if TYPE_CHECKING:
    from collections.abc import Sequence

    from daemon.faces.values import Detection, Detector, Picture
    from daemon.settings import Detect

_SAME_FACE = 0.4  # IoU above which two detectors mean the same face


def detect(
    pictures: Sequence[Picture],
    detector: Detector,
    section: Detect,
    *,
    scale: float | Sequence[float] = 1.0,
) -> list[list[Detection]]:
    """The faces of each picture, most confident first, in pixels of the picture given; boxes may
    reach beyond it.

    `scale` is how many pixels of the full-size picture one pixel of a picture shows, for all or for
    each: faces narrower than `section.min_face_px` there are dropped, and those less confident than
    `section.min_confidence`.
    """
    scales = [scale] * len(pictures) if isinstance(scale, int | float) else list(scale)
    small = [shrink(picture, section.size) for picture in pictures]
    found = detector.detect(small)
    return [
        [
            face
            for face in (enlarged(face, picture, seen) for face in faces)
            if face.confidence >= section.min_confidence
            and face.w * to_full >= section.min_face_px
            and face.h > 0
        ]
        for faces, picture, seen, to_full in zip(found, pictures, small, scales, strict=True)
    ]


def shrink(picture: Picture, longest_px: int) -> Picture:
    """The picture with its longest side at most `longest_px`, by area; the same array where it is
    small already.
    """
    height, width = picture.shape[:2]
    factor = longest_px / max(height, width)
    if factor >= 1:
        return picture
    size = (max(1, round(width * factor)), max(1, round(height * factor)))
    return as_picture(cv2.resize(picture, size, interpolation=cv2.INTER_AREA))


class Several:
    """Several detectors as one: a face that more than one finds is kept once, as the most confident
    saw it.
    """

    def __init__(self, detectors: Sequence[Detector]) -> None:
        self.detectors = tuple(detectors)
        self.name = "+".join(detector.name for detector in self.detectors)
        self.version = "+".join(detector.version for detector in self.detectors)
        self.weights_sha256 = "+".join(detector.weights_sha256 for detector in self.detectors)

    @property
    def device(self) -> str:
        """What they run on: the first one's, or all where they differ."""
        return "+".join(dict.fromkeys(device.of(detector) for detector in self.detectors))

    def detect(self, pictures: Sequence[Picture]) -> list[list[Detection]]:
        """The faces of each picture, in that picture's pixels, most confident first."""
        answers = [detector.detect(pictures) for detector in self.detectors]
        return [
            distinct([face for answer in answers for face in answer[i]])
            for i in range(len(pictures))
        ]


def distinct(faces: Sequence[Detection]) -> list[Detection]:
    """The faces without those that overlap a more confident one, most confident first."""
    if not faces:
        return []
    boxes = np.array([[face.x, face.y, face.w, face.h] for face in faces], np.float32)
    scores = np.array([face.confidence for face in faces], np.float32)
    return [faces[index] for index in suppress(boxes, scores, overlap=_SAME_FACE)]


def enlarged(face: Detection, picture: Picture, seen: Picture) -> Detection:
    """The detection in pixels of the picture, from those of the shrunk one that was looked at."""
    if picture is seen:
        return face
    across, down = picture.shape[1] / seen.shape[1], picture.shape[0] / seen.shape[0]
    return replace(
        face,
        x=face.x * across,
        y=face.y * down,
        w=face.w * across,
        h=face.h * down,
        landmarks=(face.landmarks * np.array([across, down], np.float32)).astype(np.float32),
    )
