"""Pictures with faces of known place and size: heads of Labeled Faces in the Wild, shrunk and
blended into photographs without faces.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

from benchmarks import labelled

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from daemon.faces.values import Picture
    from daemon.faces.yunet import YuNet

_ROOM = 0.45  # of the box's height, around it: the head without bystanders
_SURE = 0.8  # confidence from which a labelled face counts as known


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Head:
    """A head cut out, and the face's box in it: x, y, w, h."""

    picture: Picture
    box: NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Crowd:
    """A picture and the boxes of all its faces, rows x, y, w, h."""

    picture: Picture
    boxes: NDArray[np.float32]


def read_heads(folder: Path, finder: YuNet, *, count: int) -> list[Head]:
    """The labelled heads of `count` people, one each, in the order of their names."""
    heads: list[Head] = []
    for person in sorted(folder.iterdir()):
        if len(heads) == count:
            break
        files = sorted(person.glob("*.jpg")) if person.is_dir() else []
        head = _head(files[0], finder) if files else None
        if head is not None:
            heads.append(head)
    return heads


def crowd(
    background: Picture,
    heads: Sequence[Head],
    widths: Sequence[float],
    *,
    longest_px: int,
    seed: int,
) -> Crowd:
    """The background at `longest_px` with a face of each of the widths (pixels) somewhere, none
    over another.
    """
    draw = np.random.default_rng(seed)
    scale = longest_px / max(background.shape[:2])
    size = (round(background.shape[1] * scale), round(background.shape[0] * scale))
    way = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    canvas = np.asarray(cv2.resize(background, size, interpolation=way), np.uint8)
    taken = np.zeros(canvas.shape[:2], bool)
    boxes = []
    for width in sorted(widths, reverse=True):
        head = _scaled(heads[int(draw.integers(len(heads)))], width)
        high, wide = head.picture.shape[:2]
        for _ in range(50):
            if high >= canvas.shape[0] or wide >= canvas.shape[1]:
                break
            top = int(draw.integers(canvas.shape[0] - high))
            left = int(draw.integers(canvas.shape[1] - wide))
            place = slice(top, top + high), slice(left, left + wide)
            if not taken[place].any():
                canvas[place] = _blended(canvas[place], head.picture)
                taken[place] = True
                boxes.append(head.box + np.array([left, top, 0, 0], np.float32))
                break
    return Crowd(picture=canvas, boxes=np.array(boxes, np.float32).reshape(-1, 4))


def _head(path: Path, finder: YuNet) -> Head | None:
    """The labelled head of a picture, where it is sure and alone in its surroundings."""
    picture = labelled.read(path)
    faces = finder.detect([picture])[0]
    if not faces:
        return None
    face = labelled.in_the_middle(faces, picture)
    room = _ROOM * face.h
    left, top = int(max(0, face.x - room)), int(max(0, face.y - room))
    right, bottom = int(face.x + face.w + room), int(face.y + face.h + room)
    inside = [
        it for it in faces if left < it.x + it.w / 2 < right and top < it.y + it.h / 2 < bottom
    ]
    if face.confidence < _SURE or len(inside) > 1:
        return None
    box = np.array([face.x - left, face.y - top, face.w, face.h], np.float32)
    return Head(picture=picture[top:bottom, left:right], box=box)


def _scaled(head: Head, width: float) -> Head:
    factor = width / float(head.box[2])
    high, wide = head.picture.shape[:2]
    size = max(1, round(wide * factor)), max(1, round(high * factor))
    way = cv2.INTER_AREA if factor < 1 else cv2.INTER_CUBIC
    small = np.asarray(cv2.resize(head.picture, size, interpolation=way), np.uint8)
    stretch = np.array([size[0] / wide, size[1] / high] * 2, np.float32)
    return Head(picture=small, box=head.box * stretch)


def _blended(under: Picture, head: Picture) -> Picture:
    """The head in an ellipse with a soft rim."""
    high, wide = head.shape[:2]
    down, across = np.mgrid[0:high, 0:wide].astype(np.float32)
    radius = np.hypot((across + 0.5 - wide / 2) / (wide / 2), (down + 0.5 - high / 2) / (high / 2))
    share = np.clip((1.0 - radius) / 0.15, 0, 1)[:, :, None]
    mixed: Picture = (head * share + under * (1 - share)).astype(np.uint8)
    return mixed
