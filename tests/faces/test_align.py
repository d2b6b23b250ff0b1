from __future__ import annotations

import hashlib
import math
import warnings

import cv2
import numpy as np
import pytest

from daemon.faces.align import chip, cut, decode, quality_of, similarity, stored_crop, warp
from daemon.faces.geometry import GEOMETRIES, geometry_name
from daemon.faces.registry import MODELS
from daemon.faces.values import Detection
from daemon.settings import Crops

DLIB = GEOMETRIES["Dlib"]
POINTS = np.array(DLIB.points, np.float32)


def detection(x: float, y: float, w: float, h: float) -> Detection:
    points = np.array([x, y], np.float32) + np.array([w, h], np.float32) * POINTS / 150
    return Detection(x=x, y=y, w=w, h=h, landmarks=points, confidence=0.9)


def gradient(height: int, width: int) -> np.ndarray:
    """A picture whose red and green say where a pixel lies."""
    rows, columns = np.mgrid[0:height, 0:width]
    red, green = columns * 255 / width, rows * 255 / height
    return np.stack([red, green, np.full_like(red, 90)], axis=2).astype(np.uint8)


def test_a_crop_shows_the_picture_where_it_says(photo) -> None:
    picture, scale_to_full = gradient(900, 1600), 2.5
    crop = cut(picture, detection(700, 300, 200, 240), scale_to_full, Crops(margin=0.6))
    for i, j in ((0, 0), (150, 40), (240, 250)):
        x, y = (crop.x + i * crop.scale) / scale_to_full, (crop.y + j * crop.scale) / scale_to_full
        assert crop.picture[j, i, 0] == pytest.approx(x * 255 / 1600, abs=4)
        assert crop.picture[j, i, 1] == pytest.approx(y * 255 / 900, abs=4)


def test_landmarks_lie_on_the_same_spot_in_crop_and_picture() -> None:
    face = detection(700, 300, 200, 240)
    crop = cut(gradient(900, 1600), face, 2.5, Crops())
    back = crop.landmarks * crop.scale + (crop.x, crop.y)
    np.testing.assert_allclose(back, face.landmarks * 2.5, atol=0.01)


def test_a_crop_is_at_most_as_large_as_asked_and_never_enlarged() -> None:
    picture = gradient(900, 1600)
    large = cut(picture, detection(500, 200, 400, 400), 1.0, Crops(size=320, margin=0.6))
    small = cut(picture, detection(500, 200, 30, 40), 1.0, Crops(size=320, margin=0.6))
    assert max(large.picture.shape[:2]) == 320 and large.scale > 1
    assert max(small.picture.shape[:2]) == pytest.approx(40 * 2.2, abs=2) and small.scale == 1


def test_the_crop_is_what_its_jpeg_decodes_to() -> None:
    crop = cut(gradient(300, 300), detection(100, 100, 80, 80), 1.0, Crops())
    assert crop.jpeg[:2] == b"\xff\xd8"
    np.testing.assert_array_equal(decode(crop.jpeg), crop.picture)


def test_the_same_face_gives_the_same_bytes() -> None:
    jpegs = {
        cut(gradient(300, 300), detection(100, 100, 80, 80), 1.0, Crops()).jpeg for _ in range(2)
    }
    assert len({hashlib.sha256(jpeg).hexdigest() for jpeg in jpegs}) == 1


def test_a_crop_from_the_catalog_is_the_one_that_was_stored() -> None:
    face = detection(-20, 700, 300, 320)  # cut off at two sides
    crop = cut(gradient(900, 1600), face, 1.7, Crops())
    again = stored_crop(crop.jpeg, face.landmarks * 1.7, scale=crop.scale, x=crop.x, y=crop.y)
    np.testing.assert_array_equal(chip(again, DLIB), chip(crop, DLIB))
    np.testing.assert_allclose(again.landmarks, crop.landmarks, atol=1e-4)


@pytest.mark.parametrize(
    "face",
    [
        pytest.param(detection(-50, -50, 120, 120), id="over-the-corner"),
        pytest.param(detection(190, 190, 40, 40), id="over-the-other-corner"),
        pytest.param(detection(500, 500, 40, 40), id="outside"),
        pytest.param(detection(-500, 50, 40, 40), id="outside-left"),
        pytest.param(detection(100, 100, 0.2, 0.2), id="smaller-than-a-pixel"),
        pytest.param(detection(-1000, -1000, 3000, 3000), id="larger-than-the-picture"),
    ],
)
@pytest.mark.parametrize("shape", [(200, 200), (1, 1), (2, 300)], ids=str)
def test_boxes_that_reach_beyond_the_picture_still_give_a_crop(
    face: Detection, shape: tuple[int, int]
) -> None:
    crop = cut(gradient(*shape), face, 1.0, Crops())
    assert min(crop.picture.shape[:2]) >= 1
    made = chip(crop, DLIB)
    assert made.shape == (150, 150, 3) and made.dtype == np.uint8


@pytest.mark.parametrize("angle", [0, 15, 90, 180, -120])
@pytest.mark.parametrize("scale", [0.3, 1.0, 4.0])
def test_a_similarity_is_found_again(angle: float, scale: float) -> None:
    turn = math.radians(angle)
    linear = scale * np.array([[math.cos(turn), -math.sin(turn)], [math.sin(turn), math.cos(turn)]])
    target = np.array(DLIB.points) @ linear.T + (12, -7)
    found = similarity(POINTS, target)
    np.testing.assert_allclose(found[:, :2], linear, atol=1e-5)
    np.testing.assert_allclose(found[:, 2], (12, -7), atol=1e-3)


def test_a_similarity_is_the_least_squares_one() -> None:
    draw = np.random.default_rng(3)
    source = POINTS + draw.normal(0, 5, POINTS.shape).astype(np.float32)
    target = np.array(DLIB.points)
    found = similarity(source, target)

    def error(matrix: np.ndarray) -> float:
        return float(((source @ matrix[:, :2].T + matrix[:, 2] - target) ** 2).sum())

    a, b, x, y = found[0, 0], found[1, 0], found[0, 2], found[1, 2]
    for step in ((1e-3, 0, 0, 0), (0, 1e-3, 0, 0), (0, 0, 0.1, 0), (0, 0, 0, 0.1)):
        for sign in (1, -1):
            c, s, u, v = np.array([a, b, x, y]) + sign * np.array(step)
            assert error(np.array([[c, -s, u], [s, c, v]])) > error(found)


def test_points_that_are_all_one_give_a_shift() -> None:
    found = similarity(np.full((5, 2), 3, np.float32), np.array(DLIB.points))
    np.testing.assert_allclose(found[:, :2], np.eye(2))
    assert np.isfinite(found).all()


@pytest.mark.parametrize("shrink", [1, 1.5, 2, 3.7, 11])
def test_a_warp_puts_every_pixel_in_its_place(shrink: float) -> None:
    picture = gradient(600, 600)
    matrix = np.array([[1 / shrink, 0, 0], [0, 1 / shrink, 0]])
    side = int(600 / shrink)
    warped = warp(picture, matrix, side, side).astype(float)
    expected = (np.arange(side) + 0.5) * shrink * 255 / 600
    inner = slice(2, side - 2)
    assert np.abs(warped[side // 2, inner, 0] - expected[inner]).max() < 2


def test_fine_stripes_become_grey_when_they_shrink() -> None:
    stripes = np.zeros((400, 400, 3), np.uint8)
    stripes[:, ::2] = 255
    warped = warp(stripes, np.array([[0.25, 0, 0], [0, 0.25, 0]]), 100, 100)
    assert np.abs(warped[10:-10, 10:-10].astype(int) - 127).max() <= 3


def test_a_chip_brings_the_landmarks_to_their_places() -> None:
    picture = np.zeros((500, 500, 3), np.uint8)
    turn = np.array([[0.9, -0.5], [0.5, 0.9]], np.float32)
    landmarks = POINTS @ turn.T + (200, 120)
    for x, y in landmarks:
        cv2.circle(picture, (round(float(x)), round(float(y))), 3, (255, 255, 255), -1)
    x, y = landmarks.min(axis=0)
    w, h = landmarks.max(axis=0) - (x, y)
    face = Detection(
        x=float(x), y=float(y), w=float(w), h=float(h), landmarks=landmarks, confidence=1.0
    )
    made = chip(cut(picture, face, 1.0, Crops(jpeg_quality=100)), DLIB)
    for x, y in DLIB.points:
        patch = made[round(y) - 8 : round(y) + 9, round(x) - 8 : round(x) + 9, 0].astype(float)
        rows, columns = np.mgrid[0:17, 0:17]
        assert abs((patch * rows).sum() / patch.sum() - 8) < 1
        assert abs((patch * columns).sum() / patch.sum() - 8) < 1


def test_the_dlib_points_are_those_of_dlibs_own_chips(test_data, yunet, face_settings) -> None:
    """Where YuNet's landmarks fall in the chips that dlib itself cuts, on the average face."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        dlib = pytest.importorskip("dlib", reason="dlib is not installed: nothing to compare with")
    from daemon.faces.weights import package_folder

    folder = package_folder("face_recognition_models")
    predictor = dlib.shape_predictor(str(folder / "models/shape_predictor_5_face_landmarks.dat"))
    fallen = []
    for path in sorted((test_data / "lfw-dev").glob("A*/*_0001.jpg"))[:60]:
        picture = cv2.cvtColor(cv2.imread(str(path)), cv2.COLOR_BGR2RGB)
        face = max(yunet.detect([picture])[0], key=lambda face: face.w)
        box = dlib.rectangle(
            *map(round, (face.x, face.y + 0.1 * face.h, face.x + face.w, face.y + face.h))
        )  # fmt: skip
        details = dlib.get_face_chip_details(predictor(picture, box), 150, 0.25)
        fallen.append(_into_chip(details, face.landmarks))
    assert np.abs(np.median(fallen, axis=0) - np.array(DLIB.points)).max() < 2


def _into_chip(details, points: np.ndarray) -> np.ndarray:
    """Points of the picture in pixels of dlib's chip, from its rectangle and angle."""
    centre = np.array([details.rect.center().x, details.rect.center().y])
    turn = -details.angle
    rotation = np.array([[math.cos(turn), -math.sin(turn)], [math.sin(turn), math.cos(turn)]])
    scale = details.cols / details.rect.width()
    return (points - centre) @ rotation.T * scale + details.cols / 2


def test_every_recognition_model_has_a_geometry_whose_points_lie_in_it() -> None:
    models = {name for name, model in MODELS.items() if model.kind == "recognizer"}
    assert set(GEOMETRIES) == models
    for geometry in GEOMETRIES.values():
        points = np.array(geometry.points)
        assert points.shape == (5, 2)
        assert (points > 0).all() and (points < (geometry.width, geometry.height)).all()
        right_eye, left_eye, nose, right_mouth, left_mouth = points
        assert right_eye[0] < nose[0] < left_eye[0]
        assert right_eye[1] < nose[1] < right_mouth[1]
        assert right_mouth[0] < left_mouth[0]


def test_one_name_means_one_geometry() -> None:
    by_name: dict[str, set[object]] = {}
    for geometry in GEOMETRIES.values():
        by_name.setdefault(geometry.name, set()).add(
            (geometry.width, geometry.height, geometry.points)
        )
    assert all(len(different) == 1 for different in by_name.values())
    assert geometry_name("Dlib", mirror=True) == "dlib150-v2+mirror"


def test_crops_of_small_faces_keep_more_of_their_few_pixels() -> None:
    crops = Crops()
    assert quality_of(crops.size, crops) == crops.jpeg_quality
    assert quality_of(100, crops) == 98
    assert quality_of(100, Crops(jpeg_quality=100)) == 100
    rng = np.random.default_rng(1)
    picture = cv2.GaussianBlur(rng.integers(0, 256, (400, 400, 3), np.uint8), (0, 0), 1.5)
    small = cut(picture, detection(100, 100, 40, 50), 1.0, crops)
    left, top = round(small.x), round(small.y)
    high, wide = small.picture.shape[:2]
    lost = np.abs(small.picture.astype(int) - picture[top : top + high, left : left + wide])
    assert lost.mean() < 3
