"""What a sensor and a file format add to a face: noise and blocks."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Grey = NDArray[np.float32]

# The difference of two Laplacians: it cancels edges and leaves noise with a deviation of six times
# the noise's own.
_MASK = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], np.float32)
_MASK_GAIN = 6.0
_MEDIAN_TO_SIGMA = 1.4826  # of the absolute values of a normal distribution
_BLOCK = 8  # JPEG's, and MPEG's, transform is of 8 × 8 pixels
# Less than this between neighbours is rounding.
_STEP = 0.1
_FLAT = 1 / 3


def noise(grey: Grey) -> float:
    """The standard deviation of the noise, grey levels, 0 to about 100 (Immerkær, Fast Noise
    Variance Estimation, CVIU 1996; by the median, so that a face's own lines do not count).
    """
    residual = np.abs(cv2.filter2D(grey, cv2.CV_32F, _MASK))
    return float(np.median(residual)) * _MEDIAN_TO_SIGMA / _MASK_GAIN


def blockiness(grey: Grey) -> float:
    """How much more neighbours differ across the borders of 8 × 8 blocks than elsewhere, as a
    logarithm: 0 no blocks, to about 4 (after Wang, Sheikh, Bovik, No-Reference Perceptual Quality
    Assessment of JPEG Compressed Images, ICIP 2002; the blocks may begin anywhere, because this is
    cut out of a picture).

    `grey` is the stored crop, not aligned. 0 where it is less than three blocks wide or high.
    """
    return _phases(grey, axis=1) + _phases(grey, axis=0)


def _phases(grey: Grey, *, axis: int) -> float:
    if grey.shape[axis] < 3 * _BLOCK:
        return 0.0
    steps = np.abs(np.diff(grey, axis=axis)).mean(axis=1 - axis)
    means = sorted(float(steps[phase::_BLOCK].mean()) for phase in range(_BLOCK))
    return math.log((means[-1] + _STEP) / (means[-2] + _STEP))


def flatness(grey: Grey) -> float:
    """Share of the face in which nothing varies, 0 to 1: what strong compression, smoothing and
    drawn or covered faces have in common. A gradient of less than a third of a grey level a pixel
    is none; noise of any camera has more.
    """
    across = np.abs(np.diff(grey, axis=1))[:-1]
    down = np.abs(np.diff(grey, axis=0))[:, :-1]
    return float((across + down < _FLAT).mean()) if across.size else 1.0
