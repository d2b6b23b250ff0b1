"""Overlap of boxes, and keeping the best of those that overlap. Boxes are rows x, y, w, h."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from collections.abc import Callable

Floats = NDArray[np.float32]
_ROWS = 64  # compared with all others at once: a few MB of temporaries for thousands of boxes


def overlaps(boxes: Floats, others: Floats) -> Floats:
    """Intersection over union of every box with every other: len(boxes) × len(others), 0 where both
    are empty.
    """
    shared = _shared(boxes, others)
    areas = (boxes[:, 2] * boxes[:, 3])[:, None] + (others[:, 2] * others[:, 3])[None, :]
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
        # Some at a time: a step a box would take seconds where there are thousands.
        some, order = order[:_ROWS], order[_ROWS:]
        rivals = overlaps(boxes[some], boxes[some]) > overlap
        gone = np.zeros(len(some), np.bool_)
        for row in range(len(some)):
            if not gone[row]:
                gone[row + 1 :] |= rivals[row, row + 1 :]
        best = some[~gone]
        kept += best.tolist()
        if len(order):
            order = order[~(overlaps(boxes[best], boxes[order]) > overlap).any(axis=0)]
    return kept


def shares(boxes: Floats, others: Floats) -> Floats:
    """Intersection over the smaller of the two, of every box with every other: len(boxes) ×
    len(others), 0 where one is empty.
    """
    areas = np.minimum(np.prod(boxes[:, None, 2:], axis=2), np.prod(others[None, :, 2:], axis=2))
    result: Floats = np.divide(
        _shared(boxes, others), areas, out=np.zeros_like(areas), where=areas > 0
    )
    return result


def unrivalled(
    boxes: Floats,
    scores: Floats,
    *,
    overlap: float,
    measure: Callable[[Floats, Floats], Floats] = overlaps,
) -> NDArray[np.intp]:
    """Indices of the boxes that overlap no box of a higher score by more than `overlap`, highest
    score first; ties go to the earlier box.

    Unlike in `suppress`, a box that goes takes others along: of a chain of boxes only the first is
    kept. It needs no step a box, so thousands are fast.
    """
    order = np.argsort(-scores, kind="stable")
    ranked = boxes[order]
    kept = np.ones(len(ranked), np.bool_)
    for start in range(0, len(ranked), _ROWS):
        higher = ranked[: start + _ROWS]
        rivals = measure(ranked[start : start + _ROWS], higher) > overlap
        kept[start : start + _ROWS] = ~np.tril(rivals, start - 1).any(axis=1)
    return order[kept]


def _shared(boxes: Floats, others: Floats) -> Floats:
    """Intersection of every box with every other, in square pixels."""
    left, top, wide, high = boxes.T[:, :, None]
    other_left, other_top, other_wide, other_high = others.T[:, None, :]
    across = np.minimum(left + wide, other_left + other_wide) - np.maximum(left, other_left)
    down = np.minimum(top + high, other_top + other_high) - np.maximum(top, other_top)
    shared: Floats = np.clip(across, 0, None) * np.clip(down, 0, None)
    return shared
