"""A second chance for pictures in which nothing was found: turned by quarters, and with their
light equalised. Pure but for the detector.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import cv2
import numpy as np

from daemon.faces.align import as_picture
from daemon.faces.looks import SHARP, close_view, distinct, same
from daemon.faces.views import shrunk

if TYPE_CHECKING:
    from collections.abc import Sequence

    from daemon.faces.looks import Doubting
    from daemon.faces.values import Detection, Picture
    from daemon.faces.views import View

# Of 52 photographs laid on their side and seen at this size, every one shows its face turned back
# at 0.9, and of 19 without faces none shows anything above 0.36.
_SIZE_PX = 224
_EQUALISED = 4  # beside the turns by 1, 2 and 3 quarters
TURNS = (1, 2, 3)
EVERY_WAY = (*TURNS, _EQUALISED)
_CLIP, _GRID = 4.0, (8, 8)  # how far contrast may be raised, in how many parts of the picture


def second_chance(
    pictures: Sequence[tuple[Picture, View]],
    detector: Doubting,
    ways: Sequence[int],
    *,
    least: float,
) -> list[list[Detection]]:
    """The faces of each picture that show when it is turned or equalised: the way that shows the
    surest one is taken, and what it shows must reach the confidence `least` in a close look too.

    Each picture comes with a view of its whole, which saves shrinking it again.
    """
    views = [shrunk(view.picture, _SIZE_PX) for _, view in pictures]
    shown = [prepared(view.picture, way) for view in views for way in ways]
    seen = iter(detector.detect(shown))
    found = []
    for (picture, first), view in zip(pictures, views, strict=True):
        best: list[Detection] = []
        chosen = 0
        for way in ways:
            faces = next(seen)
            if faces and (not best or faces[0].confidence > best[0].confidence):
                best, chosen = faces, way
        upright = [first.placed(view.placed(returned(face, chosen, view.picture))) for face in best]
        found.append(_confirmed(picture, upright, chosen, detector, least=least))
    return found


def prepared(picture: Picture, way: int) -> Picture:
    """The picture turned counterclockwise by `way` quarters, or with its light equalised."""
    return equalised(picture) if way == _EQUALISED else np.ascontiguousarray(np.rot90(picture, way))


def equalised(picture: Picture) -> Picture:
    """The picture with its lightness equalised part by part, contrast limited (CLAHE on the L of
    Lab).
    """
    lab = as_picture(cv2.cvtColor(picture, cv2.COLOR_RGB2LAB))
    lab[:, :, 0] = cv2.createCLAHE(_CLIP, _GRID).apply(lab[:, :, 0])
    return as_picture(cv2.cvtColor(lab, cv2.COLOR_LAB2RGB))


def returned(face: Detection, way: int, picture: Picture) -> Detection:
    """A face of the prepared picture, in pixels of `picture` as it was before."""
    if way == _EQUALISED:
        return face
    height, width = picture.shape[:2]
    for quarter in range(way, 0, -1):
        # One turn back: x, y of a picture that was turned show what was at across - y, x.
        across = width if quarter % 2 else height
        x, y = face.landmarks[:, 0], face.landmarks[:, 1]
        face = replace(
            face,
            x=across - face.y - face.h,
            y=face.x,
            w=face.h,
            h=face.w,
            landmarks=np.stack([across - y, x], axis=1).astype(np.float32),
        )
    return face


def _confirmed(
    picture: Picture, faces: Sequence[Detection], way: int, detector: Doubting, *, least: float
) -> list[Detection]:
    """The faces that a close look, prepared the same way, shows too; confidence is the mean."""
    views = [close_view(picture, face, *SHARP) for face in faces]
    seen = detector.suspect([prepared(view.picture, way) for view in views])
    sure = []
    for face, view, close in zip(faces, views, seen, strict=True):
        placed = [view.placed(returned(it, way, view.picture)) for it in close]
        other = same(face, placed)
        if other is not None:
            mean = (face.confidence + other.confidence) / 2
            if mean >= least:
                sure.append(replace(other, confidence=mean))
    return distinct(sure)
