"""The eight EXIF orientations: how a stored picture is turned and mirrored to be upright."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    from daemon.faces.values import Picture

# After transposing (5-8): cv2's flip code. 1 mirrors left and right, 0 top and bottom, -1 both.
_FLIPS = {2: 1, 3: -1, 4: 0, 6: 1, 7: -1, 8: 0}
_FROM_THE_END = (3, 4, 6, 7)


def upright(picture: Picture, orientation: int) -> Picture:
    """The stored picture turned as orientation 1-8 asks (CIPA DC-008, 4.6.5), C-contiguous."""
    if orientation >= 5:
        picture = np.asarray(cv2.transpose(picture), np.uint8)
    if orientation in _FLIPS:
        picture = np.asarray(cv2.flip(picture, _FLIPS[orientation]), np.uint8)
    return np.ascontiguousarray(picture)


def upright_shape(height: int, width: int, orientation: int) -> tuple[int, int]:
    """Height and width of the upright picture."""
    return (width, height) if orientation >= 5 else (height, width)


def place_of_rows(picture: Picture, top: int, bottom: int, orientation: int) -> Picture:
    """The part of the upright `picture` that the stored rows from `top` to `bottom` fill, as a
    view.
    """
    rows = picture.shape[1] if orientation >= 5 else picture.shape[0]
    if orientation in _FROM_THE_END:
        top, bottom = rows - bottom, rows - top
    return picture[:, top:bottom] if orientation >= 5 else picture[top:bottom]
