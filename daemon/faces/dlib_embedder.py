"""The recognition model `Dlib` by onnxruntime."""

from __future__ import annotations

from typing import TYPE_CHECKING

from daemon.faces.chip_embedder import ChipEmbedder
from daemon.faces.dlib_network import convert
from daemon.faces.onnx_files import open_session, prepared

if TYPE_CHECKING:
    from pathlib import Path

    from daemon.faces.embed import Chips
    from daemon.faces.values import Vectors
    from daemon.faces.weights import Weights


class DlibEmbedder(ChipEmbedder):
    """dlib's ResNet (King, 2017): 150 × 150 RGB chips to 128 numbers."""

    dimensions = 128

    def __init__(self, weights: Weights, *, state: Path, mirror: bool, threads: int = 1) -> None:
        super().__init__(weights, mirror=mirror)
        path = prepared(weights.path, state=state, kind="dlib", convert=convert)
        self._session = open_session(path, threads=threads)

    @property
    def device(self) -> str:
        """What it runs on."""
        return self._session.device

    def _forward(self, faces: Chips) -> Vectors:
        (found,) = self._session.run(None, {"faces": faces})
        return found
