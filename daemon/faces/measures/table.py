"""Every measure of a face by the name of its column, with its unit and what is good."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from daemon.faces.measures import eyes, light, shape, sharpness, texture
from daemon.faces.measures.face import Face
from daemon.faces.measures.pose import pose

if TYPE_CHECKING:
    from collections.abc import Mapping

    from daemon.faces.values import Crop, Detection


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """`low` and `high` are what faces have, for drawing; `good` is 1 where more is better, −1 where
    less is, 0 where neither tells.
    """

    unit: str
    low: float
    high: float
    good: int
    says: str


MEASURES: Final[Mapping[str, Measure]] = {
    "sharpness": Measure(
        unit="grey levels²", low=0, high=1500, good=1, says="variance of the Laplacian"
    ),
    "tenengrad": Measure(
        unit="grey levels²/px²", low=0, high=400, good=1, says="mean square of the gradient"
    ),
    "blur": Measure(unit="share", low=0, high=1, good=-1, says="Crete's blur effect"),
    "detail": Measure(unit="log share", low=-7, high=0, good=1, says="fine detail"),
    "motion": Measure(unit="log ratio", low=0, high=3, good=-1, says="one direction more blurred"),
    "motion_angle": Measure(
        unit="degrees", low=-90, high=90, good=0, says="direction of the movement, clockwise"
    ),
    "brightness": Measure(unit="share", low=0, high=1, good=0, says="mean grey level"),
    "contrast": Measure(unit="share", low=0, high=0.5, good=1, says="deviation of grey levels"),
    "underexposed": Measure(unit="share", low=0, high=1, good=-1, says="how near to black"),
    "overexposed": Measure(unit="share", low=0, high=1, good=-1, says="how near to white"),
    "skin_spread": Measure(
        unit="share", low=0, high=0.1, good=-1, says="how much the skin's colour varies"
    ),
    "noise": Measure(unit="grey levels", low=0, high=30, good=-1, says="deviation of the noise"),
    "blockiness": Measure(unit="log ratio", low=0, high=2, good=-1, says="borders of blocks"),
    "flatness": Measure(unit="share", low=0, high=1, good=-1, says="share in which nothing varies"),
    "symmetry": Measure(unit="correlation", low=-1, high=1, good=1, says="how like the halves are"),
    "eyes_open": Measure(unit="log ratio", low=-3, high=1, good=1, says="how open the eyes are"),
    "eye_aspect_ratio": Measure(
        unit="ratio", low=0, high=0.5, good=1, says="the eyes' height by width, by 68 points"
    ),
    "size_px": Measure(unit="px", low=0, high=200, good=1, says="distance of the eyes"),
    "off_centre": Measure(
        unit="share", low=0, high=1, good=0, says="distance from the picture's middle"
    ),
    "cut_off": Measure(
        unit="share", low=0, high=1, good=-1, says="share of the box outside the picture"
    ),
    "yaw": Measure(unit="degrees", low=-90, high=90, good=0, says="turned to the right"),
    "pitch": Measure(unit="degrees", low=-90, high=90, good=0, says="turned up"),
    "roll": Measure(unit="degrees", low=-180, high=180, good=0, says="turned clockwise"),
    "misfit": Measure(unit="share", low=0, high=0.3, good=-1, says="landmarks unlike a head's"),
    "confidence": Measure(
        unit="probability", low=0, high=1, good=1, says="how sure the detector is"
    ),
    "agreement": Measure(
        unit="cosine", low=0, high=1, good=1, says="the vector's and the mirror image's"
    ),
    "norm": Measure(unit="length", low=1, high=2, good=1, says="the vector before it is scaled"),
    "stability": Measure(
        unit="share", low=0.5, high=1, good=1, says="how little the vector moves with the landmarks"
    ),
}


def measure(crop: Crop, detection: Detection, width: float, height: float) -> dict[str, float]:
    """All measures of one face that need no other model, by column. `width` and `height` are
    those of the picture in whose pixels `detection` is.
    """
    face = Face.of(crop)
    power = sharpness.spectrum(face.grey)
    strength, angle = sharpness.motion(power)
    turned = pose(crop.landmarks)
    box = detection.x, detection.y, detection.w, detection.h
    return {
        "sharpness": sharpness.laplacian_variance(face.grey),
        "tenengrad": sharpness.tenengrad(face.grey),
        "blur": sharpness.perceptual_blur(face.grey),
        "detail": sharpness.detail(power),
        "motion": strength,
        "motion_angle": angle,
        "brightness": light.brightness(face.grey),
        "contrast": light.contrast(face.grey),
        "underexposed": light.underexposed(face.grey),
        "overexposed": light.overexposed(face.grey),
        "skin_spread": light.skin_spread(face.inner),
        "noise": texture.noise(face.grey),
        "blockiness": texture.blockiness(face.stored),
        "flatness": texture.flatness(face.grey),
        "symmetry": shape.symmetry(face.grey),
        "eyes_open": eyes.openness(face.eyes),
        "size_px": face.size_px,
        "off_centre": shape.off_centre(box, width, height),
        "cut_off": shape.cut_off(box, width, height),
        "yaw": turned.yaw,
        "pitch": turned.pitch,
        "roll": turned.roll,
        "misfit": turned.misfit,
        "confidence": float(detection.confidence),
    }
