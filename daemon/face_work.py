"""What every face gets, whether it was found in a photo or in a frame of a video: a crop, measures,
and its record for the catalog.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from catalog.records import CropRecord, EmbedderRecord, FaceRecord
from daemon.faces.align import cut
from daemon.faces.eye_points import eye_aspect_ratio
from daemon.faces.measures.table import measure
from daemon.faces.measures.vector import stability, told
from daemon.faces.quality import FITTED_FOR, quality

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from daemon.faces.values import Crop, Detection, Detector, Embedded, Embedder
    from daemon.intake.frames import Frame
    from daemon.settings import Settings
    from daemon.stages import Stages


def crops_of(frame: Frame, faces: Sequence[Detection], settings: Settings) -> list[Crop]:
    """align: the stored crop of each face of a frame."""
    return [cut(frame.picture, face, frame.scale, settings.crops) for face in faces]


def measured(
    size: tuple[int, int],
    scale: float,
    faces: Sequence[Detection],
    crops: Sequence[Crop],
    stages: Stages,
) -> list[dict[str, float]]:
    """quality: the measures of each face that need no recognition model. `size` is the width and
    height of the picture in which they are, `scale` how many full-size pixels one of its shows.
    """
    width, height = size
    found = [measure(*it, width, height) for it in zip(crops, faces, strict=True)]
    if stages.eye_points is not None:
        for own, crop, face in zip(found, crops, faces, strict=True):
            ratio = eye_aspect_ratio(stages.eye_points, crop, face, scale)
            own["eye_aspect_ratio"] = ratio
    return found


def add_told(
    measures: Sequence[dict[str, float]],
    embedded: Embedded,
    crops: Sequence[Crop],
    embedder: Embedder,
    *,
    settings: Settings,
) -> None:
    """Add what a recognition model tells of the faces, where the score is fitted for it."""
    if embedder.name != FITTED_FOR:
        return
    for own, more in zip(measures, told(embedded), strict=True):
        own.update(more)
    if settings.quality.stability:
        for own, stable in zip(measures, stability(crops, embedder), strict=True):
            own["stability"] = stable


def face_record(
    face: Detection,
    crop: Crop,
    measures: Mapping[str, float],
    vectors: dict[EmbedderRecord, bytes],
    *,
    scale: float,
    detector: Detector,
) -> FaceRecord:
    """One face's row: from pixels of the decoded picture to pixels of the full-size one."""
    return FaceRecord(
        x=face.x * scale,
        y=face.y * scale,
        w=face.w * scale,
        h=face.h * scale,
        landmarks=tuple((float(x) * scale, float(y) * scale) for x, y in face.landmarks),
        confidence=face.confidence,
        detector=detector.name,
        detector_version=detector.version,
        crop=CropRecord(
            sha256=hashlib.sha256(crop.jpeg).hexdigest(),
            jpeg=crop.jpeg,
            scale=crop.scale,
            x=crop.x,
            y=crop.y,
        ),
        quality=quality(measures),
        vectors=vectors,
    )
