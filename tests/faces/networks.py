"""Small networks that hand out what they are fed, so that layout, colours and scaling show."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
from onnx import TensorProto, helper

from daemon.faces.geometry import GEOMETRIES

if TYPE_CHECKING:
    from pathlib import Path


def write(path: Path, shape: list[Any], dimensions: int, kind: int = TensorProto.FLOAT) -> None:
    """A network whose output is `dimensions` numbers of its input, evenly spread over it."""
    step = int(np.prod(shape[1:])) // dimensions
    bounds = [("starts", 0), ("ends", dimensions * step), ("axes", 1), ("steps", step)]
    graph = helper.make_graph(
        [
            helper.make_node("Flatten", ["fed"], ["flat"], axis=1),
            helper.make_node("Slice", ["flat", *(name for name, _ in bounds)], ["picked"]),
            helper.make_node("Cast", ["picked"], ["vector"], to=TensorProto.FLOAT),
        ],
        "shows",
        [helper.make_tensor_value_info("fed", kind, shape)],
        [helper.make_tensor_value_info("vector", TensorProto.FLOAT, [None, None])],
        [helper.make_tensor(name, TensorProto.INT64, [1], [value]) for name, value in bounds],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    path.parent.mkdir(parents=True, exist_ok=True)
    onnx.save(model, path)


def shape_of(name: str, *, channels_first: bool, batch: Any = "n") -> list[Any]:
    geometry = GEOMETRIES[name]
    sides = [geometry.height, geometry.width]
    return [batch, 3, *sides] if channels_first else [batch, *sides, 3]
