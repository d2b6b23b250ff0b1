"""A recognition model whose ONNX file is on this machine, by onnxruntime alone."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from daemon.errors import EnvironmentTrouble
from daemon.faces.chip_embedder import ChipEmbedder
from daemon.faces.onnx_files import open_session
from daemon.faces.scaling import model_input
from daemon.faces.weights import entry

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from daemon.faces.embed import Chips
    from daemon.faces.values import Vectors
    from daemon.faces.weights import Weights

_TYPES: Final = {
    "tensor(float)": np.float32,
    "tensor(float16)": np.float16,
    "tensor(double)": np.float64,
}


class OnnxEmbedder(ChipEmbedder):
    """Chips of the model's own geometry to vectors.

    Layout, batch and number type are the file's: DeepFace's own exports take channels last, those
    of OpenCV Zoo and InsightFace channels first, and SFace takes one face at a time.
    """

    def __init__(self, weights: Weights, *, mirror: bool, threads: int = 1) -> None:
        """Raises EnvironmentTrouble where the file is no network, or another model's."""
        super().__init__(weights, mirror=mirror)
        self.dimensions = entry(weights.name).dimensions
        with _readable(weights):
            self._session = open_session(weights.path, threads=threads)
            inputs = self._session.get_inputs()
            self._given = self._checked(inputs, weights.path)
            self._type = _TYPES[self._given.type]
            self._channels_first = self._given.shape[1] == 3
            self._one_by_one = self._given.shape[0] == 1
            self._try(weights.path)

    @property
    def device(self) -> str:
        """What it runs on."""
        return self._session.device

    def _forward(self, faces: Chips) -> Vectors:
        values = model_input(faces, self._chip)
        if self._channels_first:
            values = values.transpose(0, 3, 1, 2)
        batch = np.ascontiguousarray(values, self._type)
        if not self._one_by_one:
            return self._run(batch)
        return np.concatenate([self._run(batch[i : i + 1]) for i in range(len(batch))])

    def _run(self, batch: Any) -> Vectors:
        found = self._session.run([self._session.get_outputs()[0].name], {self._given.name: batch})[
            0
        ]
        result: Vectors = np.asarray(found, np.float32).reshape(len(batch), -1)
        return result

    def _checked(self, inputs: Sequence[Any], path: Path) -> Any:
        """The one input, of this model's geometry; a name or None in its shape is any number."""
        shape = list(inputs[0].shape) if len(inputs) == 1 else []
        height, width = self._chip.height, self._chip.width
        fits = any(
            len(shape) == 4 and all(not isinstance(n, int) or n == m for n, m in pairs)
            for pairs in (
                tuple(zip(shape, (1, 3, height, width), strict=False)),
                tuple(zip(shape, (1, height, width, 3), strict=False)),
            )
        )
        if not fits or 3 not in (shape[1], shape[3]) or inputs[0].type not in _TYPES:
            seen = ", ".join(f"{one.type} {list(one.shape)}" for one in inputs) or "none"
            raise _another(self.name, path, f"its input is {seen}")
        return inputs[0]

    def _try(self, path: Path) -> None:
        """One grey face, because many files leave their output's size open."""
        grey = np.full((1, self._chip.height, self._chip.width, 3), 127, np.uint8)
        found = self._forward(grey).shape[1]
        if found != self.dimensions:
            raise _another(
                self.name, path, f"it gives {found} numbers a face instead of {self.dimensions}"
            )


@contextlib.contextmanager
def _readable(weights: Weights) -> Iterator[None]:
    """Turn what onnxruntime says of a bad file into one line. Its errors share no class but
    Exception, so they are named.
    """
    from onnxruntime.capi import onnxruntime_pybind11_state as state

    bad = (state.Fail, state.InvalidArgument, state.InvalidGraph, state.InvalidProtobuf)
    try:
        yield
    except (*bad, state.NoSuchFile, state.NotImplemented, state.RuntimeException) as error:
        why = str(error).strip().splitlines()[0]
        raise EnvironmentTrouble(
            f"{weights.name}: onnxruntime cannot use {weights.path}: {why}"
        ) from error


def _another(name: str, path: Path, why: str) -> EnvironmentTrouble:
    return EnvironmentTrouble(f"{name}: {path} is another network: {why}; remove or replace it")
