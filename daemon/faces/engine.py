"""The one module that imports DeepFace: its registry's detectors and recognition models as ours.

DeepFace changes the process that imports it (warning filters, environment, a folder in the home
folder), so it is loaded late, in workers, under guard, with its home set to a folder below
Rollcall's state.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import sys
import threading
import warnings
from importlib.metadata import version as installed_version
from typing import TYPE_CHECKING, Any

import numpy as np

from daemon.errors import EnvironmentTrouble, NoWeights
from daemon.faces import landmarks, packages
from daemon.faces.chip_embedder import ChipEmbedder
from daemon.faces.scaling import model_input
from daemon.faces.values import Detection
from daemon.faces.weights import download_folder, download_home, entry, find_weights, linked_home

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from daemon.faces.embed import Chips
    from daemon.faces.values import Picture, Vectors
    from daemon.faces.weights import Weights
    from daemon.settings import Models

_lock = threading.Lock()
_TASKS = {"detector": "face_detector", "recognizer": "facial_recognition"}
_LEAST_SIDE_PX = 24  # some detectors fail on pictures smaller than a face can be


def load(name: str, home: Path, *, backend: str = "any", threads: int = 1) -> Any:
    """DeepFace's client of a model for one of its back ends, built with its weights below `home`.
    Raises EnvironmentTrouble with the cause.
    """
    with _lock, _guarded(home):
        try:
            if packages.uses_tensorflow(name, "" if backend == "any" else backend):
                _tame_tensorflow(threads)
            return _client(name, backend)()
        except (ImportError, ValueError, OSError, RuntimeError, AttributeError) as error:
            raise EnvironmentTrouble(
                f"{name}: DeepFace cannot build it: {_first_line(error)}"
            ) from error


def download(name: str, models: Models, *, state: Path, timeout_s: float = 30.0) -> Weights:
    """Have DeepFace download the best form of a model's weights, below the state folder. Raises
    NoWeights where it cannot.
    """
    home = download_home(state)
    backend = entry(name).backends(os.environ)[0]
    download_folder(state).mkdir(parents=True, exist_ok=True)
    try:
        with _lock, _guarded(home):
            _reach(name, backend, timeout_s)
        load(name, home, backend=backend)
        weights = find_weights(name, models, state=state)
    except EnvironmentTrouble as error:
        _discard(name, backend, state)
        raise NoWeights(
            f"{name}: its weights could not be downloaded ({error}); fetch them where there is a "
            "network and name their folder in models.weights"
        ) from error
    if weights.verdict == "mismatch":
        _discard(name, backend, state)
        raise NoWeights(f"{name}: what was downloaded is not the known file; nothing was kept")
    return weights


class EngineDetector:
    """A detector of DeepFace's registry."""

    def __init__(self, weights: Weights, *, state: Path, threads: int = 1) -> None:
        self.name = weights.name
        self.version = f"deepface-{installed_version('deepface')}"
        self.weights_sha256 = weights.sha256
        self._client = load(weights.name, linked_home(weights, state), threads=threads)

    def detect(self, pictures: Sequence[Picture]) -> list[list[Detection]]:
        """The faces of each picture, in that picture's pixels, most confident first; none in a tiny
        picture.
        """
        return [self._one(picture) for picture in pictures]

    def _one(self, picture: Picture) -> list[Detection]:
        if min(picture.shape[:2]) < _LEAST_SIDE_PX:
            return []
        bgr = np.ascontiguousarray(picture[:, :, ::-1])
        faces = [
            face
            for area in self._client.detect_faces(bgr)
            if (face := _face(area, self.name)) is not None
        ]
        return sorted(faces, key=lambda face: -face.confidence)


class EngineEmbedder(ChipEmbedder):
    """A recognition model of DeepFace's registry, fed with crops of its own geometry."""

    def __init__(self, weights: Weights, *, state: Path, mirror: bool, threads: int = 1) -> None:
        super().__init__(weights, mirror=mirror)
        home = linked_home(weights, state)
        self._client = load(weights.name, home, backend=weights.backend, threads=threads)
        self.dimensions = int(self._client.output_shape)

    def _forward(self, faces: Chips) -> Vectors:
        found = np.asarray(self._client.forward(model_input(faces, self._chip)), np.float32)
        return found.reshape(len(faces), -1)  # a batch of one comes back flat


def _face(area: Any, detector: str) -> Detection | None:
    """DeepFace's region as a detection; None for what is no face: an empty box, or the whole
    picture at confidence 0.
    """
    confidence = 1.0 if area.confidence is None else float(area.confidence)
    box = (float(area.x), float(area.y), float(area.w), float(area.h))
    if confidence <= 0 or min(box[2:]) <= 0:
        return None
    right, left = area.right_eye, area.left_eye
    inner = (area.nose, area.mouth_right, area.mouth_left)
    if right is None or left is None:
        points = landmarks.from_box(box)
    elif None not in inner:
        points = np.array([right, left, *inner], np.float32)
    elif landmarks.plausible_eyes(box, right, left):
        points = landmarks.from_eyes(right, left)
    else:
        points = landmarks.from_box(box)
    return Detection(
        x=box[0],
        y=box[1],
        w=box[2],
        h=box[3],
        landmarks=points,
        confidence=min(1.0, confidence),
        detector=detector,
    )


@contextlib.contextmanager
def _guarded(home: Path) -> Iterator[None]:
    """Undo what importing DeepFace does to the process; what it prints goes to standard error."""
    before = {name: os.environ.get(name) for name in ("DEEPFACE_HOME",)}
    os.environ["DEEPFACE_HOME"] = str(home)
    os.environ.setdefault("TF_USE_LEGACY_KERAS", "1")  # read when TensorFlow is imported
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("DEEPFACE_LOG_LEVEL", "40")
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(sys.stderr):
            warnings.simplefilter("ignore")
            yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


@contextlib.contextmanager
def _without_stderr() -> Iterator[None]:
    """Drop what native code writes to standard error; Python's exceptions pass."""
    sys.stderr.flush()
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


def _tame_tensorflow(threads: int) -> None:
    """Take GPU memory as it is needed and no more threads than this worker's share."""
    with _without_stderr():  # it greets before it reads TF_CPP_MIN_LOG_LEVEL
        import tensorflow

    with contextlib.suppress(RuntimeError):  # it runs already: too late to change
        config = tensorflow.config
        config.threading.set_intra_op_parallelism_threads(threads)
        config.threading.set_inter_op_parallelism_threads(threads)
        for device in config.list_physical_devices("GPU"):
            config.experimental.set_memory_growth(device, enable=True)


def _client(name: str, backend: str) -> Any:
    """The class of DeepFace's client; looked up here, because DeepFace itself keeps to one back end
    for the whole life of a process.
    """
    modeling = importlib.import_module("deepface.modules.modeling")
    place: str = modeling.AVAILABLE_MODELS[_TASKS[entry(name).kind]][name][backend]
    module, _, class_name = place.rpartition(".")
    return getattr(importlib.import_module(module), class_name)


def _reach(name: str, backend: str, timeout_s: float) -> None:
    """Fail early where the weights' server cannot be reached; DeepFace itself would wait much
    longer.
    """
    import requests

    values = vars(sys.modules[_client(name, backend).__module__]).values()
    found = (value[0] if isinstance(value, list) and value else value for value in values)
    address = next((text for text in found if str(text).startswith("https://")), None)
    if address is None:
        return
    try:
        requests.head(address, timeout=timeout_s, allow_redirects=False)
    except requests.RequestException as error:
        raise EnvironmentTrouble(f"{address.split('/')[2]} cannot be reached") from error


def _discard(name: str, backend: str, state: Path) -> None:
    """Remove what a download left that is not the model: half a file, or a page that asks for a
    login.
    """
    for file in entry(name).files[backend]:
        (download_folder(state) / file).unlink(missing_ok=True)


def _first_line(error: BaseException) -> str:
    return (str(error) or type(error).__name__).strip().splitlines()[0]
