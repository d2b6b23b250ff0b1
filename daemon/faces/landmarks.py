"""Five landmarks from what a detector gives: all of them, the eyes alone, or only a box. Pure."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from daemon.faces.align import similarity
from daemon.faces.geometry import BOX_LANDMARKS

if TYPE_CHECKING:
    from daemon.faces.values import Detection, Points

Point = tuple[float, float]
Box = tuple[float, float, float, float]
"""x, y, w, h."""

# Eyes this far apart, as a share of the box's width, and this steep can be the two eyes of the face
# in the box.
_LEAST_APART, _MOST_APART, _STEEPEST = 0.2, 0.8, math.radians(35)


def from_box(box: Box) -> Points:
    """Where the landmarks of a frontal upright face would lie in its box."""
    x, y, w, h = box
    return np.array([(x + u * w, y + v * h) for u, v in BOX_LANDMARKS], np.float32)


def from_eyes(right_eye: Point, left_eye: Point) -> Points:
    """The mean face laid through both eyes of the person."""
    eyes = np.array(BOX_LANDMARKS[:2], np.float32)
    matrix = similarity(eyes, np.array([right_eye, left_eye], np.float64))
    placed = np.array(BOX_LANDMARKS) @ matrix[:, :2].T + matrix[:, 2]
    return placed.astype(np.float32)


def plausible_eyes(box: Box, right_eye: Point, left_eye: Point) -> bool:
    """Whether two points can be the eyes of the upright face in the box: some detectors take
    nostrils for eyes.
    """
    _, y, w, h = box
    across, down = left_eye[0] - right_eye[0], left_eye[1] - right_eye[1]
    middle = (right_eye[1] + left_eye[1]) / 2
    return (
        _LEAST_APART * w <= math.hypot(across, down) <= _MOST_APART * w
        and abs(math.atan2(down, across)) <= _STEEPEST
        and y <= middle <= y + 0.6 * h
    )


def is_measured(face: Detection) -> bool:
    """Whether a detector saw the five points, rather than that they were laid through its box or
    its two eyes.
    """
    near = 1e-3 * max(face.w, 1.0)
    right, left = ((float(x), float(y)) for x, y in face.landmarks[:2])
    laid = from_box((face.x, face.y, face.w, face.h)), from_eyes(right, left)
    return not any(np.abs(face.landmarks - points).max() < near for points in laid)
