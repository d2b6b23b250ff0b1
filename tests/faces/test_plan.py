from __future__ import annotations

import importlib.util
import os
from typing import TYPE_CHECKING

import pytest

from daemon.errors import EnvironmentTrouble, NoWeights, UsageError
from daemon.faces.plan import failed_download, plan
from daemon.faces.registry import KNOWN_SHA256
from daemon.settings import Embed, Models, Paths, Settings

if TYPE_CHECKING:
    from pathlib import Path


def settings(tmp_path: Path, **models: object) -> Settings:
    return Settings(paths=Paths(state=tmp_path / "state"), models=Models(**models))


def test_with_its_weights_yunet_is_used_and_nothing_is_noted(
    tmp_path: Path, test_data: Path
) -> None:
    chosen = plan(settings(tmp_path, weights=test_data / "weights", download=False))
    assert (chosen.detectors, chosen.recognizers, chosen.notes) == (("yunet",), ("Dlib",), ())
    assert chosen.recognizer_choices[0].geometry == "dlib150-v2+mirror"


def test_without_yunet_and_without_downloads_mtcnn_is_used_and_that_is_said(tmp_path: Path) -> None:
    chosen = plan(settings(tmp_path, download=False))
    assert chosen.detectors == ("mtcnn",)
    assert len(chosen.notes) == 1
    assert "yunet" in chosen.notes[0] and "mtcnn" in chosen.notes[0]
    assert "models.weights" in chosen.notes[0]


def test_a_download_is_planned_without_trying_it(tmp_path: Path) -> None:
    chosen = plan(settings(tmp_path, download=True))
    assert chosen.detectors == ("yunet",)
    assert chosen.detector_choices[0].weights is None
    assert chosen.detector.weights_sha256 == KNOWN_SHA256["face_detection_yunet_2023mar.onnx"]
    assert "will be downloaded" in chosen.notes[0]
    assert not (tmp_path / "state").exists()


def test_a_download_that_failed_today_is_not_planned_again_but_one_of_yesterday_is(
    tmp_path: Path,
) -> None:
    wanted = settings(tmp_path, download=True)
    mark = failed_download("yunet", wanted.paths.state)
    mark.parent.mkdir(parents=True)
    mark.touch()
    os.utime(mark, (1000.0, 1000.0))
    assert plan(wanted, now=lambda: 1000.0 + 3600).detectors == ("mtcnn",)
    assert plan(wanted, now=lambda: 1000.0 + 2 * 86400).detectors == ("yunet",)


def test_another_detector_without_weights_has_no_substitute(tmp_path: Path) -> None:
    with pytest.raises(NoWeights, match=r"retinaface\.h5"):
        plan(settings(tmp_path, detector=["retinaface"], download=False))


def without(monkeypatch: pytest.MonkeyPatch, *packages: str) -> None:
    """As if these packages were not installed."""
    real = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name in packages else real(name)
    )


def test_only_the_keras_form_of_a_model_needs_tensorflow(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    without(monkeypatch, "tensorflow")
    wanted = settings(tmp_path, recognizer=["ArcFace"], weights=tmp_path, detector=["opencv"])
    (tmp_path / "arcface_weights.h5").write_bytes(b"weights")
    with pytest.raises(EnvironmentTrouble, match=r"ArcFace.*tensorflow"):
        plan(wanted)
    (tmp_path / "arcface_weights.onnx").write_bytes(b"weights")
    assert plan(wanted).recognizers == ("ArcFace",)
    assert plan(wanted).recognizer_choices[0].weights.form == "ONNX"


def test_buffalo_runs_without_the_package_that_only_its_download_needs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    without(monkeypatch, "insightface")
    wanted = settings(
        tmp_path, recognizer=["Buffalo_L"], weights=tmp_path, detector=["opencv"], download=True
    )
    with pytest.raises(EnvironmentTrouble, match="insightface"):
        plan(wanted)
    (tmp_path / "buffalo_l").mkdir()
    (tmp_path / "buffalo_l" / "webface_r50.onnx").write_bytes(b"weights")
    assert plan(wanted).recognizers == ("Buffalo_L",)


def test_a_missing_package_is_named(tmp_path: Path) -> None:
    with pytest.raises(EnvironmentTrouble, match=r"fastmtcnn.*facenet_pytorch"):
        plan(settings(tmp_path, detector=["fastmtcnn"]))


@pytest.mark.parametrize(
    ("models", "words"),
    [
        pytest.param({"detector": ["Dlib"]}, "Dlib is a recognizer", id="recognizer-as-detector"),
        pytest.param({"recognizer": ["yunet"]}, "yunet is a detector", id="detector-as-recognizer"),
        pytest.param({"detector": ["haar"]}, "no model is called 'haar'", id="unknown"),
    ],
)
def test_a_wrong_name_is_refused(tmp_path: Path, models: dict[str, object], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        plan(settings(tmp_path, **models))


def test_a_list_keeps_its_order_and_names_nothing_twice(tmp_path: Path) -> None:
    chosen = plan(
        settings(tmp_path, detector=["opencv", "yunet", "opencv", "mtcnn"], download=False)
    )
    assert chosen.detectors == ("opencv", "mtcnn")
    assert chosen.detector.name == "opencv+mtcnn"
    assert len(chosen.detector.weights_sha256.split("+")) == 2


def test_detectors_that_deepface_builds_are_told_apart(tmp_path: Path) -> None:
    pytest.importorskip("dlib", reason="dlib is not installed")
    chosen = plan(settings(tmp_path, detector=["opencv", "dlib", "mtcnn"], download=False))
    assert chosen.tensorflow
    assert [choice.version for choice in chosen.detector_choices][::2] == ["1", "1"]
    assert chosen.detector_choices[1].version.startswith("deepface-")


def test_without_mirroring_the_geometry_has_another_name(tmp_path: Path) -> None:
    plain = settings(tmp_path, download=False).model_copy(update={"embed": Embed(mirror=False)})
    assert plan(plain).recognizer_choices[0].geometry == "dlib150-v2"


def test_a_tampered_file_is_noted(tmp_path: Path) -> None:
    folder = tmp_path / "weights"
    folder.mkdir()
    (folder / "face_detection_yunet_2023mar.onnx").write_bytes(b"something else")
    chosen = plan(settings(tmp_path, weights=folder, download=False))
    assert "not the known file" in chosen.notes[0]
