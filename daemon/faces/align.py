"""From a detection to the stored crop, and from the stored crop to a recognition model's own
geometry. Pure.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from numpy.typing import NDArray

from daemon.faces.values import Crop, Detection, Picture, Points

if TYPE_CHECKING:
    from daemon.faces.geometry import Geometry
    from daemon.settings import Crops

Matrix = NDArray[np.float64]
"""2 × 3: the linear part and the shift."""
_ONE_POINT = 1e-9  # square pixels of spread below which points count as one
# Crops smaller than this share of the largest hold faces below some 75 pixels, whose few pixels
# suffer: of faces 30 px wide 85.3 % are told apart at quality 98 (TAR at FMR 1e-3), 78.9 % at 90,
# 86.1 % without loss, for 2 kB more a crop. Of faces 93 px wide it is the same at 75 and 95.
_SMALL, _FINE = 0.7, 98
_MOST_SAMPLES = 8  # a side, for each pixel of a chip; beyond it a crop shrinks by area first


def cut(picture: Picture, detection: Detection, scale_to_full: float, crops: Crops) -> Crop:
    """The stored crop of a face: a square around its box with room, clipped to the picture, as JPEG
    and decoded again.

    `scale_to_full` is how many pixels of the full-size picture one pixel of `picture` shows. The
    crop is shrunk by area to at most `crops.size` and never enlarged. Along its shorter side it is
    exact to half a crop pixel.
    """
    left, top, right, bottom = _region(picture, detection, crops.margin)
    region = np.asarray(picture[top:bottom, left:right], np.uint8)
    longest = max(region.shape[:2])
    scale = max(1.0, longest / crops.size)
    size = (max(1, round(region.shape[1] / scale)), max(1, round(region.shape[0] / scale)))
    if scale > 1:
        region = as_picture(cv2.resize(region, size, interpolation=cv2.INTER_AREA))
    return stored_crop(
        _encode(region, quality_of(max(size), crops)),
        detection.landmarks * scale_to_full,
        scale=scale * scale_to_full,
        x=left * scale_to_full,
        y=top * scale_to_full,
    )


def reach(detection: Detection, margin: float) -> float:
    """Half the side of the square that a crop of this face is cut from, in the picture's pixels."""
    return max(detection.w, detection.h, 1.0) * (0.5 + margin)


def quality_of(side_px: int, crops: Crops) -> int:
    """The JPEG quality of a crop whose longest side is `side_px`: small faces are worth more."""
    small = side_px < _SMALL * crops.size
    return max(crops.jpeg_quality, _FINE) if small else crops.jpeg_quality


def stored_crop(jpeg: bytes, landmarks: Points, *, scale: float, x: float, y: float) -> Crop:
    """A crop as the catalog has it; `landmarks` are pixels of the full-size picture."""
    placed = (np.asarray(landmarks, np.float64) - (x, y)) / scale
    return Crop(
        jpeg=jpeg,
        picture=decode(jpeg),
        landmarks=placed.astype(np.float32),
        scale=scale,
        x=x,
        y=y,
    )


def decode(jpeg: bytes) -> Picture:
    """The RGB picture in the bytes of a JPEG file. Raises ValueError where they are none."""
    bgr = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
    if bgr is None:
        raise ValueError(f"{len(jpeg)} bytes that are no JPEG picture")
    return as_picture(cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB))


def chip(crop: Crop, geometry: Geometry) -> Picture:
    """The crop warped so that its landmarks fall onto the geometry's points as nearly as a
    similarity, stretched as the geometry says, can.

    Where the crop shrinks, each pixel of the chip is the mean of a grid of samples, so that nothing
    aliases. What lies outside the crop repeats its border.
    """
    target = np.array(geometry.points, np.float64)
    matrix = similarity(crop.landmarks, target / (geometry.stretch, 1))
    matrix[0] *= geometry.stretch
    return warp(crop.picture, matrix, geometry.width, geometry.height)


def warp(picture: Picture, matrix: Matrix, width: int, height: int) -> Picture:
    """The picture under a map from its pixels to the result's, both measured from the corner of the
    first pixel.
    """
    shrinks = 1 / max(1e-6, math.sqrt(abs(np.linalg.det(matrix[:, :2]))))
    samples = min(_MOST_SAMPLES, max(1, math.ceil(shrinks - 1e-3)))
    fine = matrix * samples
    # OpenCV counts from the middle of the first pixel.
    fine[:, 2] += 0.5 * (fine[:, 0] + fine[:, 1]) - 0.5
    warped: Any = cv2.warpAffine(
        picture,
        fine,
        (width * samples, height * samples),
        flags=cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REPLICATE,
    )
    if samples > 1:
        warped = cv2.resize(warped, (width, height), interpolation=cv2.INTER_AREA)
    return as_picture(warped)


def as_picture(values: Any) -> Picture:
    """What OpenCV gives back, with the type that it has."""
    return np.asarray(values, np.uint8)


def similarity(source: Points, target: NDArray[np.float64]) -> Matrix:
    """The rotation, uniform scale and shift that bring `source` nearest to `target` in least
    squares, without mirroring.

    Umeyama, Least-Squares Estimation of Transformation Parameters Between Two Point Patterns, PAMI
    1991. Where the source's points are all one, the scale is 1.
    """
    source = source.astype(np.float64)
    source_mean, target_mean = source.mean(axis=0), target.mean(axis=0)
    from_mean, to_mean = source - source_mean, target - target_mean
    # In the plane the solution is closed: one complex number is rotation and scale.
    spread = float((from_mean**2).sum())
    along = float((from_mean * to_mean).sum())
    across = float((from_mean[:, 0] * to_mean[:, 1] - from_mean[:, 1] * to_mean[:, 0]).sum())
    turn = np.array([[along, -across], [across, along]])
    linear = np.eye(2) if spread < _ONE_POINT else turn / spread
    shift = target_mean - linear @ source_mean
    return np.concatenate([linear, shift[:, None]], axis=1)


def _region(picture: Picture, detection: Detection, margin: float) -> tuple[int, int, int, int]:
    """Left, top, right, bottom of the square around the box with room, whole pixels, at least one,
    inside the picture.
    """
    height, width = picture.shape[:2]
    half = reach(detection, margin)
    x, y = detection.x + detection.w / 2, detection.y + detection.h / 2
    left = min(max(0, math.floor(x - half)), width - 1)
    top = min(max(0, math.floor(y - half)), height - 1)
    right = max(min(width, math.ceil(x + half)), left + 1)
    bottom = max(min(height, math.ceil(y + half)), top + 1)
    return left, top, right, bottom


def _encode(picture: Picture, quality: int) -> bytes:
    done, data = cv2.imencode(
        ".jpg", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, quality]
    )
    if not done:
        raise ValueError(f"OpenCV cannot encode a picture of {picture.shape}")
    return bytes(data)
