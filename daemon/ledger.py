"""What each step of the flow depends on, as fingerprints: the same in the worker that does the step
and in `status`, which asks how many files were made otherwise.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from catalog.steps import fingerprint
from daemon.faces.resolution import ENOUGH_PX, usual_side_px

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from catalog.records import EmbedderRecord
    from daemon.settings import Settings

# Raised by hand when a stage's code changes what it gives for the same input.
PROBE_VERSION = "1"
FRAMES_VERSION = "3"
VIDEO_VERSION = "video-1"
DETECT_VERSION = "3"
ALIGN_VERSION = "2"
QUALITY_VERSION = "2"
EMBED_VERSION = "1"


class Use(Protocol):
    """What of any model decides its result."""

    @property
    def name(self) -> str: ...
    @property
    def weights_sha256(self) -> str: ...


class DetectorUse(Use, Protocol):
    """What of a detector decides its result."""

    @property
    def version(self) -> str: ...


class EmbedderUse(Use, Protocol):
    """What of a recognition model decides its result."""

    @property
    def geometry(self) -> str: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """A step as it would be done today."""

    step: str
    model: str
    fingerprint: str
    parameters: dict[str, Any]


def planned_steps(
    settings: Settings, detector: DetectorUse, embedders: Sequence[EmbedderUse]
) -> dict[tuple[str, str], Planned]:
    """Every step of a photo in order, by (step, model), each reading from the one before."""
    frames = _plan(
        "frames",
        FRAMES_VERSION,
        reads=_plan("probe", PROBE_VERSION),
        first_side_px=usual_side_px(settings.detect, detector.name),
        enough_px=ENOUGH_PX,
    )
    return _after(
        frames, settings, detector, embedders, second_chance=settings.detect.second_chance
    )


def planned_video_steps(
    settings: Settings, detector: DetectorUse, embedders: Sequence[EmbedderUse]
) -> dict[tuple[str, str], Planned]:
    """The same of a part of a video."""
    video = settings.video
    frames = _plan(
        "frames",
        VIDEO_VERSION,
        reads=_plan("probe", PROBE_VERSION),
        interval_s=video.interval_s,
        min_interval_s=video.min_interval_s,
        max_interval_s=video.max_interval_s,
        still=video.still,
        dark=video.dark,
        faces_per_track=video.faces_per_track,
        max_gap_s=video.max_gap_s,
    )
    return _after(frames, settings, detector, embedders, second_chance=False)


def _after(
    frames: Planned,
    settings: Settings,
    detector: DetectorUse,
    embedders: Sequence[EmbedderUse],
    *,
    second_chance: bool,
) -> dict[tuple[str, str], Planned]:
    """The steps from these frames on, with that of the probe before them."""
    probe = _plan("probe", PROBE_VERSION)
    detect, crops = settings.detect, settings.crops
    found = _plan(
        "detect",
        DETECT_VERSION,
        model=detector.name,
        weights_sha256=detector.weights_sha256,
        reads=frames,
        detector_version=detector.version,
        first_size=detect.first_size,
        size=detect.size,
        min_confidence=detect.min_confidence,
        min_face_px=detect.min_face_px,
        second_chance=second_chance,
    )
    align = _plan(
        "align",
        ALIGN_VERSION,
        reads=found,
        size=crops.size,
        margin=crops.margin,
        jpeg_quality=crops.jpeg_quality,
    )
    quality = _plan(
        "quality",
        QUALITY_VERSION,
        reads=align,
        stability=settings.quality.stability,
        eye_points=settings.quality.eye_points,
    )
    embed = [embed_step(kind_used(embedder), align.fingerprint) for embedder in embedders]
    return {(it.step, it.model): it for it in (probe, frames, found, align, quality, *embed)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """What of a recognition model decides its vectors."""

    model: str
    weights_sha256: str
    geometry: str


def kind_used(embedder: EmbedderUse) -> Kind:
    """The kind of vectors that a recognition model makes."""
    return Kind(
        model=embedder.name,
        weights_sha256=embedder.weights_sha256,
        geometry=embedder.geometry,
    )


def embed_step(kind: Kind | EmbedderRecord, align: str) -> Planned:
    """The embed step as it would be done today on crops whose align step has this fingerprint."""
    return _plan(
        "embed",
        EMBED_VERSION,
        model=kind.model,
        weights_sha256=kind.weights_sha256,
        reads=align,
        geometry=kind.geometry,
    )


def marks(
    planned: Iterable[Mapping[tuple[str, str], Planned]],
    aligned: Iterable[str],
    kinds: Iterable[Kind],
) -> dict[tuple[str, str], list[str]]:
    """The fingerprints that count as made today, for `steps.outdated`: of photos and of videos.

    Vectors are up to date whatever crops they are of: `aligned` are the fingerprints that the
    catalog's align steps have. Older crops are the align step's own matter.
    """
    found: dict[tuple[str, str], list[str]] = {}
    for steps in planned:
        for key, step in steps.items():
            if key[0] != "embed" and step.fingerprint not in found.setdefault(key, []):
                found[key].append(step.fingerprint)
    every = list(aligned)
    for kind in kinds:
        found["embed", kind.model] = [embed_step(kind, it).fingerprint for it in every]
    return found


def _plan(
    step: str,
    version: str,
    *,
    model: str = "",
    weights_sha256: str = "",
    reads: Planned | str | None = None,
    **parameters: Any,
) -> Planned:
    mark = fingerprint(
        code_version=version,
        model=model,
        weights_sha256=weights_sha256,
        parameters=parameters,
        reads=[reads.fingerprint if isinstance(reads, Planned) else reads] if reads else [],
    )
    return Planned(step=step, model=model, fingerprint=mark, parameters=parameters)
