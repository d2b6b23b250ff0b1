"""How much a face can tell: one score from its size, its sharpness and the detector's confidence.
Pure.

Each measure becomes a factor 0-1 that grows with it; the score is their weighted geometric mean, so
that no measure makes up for one that is hopeless. The constants are read off the faces of Labeled
Faces in the Wild and of the example photographs.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

import cv2
import numpy as np

from catalog.records import QualityRecord
from daemon.faces.align import similarity, warp
from daemon.faces.geometry import INSIGHTFACE_112

if TYPE_CHECKING:
    from daemon.faces.values import Crop, Detection, Picture, Points

VERSION: Final = "1"

_POINTS: Final = INSIGHTFACE_112
_SIDE_PX: Final = 112
_EYES_PX: Final = _POINTS[1][0] - _POINTS[0][0]

# Each measure at which its factor is one half, and its weight in the mean.
_HALF_SIZE_PX: Final = 14.0
_HALF_SHARPNESS: Final = 30.0
_HALF_CONFIDENCE: Final = 0.7
_WEIGHTS: Final = {"size_px": 0.35, "sharpness": 0.25, "confidence": 0.40}
_POOR: Final = 0.5  # a factor below this is a reason
_REASONS: Final = {
    "size_px": "the face is small",
    "sharpness": "the face is blurred",
    "confidence": "the detector is not sure",
}


def score(crop: Crop, detection: Detection) -> QualityRecord:
    """The quality of one face.

    `size_px` is the distance of the eyes in the full-size picture, as the whole set of landmarks
    tells it, so that a head in profile does not count as small; `sharpness` the variance of the
    Laplacian of the face at a fixed size; `confidence` the detector's.
    """
    measures = {
        "size_px": eye_distance_px(crop),
        "sharpness": sharpness(crop),
        "confidence": float(detection.confidence),
    }
    factors = {
        "size_px": _rising(measures["size_px"], _HALF_SIZE_PX),
        "sharpness": _rising(measures["sharpness"], _HALF_SHARPNESS),
        "confidence": _rising(measures["confidence"], _HALF_CONFIDENCE, steepness=6.0),
    }
    total = math.prod([factors[name] ** weight for name, weight in _WEIGHTS.items()])
    return QualityRecord(
        version=VERSION,
        score=total,
        measures=measures,
        reasons=tuple(_REASONS[name] for name, factor in factors.items() if factor < _POOR),
    )


def eye_distance_px(crop: Crop) -> float:
    """How far apart the eyes would be in the full-size picture if the face looked at the camera."""
    to_chip = similarity(crop.landmarks, np.array(_POINTS))
    enlarges = math.sqrt(abs(float(np.linalg.det(to_chip[:, :2]))))
    return _EYES_PX / enlarges * crop.scale if _spread(crop.landmarks) > 0 else 0.0


def sharpness(crop: Crop) -> float:
    """Variance of the Laplacian of the aligned face in grey, 112 pixels wide."""
    matrix = similarity(crop.landmarks, np.array(_POINTS))
    face: Picture = warp(crop.picture, matrix, _SIDE_PX, _SIDE_PX)
    grey = cv2.cvtColor(face, cv2.COLOR_RGB2GRAY).astype(np.float32)
    return float(cv2.Laplacian(grey, cv2.CV_32F).var())


def _rising(value: float, half: float, *, steepness: float = 2.0) -> float:
    """0 at 0, one half at `half`, towards 1 beyond: Hill's curve, which grows everywhere."""
    powered = math.pow(max(0.0, value) / half, steepness)
    return powered / (1 + powered)


def _spread(points: Points) -> float:
    return float(np.ptp(points, axis=0).max())
