"""A network of ours as the bytes of an ONNX file."""

from __future__ import annotations

import onnx
from onnx import helper


def serialized(graph: onnx.GraphProto) -> bytes:
    """The checked model around a graph. Raises onnx's ValidationError where it is none."""
    model = helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8, producer_name="rollcall"
    )
    onnx.checker.check_model(model)
    data: bytes = model.SerializeToString()
    return data
