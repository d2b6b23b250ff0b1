from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest

from daemon.faces.detect import shrink
from daemon.faces.weights import find_weights

if TYPE_CHECKING:
    from daemon.faces.values import Detection, Detector
    from daemon.settings import Settings

PHOTOS = (
    "32bit.png", "alex-lacamoire.png", "alex_lacamoire1.jpg", "couple.jpg", "img1.jpg",
    "kit_with_rose.jpg", "obama-1080p.jpg", "obama-240p.jpg", "obama_and_biden.jpg",
    "obama_partial_face.jpg", "selfie-many-people.jpg", "two_people.jpg",
)  # fmt: skip


def row(face: Detection) -> np.ndarray:
    box = [face.x, face.y, face.w, face.h]
    return np.concatenate([box, face.landmarks.ravel(), [face.confidence]])


@pytest.mark.parametrize("name", PHOTOS)
@pytest.mark.parametrize("size", [480, 1024])
def test_boxes_and_landmarks_are_those_of_opencv(
    name: str, size: int, yunet: Detector, face_settings: Settings, photo
) -> None:
    picture = shrink(photo(name), size)
    weights = find_weights("yunet", face_settings.models, state=face_settings.paths.state)
    height, width = picture.shape[:2]
    theirs = cv2.FaceDetectorYN.create(
        str(weights.path), "", (width, height), face_settings.detect.min_confidence, 0.3, 5000
    ).detect(cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))[1]
    (found,) = yunet.detect([picture])
    assert len(found) == len(theirs) > 0
    for face, expected in zip(found, sorted(theirs, key=lambda it: -it[-1]), strict=True):
        assert np.abs(row(face) - expected).max() < 2e-3


@pytest.mark.parametrize("at_once", [2, 8])
def test_what_shares_a_batch_changes_nothing(
    yunet: Detector, photo, at_once: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    pictures = [shrink(photo(name), 640) for name in PHOTOS]
    pictures += [picture[:-5, :-9] for picture in pictures[:3]]  # other sizes, equal when padded
    alone = [yunet.detect([picture])[0] for picture in pictures]
    monkeypatch.setattr("daemon.faces.yunet._at_once", lambda *_: at_once)
    together = yunet.detect(pictures)
    backwards = yunet.detect(pictures[::-1])[::-1]
    for expected, *others in zip(alone, together, backwards, strict=True):
        for found in others:
            assert len(found) == len(expected)
            for face, same in zip(found, expected, strict=True):
                np.testing.assert_allclose(row(face), row(same), atol=1e-5, rtol=1e-6)


def test_the_first_landmark_is_the_persons_right_eye(yunet: Detector, photo) -> None:
    (face,) = yunet.detect([shrink(photo("obama1.jpg"), 640)])[0]
    right_eye, left_eye, nose, right_mouth, left_mouth = face.landmarks
    assert right_eye[0] < nose[0] < left_eye[0]
    assert right_mouth[0] < left_mouth[0]
    assert max(right_eye[1], left_eye[1]) < nose[1] < min(right_mouth[1], left_mouth[1])


@pytest.mark.parametrize(
    "shape",
    [
        pytest.param((1, 1), id="one-pixel"),
        pytest.param((1, 700), id="a-line"),
        pytest.param((33, 31), id="just-over-a-multiple"),
        pytest.param((640, 640), id="plain"),
    ],
)
def test_a_picture_without_faces_has_none(shape: tuple[int, int], yunet: Detector) -> None:
    for value in (0, 128, 255):
        assert yunet.detect([np.full((*shape, 3), value, np.uint8)]) == [[]]


def test_no_pictures_give_no_answers(yunet: Detector) -> None:
    assert yunet.detect([]) == []


def test_a_view_that_is_not_contiguous_is_read_rightly(yunet: Detector, photo) -> None:
    picture = shrink(photo("obama1.jpg"), 480)
    mirrored = picture[:, ::-1]
    (view,) = yunet.detect([mirrored])[0]
    (copy,) = yunet.detect([np.ascontiguousarray(mirrored)])[0]
    assert row(view) == pytest.approx(row(copy))


def test_faces_come_most_confident_first(yunet: Detector, photo) -> None:
    (faces,) = yunet.detect([photo("selfie-many-people.jpg")])
    scores = [face.confidence for face in faces]
    assert len(scores) >= 5 and scores == sorted(scores, reverse=True)
    assert {face.detector for face in faces} == {"yunet"}
