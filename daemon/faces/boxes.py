"""Overlap of boxes, and keeping the best of those that overlap. Boxes are rows x, y, w, h."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]


def overlaps(boxes: Floats, others: Floats) -> Floats:
    """Intersection over union of every box with every other: len(boxes) × len(others), 0 where both
    are empty.
    """
    left_top = np.maximum(boxes[:, None, :2], others[None, :, :2])
    right_bottom = np.minimum(
        boxes[:, None, :2] + boxes[:, None, 2:], others[None, :, :2] + others[None, :, 2:]
    )
    shared = np.prod(np.clip(right_bottom - left_top, 0, None), axis=2)
    areas = np.prod(boxes[:, 2:], axis=1)[:, None] + np.prod(others[:, 2:], axis=1)[None, :]
    union = areas - shared
    result: Floats = np.divide(shared, union, out=np.zeros_like(shared), where=union > 0)
    return result


def suppress(boxes: Floats, scores: Floats, *, overlap: float) -> list[int]:
    """Indices of the boxes to keep, highest score first: greedy non-maximum suppression; ties go to
    the earlier box.
    """
    order = np.argsort(-scores, kind="stable")
    kept: list[int] = []
    while len(order):
        best, rest = order[0], order[1:]
        kept.append(int(best))
        order = rest[overlaps(boxes[best : best + 1], boxes[rest])[0] <= overlap]
    return kept
