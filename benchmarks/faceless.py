"""Photographs without faces: of real ones the part without heads, mirrored to their size.

Run: python -m benchmarks.faceless FOLDER [--photos FOLDER …]. Writes one JPEG a photograph.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np

from benchmarks import labelled, report
from daemon.faces.detect import shrink
from daemon.faces.weights import find_weights
from daemon.faces.yunet import YuNet
from daemon.settings import Models

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from daemon.faces.values import Picture

SUFFIXES = {".jpg", ".jpeg", ".png"}
# Heads are looked for far below the usual threshold, at several sizes, and left out with room.
_FLOOR = 0.3
_SIZES_PX = (320, 640, 1280)
_ROOM = 0.7  # of the longer side of the box, on every side: hair and chin
_GRID = 32  # cells along the longer side, by which the part without heads is sought
_LEAST_SHARE = 0.1  # of the photograph, that this part must be


def faceless(picture: Picture, finder: YuNet) -> Picture | None:
    """A picture of the same size and without faces: the largest part without heads, mirrored over
    and over; None where heads fill the photograph.
    """
    height, width = picture.shape[:2]
    cell = max(height, width) / _GRID
    heads = np.zeros((max(1, int(height / cell)), max(1, int(width / cell))), bool)
    for left, top, right, bottom in _heads(picture, finder):
        columns = slice(max(0, int(left / cell)), max(0, int(np.ceil(right / cell))))
        heads[max(0, int(top / cell)) : max(0, int(np.ceil(bottom / cell))), columns] = True
    top, bottom, left, right = largest_free(heads)
    if (bottom - top) * (right - left) < _LEAST_SHARE * heads.size:
        return None
    part = picture[int(top * cell) : int(bottom * cell), int(left * cell) : int(right * cell)]
    while part.shape[0] < height or part.shape[1] < width:
        part = np.concatenate([part, part[::-1]], axis=0) if part.shape[0] < height else part
        part = np.concatenate([part, part[:, ::-1]], axis=1) if part.shape[1] < width else part
    return np.ascontiguousarray(part[:height, :width])


def largest_free(taken: NDArray[np.bool_]) -> tuple[int, int, int, int]:
    """Top, bottom, left, right of the largest rectangle of cells that are not taken; ends are
    exclusive.
    """
    best = (0, 0, 0, 0)
    for top in range(len(taken)):
        column_taken = np.zeros(taken.shape[1], bool)
        for bottom in range(top + 1, len(taken) + 1):
            column_taken |= taken[bottom - 1]
            left = 0
            for right in range(1, taken.shape[1] + 1):
                if column_taken[right - 1]:
                    left = right
                elif (bottom - top) * (right - left) > (best[1] - best[0]) * (best[3] - best[2]):
                    best = (top, bottom, left, right)
    return best


def finder(data: Path, state: Path) -> YuNet:
    """A YuNet that tells of everything that may be a face."""
    weights = find_weights("yunet", Models(weights=data / "weights"), state=state)
    return YuNet(weights, state=state, floor=_FLOOR)


def photographs(folders: Sequence[Path]) -> list[tuple[Path, Picture]]:
    """The photographs in the folders with their paths, RGB."""
    paths = [path for folder in folders for path in sorted(folder.rglob("*"))]
    return [(path, labelled.read(path)) for path in paths if path.suffix.lower() in SUFFIXES]


def write(sources: Sequence[Path], folder: Path) -> None:
    """Make the pictures of the photographs in `sources` and write them, one JPEG each."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as state:
        heads = finder(report.data_folder(), Path(state))
        for number, (_, picture) in enumerate(photographs(sources)):
            made = faceless(picture, heads)
            if made is not None:
                bgr = cv2.cvtColor(made, cv2.COLOR_RGB2BGR)
                file = str(folder / f"{number:03d}.jpg")
                cv2.imwrite(file, bgr, [cv2.IMWRITE_JPEG_QUALITY, 92])


def main(arguments: Sequence[str] | None = None) -> None:
    """Make the pictures and write them."""
    options = _options(arguments)
    write(options.photos, options.folder)


def _heads(picture: Picture, finder: YuNet) -> list[tuple[float, float, float, float]]:
    """Left, top, right, bottom of everything that may be a head, generously."""
    found = []
    for size in _SIZES_PX:
        seen = shrink(picture, size)
        scale = picture.shape[1] / seen.shape[1]
        for face in finder.detect([seen])[0]:
            room = _ROOM * max(face.w, face.h)
            corners = (face.x, face.y, face.x + face.w, face.y + face.h)
            left, top, right, bottom = (scale * value for value in corners)
            found.append(
                (
                    left - scale * room,
                    top - scale * room,
                    right + scale * room,
                    bottom + scale * room,
                )
            )
    return found


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, prog="python -m benchmarks.faceless")
    parser.add_argument("folder", type=Path, help="where the pictures go")
    parser.add_argument("--photos", type=Path, nargs="+", help="folders with photographs")
    options = parser.parse_args(arguments)
    options.photos = options.photos or report.photo_folders()
    return options


if __name__ == "__main__":
    main()
