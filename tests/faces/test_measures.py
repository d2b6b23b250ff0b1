"""Measures of a face: they say what they should of pictures that are known, and a number of any."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks import degradations, labelled
from catalog.measures import MEASURES
from catalog.migrations import migrate
from daemon.faces.align import cut
from daemon.faces.detect import detect
from daemon.faces.measures import eyes, shape, sharpness, texture
from daemon.faces.measures.face import Face
from daemon.faces.measures.pose import FRONTAL, HEAD, pose
from daemon.faces.measures.table import measure
from daemon.faces.quality import GOODNESS, losses, quality
from daemon.faces.quality_weights import TERMS
from daemon.faces.values import Crop, Detection
from daemon.settings import Crops

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from daemon.faces.values import Detector, Picture
    from daemon.settings import Settings

# What the recognition model tells, and dlib's 68 points where they are asked for.
BY_OTHER_MODELS = {"agreement", "norm", "stability", "eye_aspect_ratio"}
Seen = tuple[np.ndarray, Detection]


@pytest.fixture(scope="module")
def face(
    photo: Callable[[str], Picture], yunet: Detector, face_settings: Settings
) -> tuple[Picture, Detection]:
    picture = photo("obama1.jpg")
    return picture, detect([picture], yunet, face_settings.detect)[0][0]


def measures(picture: Picture, found: Detection) -> dict[str, float]:
    height, width = picture.shape[:2]
    return measure(cut(picture, found, 1.0, Crops()), found, width, height)


def smaller(face: Seen, factor: float) -> Seen:
    """The same face in a smaller picture."""
    picture, found = face
    small = cv2.resize(picture, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)
    return np.asarray(small, np.uint8), labelled.shrunk(found, factor)


def test_the_measures_are_the_columns(tmp_path: Path, face: Seen) -> None:
    import sqlite3

    migrate(tmp_path / "catalog.db")
    with sqlite3.connect(tmp_path / "catalog.db") as connection:
        columns = {row[1] for row in connection.execute("PRAGMA table_info(quality)")}
    assert set(MEASURES) == columns - {"face_id", "version", "reasons"}
    assert set(measures(*face)) == set(MEASURES) - BY_OTHER_MODELS


def test_a_good_portrait_is_within_what_is_drawn(face: Seen) -> None:
    for name, value in measures(*face).items():
        assert MEASURES[name].low <= value <= MEASURES[name].high, name


def test_sharpness_does_not_depend_on_the_size_of_the_picture(face: Seen) -> None:
    """Down to where the face is as large as it is drawn for measuring."""
    whole = measures(*face)
    least = 36 / whole["size_px"]
    for factor in np.linspace(1, max(least, 0.2), 4):
        seen = measures(*smaller(face, float(factor)))
        for name in ("blur", "detail", "motion", "brightness", "contrast", "symmetry"):
            spread = MEASURES[name].high - MEASURES[name].low
            assert abs(seen[name] - whole[name]) < 0.05 * spread, (name, factor)
        assert seen["sharpness"] == pytest.approx(whole["sharpness"], rel=0.5)


@pytest.mark.parametrize(
    ("kind", "name", "sign"),
    [
        ("defocus", "blur", 1), ("defocus", "detail", -1), ("defocus", "sharpness", -1),
        ("defocus", "tenengrad", -1), ("motion", "blur", 1), ("dark", "brightness", -1),
        ("low resolution", "detail", -1), ("compression", "blockiness", 1), ("noise", "noise", 1),
        ("haze", "contrast", -1),
    ],
)  # fmt: skip
def test_a_degradation_moves_its_measure_the_right_way(
    face: Seen, kind: str, name: str, sign: int
) -> None:
    picture, found = smaller(face, 36 / measures(*face)["size_px"])
    degrade = degradations.EVERY[kind]
    box = (found.x, found.y, found.w, found.h)
    clean = measures(picture, found)[name]
    for strength in range(1, degradations.STRENGTHS):
        worse = degrade(picture, strength, np.random.default_rng(5), box)
        assert sign * (measures(worse, found)[name] - clean) > 0, strength


@pytest.mark.parametrize("angle", [-60, -30, 0, 45, 90])
def test_a_movement_is_told_from_defocus_with_its_direction(face: Seen, angle: int) -> None:
    picture, found = smaller(face, 36 / measures(*face)["size_px"])
    moved = measures(degradations.moved(picture, 13, angle), found)
    blurred = measures(
        degradations.defocus(picture, 3, np.random.default_rng(0), (0, 0, 1, 1)), found
    )
    assert moved["motion"] > 1 > blurred["motion"]
    apart = (moved["motion_angle"] - angle + 90) % 180 - 90
    assert abs(apart) <= 20


def turned(yaw: float, pitch: float, roll: float) -> np.ndarray:
    """The head's points, seen by a camera a metre away after a turn by so many degrees."""
    y, p, r = np.radians([-yaw, -pitch, roll])
    around_y = np.array([[np.cos(y), 0, np.sin(y)], [0, 1, 0], [-np.sin(y), 0, np.cos(y)]])
    around_x = np.array([[1, 0, 0], [0, np.cos(p), -np.sin(p)], [0, np.sin(p), np.cos(p)]])
    around_z = np.array([[np.cos(r), -np.sin(r), 0], [np.sin(r), np.cos(r), 0], [0, 0, 1]])
    return HEAD @ (around_z @ around_x @ around_y).T


def seen_from(points: np.ndarray, away_mm: float = 1000.0) -> np.ndarray:
    return (300 + 900 * points[:, :2] / (points[:, 2:] + away_mm)).astype(np.float32)


class TestPose:
    def test_known_turns_of_many_heads(self) -> None:
        draw = np.random.default_rng(1)
        errors = []
        for _ in range(300):
            angles = draw.uniform([-50, -25, -40], [50, 25, 40])
            head = turned(*angles) * draw.normal(1, 0.03, 3) + draw.normal(0, 1.5, (5, 3))
            found = pose(seen_from(head, float(draw.uniform(500, 3000))))
            errors.append(np.array([found.yaw, found.pitch, found.roll]) - angles)
            for place, angle in enumerate(angles):
                if abs(angle) > 15:
                    assert np.sign((found.yaw, found.pitch, found.roll)[place]) == np.sign(angle)
        assert (np.median(np.abs(errors), axis=0) < (4, 5, 2)).all()

    def test_to_the_right_up_and_clockwise_are_positive(self) -> None:
        right, up, clockwise = (seen_from(turned(*it)) for it in np.eye(3) * 25)
        assert right[2, 0] > right[:2, 0].mean(), "the nose is to the right"
        assert pose(right).yaw == pytest.approx(25, abs=3)
        assert up[2, 1] - up[:2, 1].mean() < HEAD[2, 1] * 0.9, "the nose is nearer to the eyes"
        assert pose(up).pitch == pytest.approx(25, abs=3)
        assert clockwise[1, 1] > clockwise[0, 1], "the eye at the right is lower"
        assert pose(clockwise).roll == pytest.approx(25, abs=3)

    def test_a_mirror_image_is_turned_the_other_way(self) -> None:
        points = seen_from(turned(30, 10, 15))
        mirrored = points[[1, 0, 2, 4, 3]] * (-1, 1) + (600, 0)
        one, other = pose(points), pose(mirrored.astype(np.float32))
        assert (one.yaw, one.pitch, one.roll) == pytest.approx(
            (-other.yaw, other.pitch, -other.roll), abs=0.5
        )

    def test_points_that_are_one_tell_nothing(self) -> None:
        assert pose(np.full((5, 2), 3, np.float32)) == FRONTAL
        assert pose(np.full((5, 2), np.nan, np.float32)) == FRONTAL
        line = np.stack([np.arange(5), np.zeros(5)], axis=1).astype(np.float32)
        assert math.isfinite(pose(line).yaw)


class TestFormulas:
    def test_noise_is_its_deviation(self) -> None:
        flat = np.full((80, 80), 128, np.float32)
        assert texture.noise(flat) == 0
        noisy = flat + np.random.default_rng(0).normal(0, 12, flat.shape).astype(np.float32)
        assert texture.noise(noisy) == pytest.approx(12, rel=0.1)

    def test_blocks_are_found_wherever_they_begin(self) -> None:
        blocks = np.kron(np.random.default_rng(0).uniform(0, 255, (12, 12)), np.ones((8, 8)))
        picture = (blocks + np.random.default_rng(1).normal(0, 1, blocks.shape)).astype(np.float32)
        assert texture.blockiness(picture[3:, 5:]) > 2
        smooth = cv2.GaussianBlur(np.random.default_rng(2).uniform(0, 255, (96, 96)), (0, 0), 3)
        assert texture.blockiness(smooth.astype(np.float32)) < 0.7

    def test_crete_of_nothing_and_of_a_chessboard(self) -> None:
        assert sharpness.perceptual_blur(np.zeros((80, 80), np.float32)) == 1
        board = (np.indices((80, 80)).sum(axis=0) % 2 * 255).astype(np.float32)
        assert sharpness.perceptual_blur(board) < 0.2

    def test_halves_that_mirror_each_other(self) -> None:
        half = np.random.default_rng(0).uniform(0, 255, (80, 40)).astype(np.float32)
        assert shape.symmetry(np.concatenate([half, half[:, ::-1]], axis=1)) > 0.99
        assert shape.symmetry(np.zeros((80, 80), np.float32)) == 0

    def test_an_iris_has_upright_edges_and_a_lid_level_ones(self) -> None:
        blank = np.full((16, 30), 180, np.float32)
        iris, lid = blank.copy(), blank.copy()
        iris[3:13, 11:19] = 30
        lid[7:9, 2:28] = 30
        assert eyes.openness((iris, iris)) > 0 > eyes.openness((lid, lid)) + 1
        assert eyes.openness((blank, blank)) == 0

    def test_where_a_face_lies(self) -> None:
        assert shape.off_centre((40, 40, 20, 20), 100, 100) == 0
        assert shape.off_centre((-10, -10, 20, 20), 100, 100) == pytest.approx(1)
        assert shape.cut_off((40, 40, 20, 20), 100, 100) == 0
        assert shape.cut_off((-10, 0, 20, 20), 100, 100) == pytest.approx(0.5)
        assert shape.cut_off((0, 0, 0, 0), 100, 100) == 0


CROPS = st.tuples(
    st.sampled_from(["black", "white", "grey", "noise", "one colour"]),
    st.integers(1, 260),
    st.integers(1, 260),
    st.lists(st.floats(-50, 300, width=32), min_size=10, max_size=10),
    st.floats(0, 1),
)


@settings(max_examples=150, deadline=None, derandomize=True)
@given(it=CROPS)
def test_no_picture_gives_nan_or_raises(it: tuple[str, int, int, list[float], float]) -> None:
    kind, width, height, points, confidence = it
    picture = {
        "black": np.zeros((height, width, 3)),
        "white": np.full((height, width, 3), 255),
        "grey": np.repeat(np.linspace(0, 255, height * width).reshape(height, width, 1), 3, axis=2),
        "noise": np.random.default_rng(0).integers(0, 256, (height, width, 3)),
        "one colour": np.full((height, width, 3), (255, 3, 90)),
    }[kind].astype(np.uint8)
    landmarks = np.array(points, np.float32).reshape(5, 2)
    crop = Crop(jpeg=b"", picture=picture, landmarks=landmarks, scale=1.0, x=0, y=0)
    x, y = landmarks.min(axis=0)
    w, h = np.ptp(landmarks, axis=0)
    found = Detection(
        x=float(x), y=float(y), w=float(w), h=float(h), landmarks=landmarks, confidence=confidence
    )
    values = measure(crop, found, width, height)
    assert all(math.isfinite(value) for value in values.values()), values
    assert Face.of(crop).inner.shape == (80, 80, 3)
    for agreement in (math.nan, -1.0, 1.0):
        record = quality({**values, "agreement": agreement})
        assert 0 <= record.score <= 1


class TestScore:
    def test_no_slope_is_negative_and_every_term_is_a_measure(self) -> None:
        assert set(TERMS) <= set(GOODNESS) <= set(MEASURES)
        for term in TERMS.values():
            assert term.slope >= 0 and term.steeper >= 0 and term.knee <= term.most

    def test_better_in_one_and_worse_in_none_scores_no_less(self) -> None:
        draw = np.random.default_rng(0)
        for _ in range(300):
            values = {name: float(draw.uniform(it.low, it.high)) for name, it in MEASURES.items()}
            for name in TERMS:
                worse, better = sorted(
                    draw.uniform(MEASURES[name].low, MEASURES[name].high, 2), key=GOODNESS[name]
                )
                least = quality({**values, name: float(worse)}).score
                assert least <= quality({**values, name: float(better)}).score + 1e-9, name

    def test_what_is_not_known_costs_as_much_as_at_the_knee(self) -> None:
        unknown = losses({})
        assert unknown == losses(dict.fromkeys(MEASURES, math.nan))
        for name, term in TERMS.items():
            assert unknown[name] == pytest.approx(term.slope * (term.most - term.knee))
