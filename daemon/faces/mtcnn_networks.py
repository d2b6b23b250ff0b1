"""MTCNN's three networks as ONNX graphs, from the weight files of the `mtcnn` package.

Each graph takes n × height × width × 3 RGB values from 0 to 255 and gives `evidence` (its logistic
function is the probability of a face) and `boxes` (offsets of left, top, right, bottom in box
sizes), the last one also `points` (five x, then five y, in box sizes). The proposal network takes
float32 pictures of any size and answers n × channels × rows × columns; the others take faces of 24
and 48 pixels as bytes and answer n × channels.
"""

from __future__ import annotations

import hashlib
import io
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from daemon.errors import EnvironmentTrouble
from daemon.faces.onnx_graph import serialized
from daemon.faces.registry import KNOWN_SHA256

Floats = NDArray[np.float32]
Pool = tuple[int, str]
"""Side of the window and padding; windows lie two apart."""
_MIDDLE, _HALF_RANGE = 127.5, 128.0  # the networks were trained on (byte - 127.5) / 128
_EVERYWHERE = "SAME_UPPER"  # a pool that answers for the last rows and columns too
_COMPLETE = "VALID"  # a pool that leaves incomplete windows out


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """One network: its input's side (None: any), the pool after each convolution (None: no pool),
    whether a dense layer follows, and its outputs in the file's order.
    """

    side: int | None
    pools: tuple[Pool | None, ...]
    dense: bool
    outputs: tuple[str, ...]


PLANS = {
    "pnet": Plan(
        side=None,
        pools=((2, _EVERYWHERE), None, None),
        dense=False,
        outputs=("boxes", "evidence"),
    ),
    "rnet": Plan(
        side=24,
        pools=((3, _EVERYWHERE), (3, _COMPLETE), None),
        dense=True,
        outputs=("boxes", "evidence"),
    ),
    "onet": Plan(
        side=48,
        pools=((3, _EVERYWHERE), (3, _COMPLETE), (2, _EVERYWHERE), None),
        dense=True,
        outputs=("boxes", "points", "evidence"),
    ),
}


def convert(name: str, data: bytes) -> bytes:
    """The ONNX model of the network `name` (pnet, rnet or onet), from the bytes of its .lz4 file.

    Raises EnvironmentTrouble where they are not the known file.
    """
    plan = PLANS[name]
    builder = _Builder(read_arrays(f"{name}.lz4", data))
    builder.scale_input()
    for pool in plan.pools:
        builder.convolution(pool)
    if plan.dense:
        builder.dense()
    outputs = [builder.output(output, dense=plan.dense) for output in plan.outputs]
    free = plan.side is None
    shape = ["n", *(("height", "width") if free else (plan.side, plan.side)), 3]
    values = TensorProto.FLOAT if free else TensorProto.UINT8
    graph = helper.make_graph(
        builder.nodes,
        f"mtcnn_{name}",
        [helper.make_tensor_value_info("pictures", values, shape)],
        outputs,
        builder.constants,
    )
    return serialized(graph)


def read_arrays(file: str, data: bytes) -> list[Floats]:
    """The arrays in the bytes of a weight file, in Keras' layout.

    The format is a pickle, which can run code when it is read: only the known file is. Raises
    EnvironmentTrouble for another.
    """
    if hashlib.sha256(data).hexdigest() != KNOWN_SHA256[file]:
        raise EnvironmentTrouble(
            f"{file} is not the known file, and only that is safe to read; install the Python "
            "package mtcnn again, or take the file out of the folder of models.weights"
        )
    import joblib

    return [np.asarray(array, np.float32) for array in joblib.load(io.BytesIO(data))]


class _Builder:
    """Adds layers on top of each other, with the file's arrays in order. `top` names the highest
    tensor; its channels are the file's in the order `channels`.
    """

    def __init__(self, arrays: list[Floats]) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []
        self.arrays = arrays
        self.top = self._emit("Cast", "pictures", to=TensorProto.FLOAT)
        self.top = self._emit("Transpose", self.top, perm=[0, 3, 1, 2])
        self.channels = np.arange(3)

    def scale_input(self) -> None:
        """Let the first convolution take bytes: nothing is padded there, so it can scale them."""
        kernel, bias = self.arrays[:2]
        self.arrays[0] = kernel / np.float32(_HALF_RANGE)
        self.arrays[1] = bias - kernel.sum(axis=(0, 1, 2)) * np.float32(_MIDDLE / _HALF_RANGE)

    def convolution(self, pool: Pool | None) -> None:
        """A convolution, its rectifier and a pool, or none."""
        kernel = self._next().transpose(3, 2, 0, 1)[:, self.channels]
        bias, slope = self._next(), self._next().reshape(-1)
        self.channels = np.arange(len(bias))
        if pool is not None:
            self._pooled(kernel, bias, slope, pool)
            return
        self.top = self._convolved(kernel, bias)
        self._rectify(slope.reshape(-1, 1, 1))

    def _pooled(self, kernel: Floats, bias: Floats, slope: Floats, pool: Pool) -> None:
        """The pool below the rectifier: the same values from a quarter of the work.

        A rectifier that rises everywhere changes places with the pool. One that falls below zero is
        the larger of x and slope · x, each of which can be pooled by itself.
        """
        falls = np.flatnonzero(slope < 0)
        rises = np.flatnonzero(slope >= 0)
        self.channels = np.concatenate([falls, rises])
        folded = kernel[falls] * slope[falls, None, None, None], bias[falls] * slope[falls]
        self.top = self._convolved(
            np.concatenate([kernel[self.channels], folded[0]]),
            np.concatenate([bias[self.channels], folded[1]]),
        )
        side, padding = pool
        self.top = self._emit(
            "MaxPool", self.top, kernel_shape=[side, side], strides=[2, 2], auto_pad=padding
        )
        sizes = self._constant("sizes", np.array([len(falls), len(rises), len(falls)], np.int64))
        parts = [f"{self.top}_{part}" for part in ("falling", "rising", "folded")]
        self.nodes.append(helper.make_node("Split", [self.top, sizes], parts, axis=1))
        valley = self._emit("Max", parts[0], parts[2])
        self.top = parts[1]
        self._rectify(slope[rises].reshape(-1, 1, 1))
        self.top = self._emit("Concat", valley, self.top, axis=1)

    def dense(self) -> None:
        """A dense layer over everything below, column by column: the authors' networks see their
        pictures transposed.
        """
        turned = self._emit("Transpose", self.top, perm=[0, 3, 2, 1])
        self.top = self._emit("Flatten", turned)
        self.top = self._product(self._next(), self._next())
        self._rectify(self._next())

    def output(self, name: str, *, dense: bool) -> onnx.ValueInfoProto:
        """A layer on top that is not built upon. Of the two classes the difference is taken:
        softmax of the second one, face, is its logistic function.
        """
        kernel, bias = self._next(), self._next()
        if name == "evidence":
            kernel, bias = kernel[..., 1:] - kernel[..., :1], bias[1:] - bias[:1]
        if dense:
            value = self._product(kernel, bias)
        else:
            value = self._convolved(kernel.transpose(3, 2, 0, 1), bias)
        self.nodes.append(helper.make_node("Identity", [value], [name]))
        shape: list[int | str] = ["n", len(bias)] if dense else ["n", len(bias), "rows", "columns"]
        return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)

    def _next(self) -> Floats:
        return self.arrays.pop(0)

    def _rectify(self, slope: Floats) -> None:
        self.top = self._emit("PRelu", self.top, self._constant("slope", slope))

    def _convolved(self, kernel: Floats, bias: Floats) -> str:
        weights = self._constant("kernel", kernel), self._constant("bias", bias)
        return self._emit("Conv", self.top, *weights)

    def _product(self, kernel: Floats, bias: Floats) -> str:
        weights = self._constant("dense", kernel), self._constant("bias", bias)
        return self._emit("Gemm", self.top, *weights)

    def _emit(self, operator: str, *inputs: str, **attributes: Any) -> str:
        name = f"{operator.lower()}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, list(inputs), [name], **attributes))
        return name

    def _constant(self, role: str, values: NDArray[Any]) -> str:
        name = f"{role}_{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(values), name))
        return name
