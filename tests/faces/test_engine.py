from __future__ import annotations

import json
import os
import subprocess
import sys
import warnings
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest

from daemon.errors import EnvironmentTrouble, NoWeights
from daemon.faces import engine, landmarks, zoo
from daemon.faces.align import chip
from daemon.faces.boxes import overlaps
from daemon.faces.detect import detect, shrink
from daemon.faces.embed import unit
from daemon.faces.geometry import GEOMETRIES
from daemon.faces.plan import failed_download, plan
from daemon.faces.registry import MODELS
from daemon.faces.values import Crop
from daemon.faces.weights import download_folder, find_weights
from daemon.settings import Detect, Embed, Models, Paths, Settings
from tests.faces.networks import shape_of, write

PHOTOS = ("obama1.jpg", "two_people.jpg", "kit_with_rose.jpg", "couple.jpg", "obama-240p.jpg")
THEIRS = """
import json, sys
from deepface import DeepFace
found = {}
for detector in sys.argv[2:]:
    for path in json.loads(sys.argv[1]):
        faces = DeepFace.extract_faces(
            path, detector_backend=detector, align=False, enforce_detection=False
        )
        areas = [face["facial_area"] for face in faces if face["confidence"] > 0]
        found[f"{detector} {path}"] = [[area[key] for key in "xywh"] for area in areas]
print("BOXES" + json.dumps(found))
"""


@pytest.fixture(scope="module")
def small_photos(photo, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The photographs at a size that no detector shrinks further, as files without loss."""
    folder = tmp_path_factory.mktemp("photos")
    for name in PHOTOS:
        small = cv2.cvtColor(shrink(photo(name), 640), cv2.COLOR_RGB2BGR)
        cv2.imwrite(str(folder / f"{name}.png"), small)
    return {name: folder / f"{name}.png" for name in PHOTOS}


@pytest.fixture(scope="module")
def deepface_boxes(
    small_photos: dict[str, Path],
    face_settings: Settings,
    tmp_path_factory: pytest.TempPathFactory,
) -> dict[str, list[list[float]]]:
    """What DeepFace itself says, in a process of its own: importing it changes a process."""
    home = tmp_path_factory.mktemp("deepface")
    folder = home / ".deepface" / "weights"
    folder.mkdir(parents=True)
    yunet = find_weights("yunet", face_settings.models, state=face_settings.paths.state).path
    (folder / yunet.name).symlink_to(yunet)
    paths = json.dumps([str(path) for path in small_photos.values()])
    done = subprocess.run(
        [sys.executable, "-c", THEIRS, paths, "opencv", "yunet"],
        env={**os.environ, "DEEPFACE_HOME": str(home), "TF_CPP_MIN_LOG_LEVEL": "3"},
        capture_output=True,
        text=True,
        check=True,
        timeout=200,
    )
    return json.loads(done.stdout.split("BOXES")[1])


@pytest.mark.parametrize("name", ["opencv", "yunet"])
def test_our_boxes_are_deepfaces(
    name: str, deepface_boxes, small_photos: dict[str, Path], face_settings: Settings
) -> None:
    detector = zoo.build_detector(name, face_settings)
    compared = 0
    for path in small_photos.values():
        picture = cv2.cvtColor(cv2.imread(str(path)), cv2.COLOR_BGR2RGB)
        (faces,) = detect([picture], detector, Detect(min_confidence=0, min_face_px=1))
        theirs = np.array(deepface_boxes[f"{name} {path}"], np.float32).reshape(-1, 4)
        ours = np.array([[f.x, f.y, f.w, f.h] for f in faces], np.float32).reshape(-1, 4)
        if name != "yunet":  # DeepFace asks more confidence of YuNet than we do here
            assert len(ours) == len(theirs)
        best = overlaps(theirs, ours).max(axis=1, initial=0)
        least = 0.8 if name == "yunet" else 0.9  # our boxes of it come from a closer look
        assert (best > least).all(), (name, path.name, best)
        compared += len(theirs)
    assert compared >= 5


def test_importing_deepface_changes_nothing_that_others_rely_on(tmp_path: Path) -> None:
    code = f"""
import os, sys, warnings
from pathlib import Path
from daemon.faces import engine
from daemon.faces.weights import find_weights
before = list(warnings.filters), os.environ.get("DEEPFACE_HOME")
from daemon.settings import Models, Paths, Settings
state = Path({str(tmp_path)!r}) / "state"
settings = Settings(paths=Paths(state=state), models=Models(download=False))
assert not any(name.startswith("deepface") for name in sys.modules)
weights = find_weights("opencv", settings.models, state=state)
engine.EngineDetector(weights, state=state)
assert any(name.startswith("deepface") for name in sys.modules)
assert "tensorflow" not in sys.modules
assert list(warnings.filters) == before[0]
assert os.environ.get("DEEPFACE_HOME") == before[1]
"""
    home = tmp_path / "home"
    home.mkdir()
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "HOME": str(home)},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == ""
    assert list(home.iterdir()) == []


@pytest.fixture(scope="module")
def deepfaces_cascades(packaged_settings: Settings) -> engine.EngineDetector:
    """A detector that DeepFace builds from what packages carry."""
    state = packaged_settings.paths.state
    return engine.EngineDetector(
        find_weights("opencv", packaged_settings.models, state=state), state=state
    )


@pytest.mark.parametrize("shape", [(1, 1), (10, 500), (24, 24), (30, 41), (200, 320)], ids=str)
def test_pictures_without_faces_have_none(
    shape: tuple[int, int], deepfaces_cascades: engine.EngineDetector
) -> None:
    for value in (0, 255):
        assert deepfaces_cascades.detect([np.full((*shape, 3), value, np.uint8)]) == [[]]


def test_a_detector_of_deepface_finds_what_yunet_finds(
    photo, deepfaces_cascades: engine.EngineDetector, yunet
) -> None:
    picture = shrink(photo("obama1.jpg"), 480)
    (found,), (expected,) = deepfaces_cascades.detect([picture]), yunet.detect([picture])
    distance = np.linalg.norm(found[0].landmarks - expected[0].landmarks, axis=1)
    assert len(found) == 1 and (distance < 0.2 * expected[0].w).all()
    assert deepfaces_cascades.version.startswith("deepface-")


def area(**given: object) -> SimpleNamespace:
    plain = {"x": 10, "y": 10, "w": 100, "h": 120, "confidence": 0.9}
    points = dict.fromkeys(("right_eye", "left_eye", "nose", "mouth_right", "mouth_left"))
    return SimpleNamespace(**{**plain, **points, **given})


@pytest.mark.parametrize(
    "region",
    [
        pytest.param(area(confidence=0), id="the-whole-picture-as-a-face"),
        pytest.param(area(w=0), id="empty"),
        pytest.param(area(h=-3), id="inside-out"),
        pytest.param(area(confidence=-0.2), id="below-zero"),
    ],
)
def test_what_is_no_face_is_dropped_at_the_border(region: SimpleNamespace) -> None:
    assert engine._face(region, "fake") is None


def test_a_confidence_above_one_or_none_at_all_is_one() -> None:
    assert engine._face(area(confidence=1.7), "fake").confidence == 1
    assert engine._face(area(confidence=None), "fake").confidence == 1


def test_five_landmarks_are_taken_as_they_are() -> None:
    given = {
        "right_eye": (35, 50), "left_eye": (80, 52), "nose": (58, 80),
        "mouth_right": (40, 105), "mouth_left": (76, 106),
    }  # fmt: skip
    np.testing.assert_array_equal(
        engine._face(area(**given), "fake").landmarks, np.array(list(given.values()), np.float32)
    )


def test_from_two_eyes_the_rest_of_the_face_is_laid() -> None:
    found = engine._face(area(right_eye=(38, 55), left_eye=(84, 60)), "fake").landmarks
    np.testing.assert_allclose(found[:2], [(38, 55), (84, 60)], atol=1e-3)
    assert found[2, 1] > 60 and found[3, 1] > found[2, 1]


@pytest.mark.parametrize(
    "eyes",
    [
        pytest.param({}, id="no-eyes"),
        pytest.param({"right_eye": (40, 50), "left_eye": None}, id="one-eye"),
        pytest.param({"right_eye": (55, 100), "left_eye": (70, 101)}, id="nostrils"),
        pytest.param({"right_eye": (38, 30), "left_eye": (60, 110)}, id="an-eye-and-a-mouth"),
    ],
)
def test_without_two_eyes_the_box_tells(eyes: dict[str, object]) -> None:
    found = engine._face(area(**eyes), "fake").landmarks
    np.testing.assert_array_equal(found, landmarks.from_box((10, 10, 100, 120)))


def test_a_missing_package_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(EnvironmentTrouble, match="mediapipe: DeepFace cannot build it") as caught:
        engine.load("mediapipe", tmp_path)
    assert "\n" not in str(caught.value)


def test_an_engine_model_makes_unit_vectors_of_its_own_chips(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    class Client:
        output_shape = 4

        def forward(self, batch: np.ndarray) -> list:
            assert batch.shape[1:] == (160, 160, 3)
            rows = np.stack([batch[:, :40].mean(axis=(1, 2, 3)) + k for k in range(4)], axis=1)
            return rows[0].tolist() if len(rows) == 1 else rows.tolist()

    monkeypatch.setattr(engine, "load", lambda *given, **named: Client())
    path = tmp_path / "facenet_weights.h5"
    path.write_bytes(b"weights")
    weights = find_weights("Facenet", Models(weights=tmp_path), state=tmp_path / "state")
    embedder = engine.EngineEmbedder(weights, state=tmp_path / "state", mirror=True)
    draw = np.random.default_rng(0)
    crops = [
        Crop(
            jpeg=b"",
            picture=draw.integers(0, 256, (90, 90, 3), dtype=np.uint8),
            landmarks=np.array(GEOMETRIES["Facenet"].points, np.float32) / 2,
            scale=1.0,
            x=0.0,
            y=0.0,
        )
        for _ in range(3)
    ]
    together = embedder.embed(crops)
    alone = np.concatenate([embedder.embed([crop]) for crop in crops])
    assert together.shape == (3, 4) and embedder.geometry == "facenet160-v2+mirror"
    np.testing.assert_allclose(np.linalg.norm(together, axis=1), 1, atol=1e-6)
    np.testing.assert_allclose(together, alone, atol=1e-5)
    assert embedder.embed([]).shape == (0, 4)


@pytest.fixture
def network(monkeypatch: pytest.MonkeyPatch):
    """A network that answers every download with the given bytes, or is not there for None."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import requests
        from deepface.commons import weight_utils
    served = SimpleNamespace(content=None, asked=[])

    def head(address: str, **_: object) -> SimpleNamespace:
        served.asked.append(address)
        if served.content is None:
            raise requests.ConnectionError("no network")
        return SimpleNamespace(status_code=200)

    def fetch(_address: str, output: str, **_: object) -> None:
        Path(output).write_bytes(served.content)

    monkeypatch.setattr(requests, "head", head)
    monkeypatch.setattr(weight_utils.gdown, "download", fetch)
    return served


@pytest.fixture
def bare(tmp_path: Path) -> Settings:
    """No weights folder, and downloads allowed."""
    return Settings(paths=Paths(state=tmp_path / "state"), models=Models(download=True))


def test_a_download_lands_below_the_state_folder(network, bare: Settings, test_data: Path) -> None:
    name = "face_detection_yunet_2023mar.onnx"
    network.content = (test_data / "weights" / name).read_bytes()
    weights = zoo.obtain("yunet", bare)
    assert weights.path == download_folder(bare.paths.state) / name
    assert weights.known
    assert plan(bare).detectors == ("yunet",) and plan(bare).notes == ()
    assert zoo.build_detector("yunet", bare).name == "yunet"


def test_a_recognition_model_is_downloaded_in_its_onnx_form(
    network, bare: Settings, tmp_path: Path
) -> None:
    write(tmp_path / "made.onnx", shape_of("DeepID", channels_first=False), 160)
    network.content = (tmp_path / "made.onnx").read_bytes()
    weights = zoo.obtain("DeepID", bare)
    assert weights.path == download_folder(bare.paths.state) / "deepid_weights.onnx"
    assert network.asked and all(address.endswith(".onnx") for address in network.asked)
    assert zoo.build_embedder("DeepID", bare).dimensions == 160


def test_a_page_instead_of_a_recognition_model_is_not_kept(network, bare: Settings) -> None:
    network.content = b"<html>please log in</html>"
    with pytest.raises(NoWeights, match="could not be downloaded"):
        zoo.obtain("Facenet", bare)
    assert list(download_folder(bare.paths.state).iterdir()) == []


def test_deepface_has_a_client_for_every_form_of_every_model(tmp_path: Path) -> None:
    with engine._guarded(tmp_path):
        from deepface.modules.modeling import AVAILABLE_MODELS
    for name, model in MODELS.items():
        if model.supplied:
            continue  # a detector that DeepFace does not know
        task = engine._TASKS[model.kind]
        assert set(model.files) <= set(AVAILABLE_MODELS[task][name]), name


def test_deepfaces_keras_client_is_fed_our_crop(test_data: Path, tmp_path: Path) -> None:
    """The real client of a small model, with weights drawn at random."""
    with engine._guarded(tmp_path):
        engine._tame_tensorflow(1)
        from deepface.commons import weight_utils
        from deepface.models.facial_recognition.tf import DeepID

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(weight_utils, "load_model_weights", lambda model, weight_file: model)
            patch.setattr(weight_utils, "download_weights_if_necessary", lambda **_: "")
            random = DeepID.load_model()
        random.save_weights(str(tmp_path / "deepid_keras_weights.h5"))
    settings = Settings(
        paths=Paths(state=tmp_path / "state"),
        models=Models(weights=tmp_path, download=False),
        embed=Embed(mirror=False),
    )
    embedder = zoo.build_embedder("DeepID", settings)
    picture = cv2.imread(str(test_data / "reference" / "obama" / "obama.jpg"))[:, :, ::-1]
    geometry = GEOMETRIES["DeepID"]
    points = np.array(geometry.points) / (geometry.stretch, 1) * 12
    crop = Crop(
        jpeg=b"", picture=picture, landmarks=points.astype(np.float32), scale=1.0, x=0.0, y=0.0
    )
    face = chip(crop, geometry)[None].astype(np.float32)
    expected = unit(np.asarray(random(face / 127.5 - 1, training=False)))
    found = embedder.embed([crop, crop])
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1, atol=1e-5)
    assert embedder.weights_sha256 and embedder.dimensions == 160
    np.testing.assert_allclose(found, np.concatenate([expected] * 2), atol=1e-5)


def test_a_download_of_something_else_is_not_kept(network, bare: Settings) -> None:
    network.content = b"<html>please log in</html>"
    with pytest.raises(NoWeights):
        zoo.obtain("yunet", bare)
    assert list(download_folder(bare.paths.state).iterdir()) == []


def test_without_a_network_mtcnn_takes_over_and_the_network_is_asked_once(
    network, bare: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    assert plan(bare).detectors == ("yunet",)
    for _ in range(2):
        assert zoo.build_detectors(plan(bare).detectors, bare).name == "mtcnn"
    assert len(network.asked) == 1
    assert failed_download("yunet", bare.paths.state).is_file()
    assert plan(bare).detectors == ("mtcnn",)
    assert "mtcnn looks for faces instead" in caplog.text
    with pytest.raises(NoWeights, match=r"github\.com cannot be reached"):
        zoo.obtain("yunet", bare, again=True)
    assert len(network.asked) == 2
