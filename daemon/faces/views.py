"""Parts of a picture as a detector is shown them, and the way back into the picture. Pure."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import cv2
import numpy as np

from daemon.faces.align import as_picture

if TYPE_CHECKING:
    from daemon.faces.values import Detection, Picture


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class View:
    """What a detector is shown: `picture`, whose pixel (i, j) shows the whole picture at (left +
    i·across, top + j·down).
    """

    picture: Picture
    left: float = 0.0
    top: float = 0.0
    across: float = 1.0
    down: float = 1.0

    def placed(self, face: Detection) -> Detection:
        """A face of the view, in pixels of the whole picture (see `taken`)."""
        scale = np.array([self.across, self.down], np.float32)
        corner = np.array([self.left, self.top], np.float32)
        return replace(
            face,
            x=self.left + face.x * self.across,
            y=self.top + face.y * self.down,
            w=face.w * self.across,
            h=face.h * self.down,
            landmarks=(face.landmarks * scale + corner).astype(np.float32),
        )

    def taken(self, face: Detection) -> Detection:
        """A face of the whole picture, in pixels of the view, which is not shrunk."""
        corner = np.array([self.left, self.top], np.float32)
        landmarks = (face.landmarks - corner).astype(np.float32)
        return replace(face, x=face.x - self.left, y=face.y - self.top, landmarks=landmarks)


def shrunk(picture: Picture, longest_px: int) -> View:
    """The whole picture with its longest side at most `longest_px`; the same array where it is
    small already.

    It is halved by means as often as can be and interpolated between two pixels for the rest: six
    to eight times as fast as means of an odd number of pixels, and YuNet's points differ by 0.1 %
    of a face's width (median; 1.6 % at most, 26 photographs).
    """
    height, width = picture.shape[:2]
    factor = longest_px / max(height, width)
    if factor >= 1:
        return View(picture=picture)
    wanted = max(1, round(width * factor)), max(1, round(height * factor))
    halvings = 0
    while picture.shape[1] >= 2 * wanted[0] and picture.shape[0] >= 2 * wanted[1]:
        half = picture.shape[1] // 2, picture.shape[0] // 2
        even = picture[: 2 * half[1], : 2 * half[0]]  # an odd last row would make it a slow mean
        picture = as_picture(cv2.resize(even, half, interpolation=cv2.INTER_AREA))
        halvings += 1
    across, down = (
        2**halvings * side / want for side, want in zip(picture.shape[1::-1], wanted, strict=True)
    )
    if (picture.shape[1], picture.shape[0]) != wanted:
        picture = as_picture(cv2.resize(picture, wanted, interpolation=cv2.INTER_LINEAR))
    return View(picture=picture, across=across, down=down)


def window(picture: Picture, middle: tuple[float, float], side: float, longest_px: int) -> View:
    """A square of `side` pixels around `middle`, moved into the picture and clipped to it, with
    its longest side `longest_px`: shrunk or enlarged.
    """
    height, width = picture.shape[:2]
    whole = max(1, round(side))
    left = max(0, min(round(middle[0] - side / 2), width - whole))
    top = max(0, min(round(middle[1] - side / 2), height - whole))
    part = picture[top : top + whole, left : left + whole]
    factor = longest_px / max(part.shape[:2])
    if factor < 1:
        inner = shrunk(part, longest_px)
    else:
        size = max(1, round(part.shape[1] * factor)), max(1, round(part.shape[0] * factor))
        larger = as_picture(cv2.resize(part, size, interpolation=cv2.INTER_LINEAR))
        inner = View(picture=larger, across=part.shape[1] / size[0], down=part.shape[0] / size[1])
    return View(
        picture=inner.picture,
        left=float(left),
        top=float(top),
        across=inner.across,
        down=inner.down,
    )


def part(picture: Picture, middle: tuple[float, float], half: float) -> View:
    """A copy of the square around `middle`, clipped to the picture, in its own pixels: what is kept
    where the whole picture would be too much.
    """
    height, width = picture.shape[:2]
    left, top = max(0, math.floor(middle[0] - half)), max(0, math.floor(middle[1] - half))
    right, bottom = (
        min(width, math.ceil(middle[0] + half)),
        min(height, math.ceil(middle[1] + half)),
    )
    cut = picture[top : max(bottom, top + 1), left : max(right, left + 1)].copy()
    return View(picture=cut, left=float(left), top=float(top))


def padded(picture: Picture, multiple: int = 32) -> tuple[int, int]:
    """Height and width of a picture, each up to the next multiple."""
    height, width = picture.shape[:2]
    return -(-height // multiple) * multiple, -(-width // multiple) * multiple
