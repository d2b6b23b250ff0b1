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
from daemon.faces import embed, landmarks, views
from daemon.faces.geometry import GEOMETRIES, Geometry, geometry_name
from daemon.faces.values import Detection
from daemon.faces.weights import download_folder, download_home, entry, find_weights, linked_home

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from daemon.faces.embed import Chips
    from daemon.faces.values import Crop, Picture, Vectors
    from daemon.faces.weights import Weights
    from daemon.settings import Models

_lock = threading.Lock()
_TASKS = {"detector": "face_detector", "recognizer": "facial_recognition"}
_LEAST_SIDE_PX = 24  # some detectors fail on pictures smaller than a face can be
_LONGEST_PX = {"mtcnn": 640}  # its time grows with the picture's area, its recall hardly does
_BATCH = 16
_OWN_SCALING = {
    "SFace",
    "Buffalo_L",
}  # DeepFace's client of these turns BGR 0-1 into what the model takes


def load(name: str, home: Path, *, threads: int = 1) -> Any:
    """DeepFace's client of a model, built with its weights below `home`. Raises EnvironmentTrouble
    with the cause.
    """
    task = _TASKS[entry(name).kind]
    with _lock, _guarded(home):
        try:
            if any(package in entry(name).needs for package in ("tensorflow", "tf_keras")):
                _tame_tensorflow(threads)
            modeling = importlib.import_module("deepface.modules.modeling")
            return modeling.build_model(task=task, model_name=name)
        except (ImportError, ValueError, OSError, RuntimeError, AttributeError) as error:
            raise EnvironmentTrouble(
                f"{name}: DeepFace cannot build it: {_first_line(error)}"
            ) from error


def download(name: str, models: Models, *, state: Path, timeout_s: float = 30.0) -> Weights:
    """Have DeepFace download the weights of a model, below the state folder. Raises NoWeights where
    it cannot.
    """
    home = download_home(state)
    download_folder(state).mkdir(parents=True, exist_ok=True)
    try:
        _reach(name, timeout_s)
        load(name, home)
        weights = find_weights(name, models, state=state)
    except EnvironmentTrouble as error:
        _discard(name, state)
        raise NoWeights(
            f"{name}: its weights could not be downloaded ({error}); fetch them where there is a "
            "network and name their folder in models.weights"
        ) from error
    if weights.verdict == "mismatch":
        _discard(name, state)
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
        view = views.shrunk(picture, _LONGEST_PX.get(self.name, max(picture.shape[:2])))
        seen = view.picture
        if self.name == "mtcnn":
            faces = _mtcnn(self._client, seen)
        else:
            bgr = np.ascontiguousarray(seen[:, :, ::-1])
            faces = [
                face
                for area in self._client.detect_faces(bgr)
                if (face := _face(area, self.name)) is not None
            ]
        return sorted((view.placed(face) for face in faces), key=lambda face: -face.confidence)


class EngineEmbedder:
    """A recognition model of DeepFace's registry, fed with crops of its own geometry."""

    def __init__(self, weights: Weights, *, state: Path, mirror: bool, threads: int = 1) -> None:
        self.name = weights.name
        self.weights_sha256 = weights.sha256
        self.geometry = geometry_name(weights.name, mirror=mirror)
        self._mirror = mirror
        self._client = load(weights.name, linked_home(weights, state), threads=threads)
        self.dimensions = int(self._client.output_shape)

    def embed(self, crops: Sequence[Crop]) -> Vectors:
        """One unit vector a crop, in order."""
        if not crops:
            return np.zeros((0, self.dimensions), np.float32)
        faces = embed.chips(crops, GEOMETRIES[self.name])
        return embed.vectors(faces, self._forward, mirror=self._mirror, batch=_BATCH)

    def _forward(self, faces: Chips) -> Vectors:
        batch = model_input(faces, GEOMETRIES[self.name], own_scaling=self.name in _OWN_SCALING)
        found = np.asarray(self._client.forward(batch), np.float32)
        return found.reshape(len(faces), -1)  # a batch of one comes back flat


def model_input(faces: Chips, geometry: Geometry, *, own_scaling: bool) -> Vectors:
    """The chips as float32 in the colours and scaling that the model's authors feed."""
    if own_scaling:
        # Half a step up, because the client cuts off when it goes back to bytes.
        return (faces[..., ::-1].astype(np.float32) + np.float32(0.25)) / np.float32(255)
    ordered = faces if geometry.colours == "RGB" else faces[..., ::-1]
    values: NDArray[np.floating[Any]] = ordered.astype(np.float32)
    if geometry.scaling == "unit":
        values = values / 255
    elif geometry.scaling == "arcface":
        values = (values - 127.5) / 128
    elif geometry.scaling == "facenet2018":
        values = values / 127.5 - 1
    elif geometry.scaling == "whitened":
        mean = values.mean(axis=(1, 2, 3), keepdims=True)
        deviation = values.std(axis=(1, 2, 3), keepdims=True)
        values = (values - mean) / np.maximum(deviation, 1 / np.sqrt(values[0].size))
    elif geometry.scaling == "vggface":
        values = values - np.array([93.5940, 104.7624, 129.1863], np.float32)
    return np.ascontiguousarray(values, np.float32)


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


def _mtcnn(client: Any, picture: Picture) -> list[Detection]:
    """MTCNN with the nose and mouth that DeepFace's client drops, unrounded. Its rows are picture,
    box, score, five x, five y.
    """
    rows = client.model.detect_faces(picture, output_type="numpy", fit_to_image=False)
    return [
        Detection(
            x=float(row[1]),
            y=float(row[2]),
            w=float(row[3]),
            h=float(row[4]),
            landmarks=np.stack([row[6:11], row[11:16]], axis=1).astype(np.float32),
            confidence=float(row[5]),
            detector="mtcnn",
        )
        for row in np.asarray(rows)
        if len(row) >= 16 and row[3] > 0 and row[4] > 0
    ]


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


def _reach(name: str, timeout_s: float) -> None:
    """Fail early where the weights' server cannot be reached; DeepFace itself would wait much
    longer.
    """
    import requests

    modeling = importlib.import_module("deepface.modules.modeling")
    client = modeling.get_model_class(task=_TASKS[entry(name).kind], model_name=name)
    found = getattr(sys.modules[client.__module__], "WEIGHTS_URL", None)
    address = found[0] if isinstance(found, list) else found
    if address is None:
        return
    try:
        requests.head(address, timeout=timeout_s, allow_redirects=False)
    except requests.RequestException as error:
        raise EnvironmentTrouble(f"{address.split('/')[2]} cannot be reached") from error


def _discard(name: str, state: Path) -> None:
    """Remove what a download left that is not the model: half a file, or a page that asks for a
    login.
    """
    for file in entry(name).weight_files(os.environ):
        (download_folder(state) / file).unlink(missing_ok=True)


def _first_line(error: BaseException) -> str:
    return (str(error) or type(error).__name__).strip().splitlines()[0]
