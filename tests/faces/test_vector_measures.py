"""What a recognition model tells of how well it sees a face."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from daemon.faces import zoo
from daemon.faces.align import cut
from daemon.faces.detect import detect
from daemon.faces.embed import embed, vectors
from daemon.faces.jitter import jittered
from daemon.faces.measures.vector import LOOKS, stability, told
from daemon.settings import Embed


@pytest.fixture(scope="module")
def crops(photo, yunet, face_settings):
    picture = photo("obama1.jpg")
    face = detect([picture], yunet, face_settings.detect)[0][0]
    tiny = cv2.resize(cv2.resize(picture, None, fx=0.03, fy=0.03), picture.shape[1::-1])
    return [cut(it, face, 1.0, face_settings.crops) for it in (picture, tiny)]


def test_the_norm_is_the_length_before_scaling_and_the_mean_with_the_mirror_image() -> None:
    faces = np.zeros((3, 4, 4, 3), np.uint8)
    faces[:, :, 0] = np.array([10, 20, 30])[:, None, None]
    found = vectors(faces, lambda it: it[:, 0, :, 0].astype(np.float32), mirror=True, batch=2)
    assert found.norm.tolist() == [10, 20, 30]
    assert found.agreement.tolist() == [0, 0, 0]


def test_a_model_that_makes_unit_vectors_has_no_norm() -> None:
    faces = np.full((2, 4, 4, 3), 7, np.uint8)
    found = vectors(faces, lambda it: np.full((len(it), 4), 0.5, np.float32), mirror=False, batch=2)
    assert np.isnan(found.norm).all() and np.isnan(found.agreement).all()


def test_stability_is_the_formula_over_all_pairs_of_looks(crops, dlib_model) -> None:
    (found,) = stability(crops[:1], dlib_model)
    looks = embed(jittered(crops[0], LOOKS), dlib_model)
    apart = sum(float(np.linalg.norm(a - b)) for a in looks for b in looks) / LOOKS**2
    assert found == pytest.approx(2 / (1 + np.exp(apart)), rel=1e-5)
    assert 0.85 < found < 1


def test_batches_change_nothing_and_no_face_gives_nothing(crops, dlib_model) -> None:
    alone = [stability([it], dlib_model)[0] for it in crops]
    assert stability([*crops] * 33, dlib_model) == pytest.approx([*alone] * 33, abs=1e-5)
    assert stability([], dlib_model) == []


def test_a_large_face_is_stabler_and_longer_than_a_tiny_one(crops, dlib_model) -> None:
    clear, tiny = told(dlib_model.embedded(crops))
    assert clear["agreement"] > tiny["agreement"]
    assert clear["norm"] != tiny["norm"]


def test_without_the_mirror_image_there_is_a_norm_and_no_agreement(crops, face_settings) -> None:
    plain = zoo.build_embedder(
        "Dlib", face_settings.model_copy(update={"embed": Embed(mirror=False)})
    )
    (clear, _) = told(plain.embedded(crops))
    assert np.isnan(clear["agreement"]) and 1 < clear["norm"] < 2
