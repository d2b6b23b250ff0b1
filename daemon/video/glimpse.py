"""A frame seen very small: enough to tell darkness, standing still and cuts. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

import cv2
import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

SIDE_PX: Final = 160
# The brightest hundredth decides what is dark: a lit face in the night is not.
_BRIGHTEST: Final = 99
# The grid in which two pictures are compared place by place: in means of so many pixels noise is
# gone, and somebody who comes in is not.
_PLACES: Final = 16, 9
# Contrast below which there is nothing to make richer but noise.
_SOME_SPREAD: Final = 4.0
# Its second map is not needed where the first one has two channels.
_REMAP: Any = cv2.remap
_FLOW: Any = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_ULTRAFAST)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Glimpse:
    """`grey` is the frame with its longest side at `SIDE_PX`; `brightness` is its mean and
    `brightest` what a hundredth of it exceeds, both 0 to 1; `spread` is the deviation of its grey
    levels (0 to 255).
    """

    grey: NDArray[np.uint8]
    brightness: float
    brightest: float
    spread: float

    @classmethod
    def of(cls, luma: NDArray[np.uint8]) -> Glimpse:
        """Of a frame in grey. Rows are left out until twice as many are there as are needed: means
        of all of a large frame cost as much as half of its decoding.
        """
        height, width = luma.shape
        scale = min(1.0, SIDE_PX / max(height, width))
        size = max(1, round(width * scale)), max(1, round(height * scale))
        rows = luma[:: max(1, height // (2 * size[1]))]
        return cls._of(np.asarray(cv2.resize(rows, size, interpolation=cv2.INTER_AREA), np.uint8))

    @classmethod
    def _of(cls, grey: NDArray[np.uint8]) -> Glimpse:
        counts = np.bincount(grey.ravel(), minlength=256)
        total = int(counts.sum())
        levels = np.arange(256)
        mean = float(counts @ levels) / total
        square = float(counts @ levels**2) / total
        brightest = int(np.searchsorted(np.cumsum(counts), _BRIGHTEST / 100 * total))
        return cls(
            grey=grey,
            brightness=mean / 255,
            brightest=brightest / 255,
            spread=max(0.0, square - mean**2) ** 0.5,
        )


def sharpness(luma: NDArray[np.uint8]) -> float:
    """How sharp a frame is beside another of the same scene: the energy of its gradient (Tenengrad;
    Krotkov 1988) in every eighth row.
    """
    rows, below = luma[:-1:8], luma[1::8]
    if not len(rows) or luma.shape[1] < 2:
        return 0.0
    across = cv2.norm(rows[:, 1:], np.ascontiguousarray(rows[:, :-1]), cv2.NORM_L2SQR)
    down = cv2.norm(below[: len(rows)], rows, cv2.NORM_L2SQR)
    return float(across + down) / rows.size


def change(one: Glimpse, other: Glimpse) -> float:
    """The mean difference of two frames' grey levels, 0 to 255; all of it where their sizes
    differ.
    """
    if one.grey.shape != other.grey.shape:
        return 255.0
    return float(cv2.norm(one.grey, other.grey, cv2.NORM_L1)) / one.grey.size


def local_change(one: Glimpse, other: Glimpse) -> float:
    """How much the mean grey level of a place changed where it changed most, 0 to 1."""
    if one.grey.shape != other.grey.shape:
        return 1.0
    size = tuple(map(min, _PLACES, reversed(one.grey.shape)))
    before, after = (
        cv2.resize(it.grey.astype(np.float32), size, interpolation=cv2.INTER_AREA)
        for it in (one, other)
    )
    return float(np.abs(after - before).max()) / 255


def motion(before: Glimpse, after: Glimpse) -> float:
    """How far the faster tenth of the picture moved, in shares of its longest side.

    Dense inverse search (Kroeger et al., Fast Optical Flow using Dense Inverse Search, ECCV 2016).
    """
    if before.grey.shape != after.grey.shape:
        return 1.0
    flow = _flow(before, after)
    lengths = np.hypot(flow[..., 0], flow[..., 1])
    return float(np.percentile(lengths, 90) / max(before.grey.shape))


def unexplained(before: Glimpse, after: Glimpse) -> float:
    """The mean difference of two frames' grey levels that is left when the first is moved along the
    optical flow to the second, and made as bright and as rich in contrast.
    """
    if before.grey.shape != after.grey.shape:
        return 255.0
    flow = _flow(after, before)
    moved = _REMAP(
        before.grey.astype(np.float32),
        flow + _places(*after.grey.shape),
        None,
        cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REPLICATE,
    )
    if before.spread >= _SOME_SPREAD <= after.spread:
        gain = after.spread / before.spread
        moved = gain * (moved - 255 * before.brightness) + 255 * after.brightness
    return float(np.abs(moved - after.grey).mean())


@lru_cache(maxsize=4)
def _places(height: int, width: int) -> NDArray[np.float32]:
    """Where each pixel is: height × width × (column, row)."""
    rows, columns = np.mgrid[:height, :width].astype(np.float32)
    return np.stack([columns, rows], axis=-1)


def _flow(before: Glimpse, after: Glimpse) -> NDArray[np.float32]:
    if min(before.grey.shape) < 16:  # smaller than the patches that are searched for
        return np.zeros((*before.grey.shape, 2), np.float32)
    return np.asarray(_FLOW.calc(before.grey, after.grey, None), np.float32)
