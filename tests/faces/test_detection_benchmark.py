from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from benchmarks import crowds, decoding, detection, faceless
from daemon import pipeline
from daemon.faces.values import Detection

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from daemon.faces.values import Picture
    from daemon.faces.yunet import YuNet
    from daemon.settings import Settings


@pytest.fixture(scope="module")
def finder(face_settings: Settings, test_data: Path) -> YuNet:
    return faceless.finder(test_data, face_settings.paths.state)


def test_a_photograph_without_its_heads_has_its_size_and_no_faces(
    finder: YuNet, photo: Callable[[str], Picture]
) -> None:
    picture = photo("kit_with_rose.jpg")
    made = faceless.faceless(picture, finder)
    assert made is not None and made.shape == picture.shape
    assert finder.detect([picture])[0] and not [
        face for face in finder.detect([made])[0] if face.confidence >= 0.6
    ]


def test_a_photograph_that_is_all_face_gives_none(
    finder: YuNet, photo: Callable[[str], Picture]
) -> None:
    (face,) = (it for it in finder.detect([photo("obama-240p.jpg")])[0] if it.confidence > 0.8)
    x, y, w, h = (int(value) for value in (face.x, face.y, face.w, face.h))
    close = photo("obama-240p.jpg")[max(0, y - 10) : y + h + 10, x - 10 : x + w + 10]
    assert faceless.faceless(np.ascontiguousarray(close), finder) is None


def test_the_largest_free_rectangle_is_found() -> None:
    taken = np.zeros((6, 9), bool)
    taken[2, 3] = True
    assert faceless.largest_free(taken) == (0, 6, 4, 9)
    assert faceless.largest_free(np.ones((3, 3), bool)) == (0, 0, 0, 0)


def test_a_crowd_holds_its_faces_where_it_says(finder: YuNet, test_data: Path) -> None:
    heads = crowds.read_heads(test_data / "lfw-dev", finder, count=12)
    background = np.full((600, 800, 3), 128, np.uint8)
    made = crowds.crowd(background, heads, (40, 60, 80), longest_px=800, seed=1)
    np.testing.assert_allclose(np.sort(made.boxes[:, 2]), [40, 60, 80], rtol=0.05)
    tally = detection.Tally()
    tally.add(made, finder.detect([made.picture])[0])
    assert sum(tally.hit.values()) == sum(tally.there.values()) == 3


def test_a_tally_counts_hits_misses_and_false_faces() -> None:
    truth = np.array([[0, 0, 32, 40], [100, 100, 96, 120]], np.float32)
    crowd = crowds.Crowd(picture=np.zeros((300, 300, 3), np.uint8), boxes=truth)
    points = np.zeros((5, 2), np.float32)
    near, false = (
        Detection(x=x, y=2.0, w=30.0, h=38.0, landmarks=points, confidence=0.9)
        for x in (1.0, 200.0)
    )
    tally = detection.Tally(ms=[1.0])
    tally.add(crowd, [near, false])
    assert (tally.hit[32], tally.hit[96], tally.there[96], tally.false) == (1, 0, 1, 1)
    assert tally.summary()["recall"] == {32: 1.0, 96: 0.0}
    tally.add(crowd, [])
    assert tally.summary()["recall"][32] == 0.5


def test_ways_to_decode_are_compared_on_one_file(
    finder: YuNet, face_settings: Settings, test_data: Path, tmp_path: Path
) -> None:
    heads = crowds.read_heads(test_data / "lfw-dev", finder, count=4)
    background = np.full((450, 600, 3), 128, np.uint8)
    made = crowds.crowd(background, heads, (120,), longest_px=2400, seed=1)
    tallies = {way: decoding.new_tally() for way in decoding.WAYS}
    stages = pipeline.Stages.load(face_settings)
    decoding.measure(made, stages, tallies, tmp_path / "photo.jpg")
    found = {way: tally.summary()["recall"] for way, tally in tallies.items()}
    assert found == {way: {120: 1.0} for way in decoding.WAYS}
    assert all(len(tally.ms) == 1 for tally in tallies.values())
    assert "120 px" in decoding.as_text({"lonely": {w: t.summary() for w, t in tallies.items()}})
