from __future__ import annotations

import os
import subprocess
import sys
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import pytest

from daemon.errors import EnvironmentTrouble
from daemon.faces import zoo
from daemon.faces.boxes import overlaps
from daemon.faces.detect import shrink
from daemon.faces.mtcnn import Mtcnn, crops, moved, scales, squares
from daemon.faces.mtcnn_networks import convert, read_arrays
from daemon.faces.onnx_files import open_session, prepared
from daemon.faces.weights import Weights, find_weights

if TYPE_CHECKING:
    from pathlib import Path

    from daemon.faces.values import Detection, Detector, Picture
    from daemon.settings import Settings

SIDES = {"pnet": (37, 52), "rnet": (24, 24), "onet": (48, 48)}
SIZES = (640, 1024)
# What the package itself says, in a process of its own, about the noise and pictures in a folder.
THEIRS = """
import sys
from pathlib import Path
import numpy as np
from mtcnn import MTCNN
folder, model = Path(sys.argv[1]), MTCNN()
for stage, name in zip(model.stages, ("pnet", "rnet", "onet")):
    noise = np.load(folder / f"{name}.noise.npy").astype(np.float32)
    answers = [np.asarray(answer) for answer in stage.model((noise - 127.5) / 128)]
    np.savez(folder / f"{name}.npz", boxes=answers[0], scores=answers[-1], points=answers[-2])
for path in folder.glob("*.photo.npy"):
    rows = model.detect_faces(np.load(path), output_type="numpy", fit_to_image=False)
    np.save(path.with_suffix(".rows.npy"), np.asarray(rows).reshape(-1, 16))
"""


@pytest.fixture(scope="module")
def weights(packaged_settings: Settings) -> Weights:
    return find_weights("mtcnn", packaged_settings.models, state=packaged_settings.paths.state)


@pytest.fixture(scope="module")
def mtcnn(packaged_settings: Settings) -> Detector:
    return zoo.build_detector("mtcnn", packaged_settings)


@pytest.fixture(scope="module")
def photos(test_data: Path, photo) -> dict[str, Picture]:
    """The example photographs at 1024 pixels, the default of the settings."""
    names = [path.name for path in sorted((test_data / "photos" / "examples").iterdir())]
    return {name: shrink(photo(name), 1024) for name in names}


def box(face: Detection) -> np.ndarray:
    return np.array([[face.x, face.y, face.w, face.h]], np.float32)


def test_faces_and_landmarks_are_those_of_yunet(
    mtcnn: Detector, yunet: Detector, photos: dict[str, Picture]
) -> None:
    apart, invented = [], 0
    for name, picture in photos.items():
        (ours,), (theirs,) = mtcnn.detect([picture]), yunet.detect([picture])
        found = np.concatenate([box(face) for face in ours])
        invented += sum(
            overlaps(row[None], np.concatenate([box(face) for face in theirs])).max() < 0.4
            for row in found
        )
        for face in theirs:
            if face.w < 40 or face.confidence < 0.9:  # the two below it are half behind others
                continue
            same = overlaps(box(face), found)[0]
            assert same.max() > 0.7, (name, face)
            eyes = np.linalg.norm(face.landmarks[0] - face.landmarks[1])
            away = np.linalg.norm(ours[same.argmax()].landmarks - face.landmarks, axis=1) / eyes
            assert away.mean() < 0.3, (name, away)
            apart.append(away.mean())
    assert len(apart) == 25
    assert np.median(apart) < 0.1
    assert invented <= 2


@pytest.mark.parametrize("shape", [(1, 1), (10, 500), (24, 24), (30, 41), (200, 320)], ids=str)
def test_a_picture_without_faces_has_none(shape: tuple[int, int], mtcnn: Detector) -> None:
    for value in (0, 128, 255):
        assert mtcnn.detect([np.full((*shape, 3), value, np.uint8)]) == [[]]
    assert mtcnn.detect([]) == []


def test_faces_come_most_confident_first_in_plain_numbers(mtcnn: Detector, photos) -> None:
    (faces,) = mtcnn.detect([photos["selfie-many-people.jpg"]])
    scores = [face.confidence for face in faces]
    assert len(scores) == 4 and scores == sorted(scores, reverse=True)
    assert 0.8 < scores[-1] <= scores[0] <= 1
    assert {face.detector for face in faces} == {"mtcnn"}
    assert {(face.landmarks.shape, face.landmarks.dtype.name) for face in faces} == {
        ((5, 2), "float32")
    }


def test_a_face_at_the_edge_is_found_and_its_box_reaches_beyond(mtcnn: Detector, photos) -> None:
    picture = photos["obama1.jpg"]
    (whole,) = mtcnn.detect([picture])
    cut = int(whole[0].x + 0.25 * whole[0].w)
    (part,) = mtcnn.detect([picture[:, cut:]])
    assert part and part[0].x < 0
    assert overlaps(box(part[0]) + np.float32([cut, 0, 0, 0]), box(whole[0]))[0, 0] > 0.7


def test_a_view_that_is_not_contiguous_is_read_rightly(mtcnn: Detector, photos) -> None:
    mirrored = shrink(photos["obama1.jpg"], 320)[:, ::-1]
    (view,), (copy,) = mtcnn.detect([mirrored]), mtcnn.detect([np.ascontiguousarray(mirrored)])
    assert len(view) == len(copy) == 1
    np.testing.assert_array_equal(view[0].landmarks, copy[0].landmarks)


def test_a_larger_least_face_looks_at_fewer_scales(
    weights: Weights, packaged_settings: Settings, photos
) -> None:
    picture = photos["obama_and_biden.jpg"]
    coarse = Mtcnn(weights, state=packaged_settings.paths.state, least_face_px=100)
    assert len(scales(picture, 100)) < len(scales(picture, 20)) - 3
    (faces,) = coarse.detect([picture])
    assert faces and min(face.w for face in faces) > 60


@pytest.mark.parametrize(
    ("shape", "count"),
    [
        pytest.param((1, 1), 0, id="one-pixel"),
        pytest.param((19, 600), 0, id="lower-than-a-face"),
        pytest.param((20, 600), 1, id="one-face-high"),
        pytest.param((300, 300), 8, id="a-square"),
    ],
)
def test_scales_go_down_to_one_window(shape: tuple[int, int], count: int) -> None:
    picture = np.zeros((*shape, 3), np.uint8)
    found = scales(picture, 20)
    assert len(found) == count
    assert all(int(min(shape) * scale) >= 12 for scale in found)
    if found:
        assert found[0] == 12 / 20 and found[-1] * 0.709 * min(shape) < 12
    assert all(scale <= 1 for scale in scales(picture, 3))


def test_offsets_are_in_box_sizes() -> None:
    boxes = np.array([[10, 20, 30, 60]], np.float32)
    offsets = np.array([[0.5, 0.25, -0.5, 0]], np.float32)
    np.testing.assert_array_equal(moved(boxes, offsets, pixel=0), [[20, 30, 20, 60]])
    np.testing.assert_array_equal(moved(boxes, offsets, pixel=1), [[20.5, 30.25, 19.5, 60]])


def test_squares_keep_the_middle() -> None:
    boxes = np.array([[10, 20, 30, 60], [0, 0, 8, 4]], np.float32)
    np.testing.assert_array_equal(squares(boxes), [[0, 20, 40, 60], [0, -2, 8, 6]])
    assert squares(boxes[:0]).shape == (0, 4)


def test_crops_span_their_boxes_and_are_grey_beyond_the_picture() -> None:
    across, down = np.meshgrid(np.arange(100), np.arange(80))
    picture = np.stack([across, down, across], axis=2).astype(np.uint8)
    inside, beyond = crops(picture, np.array([[0, 0, 100, 80], [50, -80, 150, 20]], np.float32), 24)
    assert inside[0, 0].tolist() == [0, 0, 0] and inside[-1, -1].tolist() == [99, 79, 99]
    assert abs(int(beyond[-1, 0, 0]) - 50) <= 1 and abs(int(beyond[-1, 0, 1]) - 20) <= 1
    assert (np.abs(beyond[:18].astype(int) - 127.5) <= 0.5).all()


@pytest.mark.parametrize("name", SIDES)
def test_another_file_is_refused_before_it_is_unpickled(name: str, weights: Weights) -> None:
    (path,) = [path for path in weights.paths if path.stem == name]
    data = path.read_bytes()
    assert len(read_arrays(path.name, data)) > 10
    bomb = b"cposix\nsystem\n(S'exit 1'\ntR."
    for damaged in (data[:-1], data + b"x", bomb, b""):
        with pytest.raises(EnvironmentTrouble, match=f"{name}.lz4 is not the known file") as caught:
            convert(name, damaged)
        assert "\n" not in str(caught.value)


def test_a_damaged_weights_folder_is_one_line(
    tmp_path: Path, weights: Weights, packaged_settings: Settings
) -> None:
    for path in weights.paths:
        (tmp_path / path.name).write_bytes(path.read_bytes()[:-2])
    models = packaged_settings.models.model_copy(update={"weights": tmp_path})
    with pytest.raises(EnvironmentTrouble, match=r"models\.weights"):
        zoo.build_detector("mtcnn", packaged_settings.model_copy(update={"models": models}))


def test_neither_tensorflow_nor_its_package_nor_deepface_is_loaded(tmp_path: Path) -> None:
    code = f"""
import sys
from pathlib import Path
import numpy as np
from daemon.faces import zoo
from daemon.settings import Models, Paths, Settings
paths = Paths(state=Path({str(tmp_path)!r}) / "state")
settings = Settings(paths=paths, models=Models(download=False))
detector = zoo.build_detectors(["yunet"], settings)
assert detector.name == "mtcnn"
assert detector.detect([np.zeros((90, 90, 3), np.uint8)]) == [[]]
print(sorted({{"tensorflow", "keras", "tf_keras", "mtcnn", "deepface"}} & set(sys.modules)))
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=True
    )
    assert done.stdout == "[]\n"


@pytest.fixture(scope="module")
def theirs(photos: dict[str, Picture], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with what the package says about noise and photographs."""
    folder = tmp_path_factory.mktemp("theirs")
    draw = np.random.default_rng(0)
    for name, side in SIDES.items():
        np.save(folder / f"{name}.noise.npy", draw.integers(0, 256, (5, *side, 3), dtype=np.uint8))
    for name, picture in photos.items():
        for size in SIZES:
            np.save(folder / f"{name}.{size}.photo.npy", shrink(picture, size))
    subprocess.run(
        [sys.executable, "-c", THEIRS, str(folder)],
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", "TF_USE_LEGACY_KERAS": "1"},
        capture_output=True,
        check=True,
        timeout=280,
    )
    return folder


@pytest.mark.long
@pytest.mark.parametrize("name", SIDES)
def test_the_graphs_give_what_the_packages_networks_give(
    name: str, theirs: Path, weights: Weights, packaged_settings: Settings
) -> None:
    (path,) = [path for path in weights.paths if path.stem == name]
    session = open_session(
        prepared(
            path,
            state=packaged_settings.paths.state,
            kind=f"mtcnn-{name}",
            convert=partial(convert, name),
        )
    )
    noise = np.load(theirs / f"{name}.noise.npy")
    given = noise.astype(np.float32) if name == "pnet" else noise
    outputs = [output.name for output in session.get_outputs()]
    found = dict(zip(outputs, session.run(None, {"pictures": given}), strict=True))
    found["scores"] = 1 / (1 + np.exp(-found.pop("evidence")))
    with np.load(theirs / f"{name}.npz") as expected:
        for output, values in found.items():
            same = expected[output][..., 1:] if output == "scores" else expected[output]
            ours = values.transpose(0, 2, 3, 1) if values.ndim == 4 else values
            assert np.abs(ours - same).max() < 1e-5


@pytest.mark.long
@pytest.mark.parametrize("size", SIZES)
def test_faces_are_those_of_the_package(
    size: int, theirs: Path, mtcnn: Detector, photos: dict[str, Picture]
) -> None:
    """Where proposals are equally sure to the last bit, the package's choice among them is not
    told; so one face in ten may differ by some pixels.
    """
    differences = []
    for name, picture in photos.items():
        (faces,) = mtcnn.detect([shrink(picture, size)])
        rows = np.load(theirs / f"{name}.{size}.photo.rows.npy")
        assert len(faces) >= len(rows)
        found = np.concatenate([box(face) for face in faces])
        for row in rows:
            same = overlaps(row[None, 1:5].astype(np.float32), found)[0]
            assert same.max() > 0.9, name
            face = faces[same.argmax()]
            points = np.stack([row[6:11], row[11:16]], axis=1)
            differences.append(
                (
                    np.abs(box(face) - row[1:5]).max(),
                    np.abs(face.landmarks - points).max(),
                    abs(face.confidence - row[5]),
                )
            )
    assert len(differences) >= 25
    usual = np.quantile(differences, 0.9, axis=0)
    assert (usual < (2, 2, 0.01)).all(), usual
    assert (np.max(differences, axis=0) < (5, 5, 0.05)).all()
