"""The calibration that an embedder starts with, before anybody calibrated it with own faces."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from daemon.faces.registry import KNOWN_SHA256
from daemon.people.curve import Calibration, Curve

if TYPE_CHECKING:
    from collections.abc import Mapping

_LFW: Final = "built in: all pairs of 3,031 pictures of Labeled Faces in the Wild"
_GUESSED: Final = "published by DeepFace for other crops, not measured"
BROUGHT: Final = (_LFW, _GUESSED)
"""The sources of what Rollcall brings along."""
_DLIB_SHA256: Final = KNOWN_SHA256["dlib_face_recognition_resnet_model_v1.dat"]

# By geometry, for Dlib's known weights. Printed by `python -m benchmarks.calibration`.
_DLIB: Final[Mapping[str, Calibration]] = {
    "dlib150-v2+mirror": Calibration(
        source=_LFW,
        curve=Curve(slope=177.7, intercept=-161.7),
        thresholds={"strict": 0.9443, "group": 0.9343, "balanced": 0.9296, "lenient": 0.9118},
    ),
    "dlib150-v2": Calibration(
        source=_LFW,
        curve=Curve(slope=164.7, intercept=-149.1),
        thresholds={"strict": 0.9414, "group": 0.9314, "balanced": 0.9267, "lenient": 0.9084},
    ),
}

# Cosine distances at which DeepFace calls two faces one person (deepface/config/threshold.py),
# tuned on its own crops. Ours differ, so these are a place to start from and no more.
_PUBLISHED: Final[Mapping[str, float]] = {
    "Dlib": 0.07,
    "ArcFace": 0.68,
    "SFace": 0.593,
    "GhostFaceNet": 0.65,
    "Facenet": 0.40,
    "Facenet512": 0.30,
    "VGG-Face": 0.68,
    "OpenFace": 0.10,
    "DeepFace": 0.23,
    "DeepID": 0.015,
    "Buffalo_L": 0.55,
}


def starting(model: str, weights_sha256: str, geometry: str) -> Calibration:
    """What was measured with this model, these weights and this geometry, else what is published
    of the model.
    """
    if model == "Dlib" and weights_sha256 == _DLIB_SHA256 and geometry in _DLIB:
        return _DLIB[geometry]
    return published(model)


def published(model: str) -> Calibration:
    """A calibration of Dlib's measured shape, stretched to the model's published distance."""
    distance = _PUBLISHED.get(model, 0.5)
    threshold = 1.0 - distance
    slope = 12.0 / distance
    return Calibration(
        source=_GUESSED,
        curve=Curve(slope=slope, intercept=3.5 - slope * threshold),
        thresholds={
            "strict": threshold + 0.2 * distance,
            "group": threshold + 0.07 * distance,
            "balanced": threshold,
            "lenient": threshold - 0.25 * distance,
        },
        measured=False,
    )
