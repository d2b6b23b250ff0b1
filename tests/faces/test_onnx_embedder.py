from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from onnx import TensorProto

from daemon.errors import EnvironmentTrouble
from daemon.faces import zoo
from daemon.faces.embed import chips, unit
from daemon.faces.geometry import GEOMETRIES
from daemon.faces.registry import MODELS
from daemon.faces.values import Crop
from daemon.settings import Embed, Models, Paths, Settings
from tests.faces.networks import shape_of, write

if TYPE_CHECKING:
    from pathlib import Path

FILES = {
    name: model.files.get("onnx", model.files.get("any", ("",)))[0]
    for name, model in MODELS.items()
    if model.kind == "recognizer" and name != "Dlib"
}


def settings(folder: Path, *, mirror: bool = False) -> Settings:
    return Settings(
        paths=Paths(state=folder / "state"),
        models=Models(weights=folder, download=False),
        embed=Embed(mirror=mirror),
    )


@pytest.fixture(scope="module")
def crops() -> list[Crop]:
    draw = np.random.default_rng(0)
    lands = np.array([(80, 90), (130, 92), (105, 125), (85, 150), (128, 151)], np.float32)
    return [
        Crop(
            jpeg=b"",
            picture=draw.integers(0, 256, (220, 220, 3), dtype=np.uint8),
            landmarks=lands + draw.normal(0, 2, (5, 2)).astype(np.float32),
            scale=1.0,
            x=0.0,
            y=0.0,
        )
        for _ in range(3)
    ]


SCALED = {
    "SFace": lambda x: x,
    "ArcFace": lambda x: (x - 127.5) / 128,
    "Buffalo_L": lambda x: (x - 127.5) / 127.5,
    "DeepID": lambda x: x / 127.5 - 1,
    "OpenFace": lambda x: x / 255,
}


@pytest.mark.parametrize(
    ("name", "channels_first", "batch"),
    [
        pytest.param("SFace", True, 1, id="as-opencv-zoo-exports"),
        pytest.param("Buffalo_L", True, "n", id="as-insightface-exports"),
        pytest.param("ArcFace", False, "n", id="as-deepface-exports"),
        pytest.param("OpenFace", False, 1, id="one-at-a-time"),
        pytest.param("DeepID", False, "n", id="neither-square-nor-natural"),
    ],
)
def test_a_network_is_fed_its_own_layout_and_scaling(
    name: str, channels_first: bool, batch: Any, tmp_path: Path, crops: list[Crop]
) -> None:
    dimensions = MODELS[name].dimensions
    shape = shape_of(name, channels_first=channels_first, batch=batch)
    write(tmp_path / FILES[name], shape, dimensions)
    faces = SCALED[name](chips(crops, GEOMETRIES[name]).astype(np.float64))
    flat = (faces.transpose(0, 3, 1, 2) if channels_first else faces).reshape(len(crops), -1)
    expected = unit(flat[:, :: flat.shape[1] // dimensions][:, :dimensions].astype(np.float32))
    embedder = zoo.build_embedder(name, settings(tmp_path))
    np.testing.assert_allclose(embedder.embed(crops), expected, atol=1e-6)
    assert embedder.dimensions == dimensions and embedder.embed([]).shape == (0, dimensions)
    assert embedder.geometry == GEOMETRIES[name].name


@pytest.mark.parametrize("name", sorted(FILES))
def test_every_model_but_dlibs_runs_from_its_onnx_file(
    name: str, tmp_path: Path, crops: list[Crop]
) -> None:
    write(tmp_path / FILES[name], shape_of(name, channels_first=False), MODELS[name].dimensions)
    embedder = zoo.build_embedder(name, settings(tmp_path, mirror=True))
    together = embedder.embed(crops * 6)  # more than one run of the network
    alone = np.concatenate([embedder.embed([crop]) for crop in crops])
    assert embedder.geometry == GEOMETRIES[name].name + "+mirror"
    np.testing.assert_allclose(np.linalg.norm(together, axis=1), 1, atol=1e-5)
    np.testing.assert_allclose(together[-3:], alone, atol=1e-6)
    assert np.abs(alone[0] - alone[1]).max() > 0.01


def test_a_mirrored_face_has_the_mean_vector_of_the_face(tmp_path: Path, crops: list[Crop]) -> None:
    write(tmp_path / FILES["SFace"], shape_of("SFace", channels_first=True, batch=1), 128)
    embedder = zoo.build_embedder("SFace", settings(tmp_path, mirror=True))
    faces = chips(crops, GEOMETRIES["SFace"]).astype(np.float32)
    step = 3 * 112 * 112 // 128
    ahead, back = (
        unit(side.transpose(0, 3, 1, 2).reshape(len(crops), -1)[:, ::step][:, :128])
        for side in (faces, faces[:, :, ::-1])
    )
    np.testing.assert_allclose(embedder.embed(crops), unit(ahead + back), atol=1e-6)


@pytest.mark.parametrize("kind", [TensorProto.FLOAT16, TensorProto.DOUBLE], ids=["half", "double"])
def test_the_number_type_is_the_files(kind: int, tmp_path: Path, crops: list[Crop]) -> None:
    shape = shape_of("ArcFace", channels_first=False)
    vectors = []
    for folder, given in (("plain", TensorProto.FLOAT), ("other", kind)):
        write(tmp_path / folder / FILES["ArcFace"], shape, 512, given)
        vectors.append(zoo.build_embedder("ArcFace", settings(tmp_path / folder)).embed(crops))
    np.testing.assert_allclose(*vectors, atol=2e-4)


@pytest.mark.parametrize(
    ("shape", "dimensions", "words"),
    [
        pytest.param(["n", 160, 160, 3], 512, "its input is", id="another-size"),
        pytest.param(["n", 112, 112, 1], 512, "its input is", id="grey"),
        pytest.param([4, 112, 112, 3], 512, "its input is", id="batches-of-four"),
        pytest.param(["n", 112 * 112 * 3], 512, "its input is", id="flat"),
        pytest.param(["n", 112, 112, 3], 128, "128 numbers a face instead of 512", id="output"),
    ],
)
def test_another_network_is_refused_in_one_line(
    shape: list[Any], dimensions: int, words: str, tmp_path: Path
) -> None:
    write(tmp_path / FILES["ArcFace"], shape, dimensions)
    with pytest.raises(EnvironmentTrouble, match=words) as caught:
        zoo.build_embedder("ArcFace", settings(tmp_path))
    assert "\n" not in str(caught.value) and FILES["ArcFace"] in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"<html>please log in</html>"], ids=["empty", "a-page"])
def test_a_file_that_is_no_network_is_one_line(content: bytes, tmp_path: Path) -> None:
    (tmp_path / FILES["SFace"]).write_bytes(content)
    with pytest.raises(EnvironmentTrouble, match="SFace: onnxruntime cannot use") as caught:
        zoo.build_embedder("SFace", settings(tmp_path))
    assert "\n" not in str(caught.value)


def test_neither_deepface_nor_tensorflow_is_loaded(tmp_path: Path) -> None:
    write(tmp_path / FILES["ArcFace"], shape_of("ArcFace", channels_first=False), 512)
    code = f"""
import sys
from pathlib import Path
from daemon.faces import zoo
from daemon.settings import Models, Paths, Settings
folder = Path({str(tmp_path)!r})
settings = Settings(
    paths=Paths(state=folder / "state"), models=Models(weights=folder, download=False)
)
print(zoo.build_embedder("ArcFace", settings).name)
heavy = {{"deepface", "tensorflow", "keras", "tf_keras", "torch", "onnx"}} & set(sys.modules)
assert not heavy, heavy
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "ArcFace\n"
