from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from daemon.errors import NoWeights, UsageError
from daemon.faces import weights as module
from daemon.faces.registry import KNOWN_SHA256, MODELS
from daemon.faces.weights import (
    download_folder,
    file_sha256,
    find_weights,
    linked_home,
    package_folder,
)
from daemon.settings import Models

if TYPE_CHECKING:
    from pathlib import Path

YUNET = "face_detection_yunet_2023mar.onnx"


@pytest.fixture
def state(tmp_path: Path) -> Path:
    return tmp_path / "state"


def put(folder: Path, content: bytes = b"x", name: str = YUNET) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    path.write_bytes(content)
    return path


def test_the_weights_folder_comes_before_a_download(tmp_path: Path, state: Path) -> None:
    put(download_folder(state), b"downloaded")
    mine = put(tmp_path / "mine", b"mine")
    found = find_weights("yunet", Models(weights=mine.parent), state=state)
    assert (found.path, found.source) == (mine, "folder")


def test_the_weights_folder_comes_before_a_package(tmp_path: Path, state: Path) -> None:
    name = "dlib_face_recognition_resnet_model_v1.dat"
    mine = put(tmp_path / "mine", b"mine", name)
    found = find_weights("Dlib", Models(weights=mine.parent), state=state)
    assert found.path == mine
    assert find_weights("Dlib", Models(), state=state).source == "package"


def test_what_deepface_downloaded_for_the_user_is_found(tmp_path: Path, state: Path) -> None:
    path = put(tmp_path / "home" / ".deepface" / "weights")
    environ = {"DEEPFACE_HOME": str(tmp_path / "home")}
    assert find_weights("yunet", Models(), state=state, environ=environ).path == path


def test_the_onnx_form_comes_first_wherever_it_lies(tmp_path: Path, state: Path) -> None:
    models = Models(weights=tmp_path / "mine")
    put(models.weights, name="arcface_weights.h5")
    found = find_weights("ArcFace", models, state=state, environ={})
    assert (found.path.name, found.form, found.backend) == (
        "arcface_weights.h5", "h5", "tensorflow"
    )  # fmt: skip
    put(download_folder(state), name="arcface_weights.onnx")
    found = find_weights("ArcFace", models, state=state, environ={})
    assert (found.path.name, found.form, found.backend) == (
        "arcface_weights.onnx", "ONNX", "onnx"
    )  # fmt: skip


def test_whoever_asks_for_a_back_end_gets_its_files(tmp_path: Path, state: Path) -> None:
    for suffix in ("onnx", "h5", "pth"):
        put(tmp_path, name=f"arcface_weights.{suffix}")
    for backend, suffix in (("tensorflow", ".h5"), ("PyTorch", ".pth"), ("onnx", ".onnx")):
        environ = {"DEEPFACE_BACKEND_ENGINE": backend}
        found = find_weights("ArcFace", Models(weights=tmp_path), state=state, environ=environ)
        assert found.path.suffix == suffix


def test_both_forms_are_named_where_neither_is_here(state: Path) -> None:
    with pytest.raises(NoWeights, match=r"deepid_weights\.onnx or deepid_keras_weights\.h5"):
        find_weights("DeepID", Models(), state=state, environ={})


def test_all_files_of_a_model_must_be_in_one_place(tmp_path: Path, state: Path) -> None:
    put(tmp_path, name="pnet.lz4")
    found = find_weights("mtcnn", Models(weights=tmp_path), state=state)
    assert found.source == "package"
    assert [path.name for path in found.paths] == ["pnet.lz4", "rnet.lz4", "onet.lz4"]


@pytest.mark.parametrize(
    ("download", "remedy"),
    [
        pytest.param(True, "models fetch", id="may-download"),
        pytest.param(False, "models.download", id="may-not"),
    ],
)
def test_what_is_nowhere_is_said_in_one_line_with_a_remedy(
    state: Path, download: bool, remedy: str
) -> None:
    with pytest.raises(NoWeights) as caught:
        find_weights("yunet", Models(download=download), state=state)
    message = str(caught.value)
    assert YUNET in message and "models.weights" in message and remedy in message
    assert "\n" not in message
    assert caught.value.exit_code == 3


def test_a_folder_and_a_dangling_link_are_no_weights(tmp_path: Path, state: Path) -> None:
    (tmp_path / YUNET).mkdir()
    with pytest.raises(NoWeights):
        find_weights("yunet", Models(weights=tmp_path), state=state)
    (tmp_path / YUNET).rmdir()
    (tmp_path / YUNET).symlink_to(tmp_path / "gone")
    with pytest.raises(NoWeights):
        find_weights("yunet", Models(weights=tmp_path), state=state)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may enter every folder")
def test_a_folder_that_may_not_be_entered_is_passed_over(tmp_path: Path, state: Path) -> None:
    path = put(tmp_path / "closed")
    path.parent.chmod(0)
    try:
        with pytest.raises(NoWeights):
            find_weights("yunet", Models(weights=path.parent), state=state)
    finally:
        path.parent.chmod(0o700)


def test_an_unknown_name_is_a_usage_error_that_lists_the_known(state: Path) -> None:
    with pytest.raises(UsageError, match=r"'yolo'.*yunet"):
        find_weights("yolo", Models(), state=state)


def test_the_real_files_are_the_known_ones(test_data: Path, state: Path) -> None:
    models = Models(weights=test_data / "weights")
    for name in ("yunet", "mtcnn", "Dlib", "dlib"):
        found = find_weights(name, models, state=state)
        assert found.known, name
    assert find_weights("yunet", models, state=state).sha256 == KNOWN_SHA256[YUNET]


def test_a_changed_file_is_a_mismatch(tmp_path: Path, state: Path) -> None:
    put(tmp_path, b"a captive portal's page")
    found = find_weights("yunet", Models(weights=tmp_path), state=state)
    assert (found.verdict, found.known) == ("mismatch", False)


def test_a_file_without_a_known_digest_is_unlisted(tmp_path: Path, state: Path) -> None:
    put(tmp_path, name="retinaface.h5")
    found = find_weights("retinaface", Models(weights=tmp_path), state=state)
    assert (found.verdict, found.known) == ("unlisted", False)


def test_the_digest_of_several_files_changes_with_each(tmp_path: Path, state: Path) -> None:
    for name in ("pnet.lz4", "rnet.lz4", "onet.lz4"):
        put(tmp_path, b"1", name)
    before = find_weights("mtcnn", Models(weights=tmp_path), state=state).sha256
    put(tmp_path, b"22", "onet.lz4")
    assert find_weights("mtcnn", Models(weights=tmp_path), state=state).sha256 != before


def test_a_digest_is_computed_once_and_again_after_a_change(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = put(tmp_path, b"one")
    first = file_sha256(path)
    opened = []
    real = module.hashlib.file_digest
    monkeypatch.setattr(
        module.hashlib, "file_digest", lambda *given: opened.append(1) or real(*given)
    )
    assert file_sha256(path) == first and not opened
    path.write_bytes(b"three")
    assert file_sha256(path) != first and opened


def test_deepface_finds_the_weights_by_links_that_follow_a_change(
    tmp_path: Path, state: Path
) -> None:
    for folder in ("old", "new"):
        path = put(tmp_path / folder, folder.encode())
        found = find_weights("yunet", Models(weights=path.parent), state=state)
        home = linked_home(found, state)
        seen = home / ".deepface" / "weights" / YUNET
        assert seen.read_bytes() == folder.encode()
    assert sorted(item.name for item in seen.parent.iterdir()) == [YUNET]


def test_links_alone_are_not_taken_for_weights_of_their_own(tmp_path: Path, state: Path) -> None:
    path = put(tmp_path / "mine")
    linked_home(find_weights("yunet", Models(weights=path.parent), state=state), state)
    with pytest.raises(NoWeights):
        find_weights("yunet", Models(), state=state)


def test_packages_are_found_without_importing_them() -> None:
    assert package_folder("face_recognition_models") is not None
    assert package_folder("no_such_package_at_all") is None
    assert "face_recognition_models" not in sys.modules


def test_every_model_says_what_it_is_and_under_which_licence() -> None:
    for name, model in MODELS.items():
        assert model.name == name
        assert model.licence, name
        assert model.kind in ("detector", "recognizer")


def test_deepface_registry_and_ours_name_the_same_models() -> None:
    code = (
        "from deepface.modules.modeling import AVAILABLE_MODELS as m\n"
        "from daemon.faces.registry import MODELS\n"
        "theirs = {*m['face_detector'], *m['facial_recognition']}\n"
        "ours = {name for name, model in MODELS.items() if not model.supplied}\n"
        "assert theirs == ours, theirs ^ ours\n"
    )
    subprocess.run([sys.executable, "-W", "ignore", "-c", code], check=True, timeout=60)


def test_planning_loads_no_heavy_package() -> None:
    code = (
        "import sys\n"
        "from daemon.faces.plan import plan\n"
        "from daemon.settings import Settings\n"
        "plan(Settings())\n"
        "heavy = {'numpy', 'cv2', 'onnx', 'onnxruntime', 'deepface', 'tensorflow', 'mtcnn'}\n"
        "found = heavy & set(sys.modules)\n"
        "assert not found, found\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
