"""A model's chips as the numbers that its authors feed. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from daemon.faces.embed import Chips
    from daemon.faces.geometry import Geometry

Input = NDArray[np.float32]
"""Faces × height × width × 3."""
# Of the 2.6 million pictures of VGG-Face, red, green, blue (Parkhi et al. 2015, averageImage).
_VGGFACE_MEAN: Final = np.array([129.1863, 104.7624, 93.5940], np.float32)


def model_input(faces: Chips, geometry: Geometry) -> Input:
    """The chips as float32 in the colours and scaling of the geometry, channels last."""
    values: NDArray[np.floating[Any]] = faces.astype(np.float32)
    if geometry.scaling == "unit":
        values = values / 255
    elif geometry.scaling == "by128":
        values = (values - 127.5) / 128
    elif geometry.scaling == "by127.5":
        values = (values - 127.5) / 127.5
    elif geometry.scaling == "whitened":
        mean = values.mean(axis=(1, 2, 3), keepdims=True)
        deviation = values.std(axis=(1, 2, 3), keepdims=True)
        values = (values - mean) / np.maximum(deviation, 1 / np.sqrt(values[0].size))
    elif geometry.scaling == "vggface":
        values = values - _VGGFACE_MEAN
    ordered = values if geometry.colours == "RGB" else values[..., ::-1]
    return np.ascontiguousarray(ordered, np.float32)
