"""What every recognition model's wrapper shares: crops to chips, chips in batches through the
network, the mean with the mirror image.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from daemon.allotment import most_faces
from daemon.faces import embed
from daemon.faces.batches import Batches
from daemon.faces.geometry import GEOMETRIES, geometry_name
from daemon.faces.values import Embedded

if TYPE_CHECKING:
    from collections.abc import Sequence

    from daemon.faces.embed import Chips
    from daemon.faces.values import Crop, Vectors
    from daemon.faces.weights import Weights


class ChipEmbedder:
    """An `Embedder`; a model's own class gives `dimensions`, `device` and `_forward`."""

    dimensions: int

    def __init__(self, weights: Weights, *, mirror: bool) -> None:
        self.name = weights.name
        self.weights_sha256 = weights.sha256
        self.geometry = geometry_name(weights.name, mirror=mirror)
        self._chip = GEOMETRIES[weights.name]
        self._mirror = mirror
        self._batches = Batches()

    @property
    def device(self) -> str:
        """What it runs on."""
        return "cpu"

    def embed(self, crops: Sequence[Crop]) -> Vectors:
        """One unit vector a crop, in order."""
        return self.embedded(crops).vectors

    def embedded(self, crops: Sequence[Crop]) -> Embedded:
        """The same, with what the model tells of the faces besides."""
        if not crops:
            nothing = np.zeros(0, np.float32)
            vectors = np.zeros((0, self.dimensions), np.float32)
            return Embedded(vectors=vectors, agreement=nothing, norm=nothing)
        return embed.vectors(
            embed.chips(crops, self._chip),
            self._forward,
            mirror=self._mirror,
            batch=most_faces(self.device),
            batches=self._batches,
        )

    def _forward(self, faces: Chips) -> Vectors:
        """What the network gives for the chips, a row each, of any length."""
        raise NotImplementedError
