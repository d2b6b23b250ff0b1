from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from daemon.errors import EnvironmentTrouble, NoWeights
from daemon.faces import zoo
from daemon.faces.landmarks import from_box
from daemon.faces.plan import plan
from daemon.settings import Models, Paths, Settings

if TYPE_CHECKING:
    from pathlib import Path

SIDE = 64
OFFSETS = np.arange(10, dtype=np.float32) / 4


def network(folder: Path, *, points: bool, name: str = "det_10g.onnx", side: int | None = SIDE):
    """A network of SCRFD's layout whose outputs are constants plus what the first pixel's red is:
    at stride 16, cell (row 1, column 2), second anchor, a face of 0.9; the same a little less sure
    one cell on; at stride 8, cell (0, 0), one of 0.7.
    """
    score, box, point = [], [], []
    for stride in (8, 16, 32):
        cells = 2 * (SIDE // stride) ** 2
        scores = np.zeros((cells, 1), np.float32)
        boxes, places = np.ones((cells, 4), np.float32), np.zeros((cells, 10), np.float32)
        if stride == 16:
            scores[2 * (1 * 4 + 2) + 1], scores[2 * (1 * 4 + 2)] = 0.9, 0.8
            boxes[2 * (1 * 4 + 2) + 1] = boxes[2 * (1 * 4 + 2)] = 0.5, 0.25, 1.5, 0.75
            places[2 * (1 * 4 + 2) + 1] = OFFSETS
        if stride == 8:
            scores[0] = 0.7
        score.append(scores)
        box.append(boxes)
        point.append(places)
    parts = [*score, *box, *(point if points else [])]
    nodes, outputs, kept = [], [], []
    for number, values in enumerate(parts):
        kept.append(numpy_helper.from_array(values, f"c{number}"))
        nodes.append(helper.make_node("Add", [f"c{number}", "nothing"], [f"o{number}"]))
        outputs.append(helper.make_tensor_value_info(f"o{number}", TensorProto.FLOAT, None))
    kept += [numpy_helper.from_array(np.zeros(1, np.float32), "zero")]
    # The mean of the input, times nought: the outputs depend on it in form only.
    nodes = [
        helper.make_node("ReduceMean", ["input"], ["mean"], keepdims=0),
        helper.make_node("Mul", ["mean", "zero"], ["nothing"]),
        *nodes,
    ]
    shape = [1, 3, side or "h", side or "w"]
    source = helper.make_tensor_value_info("input", TensorProto.FLOAT, shape)
    graph = helper.make_graph(nodes, "scrfd", [source], outputs, initializer=kept)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    folder.mkdir(exist_ok=True)
    onnx.save(model, str(folder / name))


def settings(tmp_path: Path) -> Settings:
    return Settings(
        paths=Paths(state=tmp_path / "state"),
        models=Models(weights=tmp_path / "mine", download=True, detector=("scrfd",)),
    )


@pytest.mark.parametrize("side", [SIDE, None], ids=["fixed", "free"])
def test_anchors_become_boxes_and_points(tmp_path: Path, side: int | None) -> None:
    network(tmp_path / "mine", points=True, side=side)
    detector = zoo.build_detector("scrfd", settings(tmp_path))
    first, second = detector.detect([np.zeros((SIDE, SIDE, 3), np.uint8)])[0]
    assert (first.x, first.y, first.w, first.h) == (32 - 8, 16 - 4, 32, 16)
    assert first.confidence == pytest.approx(0.9) and first.detector == "scrfd"
    np.testing.assert_allclose(first.landmarks, OFFSETS.reshape(5, 2) * 16 + (32, 16))
    assert (second.x, second.y, second.w, second.h) == (-8, -8, 16, 16)
    assert second.confidence == pytest.approx(0.7)


def test_a_large_picture_is_shown_small_to_a_file_of_one_size(tmp_path: Path) -> None:
    network(tmp_path / "mine", points=True)
    detector = zoo.build_detector("scrfd", settings(tmp_path))
    first = detector.detect([np.zeros((SIDE * 2, SIDE * 4, 3), np.uint8)])[0][0]
    assert (first.x, first.y, first.w, first.h) == (96, 48, 128, 64)


def test_without_points_they_are_laid_through_the_box(tmp_path: Path) -> None:
    network(tmp_path / "mine", points=False, name="scrfd_2.5g_bnkps.onnx")
    detector = zoo.build_detector("scrfd", settings(tmp_path))
    first = detector.detect([np.zeros((SIDE, SIDE, 3), np.uint8)])[0][0]
    np.testing.assert_allclose(first.landmarks, from_box((24, 12, 32, 16)))


def test_it_is_planned_as_it_is_built(tmp_path: Path) -> None:
    network(tmp_path / "mine", points=True, name="det_500m.onnx")
    planned = plan(settings(tmp_path)).detector
    built = zoo.build_detector("scrfd", settings(tmp_path))
    assert (planned.name, planned.version, planned.weights_sha256) == (
        built.name,
        built.version,
        built.weights_sha256,
    )


def test_it_is_never_downloaded(tmp_path: Path) -> None:
    with pytest.raises(NoWeights, match="put one into a folder"):
        plan(settings(tmp_path))
    with pytest.raises(NoWeights, match="put one into a folder"):
        zoo.build_detector("scrfd", settings(tmp_path))


def test_another_network_is_refused(tmp_path: Path, test_data: Path) -> None:
    (tmp_path / "mine").mkdir()
    source = test_data / "weights" / "face_detection_yunet_2023mar.onnx"
    (tmp_path / "mine" / "det_10g.onnx").write_bytes(source.read_bytes())
    with pytest.raises(EnvironmentTrouble, match="6 or 9 outputs"):
        zoo.build_detector("scrfd", settings(tmp_path))
