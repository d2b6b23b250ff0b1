"""The eye aspect ratio by 68 points: its formula, and that it tells closed eyes."""

from __future__ import annotations

import numpy as np
import pytest

from daemon.faces.align import cut
from daemon.faces.detect import detect
from daemon.faces.eye_points import Predictor, aspect_ratio, eye_aspect_ratio


def test_the_aspect_ratio_is_height_by_width_of_both_eyes() -> None:
    points = np.zeros((68, 2))
    for first, height in ((36, 2.0), (42, 4.0)):
        points[first : first + 6] = [
            (0, 0), (3, -height / 2), (7, -height / 2), (10, 0), (7, height / 2), (3, height / 2)
        ]  # fmt: skip
    assert aspect_ratio(points) == pytest.approx(0.3)


def test_points_on_one_spot_give_a_number() -> None:
    assert aspect_ratio(np.zeros((68, 2))) == 0


def test_the_same_in_a_picture_that_was_read_smaller(photo, yunet, face_settings) -> None:
    pytest.importorskip("dlib")
    predictor = Predictor.load()
    picture = photo("obama1.jpg")
    face = detect([picture], yunet, face_settings.detect)[0][0]
    ratios = [
        eye_aspect_ratio(predictor, cut(picture, face, scale, face_settings.crops), face, scale)
        for scale in (1.0, 2.5)
    ]
    assert ratios[0] == pytest.approx(ratios[1])
    assert 0.15 < ratios[0] < 0.4
