"""Which Python packages a model needs, and which of them this installation lacks.

DeepFace and TensorFlow are an extra: without them Rollcall runs on the models that it runs itself.
"""

from __future__ import annotations

import importlib.util
from typing import TYPE_CHECKING, Final

from daemon.faces.registry import MODELS

if TYPE_CHECKING:
    from daemon.faces.registry import ModelEntry

# Those that do not go through DeepFace.
OURS: Final = frozenset({"yunet", "Dlib"})
_BY_DEEPFACE: Final = ("deepface", "tensorflow", "tf_keras")
_EXTRA: Final = frozenset({*_BY_DEEPFACE, "retinaface"})
EXTRA_REMEDY: Final = "pip install '.[deepface]' in Rollcall's own folder"
"""What brings DeepFace and TensorFlow. Not by name: Rollcall is in no package index, and somebody
else's package could be.
"""


def needed(model: ModelEntry) -> tuple[str, ...]:
    """The packages that must be importable."""
    if model.name in OURS:
        return model.needs
    return tuple(dict.fromkeys(("deepface", *model.needs, *_BY_DEEPFACE)))


def missing(model: ModelEntry) -> str:
    """The first of them that is not here, empty where all are."""
    absent = (name for name in needed(model) if importlib.util.find_spec(name) is None)
    return next(absent, "")


def remedy(package: str) -> str:
    """How to get a package."""
    return EXTRA_REMEDY if package in _EXTRA else f"pip install {package}"


def uses_tensorflow(name: str) -> bool:
    """Whether a worker with this model starts TensorFlow."""
    return "tensorflow" in needed(MODELS[name])


def can_download() -> bool:
    """Whether there is what downloads weights: DeepFace."""
    return importlib.util.find_spec("deepface") is not None


def out_of_reach() -> tuple[str, ...]:
    """The models that a missing DeepFace or TensorFlow keeps away; none where both are here."""
    return tuple(name for name, model in MODELS.items() if missing(model) in _EXTRA)
