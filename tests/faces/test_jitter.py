"""Second looks: small movements of the landmarks, and what their mean is worth."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from daemon.faces.align import cut
from daemon.faces.detect import detect
from daemon.faces.embed import embed
from daemon.faces.jitter import LOOKS, SCALE, SHIFT, TURN_DEGREES, jittered, second_look
from daemon.faces.stored import crop_of
from daemon.tasks import StoredFace

if TYPE_CHECKING:
    from daemon.faces.values import Crop, Detector, Embedder
    from daemon.settings import Settings

PORTRAITS = ("obama/obama.jpg", "biden/biden.jpg", "rose_leslie/img1.jpg", "obama/obama2.jpg")


@pytest.fixture(scope="module")
def crops(photo, yunet: Detector, face_settings: Settings) -> list[Crop]:
    found = []
    for name in PORTRAITS:
        picture = photo(name)
        face = detect([picture], yunet, face_settings.detect)[0][0]
        found.append(cut(picture, face, 1.0, face_settings.crops))
    return found


def test_a_crop_is_jittered_the_same_way_each_time_and_another_one_otherwise(
    crops: list[Crop],
) -> None:
    once, again, other = (jittered(crop) for crop in (crops[0], crops[0], crops[1]))
    assert len(once) == LOOKS
    for one, two in zip(once, again, strict=True):
        np.testing.assert_array_equal(one.landmarks, two.landmarks)
    moved = [it.landmarks - crops[0].landmarks for it in once]
    assert not np.allclose(moved[0], other[0].landmarks - crops[1].landmarks, atol=0.1)


def test_the_landmarks_move_as_a_whole_and_no_further_than_is_said(crops: list[Crop]) -> None:
    for crop in crops:
        offsets = crop.landmarks - crop.landmarks.mean(axis=0)
        radius = math.sqrt((offsets**2).sum(axis=1).mean())
        for look in jittered(crop):
            shift = look.landmarks.mean(axis=0) - crop.landmarks.mean(axis=0)
            assert np.abs(shift).max() <= SHIFT * radius + 1e-3
            now = look.landmarks - look.landmarks.mean(axis=0)
            lengths = np.linalg.norm(now, axis=1) / np.linalg.norm(offsets, axis=1)
            np.testing.assert_allclose(lengths, lengths[0], atol=1e-4)
            assert 1 / (1 + SCALE) - 1e-4 <= lengths[0] <= 1 + SCALE + 1e-4
            ahead = (now * offsets).sum() / np.linalg.norm(now) / np.linalg.norm(offsets)
            assert math.degrees(math.acos(min(1.0, ahead))) <= TURN_DEGREES + 0.1


def test_the_movements_cancel_out(crops: list[Crop]) -> None:
    mean = np.mean([look.landmarks for look in jittered(crops[0])], axis=0)
    np.testing.assert_allclose(mean, crops[0].landmarks, atol=0.15)


def test_a_second_look_depends_less_on_where_the_landmarks_were_found(
    crops: list[Crop], dlib_model: Embedder
) -> None:
    rng = np.random.default_rng(5)
    elsewhere = [
        replace(crop, landmarks=crop.landmarks + rng.normal(0, 2, (5, 2)).astype(np.float32))
        for crop in crops * 4
    ]
    first = (embed(crops * 4, dlib_model) * embed(elsewhere, dlib_model)).sum(axis=1)
    second = (second_look(crops * 4, dlib_model) * second_look(elsewhere, dlib_model)).sum(axis=1)
    assert (1 - second).mean() < 0.8 * (1 - first).mean()


def test_a_second_look_is_a_unit_vector_near_the_first(
    crops: list[Crop], dlib_model: Embedder
) -> None:
    first, second = embed(crops, dlib_model), second_look(crops, dlib_model)
    assert second.shape == first.shape and second.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(second, axis=1), 1, atol=1e-6)
    alike = (first * second).sum(axis=1)
    assert (alike > 0.99).all() and (alike < 0.99999).all()
    assert second_look([], dlib_model).shape == (0, 128)


def test_a_stored_crop_gives_the_vector_that_the_face_had_first(
    crops: list[Crop], dlib_model: Embedder
) -> None:
    stored = [
        StoredFace(
            jpeg=crop.jpeg,
            # To a hundredth of a pixel, as the catalog has them.
            landmarks=tuple(
                (round(float(x) * crop.scale + crop.x, 2), round(float(y) * crop.scale + crop.y, 2))
                for x, y in crop.landmarks
            ),
            scale=crop.scale,
            x=crop.x,
            y=crop.y,
        )
        for crop in crops
    ]
    back = [crop for face in stored if (crop := crop_of(face)) is not None]
    np.testing.assert_allclose(embed(back, dlib_model), embed(crops, dlib_model), atol=1e-3)
    assert crop_of(replace(stored[0], jpeg=b"no picture")) is None
