"""The recognition model `Dlib` by onnxruntime."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from daemon.allotment import most_faces
from daemon.faces import embed
from daemon.faces.batches import Batches
from daemon.faces.dlib_network import convert
from daemon.faces.geometry import GEOMETRIES, geometry_name
from daemon.faces.onnx_files import open_session, prepared

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from daemon.faces.embed import Chips
    from daemon.faces.values import Crop, Vectors
    from daemon.faces.weights import Weights


class DlibEmbedder:
    """dlib's ResNet (King, 2017): 150 × 150 RGB chips to 128 numbers."""

    name = "Dlib"
    dimensions = 128

    def __init__(self, weights: Weights, *, state: Path, mirror: bool, threads: int = 1) -> None:
        self.weights_sha256 = weights.sha256
        self.geometry = geometry_name(self.name, mirror=mirror)
        self._mirror = mirror
        path = prepared(weights.path, state=state, kind="dlib", convert=convert)
        self._session = open_session(path, threads=threads)
        self._batches = Batches()

    @property
    def device(self) -> str:
        """What it runs on."""
        return self._session.device

    def embed(self, crops: Sequence[Crop]) -> Vectors:
        """One unit vector a crop, in order."""
        if not crops:
            return np.zeros((0, self.dimensions), np.float32)
        faces = embed.chips(crops, GEOMETRIES[self.name])
        return embed.vectors(
            faces,
            self._forward,
            mirror=self._mirror,
            batch=most_faces(self.device),
            batches=self._batches,
        )

    def _forward(self, faces: Chips) -> Vectors:
        (found,) = self._session.run(None, {"faces": faces})
        result: Vectors = found
        return result
