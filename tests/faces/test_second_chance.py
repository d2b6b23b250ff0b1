from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from daemon.faces.boxes import overlaps
from daemon.faces.detect import detect
from daemon.faces.second_chance import equalised, prepared, returned
from daemon.faces.values import Detection
from daemon.settings import Detect

if TYPE_CHECKING:
    from daemon.faces.values import Detector, Picture

ONCE = Detect(second_chance=False)


def box(face: Detection) -> np.ndarray:
    return np.array([[face.x, face.y, face.w, face.h]], np.float32)


def unturned(face: Detection, quarters: int, picture: Picture) -> Detection:
    """The face of an upright picture as it lies in that picture turned by so many quarters."""
    turned = np.rot90(picture, quarters)
    return returned(face, (4 - quarters) % 4, turned)


@pytest.mark.parametrize("quarters", [1, 2, 3])
def test_a_mark_in_a_turned_picture_leads_back_to_its_place(quarters: int) -> None:
    picture = np.zeros((40, 70, 3), np.uint8)
    picture[12, 33] = 255
    turned = prepared(picture, quarters)
    ((y, x),) = np.argwhere(turned[:, :, 0])
    mark = Detection(
        x=float(x),
        y=float(y),
        w=1.0,
        h=1.0,
        landmarks=np.full((5, 2), (x + 0.5, y + 0.5), np.float32),
        confidence=1.0,
    )
    found = returned(mark, quarters, picture)
    assert (found.x, found.y, found.w, found.h) == (33, 12, 1, 1)
    np.testing.assert_allclose(found.landmarks[0], (33.5, 12.5))


@pytest.mark.parametrize("name", ["couple.jpg", "obama1.jpg", "obama-240p.jpg"])
@pytest.mark.parametrize("quarters", [1, 2, 3])
def test_faces_of_photographs_on_their_side_are_found(
    name: str, quarters: int, yunet: Detector, photo
) -> None:
    picture = photo(name)
    turned = np.ascontiguousarray(np.rot90(picture, quarters))
    upright = detect([picture], yunet, ONCE)[0]
    found = detect([turned], yunet, Detect())[0]
    assert len(found) == len(upright) > 0
    expected = [unturned(face, quarters, picture) for face in upright]
    for face in expected:
        same = max(found, key=lambda it: overlaps(box(face), box(it))[0, 0])
        assert overlaps(box(face), box(same))[0, 0] > 0.6
        error = np.abs(same.landmarks - face.landmarks).max()
        assert error < 0.12 * min(face.w, face.h)  # YuNet's points of turned faces are its own


def test_without_a_second_chance_they_are_not(yunet: Detector, photo) -> None:
    turned = np.ascontiguousarray(np.rot90(photo("obama-240p.jpg")))
    assert detect([turned], yunet, ONCE) == [[]]


def test_faces_in_the_dark_are_found(yunet: Detector, photo) -> None:
    names = ("alex_lacamoire1.jpg", "johnsnow_test1.jpg", "obama_and_biden.jpg", "img1.jpg")
    noise = np.random.default_rng(0)
    dark = []
    for name in names:
        picture = photo(name) / 26.0
        dark.append((picture + noise.normal(0, 1.5, picture.shape)).clip(0, 255).astype(np.uint8))
    once = [len(faces) for faces in detect(dark, yunet, ONCE)]
    found = [len(faces) for faces in detect(dark, yunet, Detect())]
    assert all(now >= before for now, before in zip(found, once, strict=True))
    assert sum(found) > sum(once)


def test_equalising_spreads_the_light_and_keeps_the_shape() -> None:
    dim = np.random.default_rng(0).integers(10, 30, (64, 64, 3)).astype(np.uint8)
    bright = equalised(dim)
    assert bright.shape == dim.shape and np.ptp(bright) > 2 * np.ptp(dim)


@pytest.mark.parametrize("shape", [(480, 640), (640, 480), (40, 900)], ids=str)
def test_an_empty_picture_stays_empty(shape: tuple[int, int], yunet: Detector) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (*shape, 3), np.uint8)
    assert detect([noise], yunet, Detect()) == [[]]
