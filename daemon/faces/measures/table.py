"""Every measure of a face that needs no other model. What they mean: `catalog.measures`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from daemon.faces.measures import eyes, light, shape, sharpness, texture
from daemon.faces.measures.face import Face
from daemon.faces.measures.pose import pose

if TYPE_CHECKING:
    from daemon.faces.values import Crop, Detection


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
