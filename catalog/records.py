"""The values that the daemon's stages hand to the catalog: what one part of one media turned out to
hold.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

SECOND_LOOK: Final = "+jitter8"
"""Ends the geometry of an embedder whose vectors are means of eight jittered looks at a face. They
are never active: only what was found by the embedder without this ending is verified by them.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class MediaFacts:
    """What probing a file found; None where the file does not say."""

    kind: str
    mime: str
    width: int | None = None
    height: int | None = None
    duration_s: float | None = None
    fps: float | None = None
    codec: str | None = None
    taken_at: str | None = None
    taken_at_local: str | None = None
    taken_at_source: str | None = None
    camera_make: str | None = None
    camera_model: str | None = None
    lens: str | None = None
    orientation: int | None = None
    latitude: float | None = None
    longitude: float | None = None
    altitude_m: float | None = None
    exif: dict[str, Any] = field(default_factory=dict)
    # Not of the media but of how it is read: without division into minutes, and what is amiss.
    in_one_piece: bool = False
    note: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StepRecord:
    """One row of the `steps` ledger. `started_at` is UTC text; `error` is set where state is
    failed.
    """

    step: str
    fingerprint: str
    model: str = ""
    parameters: dict[str, Any] = field(default_factory=dict)
    state: str = "done"
    started_at: str
    seconds: float
    device: str = "cpu"
    error: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EmbedderRecord:
    """One way to compute a vector: model, the weights' SHA-256 and the geometry its crops are
    warped to.
    """

    model: str
    weights_sha256: str
    geometry: str
    dimensions: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CropRecord:
    """A stored crop. Crop pixel (i, j) shows the full-size picture at (x + i·scale, y +
    j·scale).
    """

    sha256: str
    jpeg: bytes
    scale: float
    x: float
    y: float


@dataclass(frozen=True, slots=True, kw_only=True)
class QualityRecord:
    """The score 0-1 of one face, the measures it came from, and what pulled it down in words."""

    version: str
    score: float
    measures: dict[str, float]
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class FaceRecord:
    """One detected face. Box and landmarks are pixels of the upright full-size picture.

    `vectors` maps an embedder to little-endian float32 bytes of unit length.
    """

    x: float
    y: float
    w: float
    h: float
    landmarks: tuple[tuple[float, float], ...]
    confidence: float
    detector: str
    detector_version: str
    crop: CropRecord
    quality: QualityRecord
    vectors: dict[EmbedderRecord, bytes]


@dataclass(frozen=True, slots=True, kw_only=True)
class PreviewRecord:
    """A small JPEG of the whole upright picture, for the pages, and a still smaller one for the
    tile of a grid.
    """

    jpeg: bytes
    width: int
    height: int
    tile: bytes | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StillRecord:
    """A frame of a video as a small JPEG, with the boxes of its faces: x, y, w, h in pixels of the
    frame, which is width × height.
    """

    jpeg: bytes
    time_s: float
    width: int
    height: int
    boxes: tuple[tuple[float, float, float, float], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SceneRecord:
    """A run of frames without a cut, seconds."""

    start_s: float
    end_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameRecord:
    """A frame of a video that was looked at. `scene` is its place among the part's scenes,
    `brightness` 0 to 1, `motion` how far the faster tenth of the picture moved since the last look,
    in shares of its longest side.
    """

    time_s: float
    scene: int
    brightness: float
    motion: float
    kept_because: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackRecord:
    """A face through a scene. `path` is its boxes as `track_paths.packed` writes them, of which
    there are `faces_count`; `faces` are the few that are kept, each with the time of its frame;
    `vectors` are the middles of theirs, by embedder.
    """

    scene: int
    start_s: float
    end_s: float
    path: bytes
    faces_count: int
    faces: tuple[tuple[float, FaceRecord], ...]
    vectors: dict[EmbedderRecord, bytes]


@dataclass(frozen=True, slots=True, kw_only=True)
class SpanRecord:
    """All that one part of a video gave. `continues`: its first scene goes on from the part before;
    `skipped` counts the frames that were not looked at, by reason; `still` is the last frame with a
    face, or without one where none has any. `error` and `permanent` as in a PartRecord.
    """

    sha256: str
    part: int
    continues: bool = False
    scenes: tuple[SceneRecord, ...] = ()
    frames: tuple[FrameRecord, ...] = ()
    tracks: tuple[TrackRecord, ...] = ()
    skipped: dict[str, int] = field(default_factory=dict)
    preview: PreviewRecord | None = None
    still: StillRecord | None = None
    steps: tuple[StepRecord, ...] = ()
    error: str | None = None
    permanent: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class PartRecord:
    """All that one part of one media gave. `error` set: it failed; `permanent`: and always will
    with this code.
    """

    sha256: str
    part: int = 0
    facts: MediaFacts | None = None
    preview: PreviewRecord | None = None
    faces: tuple[FaceRecord, ...] = ()
    steps: tuple[StepRecord, ...] = ()
    error: str | None = None
    permanent: bool = True
