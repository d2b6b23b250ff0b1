"""How sharp a face is, by methods that look at it differently, and which way it was moved.

Each takes the inner part of an aligned face in grey, height × width float32 of 0 to 255, always
drawn at one size, so that what is measured does not depend on how large the picture was.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Grey = NDArray[np.float32]
    Waves = NDArray[np.float64]

# Crete's filter: nine pixels, as in the paper.
_CRETE_PX = 9
# Cycles a pixel. Below the first lies the light on the face, above the last mostly noise.
_DETAIL = (0.14, 0.36)
_SHAPE = 0.02
_MOTION = (0.08, 0.30)
_WEDGES = 12
# What the wedges of faces have by eyes, brows and mouth: the mean of the logarithm of their power
# over Labeled Faces in the Wild and its mirror images, less the mean of all wedges.
_USUAL = (-0.06, -0.27, -0.33, -0.26, -0.08, 0.61, 0.70, 0.61, -0.08, -0.26, -0.33, -0.27)
_ALMOST_NONE = 1e-3


def laplacian_variance(grey: Grey) -> float:
    """Variance of the Laplacian, grey levels squared, 0 to about 10,000; more is sharper, and so is
    noise (Pech-Pacheco et al., Diatom Autofocusing in Brightfield Microscopy, ICPR 2000).
    """
    return float(cv2.Laplacian(grey, cv2.CV_32F).var())


def tenengrad(grey: Grey) -> float:
    """Mean square of the Sobel gradient, grey levels a pixel squared, 0 to about 10,000; more is
    sharper (Krotkov, Focusing, IJCV 1988).
    """
    across, down = gradient(grey)
    return float((across * across + down * down).mean())


def gradient(grey: Grey) -> tuple[Grey, Grey]:
    """Sobel's derivatives to the right and downwards, grey levels a pixel."""
    scale = 1 / 8  # Sobel's weights add up to eight
    across = cv2.Sobel(grey, cv2.CV_32F, 1, 0, scale=scale)
    down = cv2.Sobel(grey, cv2.CV_32F, 0, 1, scale=scale)
    return np.asarray(across, np.float32), np.asarray(down, np.float32)


def perceptual_blur(grey: Grey) -> float:
    """How little a picture loses by being blurred: 0 sharp, 1 nothing to lose (Crete et al., The
    Blur Effect, SPIE 2007). The worse of the two directions; 1 where nothing varies.
    """
    return max(_loss(grey), _loss(np.ascontiguousarray(grey.T)))


def _loss(grey: Grey) -> float:
    blurred = cv2.blur(grey, (min(_CRETE_PX, grey.shape[1]), 1))
    before, after = np.abs(np.diff(grey, axis=1)), np.abs(np.diff(blurred, axis=1))
    varied = float(before.sum())
    if varied < _ALMOST_NONE:
        return 1.0
    return 1.0 - float(np.maximum(0.0, before - after).sum()) / varied


def detail(power: Waves) -> float:
    """Logarithm of the share of fine detail in the power spectrum, −∞ cut at −7, to 0; more is
    sharper (share of high frequencies, after Firestone et al., Comparison of Autofocus Methods for
    Automated Microscopy, Cytometry 1991). `power` is from `spectrum`.
    """
    frequency, _ = _plane(*power.shape)
    everything = float(power[frequency > _SHAPE].sum())
    fine = float(power[(frequency >= _DETAIL[0]) & (frequency < _DETAIL[1])].sum())
    return math.log(fine / everything + _ALMOST_NONE) if everything > _ALMOST_NONE else -7.0


def motion(power: Waves) -> tuple[float, float]:
    """How much more one direction is blurred than the one across it, and which: the amplitude of
    the logarithm of the power over the directions, beside what faces have (0 to about 3; most sharp
    and most defocused faces have less than 0.8), and by how many degrees the movement is turned
    clockwise from horizontal, −90 to 90.

    Defocus weakens all directions alike; a movement weakens the waves along it (as in Krahmer et
    al., Blind Image Deconvolution: Motion Blur Estimation, 2006). `power` is from `spectrum`.
    """
    wedges, angles = _wedges(*power.shape)
    energy = np.log(power.reshape(-1) @ wedges + 1.0) - _USUAL
    # Directions have a period of half a turn.
    strongest = complex((energy * np.exp(2j * angles)).mean())
    return 2 * abs(strongest), math.degrees(math.atan2(-strongest.imag, -strongest.real)) / 2


def spectrum(grey: Grey) -> Waves:
    """Power by frequency, height × (width // 2 + 1), under Hann's window and without the mean."""
    window = _window(*grey.shape)
    transformed = np.fft.rfft2((grey - grey.mean()) * window)
    power: Waves = transformed.real**2 + transformed.imag**2
    return power


@lru_cache(maxsize=8)
def _window(height: int, width: int) -> Grey:
    return np.outer(np.hanning(height), np.hanning(width)).astype(np.float32)


@lru_cache(maxsize=8)
def _plane(height: int, columns: int) -> tuple[Waves, Waves]:
    """Cycles a pixel, and the direction in radians, of each place of a spectrum."""
    width = max(1, 2 * (columns - 1))
    down, across = np.meshgrid(np.fft.fftfreq(height), np.fft.rfftfreq(width), indexing="ij")
    return np.hypot(across, down), np.arctan2(down, across)


@lru_cache(maxsize=8)
def _wedges(height: int, columns: int) -> tuple[Waves, Waves]:
    """Places × wedges: the mean over the places of a wedge as a product; and the wedges' angles."""
    frequency, direction = _plane(height, columns)
    band = (frequency >= _MOTION[0]) & (frequency < _MOTION[1])
    angles = np.arange(_WEDGES) * np.pi / _WEDGES
    apart = np.abs(np.angle(np.exp(2j * (direction[..., None] - angles))) / 2)
    # Wedges overlap by half, so that no direction falls between two.
    inside = (band[..., None] & (apart < np.pi / _WEDGES)).reshape(-1, _WEDGES).astype(np.float64)
    return inside / np.maximum(inside.sum(axis=0), 1.0), angles
