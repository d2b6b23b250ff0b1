from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest

from daemon.faces import zoo
from daemon.faces.align import chip
from daemon.faces.geometry import GEOMETRIES, Geometry
from daemon.faces.registry import MODELS
from daemon.faces.values import Crop, Detector, Picture

if TYPE_CHECKING:
    from pathlib import Path

    from daemon.settings import Settings

# Height and width of each network's input, as its published file has it.
INPUTS = {
    "Dlib": (150, 150),
    "SFace": (112, 112),
    "ArcFace": (112, 112),
    "GhostFaceNet": (112, 112),
    "Buffalo_L": (112, 112),
    "Facenet": (160, 160),
    "Facenet512": (160, 160),
    "VGG-Face": (224, 224),
    "OpenFace": (96, 96),
    "DeepFace": (152, 152),
    "DeepID": (55, 47),
}


def crop_of(picture: Picture, landmarks: np.ndarray) -> Crop:
    return Crop(
        jpeg=b"", picture=picture, landmarks=landmarks.astype(np.float32), scale=1.0, x=0.0, y=0.0
    )


def test_every_recognition_model_has_a_geometry_a_source_and_a_size() -> None:
    recognizers = {name for name, model in MODELS.items() if model.kind == "recognizer"}
    assert set(GEOMETRIES) == set(INPUTS) == recognizers
    for name, geometry in GEOMETRIES.items():
        assert (geometry.height, geometry.width) == INPUTS[name]
        assert len(geometry.source) > 20
        assert MODELS[name].dimensions >= 128


@pytest.mark.parametrize(
    "name", [name for name, geometry in sorted(GEOMETRIES.items()) if geometry.stretch == 1]
)
def test_a_face_that_lies_right_already_is_not_resampled(name: str) -> None:
    geometry = GEOMETRIES[name]
    shape = (geometry.height, geometry.width, 3)
    picture = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    assert (chip(crop_of(picture, np.array(geometry.points)), geometry) == picture).all()


@pytest.mark.parametrize("name", sorted(GEOMETRIES))
def test_every_landmark_lands_on_its_point_stretched_or_not(name: str) -> None:
    geometry = GEOMETRIES[name]
    turn = np.deg2rad(20)
    rotation = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    natural = np.array(geometry.points) / (geometry.stretch, 1)
    landmarks = 5 * natural @ rotation.T + (700, 300)
    picture = np.zeros((2000, 2000, 3), np.uint8)
    for point in landmarks:
        cv2.circle(picture, tuple(int(v) for v in point), 8, (255, 255, 255), -1)
    found = chip(crop_of(picture, landmarks), geometry)[..., 0]
    rows, columns = np.nonzero(found > 100)
    lit = np.stack([columns, rows], axis=1) + 0.5
    for point in geometry.points:
        near = lit[np.linalg.norm(lit - point, axis=1) < 4]
        np.testing.assert_allclose(near.mean(axis=0), point, atol=0.6)


@pytest.fixture(scope="module")
def faces(test_data: Path, yunet: Detector) -> list[tuple[Picture, np.ndarray]]:
    """Photographs of Labeled Faces in the Wild with the landmarks of the face in the middle."""
    found = []
    for path in sorted((test_data / "lfw-dev").rglob("*.jpg"))[::200]:
        picture = cv2.cvtColor(cv2.imread(str(path)), cv2.COLOR_BGR2RGB)
        seen = [
            face
            for face in yunet.detect([picture])[0]
            if abs(face.x + face.w / 2 - 125) < 25 and face.confidence > 0.8
        ]
        if seen:
            found.append((picture, seen[0].landmarks))
    assert len(found) >= 12
    return found


def offsets(geometry: Geometry, landmarks: list[np.ndarray], crops: list[tuple]) -> np.ndarray:
    """Where landmarks fall in the authors' crops (left, top, width, height), less the points, as
    parts of the geometry's height; the median over the faces and their mirror images.
    """
    size = np.array([geometry.width, geometry.height])
    placed = np.stack(
        [
            (points - crop[:2]) / crop[2:] * size
            for points, crop in zip(landmarks, np.array(crops, np.float64), strict=True)
        ]
    )
    mirrored = placed[:, [1, 0, 2, 4, 3]] * (-1, 1) + (geometry.width, 0)
    off = np.median(np.concatenate([placed, mirrored]), axis=0) - geometry.points
    return off / geometry.height


@pytest.mark.parametrize("name", ["VGG-Face", "DeepID"])
def test_the_middle_of_a_real_photograph_is_these_models_crop(name: str, faces) -> None:
    landmarks = [points for _, points in faces]
    off = offsets(GEOMETRIES[name], landmarks, [(62.5, 62.5, 125, 125)] * len(faces))
    assert np.abs(off).max() < 0.03


def test_facenets_author_crops_real_faces_to_the_same_place(
    faces, packaged_settings: Settings
) -> None:
    mtcnn = zoo.build_detector("mtcnn", packaged_settings)
    landmarks, crops = [], []
    for picture, points in faces:
        found = mtcnn.detect([picture])[0]
        if not found or abs(found[0].x + found[0].w / 2 - points[2, 0]) > 20:
            continue
        face = found[0]
        left, top = max(face.x - 16, 0), max(face.y - 16, 0)
        right, bottom = min(face.x + face.w + 16, 250), min(face.y + face.h + 16, 250)
        landmarks.append(points)
        crops.append((left, top, right - left, bottom - top))
    assert len(crops) >= 10
    geometry = GEOMETRIES["Facenet"]
    assert np.abs(offsets(geometry, landmarks, crops)).max() < 0.02
    narrower = np.array([width / height for _, _, width, height in crops])
    assert np.median(narrower) == pytest.approx(1 / geometry.stretch, abs=0.03)
