"""The stage that finds faces: pictures of any size in, detections in those pictures' own pixels
out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from daemon.faces.looks import look
from daemon.faces.views import shrunk

if TYPE_CHECKING:
    from collections.abc import Sequence

    from daemon.faces.values import Detection, Detector, Picture
    from daemon.settings import Detect


def detect(
    pictures: Sequence[Picture],
    detector: Detector,
    section: Detect,
    *,
    scale: float | Sequence[float] = 1.0,
) -> list[list[Detection]]:
    """The faces of each picture, most confident first, in pixels of the picture given; boxes may
    reach beyond it.

    `scale` is how many pixels of the full-size picture one pixel of a picture shows, for all or for
    each: faces narrower than `section.min_face_px` there are dropped, and those less confident than
    `section.min_confidence`.
    """
    scales = [scale] * len(pictures) if isinstance(scale, int | float) else list(scale)
    found = look(pictures, detector, section)
    return [
        [face for face in faces if face.w * to_full >= section.min_face_px and face.h > 0]
        for faces, to_full in zip(found, scales, strict=True)
    ]


def shrink(picture: Picture, longest_px: int) -> Picture:
    """The picture with its longest side at most `longest_px`; the same array where it is small
    already.
    """
    return shrunk(picture, longest_px).picture
