"""What the measures look at of one face, drawn once."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import cv2
import numpy as np

from daemon.faces.align import similarity, warp
from daemon.faces.geometry import INSIGHTFACE_112
from daemon.faces.measures import eyes

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from daemon.faces.align import Matrix
    from daemon.faces.values import Crop, Picture

_SIDE_PX: Final = 112
_POINTS: Final = np.array(INSIGHTFACE_112, np.float64)
# From above the brows to below the lips, without hair and background.
_INNER: Final = slice(26, 106), slice(16, 96)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Face:
    """`inner` is the inner part of the face, 80 × 80 RGB, aligned so that the eyes are 35 pixels
    apart, and `grey` the same in grey, float32 of 0 to 255; `stored` is the whole crop in grey, and
    `eyes` are patches of it around the right and the left eye, drawn larger; `scale` is how many
    pixels of the full-size picture one of `inner` shows.
    """

    inner: Picture
    grey: NDArray[np.float32]
    stored: NDArray[np.float32]
    eyes: tuple[NDArray[np.float32], NDArray[np.float32]]
    scale: float

    @classmethod
    def of(cls, crop: Crop) -> Face:
        matrix = similarity(crop.landmarks, _POINTS)
        aligned = warp(crop.picture, matrix, _SIDE_PX, _SIDE_PX)
        inner = np.ascontiguousarray(aligned[_INNER])
        enlarges = math.sqrt(abs(float(np.linalg.det(matrix[:, :2]))))
        spread = float(np.ptp(crop.landmarks, axis=0).max())
        return cls(
            inner=inner,
            grey=_grey(inner),
            stored=_grey(crop.picture),
            eyes=(_eye(crop, matrix, 0), _eye(crop, matrix, 1)),
            scale=crop.scale / enlarges if spread > 0 and enlarges > 0 else 0.0,
        )

    @property
    def size_px(self) -> float:
        """How far apart the eyes would be in the full-size picture if the face looked at the
        camera, as the whole set of landmarks tells it, so that a head in profile is not small.
        """
        return float(_POINTS[1][0] - _POINTS[0][0]) * self.scale


def _eye(crop: Crop, matrix: Matrix, which: int) -> NDArray[np.float32]:
    """The patch around an eye, upright, with a pixel on each side for the gradient."""
    width, height = eyes.PATCH_WIDTH + 2, eyes.PATCH_HEIGHT + 2
    enlarged = matrix * eyes.ENLARGED
    x, y = enlarged[:, :2] @ crop.landmarks[which] + enlarged[:, 2]
    enlarged[:, 2] += (width / 2 - x, height / 2 - eyes.BELOW - y)
    return _grey(warp(crop.picture, enlarged, width, height))


def _grey(picture: Picture) -> NDArray[np.float32]:
    # Of floating numbers, because noise is a fraction of a grey level.
    return np.asarray(cv2.cvtColor(picture.astype(np.float32), cv2.COLOR_RGB2GRAY), np.float32)
