"""Faces tied to tracks: made boxes and vectors."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pytest

from daemon.faces.values import Detection
from daemon.video.sighting import Sighting, divided, promising, thin, worth_keeping
from daemon.video.tracker import Alike, Tracker

ALIKE = Alike(same=0.9, apart=0.8)


def person(seed: int) -> np.ndarray:
    vector = np.random.default_rng(seed).normal(size=64)
    return (vector / np.linalg.norm(vector)).astype(np.float32)


@dataclass(eq=False)
class Made:
    time_s: float
    box: tuple[float, float, float, float]
    who: int
    is_clear: bool = True
    noise: float = 0.02
    asked: int = field(default=0)


def tracked(frames: list[list[Made]], *, max_gap_s: float = 2.5) -> list[list[Made]]:
    def vectors_of(faces):
        rows = []
        for number, it in enumerate(faces):
            it.asked += 1
            vector = person(it.who) + it.noise * person(1000 + number + round(it.time_s * 100))
            rows.append(vector / np.linalg.norm(vector))
        return np.array(rows, np.float32)

    tracker: Tracker[Made] = Tracker(vectors_of, ALIKE, max_gap_s=max_gap_s)
    for faces in frames:
        tracker.see(faces[0].time_s if faces else 0.0, faces)
    return [track.faces for track in tracker.end()]


def walk(who: int, x: float, step: float, count: int, *, start_s: float = 0.0) -> list[Made]:
    return [Made(start_s + 0.4 * it, (x + step * it, 100, 80, 100), who) for it in range(count)]


def test_one_who_walks_slowly_is_one_track_and_nobody_is_embedded_for_it() -> None:
    faces = walk(1, 0, 15, 20)
    found = tracked([[it] for it in faces])
    assert found == [faces]
    assert sum(it.asked for it in faces) == 0


def test_two_who_cross_are_told_apart_by_whom_they_look_like() -> None:
    one, other = walk(1, 0, 40, 12), walk(2, 440, -40, 12)
    found = tracked([[a, b] for a, b in zip(one, other, strict=True)])
    assert sorted(len(it) for it in found) == [12, 12]
    assert all(len({it.who for it in track}) == 1 for track in found)


def test_one_who_takes_anothers_place_is_another() -> None:
    one = walk(1, 0, 0, 5)
    other = [Made(4.0 + 0.4 * it, (50, 100, 80, 100), 2) for it in range(5)]
    found = tracked([[it] for it in [*one, *other]])
    assert [len(it) for it in found] == [5, 5]


def test_a_gap_is_bridged_and_a_longer_one_is_not() -> None:
    before, after = walk(1, 0, 0, 4), walk(1, 300, 0, 4, start_s=3.0)
    assert [len(it) for it in tracked([[it] for it in [*before, *after]])] == [8]
    late = walk(1, 300, 0, 4, start_s=4.5)
    assert [len(it) for it in tracked([[it] for it in [*before, *late]])] == [4, 4]


def test_blurred_faces_are_tied_by_where_they_are() -> None:
    faces = [
        Made(0.4 * it, (40.0 * it, 100, 80, 100), 1, is_clear=it % 2 == 0, noise=1.5 * (it % 2))
        for it in range(8)
    ]
    assert [len(it) for it in tracked([[it] for it in faces])] == [8]


def test_nobody_is_in_a_frame_twice() -> None:
    frames = [
        [Made(0.4 * it, (0, 100, 80, 100), 1), Made(0.4 * it, (30, 100, 80, 100), 1)]
        for it in range(6)
    ]
    found = tracked(frames)
    assert sorted(len(it) for it in found) == [6, 6]


def test_an_empty_frame_changes_nothing() -> None:
    faces = walk(1, 0, 0, 4)
    assert [len(it) for it in tracked([[faces[0]], [], [faces[1]], [faces[2]], [faces[3]]])] == [4]


def sighting(time_s: float, score: float, vector: np.ndarray | None = None) -> Sighting:
    """A face as good as it promises to be."""
    face = Detection(
        x=0, y=0, w=10, h=10, landmarks=np.zeros((5, 2)), confidence=score, detector="yunet"
    )
    return Sighting(
        time_s=time_s, detection=face, scale=1.0, patch=object(), score=score, vector=vector
    )


class TestPromising:
    def test_one_of_each_part_of_the_time(self) -> None:
        faces = [sighting(0.4 * it, 0.5 + 0.4 * (it % 5 == 3)) for it in range(50)]
        found = promising(faces, 8)
        assert len(found) == 8
        assert all(it.score > 0.8 for it in found)
        assert np.diff([it.time_s for it in found]).min() > 0.5

    @pytest.mark.parametrize(("length_s", "kept"), [(0.0, 1), (0.4, 1), (1.6, 3), (60.0, 8)])
    def test_how_many(self, length_s: float, kept: int) -> None:
        count = max(1, round(length_s / 0.4) + (length_s > 0))
        assert len(promising([sighting(0.4 * it, 0.9) for it in range(count)], 8)) == kept

    def test_of_a_hopeless_track_one(self) -> None:
        faces = [sighting(it, 0.01 * it) for it in range(9)]
        assert [it.score for it in worth_keeping(faces)] == [0.08]
        better = [*faces, sighting(9, 0.5)]
        assert worth_keeping(better) == better

    def test_thinning_keeps_good_ones_spread_over_the_time_and_the_last(self) -> None:
        faces = [sighting(float(it), 0.9 if it % 7 == 0 else 0.3) for it in range(100)]
        seen: list[Sighting] = []
        for it in faces:
            seen.append(it)
            thin(seen, 16)
            assert sum(face.patch is not None for face in seen) <= 16
            assert it.patch is not None
        left = [it for it in faces if it.patch is not None]
        assert left[0].time_s < 12 and np.diff([it.time_s for it in left]).max() < 20
        assert sum(it.score == 0.9 for it in left) >= 12


class TestDivided:
    def test_where_another_begins(self) -> None:
        faces = [sighting(it, 0.9, person(1 + (it >= 3))) for it in range(7)]
        assert divided(faces, 0.8) == 3

    def test_one_person_is_not_divided(self) -> None:
        assert divided([sighting(it, 0.9, person(1)) for it in range(7)], 0.8) is None
        assert divided([sighting(0, 0.9, person(1))], 0.8) is None

    def test_poor_faces_divide_nobody(self) -> None:
        faces = [sighting(it, 0.9 if it < 3 else 0.2, person(1 + (it >= 3))) for it in range(7)]
        assert divided(faces, 0.8) is None
