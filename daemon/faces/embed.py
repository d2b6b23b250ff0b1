"""Crops to unit vectors: the stage, and what every recognition model's wrapper shares."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from daemon.faces.align import chip
from daemon.faces.batches import Batches
from daemon.faces.values import Embedded

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from daemon.faces.geometry import Geometry
    from daemon.faces.values import Crop, Embedder, Picture, Vectors

Chips = NDArray[np.uint8]
"""Faces × height × width × 3, RGB, in a model's own geometry."""
# A vector this near to unit length was made so by its model, whose lengths tell nothing.
_UNIT = 1e-3


def embed(crops: Sequence[Crop], embedder: Embedder) -> Vectors:
    """One unit vector a crop, in order; no crop gives a (0, dimensions) array."""
    return embedder.embed(crops)


def chips(crops: Sequence[Crop], geometry: Geometry) -> Chips:
    """The crops in the model's own geometry."""
    faces: list[Picture] = [chip(crop, geometry) for crop in crops]
    if not faces:
        return np.zeros((0, geometry.height, geometry.width, 3), np.uint8)
    return np.stack(faces)


def vectors(
    faces: Chips,
    forward: Callable[[Chips], NDArray[np.float32]],
    *,
    mirror: bool,
    batch: int,
    batches: Batches | None = None,
) -> Embedded:
    """Unit vectors of the chips through `forward`, at most `batch` at once; `batches` remembers
    from call to call how many of these fit and pay.

    With `mirror` the unit vectors of a chip and of its mirror image are averaged: what differs
    between them is pose and light, not the person. How well the two agree comes with them.
    """

    def part(piece: slice) -> NDArray[np.float32]:
        chips = faces[piece]
        raw = forward(chips)
        found, norm = unit(raw), _lengths(raw)
        if not mirror:
            return np.concatenate([found, np.full_like(norm, np.nan), norm], axis=1)
        raw = forward(np.ascontiguousarray(chips[:, :, ::-1]))
        mirrored, norm = unit(raw), np.float32(0.5) * (norm + _lengths(raw))
        agreement = (found * mirrored).sum(axis=1, keepdims=True)
        return np.concatenate([unit(found + mirrored), agreement, norm], axis=1)

    rows = np.concatenate((batches or Batches(start=batch)).run(len(faces), part, most=batch))
    norm = rows[:, -1]
    return Embedded(
        vectors=np.ascontiguousarray(rows[:, :-2]),
        agreement=rows[:, -2],
        norm=np.where(np.abs(norm - 1) < _UNIT, np.float32(np.nan), norm),
    )


def unit(rows: NDArray[np.float32]) -> Vectors:
    """Each row divided by its length; a row of zeros stays."""
    numbers = np.asarray(rows, np.float32)
    lengths: NDArray[np.float32] = np.maximum(_lengths(numbers), np.float32(1e-12))
    result: Vectors = numbers / lengths
    return result


def _lengths(rows: NDArray[np.float32]) -> NDArray[np.float32]:
    squares: NDArray[np.float32] = np.square(rows, dtype=np.float32)
    lengths: NDArray[np.float32] = np.sqrt(squares.sum(axis=1, keepdims=True))
    return lengths
