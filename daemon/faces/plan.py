"""Which models will really be used: the settings, and what of it this machine can do. Loads no
model, asks no network.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from importlib.metadata import version as installed_version
from typing import TYPE_CHECKING, Final

from daemon.errors import EnvironmentTrouble, NoWeights, UsageError
from daemon.faces import packages
from daemon.faces.geometry import geometry_name
from daemon.faces.registry import KNOWN_SHA256, ModelEntry
from daemon.faces.weights import Weights, entry, find_weights

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from daemon.settings import Settings

FALLBACK_DETECTOR: Final = "mtcnn"  # its weights come inside a package that Rollcall depends on
_FALLS_BACK: Final = "yunet"
# Versions of the detectors that do not go through DeepFace.
_OURS: Final = {"yunet": "2", "mtcnn": "1", "opencv": "1", "scrfd": "1"}
_RETRY_S: Final = 24 * 3600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """A model that will be used. `weights` is None where they would be downloaded first.

    `version` says which code finds faces, `geometry` which crop a recognition model is fed; the
    other is empty.
    """

    name: str
    kind: str
    weights: Weights | None
    version: str = ""
    geometry: str = ""

    @property
    def weights_sha256(self) -> str:
        """SHA-256 of the weights; of a download the one that is expected, empty where none is
        known.
        """
        if self.weights is not None:
            return self.weights.sha256
        files = entry(self.name).files.get("any", ())
        return KNOWN_SHA256.get(files[0], "") if len(files) == 1 else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Combined:
    """Several detectors that work as one: what the ledger calls them."""

    name: str
    version: str
    weights_sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelPlan:
    """The models that will be used, in the settings' order, and what there is to say about it."""

    detector_choices: tuple[Choice, ...]
    recognizer_choices: tuple[Choice, ...]
    notes: tuple[str, ...] = field(default=())

    @property
    def detectors(self) -> tuple[str, ...]:
        """The detectors' names."""
        return tuple(choice.name for choice in self.detector_choices)

    @property
    def recognizers(self) -> tuple[str, ...]:
        """The recognition models' names."""
        return tuple(choice.name for choice in self.recognizer_choices)

    @property
    def tensorflow(self) -> bool:
        """Whether the workers start TensorFlow for one of them."""
        return any(
            packages.uses_tensorflow(choice.name, choice.weights.backend if choice.weights else "")
            for choice in (*self.detector_choices, *self.recognizer_choices)
        )

    @property
    def detector(self) -> Combined:
        """The detectors as one, named as the detector that the worker builds."""
        return Combined(
            name="+".join(choice.name for choice in self.detector_choices),
            version="+".join(choice.version for choice in self.detector_choices),
            weights_sha256="+".join(choice.weights_sha256 for choice in self.detector_choices),
        )


def plan(settings: Settings, *, now: Callable[[], float] = time.time) -> ModelPlan:
    """What will be used. Raises UsageError for an unknown name, NoWeights or EnvironmentTrouble
    with the remedy.

    YuNet alone has a substitute: MTCNN, whose weights are in a package. A download that failed is
    not planned again for a day, so that a machine without network settles on what it has.
    """
    planner = _Planner(settings=settings, now=now())
    detectors = [planner.detector(name) for name in _unique(settings.models.detector)]
    recognizers = [planner.recognizer(name) for name in _unique(settings.models.recognizer)]
    return ModelPlan(
        detector_choices=tuple({choice.name: choice for choice in detectors}.values()),
        recognizer_choices=tuple(recognizers),
        notes=tuple(planner.notes),
    )


def failed_download(name: str, state: Path) -> Path:
    """The file whose presence says that a download was tried and failed; its time says when."""
    return state / "models" / f"{name}.not-downloaded"


def failed_lately(name: str, state: Path, *, now: float | None = None) -> bool:
    """Whether a download was tried and failed within the last day."""
    mark = failed_download(name, state)
    clock = time.time() if now is None else now
    return mark.is_file() and clock - mark.stat().st_mtime < _RETRY_S


def detector_version(name: str) -> str:
    """Which code of a detector this is: Rollcall's own, or DeepFace's."""
    return _OURS.get(name) or f"deepface-{installed_version('deepface')}"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Planner:
    settings: Settings
    now: float
    notes: list[str] = field(default_factory=list)

    def detector(self, name: str) -> Choice:
        model = _of_kind(name, "detector")
        try:
            weights = self._weights(model)
        except NoWeights:
            if name != _FALLS_BACK:
                raise
            self.notes.append(
                f"{name}: its weights are not on this machine, so {FALLBACK_DETECTOR} looks for "
                "faces: slower, and more that are turned or half hidden escape it; name a folder "
                "that has the weights in models.weights, or run `rollcall models fetch`"
            )
            return self.detector(FALLBACK_DETECTOR)
        return Choice(name=name, kind="detector", weights=weights, version=detector_version(name))

    def recognizer(self, name: str) -> Choice:
        return Choice(
            name=name,
            kind="recognizer",
            weights=self._weights(_of_kind(name, "recognizer")),
            geometry=geometry_name(name, mirror=self.settings.embed.mirror),
        )

    def _weights(self, model: ModelEntry) -> Weights | None:
        """The weights; None, with a note, where they will be downloaded."""
        models, state = self.settings.models, self.settings.paths.state
        try:
            weights = find_weights(model.name, models, state=state)
        except NoWeights:
            _must_have(model, packages.missing(model))
            unfetchable = packages.missing_to_fetch(model) == "deepface"
            if model.supplied or not models.download or unfetchable:
                raise
            if failed_lately(model.name, state, now=self.now):
                raise
            _must_have(model, packages.missing_to_fetch(model))
            self.notes.append(
                f"{model.name}: its weights are not on this machine and will be downloaded"
            )
            return None
        _must_have(model, packages.missing(model, weights.backend))
        if weights.verdict == "mismatch":
            self.notes.append(
                f"{model.name}: {weights.path} is not the known file; see `rollcall models check`"
            )
        return weights


def _must_have(model: ModelEntry, missing: str) -> None:
    if missing:
        raise EnvironmentTrouble(
            f"{model.name}: it needs the Python package {missing}; {packages.remedy(missing)}, or "
            "choose another model"
        )


def _of_kind(name: str, kind: str) -> ModelEntry:
    model = entry(name)
    if model.kind != kind:
        raise UsageError(f"{name} is a {model.kind}, and models.{kind} asks for a {kind}")
    return model


def _unique(names: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(names))
