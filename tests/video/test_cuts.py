"""Where scenes begin: of made pictures of which that is known."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from daemon.video.cuts import is_blank, scenes
from daemon.video.glimpse import Glimpse, change, motion, sharpness, unexplained


def texture(seed: int, width: int = 640, height: int = 360) -> np.ndarray:
    rough = np.random.default_rng(seed).integers(0, 256, (height // 40, width // 40), np.uint8)
    return cv2.resize(rough, (width, height), interpolation=cv2.INTER_CUBIC)


def noisy(picture: np.ndarray, seed: int, sigma: float = 3.0) -> np.ndarray:
    noise = np.random.default_rng(seed).normal(0, sigma, picture.shape)
    return np.clip(picture + noise, 0, 255).astype(np.uint8)


def moved(picture: np.ndarray, right: float, *, zoom: float = 1.0) -> np.ndarray:
    height, width = picture.shape
    matrix = np.array([[zoom, 0, right], [0, zoom, (1 - zoom) * height / 2]], np.float32)
    return cv2.warpAffine(picture, matrix, (width, height), borderMode=cv2.BORDER_REFLECT)


def begins(frames: list[np.ndarray]) -> list[int]:
    glimpsed = [(number, Glimpse.of(frame)) for number, frame in enumerate(frames)]
    found = list(scenes(glimpsed))
    assert [number for number, _, _ in found] == list(range(len(frames)))
    return [number for number, _, begin in found if begin]


def test_a_cut_is_where_the_picture_becomes_another() -> None:
    one, other = texture(1), texture(2)
    frames = [noisy(one, it) for it in range(8)] + [noisy(other, it) for it in range(8)]
    assert begins(frames) == [8]


@pytest.mark.parametrize("count", [1, 2, 3])
def test_short_videos(count: int) -> None:
    assert begins([texture(1)] * count) == []


def test_a_cut_in_the_last_frame_counts() -> None:
    assert begins([texture(1)] * 5 + [texture(2)]) == [5]


@pytest.mark.parametrize("pixels", [2, 10, 25])
def test_a_moving_camera_is_no_cut_and_no_cut_is_lost_in_it(pixels: int) -> None:
    wide = texture(3, 1600)
    pan = [noisy(wide[:, pixels * it :][:, :640], it) for it in range(12)]
    assert begins(pan) == []
    assert begins(pan + [noisy(texture(4), it) for it in range(4)]) == [12]


def test_a_sudden_jerk_of_the_camera_is_no_cut() -> None:
    picture = texture(5)
    frames = [noisy(picture, it) for it in range(6)]
    frames += [noisy(moved(picture, 30), it) for it in range(6)]
    assert begins(frames) == []


def test_a_flash_is_no_cut() -> None:
    picture = texture(6)
    bright = np.clip(picture.astype(int) + 120, 0, 255).astype(np.uint8)
    frames = [
        noisy(it, number) for number, it in enumerate([picture] * 5 + [bright] + [picture] * 5)
    ]
    assert begins(frames) == []


def test_a_fade_ends_at_black_and_begins_where_something_is_to_be_seen_again() -> None:
    one, other = texture(7), texture(8)
    out = [(one * share).astype(np.uint8) for share in np.linspace(1, 0, 10)]
    into = [(other * share).astype(np.uint8) for share in np.linspace(0, 1, 10)]
    found = begins([one] * 4 + out + into + [other] * 4)
    assert len(found) == 2 and 10 <= found[0] <= 14 <= found[1] <= 17


def test_blank_screens_are_told() -> None:
    assert is_blank(Glimpse.of(np.zeros((100, 100), np.uint8)))
    assert is_blank(Glimpse.of(noisy(np.full((360, 640), 250, np.uint8), 0, 2.0)))
    assert not is_blank(Glimpse.of(texture(1)))


class TestGlimpse:
    def test_what_it_tells_of_a_frame(self) -> None:
        half = np.zeros((400, 600), np.uint8)
        half[:, :60] = 200
        seen = Glimpse.of(half)
        assert seen.grey.shape == (107, 160)
        assert seen.brightness == pytest.approx(20 / 255, abs=0.002)
        assert seen.brightest == pytest.approx(200 / 255, abs=0.01)

    @pytest.mark.parametrize("shape", [(1, 1), (1, 4000), (4000, 1), (3, 5), (64, 10_000)])
    def test_every_shape(self, shape: tuple[int, int]) -> None:
        seen = Glimpse.of(np.full(shape, 100, np.uint8))
        assert seen.brightness == pytest.approx(100 / 255)
        assert motion(seen, seen) == 0 and change(seen, seen) == 0 and unexplained(seen, seen) == 0
        assert sharpness(np.full(shape, 100, np.uint8)) == 0

    def test_motion_is_a_share_of_the_longest_side(self) -> None:
        picture = texture(9)
        one, other = Glimpse.of(picture), Glimpse.of(moved(picture, 32))
        assert motion(one, other) == pytest.approx(32 / 640, rel=0.2)
        assert motion(one, Glimpse.of(noisy(picture, 1))) < 0.002

    def test_what_moved_is_explained_and_what_is_new_is_not(self) -> None:
        picture = texture(10)
        one, same, new = (Glimpse.of(it) for it in (picture, moved(picture, 20), texture(11)))
        assert unexplained(one, same) < 0.4 * change(one, same)
        assert unexplained(one, new) > 0.6 * change(one, new)

    def test_the_sharper_of_two_is_told(self) -> None:
        picture = cv2.resize(texture(12), (1280, 720))
        sharp = cv2.resize(
            np.random.default_rng(1).integers(0, 255, (90, 160), np.uint8), (1280, 720)
        )
        for kernel in (np.ones((1, 9)) / 9, np.ones((9, 1)) / 9, np.ones((5, 5)) / 25):
            blurred = cv2.filter2D(sharp, -1, kernel)
            assert sharpness(sharp) > 1.05 * sharpness(blurred)
        assert sharpness(picture) < sharpness(sharp)
