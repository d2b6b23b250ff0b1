from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest

from daemon.faces.landmarks import from_box, from_eyes, is_measured
from daemon.faces.several import fused
from daemon.faces.values import Detection


def face(
    x: float, y: float, w: float, h: float, confidence: float, detector: str, shift: float = 3.0
) -> Detection:
    """A face whose points lie `shift` pixels beside where its box would put them."""
    draw = np.array([[shift, 0], [0, shift], [-shift, 0], [0, shift], [shift, 0]], np.float32)
    return Detection(
        x=x,
        y=y,
        w=w,
        h=h,
        landmarks=from_box((x, y, w, h)) + draw,
        confidence=confidence,
        detector=detector,
    )


def test_a_face_that_two_find_is_the_mean_weighted_by_confidence() -> None:
    one = face(0, 0, 100, 100, 0.9, "one")
    other = face(10, 0, 100, 110, 0.6, "other")
    (found,) = fused([[one], [other]])
    assert found.x == pytest.approx(0.4 * 10) and found.h == pytest.approx(0.6 * 100 + 0.4 * 110)
    assert found.confidence == pytest.approx(0.75)
    assert found.detector == "one+other"
    np.testing.assert_allclose(found.landmarks, 0.6 * one.landmarks + 0.4 * other.landmarks)


def test_what_only_one_finds_is_kept_as_it_is() -> None:
    one, other = face(0, 0, 50, 50, 0.9, "one"), face(200, 0, 50, 50, 0.7, "other")
    assert fused([[other], [one]]) == [one, other]
    assert fused([[], [one]]) == [one]
    assert fused([[], []]) == []


def test_points_laid_through_a_box_do_not_count_beside_measured_ones() -> None:
    measured = face(0, 0, 100, 130, 0.7, "yunet")
    laid = face(8, 0, 100, 130, 0.95, "opencv", shift=0)
    (found,) = fused([[laid], [measured]])
    np.testing.assert_allclose(found.landmarks, measured.landmarks)
    assert found.x > 4  # the box is the mean of both


def test_points_laid_through_two_eyes_are_not_measured() -> None:
    points = from_eyes((30, 40), (70, 44))
    laid = Detection(x=9, y=9, w=90, h=99, landmarks=points, confidence=1.0)
    assert not is_measured(laid)
    assert not is_measured(face(0, 0, 100, 130, 0.7, "opencv", shift=0))
    assert is_measured(face(0, 0, 100, 130, 0.7, "yunet", shift=1))


def test_two_neighbours_of_one_detector_never_become_one() -> None:
    near = [face(0, 0, 100, 100, 0.9, "one"), face(30, 0, 100, 100, 0.8, "one")]
    across = face(14, 0, 100, 100, 0.7, "other")
    found = fused([near, [across]])
    assert sorted(it.detector for it in found) == ["one", "one+other"]


def test_the_order_of_the_detectors_is_of_no_account() -> None:
    draw = np.random.default_rng(3)
    answers = [
        [
            face(*draw.uniform(0, 300, 2), *draw.uniform(60, 120, 2), draw.choice([0.7, 0.8]), name)
            for _ in range(12)
        ]
        for name in ("a", "b", "c")
    ]
    expected = fused(answers)
    assert len(expected) < 36
    for turn in permutations(answers):
        found = fused([faces[::-1] for faces in turn])
        assert [it.detector for it in found] == [it.detector for it in expected]
        np.testing.assert_allclose(
            [(it.x, it.y, it.w, it.h) for it in found],
            [(it.x, it.y, it.w, it.h) for it in expected],
        )
