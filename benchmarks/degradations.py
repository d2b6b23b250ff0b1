"""Photographs made worse the way cameras, senders and bystanders do it: seven kinds in five
strengths each, and some more that only fitting sees. Pure: a picture and a generator in, a picture
out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.typing import NDArray

    from daemon.faces.values import Picture

    Box = tuple[float, float, float, float]
    Degradation = Callable[[Picture, int, np.random.Generator, Box], Picture]

STRENGTHS = 5
# A sensor's full well of electrons and its read noise as a share of it, at the gain of a dark room.
_WELL, _READ_NOISE = 1000.0, 0.0025
_GAMMA = 2.2


def defocus(picture: Picture, strength: int, _: np.random.Generator, __: Box) -> Picture:
    """A lens out of focus: every point a disc."""
    radius = (1.5, 2.5, 3.5, 5.0, 6.5)[strength]
    reach = int(np.ceil(radius))
    down, across = np.mgrid[-reach : reach + 1, -reach : reach + 1]
    return _filtered(picture, np.clip(radius + 0.5 - np.hypot(across, down), 0, 1))


def motion(picture: Picture, strength: int, draw: np.random.Generator, _: Box) -> Picture:
    """A movement in any direction: every point a line."""
    return moved(picture, (5, 9, 13, 18, 24)[strength], float(draw.uniform(0, 180)))


def moved(picture: Picture, length: int, degrees: float) -> Picture:
    """A movement over so many pixels, turned clockwise from horizontal."""
    angle, reach = np.radians(degrees), length // 2 + 1
    down, across = np.mgrid[-reach : reach + 1, -reach : reach + 1]
    along = across * np.cos(angle) + down * np.sin(angle)
    beside = down * np.cos(angle) - across * np.sin(angle)
    line = np.clip(length / 2 + 0.5 - np.abs(along), 0, 1) * np.clip(1 - np.abs(beside), 0, 1)
    return _filtered(picture, line)


def dark(picture: Picture, strength: int, draw: np.random.Generator, _: Box) -> Picture:
    """Too little light, with the noise of the photons and of the sensor."""
    light = _linear(picture) * (0.35, 0.2, 0.1, 0.05, 0.025)[strength]
    caught = draw.poisson(light * _WELL) / _WELL
    return _developed(caught + draw.normal(0, _READ_NOISE, light.shape))


def low_resolution(picture: Picture, strength: int, _: np.random.Generator, __: Box) -> Picture:
    """Made small and large again."""
    height, width = picture.shape[:2]
    factor = (2, 3, 4.5, 6, 8)[strength]
    small = _resized(picture, width / factor, height / factor, cv2.INTER_AREA)
    return _resized(small, width, height, cv2.INTER_CUBIC)


def compressed(picture: Picture, strength: int, _: np.random.Generator, __: Box) -> Picture:
    """Saved as a JPEG file of very few bytes."""
    quality = (25, 15, 10, 6, 3)[strength]
    data = cv2.imencode(".jpg", picture[:, :, ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    return np.ascontiguousarray(_picture(cv2.imdecode(data, cv2.IMREAD_COLOR))[:, :, ::-1])


def noisy(picture: Picture, strength: int, draw: np.random.Generator, _: Box) -> Picture:
    """Noise of a constant deviation."""
    deviation = (8, 16, 25, 36, 50)[strength]
    return _picture(picture + draw.normal(0, deviation, picture.shape))


def occluded(picture: Picture, strength: int, draw: np.random.Generator, box: Box) -> Picture:
    """Something of one colour before a part of the face."""
    x, y, w, h = box
    area = (0.1, 0.18, 0.26, 0.35, 0.45)[strength] * w * h
    shape = float(draw.uniform(0.6, 1.6))
    wide = min(w, np.sqrt(area * shape))
    high = min(h, area / wide)
    left, top = x + draw.uniform(0, w - wide), y + draw.uniform(0, h - high)
    rows = slice(max(0, int(top)), max(0, int(top + high)))
    columns = slice(max(0, int(left)), max(0, int(left + wide)))
    covered = picture.copy()
    size = covered[rows, columns].shape
    covered[rows, columns] = _picture(draw.integers(0, 256, 3) + draw.normal(0, 12, size))
    return covered


def haze(picture: Picture, strength: int, draw: np.random.Generator, _: Box) -> Picture:
    """Fog, smoke, or a dirty lens: little contrast."""
    share = (0.45, 0.6, 0.72, 0.82, 0.9)[strength]
    veil = share * float(draw.uniform(150, 235))
    return _picture(picture * (1 - share) + veil + draw.normal(0, 1, picture.shape))


def overexposed(picture: Picture, strength: int, _: np.random.Generator, __: Box) -> Picture:
    """Too much light: what is bright is white."""
    return _developed(_linear(picture) * (1.6, 2.2, 3, 4, 6)[strength])


def shadowed(picture: Picture, strength: int, draw: np.random.Generator, box: Box) -> Picture:
    """Light from one side only."""
    x, y, w, h = box
    height, width = picture.shape[:2]
    angle = float(draw.uniform(0, 2 * np.pi))
    down, across = np.mgrid[:height, :width]
    side = (across - x - w / 2) * np.cos(angle) + (down - y - h / 2) * np.sin(angle)
    lit = 1 / (1 + np.exp(-12 * side / max(w, 1)))
    least = (0.5, 0.3, 0.18, 0.1, 0.05)[strength]
    return _developed(_linear(picture) * (least + (1 - least) * lit)[..., None])


def far(picture: Picture, strength: int, _: np.random.Generator, __: Box) -> Picture:
    """The same scene from far away: a smaller picture, and in it a smaller face."""
    height, width = picture.shape[:2]
    factor = (1.5, 2.2, 3, 4, 5.5)[strength]
    return _resized(picture, width / factor, height / factor, cv2.INTER_AREA)


KINDS: Mapping[str, Degradation] = {
    "defocus": defocus,
    "motion": motion,
    "dark": dark,
    "low resolution": low_resolution,
    "compression": compressed,
    "noise": noisy,
    "occlusion": occluded,
}
# Only for fitting, so that it knows more than what it is tried on.
MORE: Mapping[str, Degradation] = {
    "haze": haze,
    "overexposed": overexposed,
    "shadow": shadowed,
    "far": far,
}
EVERY: Mapping[str, Degradation] = {**KINDS, **MORE}


def _linear(picture: Picture) -> NDArray[np.float64]:
    """The light that gave these values, 0 to 1."""
    light: NDArray[np.float64] = (picture / 255.0) ** _GAMMA
    return light


def _developed(light: NDArray[np.float64]) -> Picture:
    return _picture(255 * np.clip(light, 0, 1) ** (1 / _GAMMA))


def _filtered(picture: Picture, kernel: NDArray[np.float64]) -> Picture:
    weights = (kernel / kernel.sum()).astype(np.float32)
    return _picture(cv2.filter2D(picture, -1, weights, borderType=cv2.BORDER_REPLICATE))


def _resized(picture: Picture, width: float, height: float, way: int) -> Picture:
    size = max(1, round(width)), max(1, round(height))
    return _picture(cv2.resize(picture, size, interpolation=way))


def _picture(values: object) -> Picture:
    return np.clip(np.asarray(values, np.float64).round(), 0, 255).astype(np.uint8)
