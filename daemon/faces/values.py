"""The values that travel between the face stages, and what a detector and a recognition model must
offer.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from collections.abc import Sequence

Picture = NDArray[np.uint8]
"""Height × width × 3, RGB, upright."""
Points = NDArray[np.float32]
"""Five landmarks, 5 × 2 pixels: person's right eye, left eye, nose tip, right and left corner of
the mouth.
"""
Vectors = NDArray[np.float32]
"""Faces × dimensions, each row of unit length."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Detection:
    """A face in a picture: box in pixels of that picture, not rounded and not clipped; confidence
    0-1. `detector` names who found it, where several looked.

    Coordinates are continuous: in a picture shrunk to half its size they are halved.
    """

    x: float
    y: float
    w: float
    h: float
    landmarks: Points
    confidence: float
    detector: str = ""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Crop:
    """What is stored of a face: `jpeg`, its decoded `picture`, and where it lies in the full-size
    picture.

    Crop pixel (i, j) shows the full-size picture at (x + i·scale, y + j·scale). `landmarks` are in
    crop pixels.
    """

    jpeg: bytes
    picture: Picture
    landmarks: Points
    scale: float
    x: float
    y: float


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Embedded:
    """What a recognition model makes of faces: unit `vectors` (faces × dimensions), how well each
    agrees with its mirror image's (`agreement`, faces, cosine; NaN where mirror images are not
    looked at), and how long they were before (`norm`, faces; NaN where the model itself makes them
    of unit length).
    """

    vectors: Vectors
    agreement: NDArray[np.float32]
    norm: NDArray[np.float32]


class Detector(Protocol):
    """Finds faces. One process, one thread."""

    name: str
    version: str
    weights_sha256: str

    def detect(self, pictures: Sequence[Picture]) -> list[list[Detection]]:
        """The faces of each picture, in that picture's pixels, most confident first."""
        ...


class Embedder(Protocol):
    """Turns stored crops into vectors. One process, one thread.

    `geometry` names the warp from the stored crop (and whether the mirror image is averaged in),
    for the catalog.
    """

    name: str
    weights_sha256: str
    geometry: str
    dimensions: int

    def embed(self, crops: Sequence[Crop]) -> Vectors:
        """One unit vector a crop, in order; an empty sequence gives a (0, dimensions) array."""
        ...

    def embedded(self, crops: Sequence[Crop]) -> Embedded:
        """The same, with what the model tells of the faces besides."""
        ...
