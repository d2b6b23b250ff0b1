"""Which Python packages a model needs, and which of them this installation lacks.

DeepFace and TensorFlow are an extra: without them Rollcall runs on the models that it runs itself.
"""

from __future__ import annotations

import importlib.util
import os
from typing import TYPE_CHECKING, Final

from daemon.faces.registry import MODELS
from daemon.faces.weights import form_of

if TYPE_CHECKING:
    from daemon.faces.registry import ModelEntry

# Those that do not go through DeepFace, whatever file they come in.
OURS: Final = frozenset({"yunet", "mtcnn", "opencv", "scrfd", "Dlib"})
_BY_DEEPFACE: Final = ("deepface", "tensorflow", "tf_keras")
_EXTRA: Final = frozenset({*_BY_DEEPFACE, "retinaface"})
EXTRA_REMEDY: Final = "pip install '.[deepface]' in Rollcall's own folder"
"""What brings DeepFace and TensorFlow. Not by name: Rollcall is in no package index, and somebody
else's package could be.
"""


def needed(model: ModelEntry, backend: str = "") -> tuple[str, ...]:
    """The packages that must be importable for the files of this back end, the best where none is
    said. Rollcall runs recognition models in ONNX files itself.
    """
    backend = backend or model.backends(os.environ)[0]
    forms = {form_of(file) for file in model.files[backend]}
    if model.name in OURS or (model.kind == "recognizer" and forms == {"ONNX"}):
        return model.needs_for(backend)
    return tuple(dict.fromkeys(("deepface", *model.needs_for(backend), *_BY_DEEPFACE)))


def missing(model: ModelEntry, backend: str = "") -> str:
    """The first of them that is not here, empty where all are."""
    return _first_absent(needed(model, backend))


def missing_to_fetch(model: ModelEntry) -> str:
    """The first package that is not here of those that download the model's best files."""
    return _first_absent(("deepface", *model.fetch_needs))


def remedy(package: str) -> str:
    """How to get a package."""
    return EXTRA_REMEDY if package in _EXTRA else f"pip install {package}"


def uses_tensorflow(name: str, backend: str = "") -> bool:
    """Whether a worker with this model starts TensorFlow."""
    return "tensorflow" in needed(MODELS[name], backend)


def out_of_reach() -> tuple[str, ...]:
    """The models that a missing DeepFace or TensorFlow keeps away; none where both are here."""
    return tuple(name for name, model in MODELS.items() if missing(model) in _EXTRA)


def _first_absent(names: tuple[str, ...]) -> str:
    return next((name for name in names if importlib.util.find_spec(name) is None), "")
