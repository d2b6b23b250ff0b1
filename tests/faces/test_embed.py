from __future__ import annotations

import numpy as np
import pytest

from daemon.faces import zoo
from daemon.faces.align import cut
from daemon.faces.detect import detect
from daemon.faces.embed import embed, unit, vectors
from daemon.faces.values import Crop, Detector, Embedder
from daemon.settings import Embed, Settings

PORTRAITS = (
    *(("obama", f"obama/{name}.jpg") for name in ("obama", "obama2")),
    *(("biden", f"biden/{name}.jpg") for name in ("biden", "biden2")),
    *(("rose", f"rose_leslie/{name}.jpg") for name in ("img1", "img2")),
)


@pytest.fixture(scope="module")
def crops(photo, yunet: Detector, face_settings: Settings) -> list[Crop]:
    found = []
    for _, name in PORTRAITS:
        picture = photo(name)
        face = detect([picture], yunet, face_settings.detect)[0][0]
        found.append(cut(picture, face, 1.0, face_settings.crops))
    return found


def test_vectors_are_unit_float32_rows(crops: list[Crop], dlib_model: Embedder) -> None:
    found = embed(crops, dlib_model)
    assert found.shape == (len(crops), 128) and found.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1, atol=1e-6)


def test_the_same_person_is_more_alike_than_any_two(
    crops: list[Crop], dlib_model: Embedder
) -> None:
    found = embed(crops, dlib_model)
    people = np.array([person for person, _ in PORTRAITS])
    same = people[:, None] == people[None, :]
    similarity = found @ found.T
    alike = similarity[same & ~np.eye(len(people), dtype=bool)]
    assert alike.min() > similarity[~same].max() + 0.05


def test_a_face_has_the_same_vector_in_every_batch(crops: list[Crop], dlib_model: Embedder) -> None:
    together = embed(crops * 4, dlib_model)  # more than one run of the network
    alone = np.concatenate([embed([crop], dlib_model) for crop in crops])
    backwards = embed(crops[::-1], dlib_model)[::-1]
    np.testing.assert_allclose(together[: len(crops)], alone, atol=1e-6)
    np.testing.assert_allclose(together[-len(crops) :], alone, atol=1e-6)
    np.testing.assert_allclose(backwards, alone, atol=1e-6)


def test_no_crops_give_no_rows(dlib_model: Embedder) -> None:
    assert embed([], dlib_model).shape == (0, 128)


def test_the_mirrored_mean_is_another_geometry_and_another_vector(
    crops: list[Crop], dlib_model: Embedder, face_settings: Settings
) -> None:
    plain = zoo.build_embedder(
        "Dlib", face_settings.model_copy(update={"embed": Embed(mirror=False)})
    )
    assert (plain.geometry, dlib_model.geometry) == ("dlib150-v2", "dlib150-v2+mirror")
    similarity = (embed(crops, plain) * embed(crops, dlib_model)).sum(axis=1)
    assert (similarity > 0.95).all() and (similarity < 0.99999).all()


def test_the_mirrored_mean_of_a_face_and_of_its_mirror_image_are_equal() -> None:
    def forward(faces: np.ndarray) -> np.ndarray:
        return faces.reshape(len(faces), -1).astype(np.float32)

    faces = np.random.default_rng(0).integers(0, 256, (3, 4, 4, 3), dtype=np.uint8)
    turned = np.ascontiguousarray(faces[:, :, ::-1])
    ahead, mirrored = (vectors(it, forward, mirror=True, batch=2) for it in (faces, turned))
    np.testing.assert_allclose(ahead.vectors, mirrored.vectors, atol=1e-6)
    plain, other = (vectors(it, forward, mirror=False, batch=2) for it in (faces, turned))
    assert not np.allclose(ahead.vectors, plain.vectors)
    agreement = (plain.vectors * other.vectors).sum(axis=1)
    np.testing.assert_allclose(ahead.agreement, agreement, atol=1e-6)
    np.testing.assert_allclose(ahead.agreement, mirrored.agreement, atol=1e-6)
    assert np.isnan(plain.agreement).all(), "nobody looked"


def test_a_row_of_zeros_stays_and_is_no_nan() -> None:
    assert unit(np.zeros((1, 4), np.float32)).tolist() == [[0, 0, 0, 0]]


@pytest.mark.parametrize("value", [0, 127, 255])
def test_a_crop_without_any_content_has_a_vector(value: int, dlib_model: Embedder) -> None:
    crop = Crop(
        jpeg=b"",
        picture=np.full((1, 1, 3), value, np.uint8),
        landmarks=np.zeros((5, 2), np.float32),
        scale=1.0,
        x=0.0,
        y=0.0,
    )
    found = embed([crop], dlib_model)
    assert np.isfinite(found).all() and np.linalg.norm(found) == pytest.approx(1, abs=1e-5)
