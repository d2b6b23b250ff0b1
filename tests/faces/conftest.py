"""What the tests of the face stages share: settings with and without the weights folder, pictures,
models built once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import pytest

from daemon.faces import zoo
from daemon.settings import Models, Paths, Settings

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from daemon.faces.values import Detector, Embedder, Picture


@pytest.fixture(scope="session")
def face_state(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A state folder for converted models, made once for all tests of the face stages."""
    return tmp_path_factory.mktemp("faces") / "state"


@pytest.fixture(scope="session")
def face_settings(face_state: Path, test_data: Path) -> Settings:
    """YuNet and Dlib, with the weights folder and without a network."""
    return Settings(
        paths=Paths(state=face_state),
        models=Models(weights=test_data / "weights", download=False),
    )


@pytest.fixture(scope="session")
def packaged_settings(face_state: Path) -> Settings:
    """What remains without a weights folder and without a network."""
    return Settings(paths=Paths(state=face_state), models=Models(weights=None, download=False))


@pytest.fixture(scope="session")
def yunet(face_settings: Settings) -> Detector:
    """The default detector."""
    return zoo.build_detector("yunet", face_settings)


@pytest.fixture(scope="session")
def dlib_model(face_settings: Settings) -> Embedder:
    """The default recognition model."""
    return zoo.build_embedder("Dlib", face_settings)


@pytest.fixture(scope="session")
def photo(test_data: Path) -> Callable[[str], Picture]:
    """An example photograph by name, RGB."""

    def read(name: str) -> Picture:
        path = test_data / "photos" / "examples" / name
        if not path.is_file():
            path = test_data / "reference" / name
        return cv2.cvtColor(cv2.imread(str(path)), cv2.COLOR_BGR2RGB)

    return read
