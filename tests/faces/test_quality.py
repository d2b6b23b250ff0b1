from __future__ import annotations

import math
from dataclasses import replace
from itertools import pairwise
from typing import ClassVar

import cv2
import numpy as np
import pytest

from benchmarks.labelled import shrunk
from catalog.measures import MEASURES
from daemon.faces.align import cut
from daemon.faces.detect import detect, shrink
from daemon.faces.measures.table import measure
from daemon.faces.quality import VERSION, losses
from daemon.faces.quality import quality as of_measures
from daemon.faces.values import Crop, Detection, Detector
from daemon.settings import Crops, Settings

# What the recognition model tells, and dlib's 68 points where they are asked for.
BY_OTHER_MODELS = {"agreement", "norm", "stability", "eye_aspect_ratio"}


@pytest.fixture(scope="module")
def face(photo, yunet: Detector, face_settings: Settings) -> tuple[np.ndarray, Detection]:
    picture = photo("obama1.jpg")
    return picture, detect([picture], yunet, face_settings.detect)[0][0]


def quality(picture: np.ndarray, found: Detection):
    height, width = picture.shape[:2]
    return of_measures(measure(cut(picture, found, 1.0, Crops()), found, width, height))


def falls(scores: list[float]) -> bool:
    """Never by much up: what softens a large picture a little takes its noise away."""
    return all(after < before + 0.01 for before, after in pairwise(scores))


def test_a_record_has_every_measure_that_is_a_number(face) -> None:
    record = quality(*face)
    assert set(record.measures) == set(MEASURES) - BY_OTHER_MODELS
    assert record.version == VERSION
    assert all(isinstance(value, float) for value in (*record.measures.values(), record.score))
    told = of_measures({**record.measures, "agreement": math.nan, "yaw": math.inf})
    assert not {"agreement", "yaw"} & told.measures.keys()


def test_a_large_sharp_sure_face_is_good_and_without_reasons(face) -> None:
    record = quality(*face)
    assert record.score > 0.8
    assert record.reasons == ()


def test_the_size_is_that_of_the_full_picture(face) -> None:
    picture, found = face
    eyes = float(np.linalg.norm(found.landmarks[1] - found.landmarks[0]))
    crop = cut(picture, found, 3.0, Crops())
    assert measure(crop, found, 1000, 1000)["size_px"] == pytest.approx(3 * eyes, rel=0.15)


def test_the_score_falls_with_blur(face) -> None:
    picture, found = face
    blurred = [picture] + [cv2.GaussianBlur(picture, (0, 0), sigma) for sigma in (3, 6, 12, 24)]
    records = [quality(each, found) for each in blurred]
    scores = [record.score for record in records]
    assert falls(scores) and scores[-1] < 0.75 * scores[0]
    assert "blurred" in records[-1].reasons


def test_the_score_falls_with_size(face) -> None:
    picture, found = face
    scores, lost = [], {}
    for factor in (1.0, 0.3, 0.1, 0.04):
        small = shrink(picture, round(max(picture.shape) * factor))
        record = quality(small, shrunk(found, small.shape[1] / picture.shape[1]))
        scores.append(record.score)
        lost = losses(record.measures)
    assert falls(scores) and scores[-1] < 0.8 * scores[0]
    assert max(lost, key=lost.__getitem__) in ("blur", "detail", "size_px")


def test_the_score_rises_with_confidence(face) -> None:
    picture, found = face
    records = [quality(picture, replace(found, confidence=c)) for c in (0.0, 0.3, 0.6, 0.9, 1.0)]
    scores = [record.score for record in records]
    assert scores == sorted(scores) and scores[0] < 0.1
    assert records[0].reasons


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
    record = of_measures(measure(crop, found, 100, 100))
    assert all(math.isfinite(value) for value in record.measures.values())
    assert 0 <= record.score < 0.5 and record.reasons


class TestWords:
    """What pulls a score down is said once, with its cause."""

    GOOD: ClassVar = {
        "confidence": 0.95, "agreement": 0.995, "size_px": 60.0, "blur": 0.2, "detail": -2.0,
        "motion": 0.3, "noise": 0.3, "blockiness": 0.0, "brightness": 0.5, "overexposed": 0.0,
        "skin_spread": 0.002, "symmetry": 0.7, "misfit": 0.01, "pitch": 0.0, "yaw": 0.0,
        "cut_off": 0.0,
    }  # fmt: skip

    @pytest.mark.parametrize(
        ("worse", "reason"),
        [
            ({"blur": 0.8}, "blurred"),
            ({"blur": 0.8, "motion": 2.0}, "motion blur"),
            ({"blockiness": 2.5}, "strong compression"),
            ({"skin_spread": 0.12}, "something of another colour before the face"),
            ({"confidence": 0.7}, "the detector is not sure (0.70)"),
            ({"confidence": 0.7, "yaw": -52.0}, "turned away 52°"),
            ({"confidence": 0.7, "cut_off": 0.4}, "cut off by the border: 40 % of the face"),
            ({"agreement": 0.95}, "looks otherwise in a mirror (cosine 0.95)"),
        ],
    )
    def test_a_reason(self, worse: dict[str, float], reason: str) -> None:
        assert of_measures(self.GOOD).reasons == ()
        found = of_measures({**self.GOOD, **worse})
        assert found.reasons == (reason,)
        assert found.score < of_measures(self.GOOD).score

    def test_the_most_costly_comes_first_and_nothing_twice(self) -> None:
        bad = {**self.GOOD, "confidence": 0.4, "agreement": 0.9, "yaw": 60.0, "blockiness": 2.5}
        assert of_measures(bad).reasons == ("turned away 60°", "strong compression")
