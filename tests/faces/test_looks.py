from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest

from benchmarks import crowds, faceless
from daemon.faces.boxes import overlaps
from daemon.faces.detect import detect
from daemon.faces.looks import Doubting, whole
from daemon.faces.resolution import first_px, longest_px
from daemon.faces.tiles import SIDE_PX, tiles
from daemon.faces.values import Detection
from daemon.faces.views import View, shrunk, window
from daemon.settings import Detect

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from daemon.faces.values import Detector, Picture
    from daemon.settings import Settings

EVERY = Detect(min_face_px=1)


def boxes(faces: list[Detection]) -> np.ndarray:
    return np.array([[it.x, it.y, it.w, it.h] for it in faces], np.float32).reshape(-1, 4)


def found_of(truth: np.ndarray, faces: list[Detection]) -> float:
    return float((overlaps(truth, boxes(faces)).max(axis=1, initial=0) > 0.4).mean())


@pytest.fixture
def far_away(photo) -> tuple[Picture, np.ndarray]:
    """The selfie with its six faces, an eighth to a sixteenth of its size, in a large picture."""
    selfie = photo("selfie-many-people.jpg")
    canvas = cv2.GaussianBlur(cv2.resize(photo("obama1.jpg")[600:], (1280, 960)), (0, 0), 9)
    places = []
    for number, side in enumerate((150, 120, 100)):
        left, top = 150 + 400 * number, 300 + 90 * number
        canvas[top : top + side, left : left + side] = cv2.resize(
            selfie, (side, side), interpolation=cv2.INTER_AREA
        )
        places.append((left, top, side / 600))
    faces = np.array([[358, 115, 124, 182], [91, 291, 119, 154], [207, 125, 100, 132]], np.float32)
    truth = [faces * scale + (left, top, 0, 0) for left, top, scale in places]
    return canvas, np.concatenate(truth).astype(np.float32)


def test_small_faces_are_found_that_one_small_look_misses(yunet: Detector, far_away) -> None:
    picture, truth = far_away
    view = shrunk(picture, 640)
    once = [view.placed(face) for face in yunet.detect([view.picture])[0]]
    (found,) = detect([picture], yunet, EVERY)
    assert found_of(truth, once) < 0.8
    assert found_of(truth, found) >= 0.9


@pytest.mark.parametrize("name", ["obama1.jpg", "couple.jpg", "two_people.jpg", "john1.jpeg"])
def test_large_faces_are_found_as_one_large_look_finds_them(
    name: str, yunet: Detector, photo, test_data
) -> None:
    path = next(test_data.rglob(name))
    picture = cv2.cvtColor(cv2.imread(str(path)), cv2.COLOR_BGR2RGB)
    view = shrunk(picture, 1024)
    expected = [view.placed(face) for face in yunet.detect([view.picture])[0]]
    (found,) = detect([picture], yunet, EVERY)
    assert len(found) == len(expected) > 0
    assert found_of(boxes(expected), found) == 1


def test_what_only_one_look_takes_for_a_face_is_none(yunet: Detector, test_data) -> None:
    path = test_data / "reference" / "biden" / "biden2.jpg"
    picture = cv2.cvtColor(cv2.imread(str(path)), cv2.COLOR_BGR2RGB)
    view = shrunk(picture, 640)
    assert len(yunet.detect([view.picture])[0]) > 1  # a painted lake behind him
    assert len(detect([picture], yunet, EVERY)[0]) == 1


def test_pictures_that_share_a_call_change_nothing(yunet: Detector, photo, far_away) -> None:
    pictures = [far_away[0], photo("obama1.jpg"), far_away[0][:, ::-1], photo("couple.jpg")]
    together = detect(pictures, yunet, EVERY)
    for picture, faces in zip(pictures, together, strict=True):
        np.testing.assert_allclose(
            boxes(detect([picture], yunet, EVERY)[0]), boxes(faces), atol=1e-2
        )


def test_no_pictures_give_no_answers(yunet: Detector) -> None:
    assert detect([], yunet, EVERY) == []
    assert isinstance(yunet, Doubting)


def test_faces_in_tiles_are_found_once_and_in_place(yunet: Detector, photo) -> None:
    small = photo("obama-240p.jpg")
    large = np.tile(small, (7, 4, 1))[:1600, :1700]
    (found,) = detect([large], yunet, Detect(first_size=4096, size=4096, min_face_px=1))
    (once,) = detect([small], yunet, EVERY)[0]
    expected = [
        (once.x + 427 * column, once.y + 240 * row, once.w, once.h)
        for row in range(7)
        for column in range(4)
        if 427 * column + once.x + once.w < 1700 and 240 * row + once.y + once.h < 1600
    ]
    shared = overlaps(np.array(expected, np.float32), boxes(found))
    assert (shared.max(axis=1) > 0.7).all()
    assert len(found) == len(expected)


@pytest.mark.parametrize("shape", [(1280, 1280), (1281, 900), (5000, 3000)], ids=str)
def test_tiles_cover_the_picture_and_overlap(shape: tuple[int, int]) -> None:
    picture = np.zeros((*shape, 3), np.uint8)
    parts = tiles(View(picture=picture))
    covered = np.zeros(shape, int)
    for part in parts:
        high, wide = part.picture.shape[:2]
        assert max(high, wide) <= SIDE_PX
        covered[int(part.top) : int(part.top) + high, int(part.left) : int(part.left) + wide] += 1
    assert covered.min() == 1
    assert (len(parts) == 1) == (max(shape) <= SIDE_PX)


@pytest.mark.parametrize("shape", [(999, 1777), (1500, 2000), (333, 1001)], ids=str)
@pytest.mark.parametrize("size", [160, 640])
def test_a_view_leads_back_to_where_things_are(shape: tuple[int, int], size: int) -> None:
    down, across = np.mgrid[0 : shape[0], 0 : shape[1]] + 0.5
    far = np.stack([down / shape[0], across / shape[1], 0 * down], axis=2)
    picture = np.asarray(np.round(255 * far), np.uint8)
    for view in (shrunk(picture, size), window(picture, (300, 150), 121, size)):
        high, wide = view.picture.shape[:2]
        assert max(high, wide) == size
        y, x = high // 2, wide // 3
        place = view.top + (y + 0.5) * view.down, view.left + (x + 0.5) * view.across
        value = 255 * place[0] / shape[0], 255 * place[1] / shape[1]
        assert view.picture[y, x, :2] == pytest.approx(value, abs=1.01)


def test_a_window_at_the_rim_stays_inside() -> None:
    picture = np.zeros((100, 200, 3), np.uint8)
    view = window(picture, (199, 0), 60, 120)
    assert (view.left, view.top, view.picture.shape) == (140, 0, (120, 120, 3))
    wide = window(picture, (100, 50), 400, 100)
    assert (wide.left, wide.top, wide.picture.shape) == (0, 0, (50, 100, 3))


def test_a_long_picture_is_seen_by_its_shorter_side() -> None:
    assert longest_px(300, 400, 640) == 640
    assert longest_px(300, 1800, 640) == 1920


def test_what_the_second_look_doubts_is_seen_closely(
    yunet: Detector, face_settings: Settings, test_data: Path
) -> None:
    finder = faceless.finder(test_data, face_settings.paths.state)
    heads = crowds.read_heads(test_data / "lfw-dev", finder, count=12)
    grey = np.full((300, 400, 3), 120, np.uint8)
    made = crowds.crowd(grey, heads, [30.0] * 24, longest_px=4032, seed=1)
    once = [face for face in whole([made.picture], yunet.detect, 1280)[0] if face.confidence >= 0.6]
    (found,) = detect([made.picture], yunet, EVERY)
    assert found_of(made.boxes, once) < 0.5 < 0.75 < found_of(made.boxes, found)


@pytest.mark.parametrize(
    ("width", "height", "scale", "expected"),
    [
        pytest.param(2000, 1500, 1, 640, id="a photo that is not large"),
        pytest.param(1008, 756, 4, 800, id="12 megapixels decoded small"),
        pytest.param(4032, 3024, 1, 800, id="12 megapixels decoded whole"),
        pytest.param(1500, 1000, 4, 992, id="24 megapixels"),
        pytest.param(3000, 250, 4, 992 * 6, id="a panorama"),
    ],
)
def test_a_large_photo_is_first_seen_larger_however_it_was_decoded(
    width: int, height: int, scale: float, expected: int
) -> None:
    assert first_px(Detect(), height, width, scale=scale) == expected


class OneSmallFace:
    """Sees a sure face 20 pixels wide in everything, and remembers what it was shown."""

    name, version, weights_sha256 = "fake", "1", "0"

    def __init__(self) -> None:
        self.shown: list[int] = []

    def detect(self, pictures: Sequence[Picture]) -> list[list[Detection]]:
        self.shown += [max(picture.shape[:2]) for picture in pictures]
        face = Detection(
            x=9, y=9, w=20, h=20, landmarks=np.full((5, 2), 9, np.float32), confidence=0.95
        )
        return [[face] for _ in pictures]

    suspect = detect


@pytest.mark.parametrize(
    ("longest", "whole_looks"),
    [pytest.param(600, [600], id="seen whole"), pytest.param(1000, [640, 1000], id="shrunk first")],
)
def test_a_picture_is_seen_again_only_where_that_shows_more(
    longest: int, whole_looks: list[int]
) -> None:
    detector = OneSmallFace()
    detect([np.zeros((longest, longest, 3), np.uint8)], detector, EVERY)
    assert [side for side in detector.shown if side > 300] == whole_looks


def test_of_many_doubts_the_surest_are_seen_closely_where_no_second_look_shows_more(
    yunet: Detector, face_settings: Settings, test_data: Path
) -> None:
    finder = faceless.finder(test_data, face_settings.paths.state)
    heads = crowds.read_heads(test_data / "lfw-dev", finder, count=12)
    grey = np.full((300, 400, 3), 120, np.uint8)
    made = crowds.crowd(grey, heads, [8.0] * 40, longest_px=640, seed=2)
    once = [face for face in yunet.detect([made.picture])[0] if face.confidence >= 0.6]
    (found,) = detect([made.picture], yunet, EVERY)
    assert found_of(made.boxes, found) > found_of(made.boxes, once) + 0.3
