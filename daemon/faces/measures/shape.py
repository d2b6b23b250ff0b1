"""Where a face lies in its picture, how large it is, and how like its two halves are."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Grey = NDArray[np.float32]
    Box = tuple[float, float, float, float]

# Pixels around which light is evened out before the halves are compared.
_LOCAL_PX = 15
_ALMOST_NONE = 1e-3


def symmetry(grey: Grey) -> float:
    """Correlation of the left half with the mirrored right half after evening out the light, −1 to
    1; a face turned aside, lit from one side or covered on one has less (after the light and pose
    symmetry of Gao et al., Standardization of Face Image Sample Quality, ICB 2007).
    """
    half = grey.shape[1] // 2
    if half < 1:
        return 0.0
    left = _evened(grey[:, :half])
    right = _evened(np.ascontiguousarray(grey[:, ::-1][:, :half]))
    size = math.sqrt(float((left * left).sum()) * float((right * right).sum()))
    return float((left * right).sum()) / size if size > _ALMOST_NONE else 0.0


def _evened(grey: Grey) -> Grey:
    return grey - np.asarray(cv2.blur(grey, (_LOCAL_PX, _LOCAL_PX)), np.float32)


def off_centre(box: Box, width: float, height: float) -> float:
    """How far the middle of a face is from the middle of its picture: 0, to 1 in a corner."""
    x, y, w, h = box
    across, down = x + w / 2 - width / 2, y + h / 2 - height / 2
    half = math.hypot(width, height) / 2
    return min(1.0, math.hypot(across, down) / half) if half > 0 else 0.0


def cut_off(box: Box, width: float, height: float) -> float:
    """Share of a face's box that lies outside its picture, 0 to 1."""
    x, y, w, h = box
    inside = max(0.0, min(width, x + w) - max(0.0, x)) * max(0.0, min(height, y + h) - max(0.0, y))
    return 1.0 - min(1.0, inside / (w * h)) if w > 0 and h > 0 else 0.0
