from __future__ import annotations

import math
from dataclasses import replace

import cv2
import numpy as np
import pytest

from daemon.faces.align import cut
from daemon.faces.detect import detect, shrink
from daemon.faces.quality import VERSION, score
from daemon.faces.values import Crop, Detection, Detector
from daemon.settings import Crops, Settings


@pytest.fixture(scope="module")
def face(photo, yunet: Detector, face_settings: Settings) -> tuple[np.ndarray, Detection]:
    picture = photo("obama1.jpg")
    return picture, detect([picture], yunet, face_settings.detect)[0][0]


def quality(picture: np.ndarray, found: Detection):
    return score(cut(picture, found, 1.0, Crops()), found)


def test_the_measures_are_the_columns_of_the_table(face) -> None:
    record = quality(*face)
    assert set(record.measures) == {"size_px", "sharpness", "confidence"}
    assert record.version == VERSION
    assert all(isinstance(value, float) for value in (*record.measures.values(), record.score))


def test_a_large_sharp_sure_face_is_good_and_without_reasons(face) -> None:
    record = quality(*face)
    assert record.score > 0.8
    assert record.reasons == ()


def test_the_size_is_that_of_the_full_picture(face) -> None:
    picture, found = face
    eyes = float(np.linalg.norm(found.landmarks[1] - found.landmarks[0]))
    crop = cut(picture, found, 3.0, Crops())
    assert score(crop, found).measures["size_px"] == pytest.approx(3 * eyes, rel=0.15)


def test_the_score_falls_with_blur(face) -> None:
    picture, found = face
    blurred = [picture] + [cv2.GaussianBlur(picture, (0, 0), sigma) for sigma in (3, 6, 12, 24)]
    records = [quality(each, found) for each in blurred]
    scores = [record.score for record in records]
    assert scores == sorted(scores, reverse=True) and scores[-1] < 0.6 * scores[0]
    assert "the face is blurred" in records[-1].reasons


def test_the_score_falls_with_size(face) -> None:
    picture, found = face
    scores, reasons = [], ()
    for factor in (1.0, 0.3, 0.1, 0.04):
        small = shrink(picture, round(max(picture.shape) * factor))
        ratio = small.shape[1] / picture.shape[1]
        moved = replace(
            found,
            x=found.x * ratio,
            y=found.y * ratio,
            w=found.w * ratio,
            h=found.h * ratio,
            landmarks=found.landmarks * np.float32(ratio),
        )
        record = quality(small, moved)
        scores.append(record.score)
        reasons = record.reasons
    assert scores == sorted(scores, reverse=True) and scores[-1] < 0.5
    assert "the face is small" in reasons


def test_the_score_rises_with_confidence(face) -> None:
    picture, found = face
    records = [quality(picture, replace(found, confidence=c)) for c in (0.0, 0.3, 0.6, 0.9, 1.0)]
    scores = [record.score for record in records]
    assert scores == sorted(scores) and scores[0] == 0
    assert "the detector is not sure" in records[0].reasons


@pytest.mark.parametrize("value", [0, 255], ids=["black", "white"])
@pytest.mark.parametrize("shape", [(1, 1), (1, 40), (200, 200)], ids=str)
@pytest.mark.parametrize(
    "landmarks",
    [
        pytest.param(np.zeros((5, 2), np.float32), id="all-one-point"),
        pytest.param(np.array([[0, 0], [1, 0], [2, 0], [3, 0], [4, 0]], np.float32), id="a-line"),
        pytest.param(np.full((5, 2), -1e6, np.float32), id="far-away"),
        pytest.param(
            np.array([[9, 9], [4, 9], [6, 5], [8, 2], [5, 2]], np.float32), id="upside-down"
        ),
    ],
)
def test_hopeless_crops_have_a_score_all_the_same(
    value: int, shape: tuple[int, int], landmarks: np.ndarray
) -> None:
    picture = np.full((*shape, 3), value, np.uint8)
    crop = Crop(jpeg=b"", picture=picture, landmarks=landmarks, scale=1.0, x=0.0, y=0.0)
    found = Detection(x=0, y=0, w=1, h=1, landmarks=landmarks, confidence=0.9)
    record = score(crop, found)
    assert all(math.isfinite(measure) for measure in record.measures.values())
    assert 0 <= record.score < 0.3 and record.reasons
