"""Which way a head is turned, from the five landmarks."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import cv2
import numpy as np

if TYPE_CHECKING:
    from daemon.faces.values import Points

# Millimetres, to the picture's right, down, and away from the camera, from between the eyes. Across
# and down it is the median of YuNet's points on Labeled Faces in the Wild and their mirror images,
# scaled to the usual 63 mm between the pupils (Dodgson, Variation and Extrema of Human
# Interpupillary Distance, 2004); the nose's tip lies some 28 mm before the eyes (Farkas,
# Anthropometry of the Head and Face, 1994).
HEAD: Final = np.array(
    [(-31.5, 0, 0), (31.5, 0, 0), (0, 37.5, -28), (-27, 67, -4), (27, 67, -4)], np.float64
)
# The points are scaled to the head's own spread, 45, and looked at by a camera 20 spreads long:
# nearly parallel rays, because nobody knows the camera.
_SPREAD, _FOCAL = 45.0, 900.0
_CAMERA = np.array([[_FOCAL, 0, 0], [0, _FOCAL, 0], [0, 0, 1]], np.float64)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pose:
    """Degrees. `yaw` is positive where the face looks to the picture's right, `pitch` where it
    looks up, `roll` where it is turned clockwise. `misfit` is the root mean square distance of the
    landmarks from where the turned model has them, as a share of their own spread: 0 fits.
    """

    yaw: float
    pitch: float
    roll: float
    misfit: float


FRONTAL: Final = Pose(yaw=0.0, pitch=0.0, roll=0.0, misfit=1.0)


def pose(landmarks: Points) -> Pose:
    """The rotation of a general head whose points are seen where these landmarks are.

    Perspective-n-Point by SQPnP (Terzakis & Lourakis, A Consistently Fast and Globally Optimal
    Solution to the Perspective-n-Point Problem, ECCV 2020), as OpenCV has it. A head of which
    nothing can be said, as all its points are one, is frontal with a misfit of 1.
    """
    points = np.asarray(landmarks, np.float64)
    offsets = points - points.mean(axis=0)
    spread = math.sqrt(float((offsets**2).sum(axis=1).mean()))
    if not math.isfinite(spread) or spread < 1e-6:
        return FRONTAL
    seen = offsets * (_SPREAD / spread)
    try:
        found, turn, shift = cv2.solvePnP(HEAD, seen, _CAMERA, None, flags=cv2.SOLVEPNP_SQPNP)
    except cv2.error:
        return FRONTAL
    if not found or not np.isfinite(turn).all():
        return FRONTAL
    fitted, _ = cv2.projectPoints(HEAD, turn, shift, _CAMERA, None)
    misfit = math.sqrt(float(((fitted.reshape(-1, 2) - seen) ** 2).sum(axis=1).mean()))
    yaw, pitch, roll = _degrees(np.asarray(cv2.Rodrigues(turn)[0], np.float64))
    return Pose(yaw=yaw, pitch=pitch, roll=roll, misfit=min(1.0, misfit / _SPREAD))


def _degrees(turn: np.ndarray) -> tuple[float, float, float]:
    """Yaw, pitch and roll, of a turn that is roll after pitch after yaw."""
    pitch = math.asin(max(-1.0, min(1.0, float(turn[2, 1]))))
    yaw = math.atan2(-float(turn[2, 0]), float(turn[2, 2]))
    roll = math.atan2(-float(turn[0, 1]), float(turn[1, 1]))
    return -math.degrees(yaw), -math.degrees(pitch), math.degrees(roll)
