"""The stage that finds faces: pictures of any size in, detections in those pictures' own pixels
out.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from daemon.faces.looks import Doubting, look, whole
from daemon.faces.second_chance import EVERY_WAY, TURNS, second_chance
from daemon.faces.several import Several, fused
from daemon.faces.views import shrunk

if TYPE_CHECKING:
    from collections.abc import Sequence

    from daemon.faces.looks import Seen
    from daemon.faces.values import Detection, Detector, Picture
    from daemon.settings import Detect

# Below this the surest face may lie on its side: of LFW's pictures one in ten is below, of 78
# photographs turned by quarters every one.
_UPRIGHT = 0.92
# Each of the 45 of those in which nothing was found left a suspicion this strong, of 19 photographs
# without faces nine did.
_HINT = 0.1


def detect(
    pictures: Sequence[Picture],
    detector: Detector,
    section: Detect,
    *,
    scale: float | Sequence[float] = 1.0,
    sharp: bool = True,
) -> list[list[Detection]]:
    """The faces of each picture, most confident first, in pixels of the picture given; boxes may
    reach beyond it. `sharp` false leaves out the close look for points (see `looks.look`).

    `scale` is how many pixels of the full-size picture one pixel of a picture shows, for all or for
    each: faces narrower than `section.min_face_px` there are dropped, and those less confident than
    `section.min_confidence`.
    """
    scales = [scale] * len(pictures) if isinstance(scale, int | float) else list(scale)
    found = _found(pictures, scales, detector, section, sharp=sharp)
    return [
        [face for face in faces if face.w * to_full >= section.min_face_px and face.h > 0]
        for faces, to_full in zip(found, scales, strict=True)
    ]


def _found(
    pictures: Sequence[Picture],
    scales: Sequence[float],
    detector: Detector,
    section: Detect,
    *,
    sharp: bool = True,
) -> list[list[Detection]]:
    """What a detector finds in its own way; what several find is united."""
    if isinstance(detector, Several):
        answers = [_found(pictures, scales, one, section) for one in detector.detectors]
        return [fused([answer[index] for answer in answers]) for index in range(len(pictures))]
    if not isinstance(detector, Doubting):
        seen = whole(pictures, detector.detect, section.size)
        return [[it for it in faces if it.confidence >= section.min_confidence] for faces in seen]
    looks = look(pictures, scales, detector, section, sharp=sharp)
    if section.second_chance:
        _try_again(pictures, looks, detector, section)
    return [it.faces for it in looks]


def _try_again(
    pictures: Sequence[Picture], looks: list[Seen], detector: Doubting, section: Detect
) -> None:
    """Give pictures without a face in its usual position another chance; the surer way counts.

    Only where nothing was found is the light equalised: it makes faces look surer than they are,
    and their points are worse.
    """
    hinting = [number for number, it in enumerate(looks) if it.hint >= _HINT]
    empty = [number for number in hinting if not looks[number].faces]
    unsure = [number for number in hinting if 0 < looks[number].surest < _UPRIGHT]
    for again, ways in ((empty, EVERY_WAY), (unsure, TURNS)):
        tried = [(pictures[number], looks[number].first) for number in again]
        later = second_chance(tried, detector, ways, least=section.min_confidence)
        for number, faces in zip(again, later, strict=True):
            if faces and faces[0].confidence > looks[number].surest:
                looks[number] = replace(looks[number], faces=faces)


def shrink(picture: Picture, longest_px: int) -> Picture:
    """The picture with its longest side at most `longest_px`; the same array where it is small
    already.
    """
    return shrunk(picture, longest_px).picture
