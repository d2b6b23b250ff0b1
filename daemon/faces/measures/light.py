"""How a face is lit. Each takes the inner part of an aligned face in grey, float32 of 0 to 255, or
in colour, and gives shares of the whole range.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from daemon.faces.values import Picture

    Grey = NDArray[np.float32]

# A quarter of the range at either end: what is told apart there by eye, and by a sensor, is little.
_SHADE = 64.0


def brightness(grey: Grey) -> float:
    """Mean of the grey levels, 0 to 1."""
    return float(grey.mean()) / 255


def contrast(grey: Grey) -> float:
    """Standard deviation of the grey levels, 0 to 0.5 (RMS contrast: Peli, Contrast in Complex
    Images, JOSA A 1990).
    """
    return float(grey.std()) / 255


def underexposed(grey: Grey) -> float:
    """How near to black the face is: mean of how far levels are below a quarter of the range, as a
    share of it, 0 none to 1 all black.
    """
    return float(np.maximum(0.0, 1 - grey / _SHADE).mean())


def overexposed(grey: Grey) -> float:
    """How near to white the face is, 0 none to 1 all white; see `underexposed`."""
    return float(np.maximum(0.0, 1 - (255 - grey) / _SHADE).mean())


def skin_spread(inner: Picture) -> float:
    """How much the colour of the skin varies: mean distance of Cr and Cb from their median over
    cheeks and nose, 0 to about 0.3 of the whole range. What covers a face, or colours part of it,
    raises it; grey pictures have 0.

    Chrominance apart from light: Hsu et al., Face Detection in Color Images, PAMI 2002.
    """
    colours = cv2.cvtColor(inner, cv2.COLOR_RGB2YCrCb)[..., 1:].astype(np.float32)
    height, width = colours.shape[:2]
    rows = slice(int(0.40 * height), max(1, int(0.68 * height)))
    skin = colours[rows, int(0.08 * width) : max(1, int(0.92 * width))].reshape(-1, 2)
    middle = np.median(skin, axis=0)
    return float(np.abs(skin - middle).mean()) / 255
