"""What is handed to a worker, and what it answers about crops. Imports nothing heavy, so that the
small supervisor can make these.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from catalog.assignments import Verdict
    from catalog.records import EmbedderRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class PhotoTask:
    """A photo to catalogue: where it lies and what it was when it was hashed. Its faces get vectors
    of the `compared` kinds too, where the settings have chosen other models by now.
    """

    sha256: str
    path: bytes
    bytes: int
    mtime_ns: int
    compared: tuple[EmbedderRecord, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SpanTask:
    """A part of a video to catalogue, of so many `parts`, from `start_s` up to `end_s` (infinite
    for the last one).
    """

    sha256: str
    path: bytes
    bytes: int
    mtime_ns: int
    part: int
    parts: int = 1
    start_s: float
    end_s: float
    compared: tuple[EmbedderRecord, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredFace:
    """A face's stored crop as the catalog has it. `landmarks`, `x` and `y` are pixels of the
    full-size picture, of which a crop pixel shows `scale`.
    """

    jpeg: bytes
    landmarks: tuple[tuple[float, float], ...]
    scale: float
    x: float
    y: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectionTask:
    """At most so many faces of a catalog are to be brought into two dimensions."""

    catalog: Path
    method: str
    most: int


@dataclass(frozen=True, slots=True, kw_only=True)
class VectorTask:
    """Stored faces that need vectors: of these kinds, or of the settings' own where none is named.
    A kind that ends as a second look does is computed as one.
    """

    faces: tuple[StoredFace, ...]
    kinds: tuple[EmbedderRecord, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class VectorAnswer:
    """A vector by kind for each face of the task, in order; none where the crop cannot be read. A
    kind whose weights are not on this machine is not in `seconds`, which tells what a face took.
    """

    vectors: tuple[dict[EmbedderRecord, bytes], ...]
    seconds: dict[EmbedderRecord, float] = field(default_factory=dict)
    devices: dict[EmbedderRecord, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """Which photos to judge: these, those that a change of these people can touch, or
    everything.
    """

    media_ids: tuple[int, ...] = ()
    people_ids: tuple[int, ...] = ()
    whole: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What the identifier found: verdicts to be applied in this order, and the faces that want a
    second look before they get a name.
    """

    verdicts: Sequence[Verdict]
    doubtful: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchTask:
    """A photo whose faces are looked for among all known ones; nothing of it is stored."""

    path: bytes
    k: int
