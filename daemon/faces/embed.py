"""Crops to unit vectors: the stage, and what every recognition model's wrapper shares."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from daemon.faces.align import chip
from daemon.faces.batches import Batches

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from daemon.faces.geometry import Geometry
    from daemon.faces.values import Crop, Embedder, Picture, Vectors

Agreements = NDArray[np.float32]
"""Faces: cosine of a crop's vector and its mirror image's, −1 to 1."""
Chips = NDArray[np.uint8]
"""Faces × height × width × 3, RGB, in a model's own geometry."""


def embed(crops: Sequence[Crop], embedder: Embedder) -> Vectors:
    """One unit vector a crop, in order; no crop gives a (0, dimensions) array."""
    return embedder.embed(crops)


def agreements(crops: Sequence[Crop], embedder: Embedder) -> tuple[Vectors, Agreements]:
    """The same, and how well each crop's vector agrees with its mirror image's (cosine, faces);
    NaN where the embedder does not look at mirror images.
    """
    return embedder.agreements(crops)


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
) -> tuple[Vectors, Agreements]:
    """Unit vectors of the chips through `forward`, at most `batch` at once; `batches` remembers
    from call to call how many of these fit and pay.

    With `mirror` the unit vectors of a chip and of its mirror image are averaged: what differs
    between them is pose and light, not the person. How well the two agree comes with them.
    """

    def part(piece: slice) -> Vectors:
        chips = faces[piece]
        found = unit(forward(chips))
        if not mirror:
            return np.pad(found, ((0, 0), (0, 1)), constant_values=np.nan)
        mirrored = unit(forward(np.ascontiguousarray(chips[:, :, ::-1])))
        agreement = (found * mirrored).sum(axis=1, keepdims=True)
        return np.concatenate([unit(found + mirrored), agreement], axis=1)

    rows = np.concatenate((batches or Batches(start=batch)).run(len(faces), part, most=batch))
    return np.ascontiguousarray(rows[:, :-1]), rows[:, -1]


def unit(rows: NDArray[np.float32]) -> Vectors:
    """Each row divided by its length; a row of zeros stays."""
    rows = np.asarray(rows, np.float32)
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    result: Vectors = rows / np.maximum(lengths, np.float32(1e-12))
    return result
