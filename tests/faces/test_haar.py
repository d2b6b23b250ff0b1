from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import numpy as np
import pytest

from daemon.errors import EnvironmentTrouble
from daemon.faces import landmarks, zoo
from daemon.faces.detect import shrink
from daemon.faces.haar import points
from daemon.faces.weights import find_weights

if TYPE_CHECKING:
    from pathlib import Path

    from daemon.faces.values import Detector
    from daemon.settings import Settings

FACE = (10.0, 10.0, 100.0, 100.0)
RIGHT, LEFT = (25.0, 35.0, 20.0, 20.0), (75.0, 35.0, 20.0, 20.0)


@pytest.fixture(scope="module")
def haar(packaged_settings: Settings) -> Detector:
    return zoo.build_detector("opencv", packaged_settings)


def test_frontal_faces_have_yunets_landmarks(haar: Detector, yunet: Detector, photo) -> None:
    for name in ("obama1.jpg", "obama-1080p.jpg", "lin-manuel-miranda.png"):
        picture = shrink(photo(name), 640)
        (found,), (expected,) = haar.detect([picture]), yunet.detect([picture])
        best = min(found, key=lambda it: abs(it.x - expected[0].x))
        away = np.linalg.norm(best.landmarks - expected[0].landmarks, axis=1) / expected[0].w
        assert (away < (0.1, 0.1, 0.25, 0.25, 0.25)).all(), (name, away)  # below the eyes: a guess
        assert best.detector == "opencv" and best.landmarks.dtype == np.float32


def test_faces_come_most_confident_first(haar: Detector, photo) -> None:
    (faces,) = haar.detect([shrink(photo("selfie-many-people.jpg"), 640)])
    scores = [face.confidence for face in faces]
    assert len(set(scores)) >= 3 and scores == sorted(scores, reverse=True)
    assert 0.9 <= scores[-1] <= scores[0] <= 1


@pytest.mark.parametrize("shape", [(1, 1), (10, 500), (24, 24), (30, 41), (200, 320)], ids=str)
def test_a_picture_without_faces_has_none(shape: tuple[int, int], haar: Detector) -> None:
    for value in (0, 255):
        assert haar.detect([np.full((*shape, 3), value, np.uint8)]) == [[]]


@pytest.mark.parametrize(
    ("eyes", "used"),
    [
        pytest.param([LEFT, RIGHT], True, id="two"),
        pytest.param([(55, 80, 8, 8), RIGHT, LEFT], True, id="the-largest-two-of-three"),
        pytest.param([RIGHT], False, id="one"),
        pytest.param([], False, id="none"),
        pytest.param([(45, 85, 12, 12), (62, 85, 12, 12)], False, id="nostrils"),
    ],
)
def test_two_plausible_eyes_place_the_landmarks_else_the_box_does(eyes: list, used: bool) -> None:
    expected = landmarks.from_eyes((35, 45), (85, 45)) if used else landmarks.from_box(FACE)
    np.testing.assert_array_equal(points(FACE, eyes), expected)


def test_another_file_is_refused_in_one_line(tmp_path: Path, packaged_settings: Settings) -> None:
    models = packaged_settings.models.model_copy(update={"weights": tmp_path})
    settings = packaged_settings.model_copy(update={"models": models})
    for content in ("<html>404</html>", "", "<?xml version='1.0'?><opencv_storage/>"):
        for file in ("haarcascade_frontalface_default.xml", "haarcascade_eye.xml"):
            (tmp_path / file).write_text(content)
        assert find_weights("opencv", models, state=tmp_path).source == "folder"
        with pytest.raises(EnvironmentTrouble, match="is no cascade of OpenCV") as caught:
            zoo.build_detector("opencv", settings)
        assert "\n" not in str(caught.value)


def test_neither_tensorflow_nor_deepface_is_loaded() -> None:
    code = """
import sys
from daemon.faces import zoo
from daemon.settings import Models, Settings
detector = zoo.build_detector("opencv", Settings(models=Models(download=False)))
print(detector.name, sorted({"tensorflow", "keras", "deepface"} & set(sys.modules)))
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout == "opencv []\n"
