from __future__ import annotations

import cv2
import numpy as np
import pytest

from daemon.faces.geometry import GEOMETRIES
from daemon.faces.scaling import model_input


@pytest.fixture(scope="module")
def portrait(photo) -> np.ndarray:
    """A real face, RGB, two of them so that what mixes pictures shows."""
    picture = photo("obama/obama.jpg")
    return np.stack([picture[100:612, 300:812], picture[0:512, 200:712]])


def prewhiten(x: np.ndarray) -> np.ndarray:
    """As keras-facenet and facenet.py describe it."""
    return (x - x.mean()) / max(x.std(), 1 / x.size**0.5)


AUTHORS = {
    "Dlib": lambda x: x,
    "SFace": lambda x: x,
    "ArcFace": lambda x: (x - 127.5) * 0.0078125,
    "GhostFaceNet": lambda x: (x - 127.5) * 0.0078125,
    "Facenet512": lambda x: (x - 127.5) / 128.0,
    "Buffalo_L": lambda x: (x - 127.5) / 127.5,
    "DeepID": lambda x: (x / 255.0 - 0.5) * 2,
    "OpenFace": lambda x: x / 255.0,
    "DeepFace": lambda x: x / 255.0,
    "Facenet": prewhiten,
    "VGG-Face": lambda x: x - np.array([129.1863, 104.7624, 93.5940]),
}


@pytest.mark.parametrize("model", sorted(GEOMETRIES))
def test_a_photograph_is_scaled_as_the_authors_scale_it(model: str, portrait) -> None:
    geometry = GEOMETRIES[model]
    faces = np.stack([cv2.resize(face, (geometry.width, geometry.height)) for face in portrait])
    expected = np.stack([AUTHORS[model](face.astype(np.float64)) for face in faces])
    fed = model_input(faces, geometry)
    assert fed.dtype == np.float32 and fed.shape == faces.shape and fed.flags.c_contiguous
    assert geometry.colours == "RGB"
    np.testing.assert_allclose(fed, expected, atol=2e-5)


def test_the_skin_of_a_face_is_red_first(portrait) -> None:
    small = np.stack([cv2.resize(face, (160, 160)) for face in portrait])
    fed = model_input(small, GEOMETRIES["Facenet"])[:, 60:100, 60:100]
    assert (fed[..., 0].mean(axis=(1, 2)) > fed[..., 2].mean(axis=(1, 2))).all()


def test_a_picture_of_one_colour_is_whitened_to_zeros() -> None:
    flat = np.full((1, 160, 160, 3), 77, np.uint8)
    np.testing.assert_allclose(model_input(flat, GEOMETRIES["Facenet"]), 0, atol=1e-4)
