"""What was measured of a photo's faces, drawn over it: box, landmarks, axes of the pose, and bars.
Pure.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

import cv2
import numpy as np

from catalog.measures import MEASURES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from catalog.records import QualityRecord
    from daemon.faces.values import Detection, Picture

    Colour = tuple[int, int, int]

# RGB. Good, middling and poor are told apart by those who do not see red and green too.
_GOOD, _MIDDLING, _POOR = (46, 134, 193), (214, 150, 20), (192, 57, 43)
_INK, _PAPER, _LINE = (30, 30, 30), (250, 250, 250), (200, 200, 200)
_AXES: Final = ((220, 60, 60), (60, 170, 80), (70, 110, 230))  # right, up, ahead
_FONT: Final = cv2.FONT_HERSHEY_SIMPLEX
_PANEL_PX, _ROW_PX, _BAR_PX = 420, 19, 130
_GOOD_FROM, _MIDDLING_FROM = 0.8, 0.5


def drawn(picture: Picture, faces: Sequence[tuple[Detection, QualityRecord]]) -> Picture:
    """The picture with its faces, and a panel each at its right; faces are numbered from 1."""
    image = np.ascontiguousarray(picture)
    thick = max(1, round(max(image.shape[:2]) / 600))
    for number, (face, quality) in enumerate(faces, 1):
        _face(image, number, face, quality, thick)
    if not faces:
        return image
    panels = [_panel(number, quality) for number, (_, quality) in enumerate(faces, 1)]
    return _beside(image, panels)


def colour_of(score: float) -> Colour:
    """The colour of a score."""
    if score >= _GOOD_FROM:
        return _GOOD
    return _MIDDLING if score >= _MIDDLING_FROM else _POOR


def _face(image: Picture, number: int, face: Detection, quality: QualityRecord, thick: int) -> None:
    colour = colour_of(quality.score)
    corner, opposite = _point(face.x, face.y), _point(face.x + face.w, face.y + face.h)
    cv2.rectangle(image, corner, opposite, colour, thick)
    for x, y in face.landmarks:
        cv2.circle(image, _point(x, y), 2 * thick, colour, -1)
    middle = face.landmarks.mean(axis=0)
    for axis, tint in zip(_axes(quality), _AXES, strict=True):
        end = middle + 0.5 * face.w * axis
        cv2.line(image, _point(*middle), _point(*end), tint, thick, cv2.LINE_AA)
    label = f"{number}: {quality.score:.2f}"
    place = corner[0], max(12 * thick, corner[1] - 4)
    for tint, width in ((_PAPER, 3 * thick), (colour, thick)):  # readable on any ground
        cv2.putText(image, label, place, _FONT, 0.5 * thick, tint, width, cv2.LINE_AA)


def _axes(quality: QualityRecord) -> NDArray[np.float64]:
    """Where the head's right, up and ahead point in the picture: 3 × 2."""
    yaw, pitch, roll = (
        math.radians(quality.measures.get(name, 0.0)) for name in ("yaw", "pitch", "roll")
    )
    heads = np.array(
        [
            (math.cos(yaw), 0.0),
            (math.sin(yaw) * math.sin(pitch), -math.cos(pitch)),
            (math.sin(yaw) * math.cos(pitch), -math.sin(pitch)),
        ]
    )
    turn = np.array([[math.cos(roll), math.sin(roll)], [-math.sin(roll), math.cos(roll)]])
    axes: NDArray[np.float64] = heads @ turn
    return axes


def _panel(number: int, quality: QualityRecord) -> Picture:
    names = [name for name in MEASURES if name in quality.measures]
    rows = 2 + len(quality.reasons) + len(names)
    panel = np.full((rows * _ROW_PX + 12, _PANEL_PX, 3), _PAPER, np.uint8)
    cv2.putText(panel, f"face {number}: quality {quality.score:.2f}", (8, _ROW_PX), _FONT, 0.55,
                colour_of(quality.score), 1, cv2.LINE_AA)  # fmt: skip
    row = 2
    for reason in quality.reasons:
        _write(panel, row, 16, _ascii(reason), _POOR)
        row += 1
    for name in names:
        _bar(panel, row, name, quality.measures[name])
        row += 1
    return panel


def _bar(panel: Picture, row: int, name: str, value: float) -> None:
    it = MEASURES[name]
    share = min(1.0, max(0.0, (value - it.low) / (it.high - it.low)))
    good = share if it.good > 0 else 1 - share
    left, bottom = _PANEL_PX - _BAR_PX - 90, row * _ROW_PX
    _write(panel, row, 8, name, _INK)
    cv2.rectangle(panel, (left, bottom - 10), (left + _BAR_PX, bottom), _LINE, 1)
    tint = _LINE if it.good == 0 else _MIDDLING if good < _MIDDLING_FROM else _GOOD
    cv2.rectangle(panel, (left, bottom - 10), (left + round(share * _BAR_PX), bottom), tint, -1)
    _write(panel, row, left + _BAR_PX + 8, f"{value:.3g}", _INK)


def _write(panel: Picture, row: int, left: int, text: str, colour: Colour) -> None:
    cv2.putText(panel, text, (left, row * _ROW_PX), _FONT, 0.42, colour, 1, cv2.LINE_AA)


def _beside(image: Picture, panels: Sequence[Picture]) -> Picture:
    """The picture with the panels at its right, in columns no higher than it or than one panel."""
    limit = max(image.shape[0], *(panel.shape[0] for panel in panels))
    columns: list[list[Picture]] = [[]]
    for panel in panels:
        if sum(it.shape[0] for it in columns[-1]) + panel.shape[0] > limit:
            columns.append([])
        columns[-1].append(panel)
    width = image.shape[1] + _PANEL_PX * len(columns)
    page = np.full((limit, width, 3), _PAPER, np.uint8)
    page[: image.shape[0], : image.shape[1]] = image
    for place, column in enumerate(columns):
        left, top = image.shape[1] + place * _PANEL_PX, 0
        for panel in column:
            page[top : top + panel.shape[0], left : left + _PANEL_PX] = panel
            top += panel.shape[0]
    return page


def _point(x: float, y: float) -> tuple[int, int]:
    return round(float(x)), round(float(y))


def _ascii(text: str) -> str:
    """OpenCV's letters have no degree sign."""
    return text.replace("°", " deg").encode("ascii", "replace").decode()
