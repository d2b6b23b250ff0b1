"""Pictures too large for one look, seen in parts that overlap. Pure."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from daemon.faces.views import View

if TYPE_CHECKING:
    from daemon.faces.values import Detection, Picture

SIDE_PX = 1280  # of a tile: what one look takes, some 250 MB of activations
_SHARED_PX = 320  # by which neighbours overlap: no face up to this size is cut in both
_RIM_PX = 2.0  # a box that comes this near to a cut is of a face that the neighbour sees whole


def tiles(view: View) -> list[View]:
    """The view in parts of at most `SIDE_PX` a side; the view itself where it is no larger."""
    picture = view.picture
    if max(picture.shape[:2]) <= SIDE_PX:
        return [view]
    rows, columns = _spans(picture.shape[0]), _spans(picture.shape[1])
    return [
        View(
            picture=picture[top : top + high, left : left + wide],
            left=view.left + left * view.across,
            top=view.top + top * view.down,
            across=view.across,
            down=view.down,
        )
        for top, high in rows
        for left, wide in columns
    ]


def cut_off(face: Detection, tile: View, whole: Picture) -> bool:
    """Whether a face of the tile (in the tile's pixels) reaches a side at which the tile was cut
    out of `whole`, the picture that the view shows.
    """
    height, width = tile.picture.shape[:2]
    left = tile.left > 0 and face.x < _RIM_PX
    top = tile.top > 0 and face.y < _RIM_PX
    right = (
        tile.left + width * tile.across < whole.shape[1] - 1 and face.x + face.w > width - _RIM_PX
    )
    bottom = (
        tile.top + height * tile.down < whole.shape[0] - 1 and face.y + face.h > height - _RIM_PX
    )
    return left or top or right or bottom


def _spans(length: int) -> list[tuple[int, int]]:
    """Start and length of equal spans that cover `length` and overlap by `_SHARED_PX` at least."""
    if length <= SIDE_PX:
        return [(0, length)]
    count = math.ceil((length - _SHARED_PX) / (SIDE_PX - _SHARED_PX))
    step = (length - SIDE_PX) / (count - 1)
    return [(round(number * step), SIDE_PX) for number in range(count)]
