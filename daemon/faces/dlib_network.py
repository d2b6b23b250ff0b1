"""dlib's face recognition network as an ONNX graph: the same numbers, some twenty times as fast, in
batches.

The graph takes n × 150 × 150 × 3 RGB bytes and gives n × 128 float32, as dlib does not of unit
length.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from daemon.faces.dlib_format import read_network
from daemon.faces.onnx_graph import serialized

if TYPE_CHECKING:
    from daemon.faces.dlib_format import Layer, Network

Shape = tuple[int, int, int]
"""Channels, rows, columns."""
_SCALE = 256.0  # what dlib's input layer divides by


def convert(data: bytes) -> bytes:
    """An ONNX model from the bytes of dlib's .dat file. Raises EnvironmentTrouble where they are
    something else.
    """
    network = read_network(data)
    builder = _Builder(network)
    layers = list(network.layers)
    while layers:
        builder.add(layers)
    graph = helper.make_graph(
        builder.nodes,
        "dlib_face_recognition",
        [helper.make_tensor_value_info("faces", TensorProto.UINT8, ["n", *network.size, 3])],
        [helper.make_tensor_value_info(builder.top, TensorProto.FLOAT, ["n", builder.shape[0]])],
        builder.constants,
    )
    return serialized(graph)


class _Builder:
    """Adds layers on top of each other. `top` names the highest tensor, `shape` is its shape
    without the batch.
    """

    def __init__(self, network: Network) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []
        self.top = "faces"
        self.shape: Shape = (3, *network.size)
        self._emit("Cast", self.top, to=TensorProto.FLOAT)
        self._emit("Transpose", self.top, perm=[0, 3, 1, 2])
        mean = np.array(network.mean, np.float32).reshape(1, 3, 1, 1)
        self._emit("Sub", self.top, self._constant("mean", mean))
        self._emit("Mul", self.top, self._constant("scale", np.float32(1 / _SCALE)))
        self.block, self.block_shape = self.top, self.shape

    def add(self, layers: list[Layer]) -> None:
        """The next layer, taken off the list, together with what folds into it."""
        layer = layers.pop(0)
        if layer.kind == "con":
            affine = layers.pop(0) if layers and layers[0].kind == "affine" else None
            self._convolution(layer, affine)
        elif layer.kind == "avg_pool" and layers and layers[0].kind == "add_prev":
            layers.pop(0)
            self._add_shortcut(layer)
            self._end_block(layers)
        elif layer.kind == "add_prev":
            self._add_shortcut(None)
            self._end_block(layers)
        elif layer.kind in ("max_pool", "avg_pool"):
            self.top, self.shape = self._pool(layer, self.top, self.shape)
            self._end_block(layers)
        elif layer.kind == "relu":
            self._emit("Relu", self.top)
        elif layer.kind == "fc":
            self._dense(layer)
        else:
            raise ValueError(f"no place for a layer of kind {layer.kind}")

    def _convolution(self, layer: Layer, affine: Layer | None) -> None:
        filters, rows, columns, step_y, step_x, pad_y, pad_x = layer.numbers
        channels, height, width = self.shape
        kernel = layer.weights[:-filters].reshape(filters, channels, rows, columns)
        bias = layer.weights[-filters:]
        if affine is not None:
            gamma, beta = np.split(affine.weights, 2)
            kernel, bias = kernel * gamma.reshape(-1, 1, 1, 1), bias * gamma + beta
        self._emit(
            "Conv",
            self.top,
            self._constant("kernel", kernel),
            self._constant("bias", bias),
            kernel_shape=[rows, columns],
            strides=[step_y, step_x],
            pads=[pad_y, pad_x, pad_y, pad_x],
        )
        self.shape = (
            filters,
            (height + 2 * pad_y - rows) // step_y + 1,
            (width + 2 * pad_x - columns) // step_x + 1,
        )

    def _add_shortcut(self, pool: Layer | None) -> None:
        """Adds the block's input, pooled where the block shrinks; the smaller of the two is padded
        with zeros at its ends.
        """
        branch, branch_shape = self.top, self.shape
        shortcut, shortcut_shape = self.block, self.block_shape
        if pool is not None:
            shortcut, shortcut_shape = self._pool(pool, shortcut, shortcut_shape)
        largest = tuple(max(pair) for pair in zip(branch_shape, shortcut_shape, strict=True))
        self.shape = (largest[0], largest[1], largest[2])
        padded = self._padded(branch, branch_shape), self._padded(shortcut, shortcut_shape)
        self._emit("Add", *padded)

    def _end_block(self, layers: list[Layer]) -> None:
        """What the next shortcut starts from: the block's output, after its own relu where it has
        one.
        """
        if layers and layers[0].kind == "relu":
            layers.pop(0)
            self._emit("Relu", self.top)
        self.block, self.block_shape = self.top, self.shape

    def _padded(self, name: str, shape: Shape) -> str:
        missing = [want - have for want, have in zip(self.shape, shape, strict=True)]
        if not any(missing):
            return name
        pads = np.array([0, 0, 0, 0, 0, *missing], np.int64)
        return self._emit("Pad", name, self._constant("pads", pads))

    def _pool(self, layer: Layer, name: str, shape: Shape) -> tuple[str, Shape]:
        rows, columns, step_y, step_x, pad_y, pad_x = layer.numbers
        channels, height, width = shape
        if rows == 0:
            return self._emit("GlobalAveragePool", name), (channels, 1, 1)
        pooled = self._emit(
            "MaxPool" if layer.kind == "max_pool" else "AveragePool",
            name,
            kernel_shape=[rows, columns],
            strides=[step_y, step_x],
            pads=[pad_y, pad_x, pad_y, pad_x],
        )
        height = (height + 2 * pad_y - rows) // step_y + 1
        width = (width + 2 * pad_x - columns) // step_x + 1
        return pooled, (channels, height, width)

    def _dense(self, layer: Layer) -> None:
        outputs, inputs = layer.numbers
        self._emit("Flatten", self.top)
        weights = self._constant("dense", layer.weights.reshape(inputs, outputs))
        self._emit("MatMul", self.top, weights)
        self.shape = (outputs, 1, 1)

    def _emit(self, operator: str, *inputs: str, **attributes: Any) -> str:
        self.top = f"{operator.lower()}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, list(inputs), [self.top], **attributes))
        return self.top

    def _constant(self, role: str, values: Any) -> str:
        name = f"{role}_{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.asarray(values), name))
        return name
