"""Which frames are looked at: of a made stream of frames."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from daemon.settings import Video
from daemon.video.cuts import scenes
from daemon.video.glimpse import Glimpse
from daemon.video.keeping import Keeper
from tests.video.test_cuts import moved, noisy, texture

FPS = 25


@dataclass(frozen=True, kw_only=True, eq=False)
class Made:
    time_s: float
    grey: np.ndarray

    def luma(self) -> np.ndarray:
        return self.grey


def looked_at(frames: list[np.ndarray], section: Video | None = None):
    shown = [Made(time_s=number / FPS, grey=it) for number, it in enumerate(frames)]
    keeper: Keeper[Made] = Keeper(section=section or Video())
    kept = list(keeper.chosen(scenes((it, Glimpse.of(it.grey)) for it in shown)))
    assert len(kept) + sum(keeper.skipped.values()) == len(frames), "every frame is accounted for"
    return kept, keeper


def pan(seconds: float, seed: int = 1, *, pixels: float = 2) -> list[np.ndarray]:
    wide = texture(seed, 2400)
    return [noisy(wide[:, int(pixels * it) :][:, :640], it) for it in range(round(seconds * FPS))]


def test_the_first_frame_of_each_scene_and_one_after_each_interval() -> None:
    kept, keeper = looked_at(pan(3, 1) + pan(2, 2))
    assert keeper.scenes == pytest.approx([0.0, 3.0])
    assert [it.scene for it in kept] == sorted(it.scene for it in kept)
    assert {it.because for it in kept} == {"scene", "motion"}
    first = [it.shown.time_s for it in kept if it.scene == 0]
    second = [it.shown.time_s for it in kept if it.scene == 1]
    assert first[0] <= 0.17 and 3.0 <= second[0] <= 3.17
    for times in (first, second):
        assert np.diff(times).max() <= 0.4 + 0.17
        assert np.diff(times).min() >= 0.2
    assert first[-1] > 2.5 and second[-1] > 4.5


def test_where_nothing_moves_there_are_few_looks() -> None:
    picture = texture(3)
    kept, keeper = looked_at([noisy(picture, it) for it in range(9 * FPS)])
    assert [it.because for it in kept] == ["scene", "ceiling", "ceiling", "ceiling", "ceiling"][
        : len(kept)
    ]
    assert 4 <= len(kept) <= 5 and keeper.skipped["still"] > 10


def test_somebody_who_comes_into_a_still_picture_is_looked_at_at_once() -> None:
    picture = texture(4)
    frames = [noisy(picture, it) for it in range(4 * FPS)]
    for number in range(2 * FPS, 4 * FPS):
        frames[number] = frames[number].copy()
        frames[number][100:260, 200:330] = noisy(texture(5), number)[100:260, 200:330]
    kept, _ = looked_at(frames)
    assert any(2.0 <= it.shown.time_s <= 2.5 for it in kept)


def test_what_moves_far_is_looked_at_more_often() -> None:
    slow, _ = looked_at(pan(4, 6, pixels=2))
    fast, _ = looked_at(pan(4, 6, pixels=14))
    assert len(fast) > 1.3 * len(slow)


def test_dark_and_blank_frames_are_passed_over_and_counted() -> None:
    dark = [noisy((it * 0.04).astype(np.uint8), number, 2.0) for number, it in enumerate(pan(2, 7))]
    white = [np.full((360, 640), 240, np.uint8)] * FPS
    kept, keeper = looked_at(dark + white + pan(1, 8))
    assert all(it.shown.time_s >= 3.0 for it in kept) and kept
    assert keeper.skipped["dark"] >= 2 * FPS - 2 and keeper.skipped["blank"] >= FPS - 2


def test_a_lit_face_in_the_night_is_not_dark() -> None:
    night = np.zeros((360, 640), np.uint8)
    night[100:220, 250:340] = texture(9)[100:220, 250:340] // 2 + 90
    kept, keeper = looked_at([noisy(night, it, 1.0) for it in range(FPS)])
    assert kept and not keeper.skipped["dark"]


def test_of_neighbours_the_sharpest_is_taken() -> None:
    import cv2

    frames = pan(2, 10)
    blurred = [cv2.GaussianBlur(it, (0, 0), 4) for it in frames]
    mixed = [it if number % 3 == 0 else blurred[number] for number, it in enumerate(frames)]
    kept, _ = looked_at(mixed)
    sharp = [round(it.shown.time_s * FPS) % 3 == 0 for it in kept]
    assert sum(sharp) >= len(sharp) - 1


def test_the_settings_say_how_often() -> None:
    often, _ = looked_at(pan(4), Video(interval_s=0.2))
    seldom, _ = looked_at(pan(4), Video(interval_s=1.0))
    assert len(often) > 2 * len(seldom)


def test_a_jump_of_the_camera_within_a_scene_is_one_scene() -> None:
    picture = texture(11)
    frames = [noisy(picture, it) for it in range(FPS)]
    frames += [noisy(moved(picture, 25), it) for it in range(FPS)]
    _, keeper = looked_at(frames)
    assert len(keeper.scenes) == 1
