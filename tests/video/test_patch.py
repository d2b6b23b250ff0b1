"""A face is cut from its surroundings as it would be from the frame."""

from __future__ import annotations

import numpy as np
import pytest

from daemon.faces.align import cut, reach
from daemon.faces.values import Detection
from daemon.faces.views import part
from daemon.settings import Crops


@pytest.mark.parametrize("x", [-20.0, 3.3, 150.7, 395.0])
@pytest.mark.parametrize("w", [20.0, 90.5, 500.0])
def test_the_crop_is_the_same(x: float, w: float) -> None:
    picture = np.random.default_rng(1).integers(0, 255, (300, 400, 3), np.uint8)
    landmarks = np.array([[0.3, 0.4], [0.7, 0.4], [0.5, 0.6], [0.3, 0.8], [0.7, 0.8]]) * w + x
    face = Detection(
        x=x, y=x / 2, w=w, h=1.2 * w, landmarks=landmarks.astype(np.float32), confidence=0.9,
        detector="yunet",
    )  # fmt: skip
    crops = Crops()
    view = part(picture, (face.x + face.w / 2, face.y + face.h / 2), reach(face, crops.margin))
    whole = cut(picture, face, 1.0, crops)
    again = cut(view.picture, view.taken(face), 1.0, crops)
    assert again.jpeg == whole.jpeg
    assert (again.x + view.left, again.y + view.top) == (whole.x, whole.y)
    assert np.allclose(again.landmarks, whole.landmarks, atol=1e-3)
    back = view.placed(view.taken(face))
    assert np.allclose((back.x, back.y, back.w, back.h), (face.x, face.y, face.w, face.h))
    assert np.allclose(back.landmarks, face.landmarks, atol=1e-3)
