from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from daemon.faces.boxes import overlaps, shares, suppress, unrivalled
from daemon.faces.detect import detect, shrink
from daemon.faces.looks import distinct
from daemon.faces.several import Several
from daemon.faces.values import Detection, Picture
from daemon.settings import Detect

if TYPE_CHECKING:
    from collections.abc import Sequence


class FakeDetector:
    """Sees the given face, as fractions of any picture, and remembers what it was shown."""

    version = "1"
    weights_sha256 = "0"

    def __init__(self, name: str = "fake", *faces: tuple[float, ...]) -> None:
        self.name = name
        self.faces = faces or ((0.25, 0.25, 0.5, 0.5, 0.9),)
        self.shown: list[tuple[int, ...]] = []

    def detect(self, pictures: Sequence[Picture]) -> list[list[Detection]]:
        self.shown += [picture.shape for picture in pictures]
        return [[self._face(face, picture) for face in self.faces] for picture in pictures]

    def _face(self, face: tuple[float, ...], picture: Picture) -> Detection:
        x, y, w, h, confidence = face
        height, width = picture.shape[:2]
        return Detection(
            x=x * width,
            y=y * height,
            w=w * width,
            h=h * height,
            landmarks=np.full((5, 2), (x * width, y * height), np.float32),
            confidence=confidence,
            detector=self.name,
        )


def blank(height: int, width: int) -> Picture:
    return np.zeros((height, width, 3), np.uint8)


def test_a_large_picture_is_looked_at_small_and_answered_in_its_own_pixels() -> None:
    detector = FakeDetector()
    (face,) = detect([blank(1500, 2000)], detector, Detect(size=1000))[0]
    assert detector.shown == [(750, 1000, 3)]
    assert (face.x, face.y, face.w, face.h) == (500, 375, 1000, 750)
    np.testing.assert_allclose(face.landmarks[0], (500, 375))


def test_a_small_picture_is_not_enlarged() -> None:
    detector = FakeDetector()
    detect([blank(120, 160)], detector, Detect())
    assert detector.shown == [(120, 160, 3)]


def test_sides_that_do_not_divide_map_back_exactly() -> None:
    (face,) = detect([blank(999, 1777)], FakeDetector(), Detect(size=640))[0]
    # What is odd is halved without its last row and column.
    assert face.x == pytest.approx(1776 / 4) and face.h == pytest.approx(998 / 2)


def test_unsure_faces_are_dropped() -> None:
    detector = FakeDetector("fake", (0, 0, 0.5, 0.5, 0.59), (0.5, 0.5, 0.5, 0.5, 0.6))
    (found,) = detect([blank(100, 100)], detector, Detect(min_confidence=0.6))
    assert [face.confidence for face in found] == [0.6]


def test_small_faces_are_dropped_by_their_size_in_the_full_picture() -> None:
    detector = FakeDetector("fake", (0, 0, 0.1, 0.1, 0.9))
    pictures, section = [blank(100, 100), blank(100, 100)], Detect(min_face_px=16)
    assert detect(pictures, detector, section) == [[], []]
    assert [len(found) for found in detect(pictures, detector, section, scale=2.0)] == [1, 1]
    assert [len(found) for found in detect(pictures, detector, section, scale=[1.0, 2.0])] == [0, 1]


def test_every_picture_needs_its_scale() -> None:
    with pytest.raises(ValueError, match="zip"):
        detect([blank(9, 9), blank(9, 9)], FakeDetector(), Detect(), scale=[1.0])


def test_boxes_that_reach_beyond_the_picture_stay_whole() -> None:
    (face,) = detect([blank(90, 90)], FakeDetector("fake", (-0.2, -0.1, 0.6, 0.6, 0.9)), Detect())[
        0
    ]
    assert face.x < 0 and face.w == pytest.approx(54)


def test_several_detectors_see_every_picture_and_are_named_together() -> None:
    sure = FakeDetector("sure", (0.1, 0.1, 0.3, 0.3, 0.95))
    other = FakeDetector("other", (0.12, 0.1, 0.3, 0.32, 0.8), (0.6, 0.6, 0.3, 0.3, 0.7))
    both = Several([other, sure])
    (found,) = detect([blank(100, 100)], both, Detect())
    assert [face.detector for face in found] == ["other+sure", "other"]
    assert (both.name, both.version, both.weights_sha256) == ("other+sure", "1+1", "0+0")


def test_no_faces_are_distinct_from_nothing() -> None:
    assert distinct([]) == []


def test_overlaps_are_intersection_over_union() -> None:
    boxes = np.array([[0, 0, 10, 10], [5, 0, 10, 10], [50, 50, 0, 0]], np.float32)
    found = overlaps(boxes, boxes)
    np.testing.assert_allclose(found[0], [1, 1 / 3, 0], atol=1e-6)
    assert found[2, 2] == 0  # two empty boxes, and no warning


def test_suppression_keeps_the_best_of_those_that_overlap() -> None:
    boxes = np.array([[0, 0, 10, 10], [1, 0, 10, 10], [2, 0, 10, 10], [40, 0, 10, 10]], np.float32)
    scores = np.array([0.5, 0.9, 0.6, 0.7], np.float32)
    assert suppress(boxes, scores, overlap=0.3) == [1, 3]
    assert suppress(boxes, scores, overlap=1.0) == [1, 3, 2, 0]
    assert suppress(boxes[:0], scores[:0], overlap=0.3) == []


def test_equal_scores_keep_the_order_they_came_in() -> None:
    boxes = np.array([[0, 0, 10, 10], [1, 0, 10, 10], [40, 0, 10, 10]], np.float32)
    assert suppress(boxes, np.full(3, 0.5, np.float32), overlap=0.3) == [0, 2]


@pytest.mark.parametrize("shape", [(1, 3000), (3000, 1), (2, 2)], ids=str)
def test_strange_shapes_shrink_to_at_least_a_pixel(shape: tuple[int, int]) -> None:
    small = shrink(blank(*shape), 160)
    assert min(small.shape[:2]) >= 1 and max(small.shape[:2]) <= 160


def test_shares_are_intersection_over_the_smaller_box() -> None:
    boxes = np.array([[0, 0, 10, 10], [5, 0, 10, 20], [2, 2, 3, 3], [50, 50, 0, 0]], np.float32)
    np.testing.assert_allclose(shares(boxes[:1], boxes)[0], [1, 0.5, 1, 0], atol=1e-6)
    assert shares(boxes, boxes)[3, 3] == 0


def test_of_a_chain_of_boxes_only_the_surest_is_unrivalled() -> None:
    boxes = np.array([[0, 0, 10, 10], [4, 0, 10, 10], [8, 0, 10, 10], [40, 0, 10, 10]], np.float32)
    scores = np.array([0.6, 0.7, 0.8, 0.9], np.float32)
    assert unrivalled(boxes, scores, overlap=0.4).tolist() == [3, 2]
    assert suppress(boxes, scores, overlap=0.4) == [3, 2, 0]
    assert unrivalled(boxes, scores, overlap=1.0).tolist() == [3, 2, 1, 0]
    assert unrivalled(boxes[:2], np.float32([0.5, 0.5]), overlap=0.4).tolist() == [0]
    assert unrivalled(boxes[:0], scores[:0], overlap=0.4).tolist() == []
    inner = np.array([[0, 0, 20, 20], [2, 2, 4, 4]], np.float32)
    assert unrivalled(inner, scores[:2], overlap=0.7).tolist() == [1, 0]
    assert unrivalled(inner, scores[:2], overlap=0.7, measure=shares).tolist() == [1]


def test_a_thousand_boxes_are_compared_as_a_few_are() -> None:
    draw = np.random.default_rng(0)
    boxes = draw.uniform(1, 100, (1000, 4)).astype(np.float32)
    scores = draw.uniform(0, 1, 1000).astype(np.float32)
    higher = scores[None, :] > scores[:, None]
    lonely = ~((overlaps(boxes, boxes) > 0.5) & higher).any(axis=1)
    found = unrivalled(boxes, scores, overlap=0.5)
    assert sorted(found) == np.flatnonzero(lonely).tolist()
    assert (np.diff(scores[found]) <= 0).all()


def test_what_is_suppressed_does_not_depend_on_how_many_are_compared_at_once() -> None:
    draw = np.random.default_rng(1)
    boxes = draw.uniform(1, 100, (900, 4)).astype(np.float32) * np.float32([8, 8, 1, 1])
    scores = draw.uniform(0, 1, 900).astype(np.float32)
    shared = overlaps(boxes, boxes)
    kept: list[int] = []
    for index in np.argsort(-scores, kind="stable").tolist():
        if not kept or shared[index, kept].max() <= 0.3:
            kept.append(index)
    assert 256 < len(kept) < 900
    assert suppress(boxes, scores, overlap=0.3) == kept
