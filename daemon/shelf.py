"""Stored crops for the workers: read by the supervisor, because a worker opens no database."""

from __future__ import annotations

import json
from contextlib import ExitStack, closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from catalog import crops, embeddings
from catalog.connect import connect, crops_path
from daemon.tasks import StoredFace

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from catalog.embeddings import CropPlace

ROWS_AT_ONCE = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """A crop as it was when it was taken: what it is in the catalog, and what a worker gets."""

    place: CropPlace
    face: StoredFace


class Shelf:
    """The catalog and its crops, open for reading. Use as a context manager, in one thread."""

    def __init__(self, catalog: Path) -> None:
        self._path = catalog

    def __enter__(self) -> Self:
        with ExitStack() as stack:  # the second may fail to open
            self.catalog = stack.enter_context(closing(connect(self._path, readonly=True)))
            crops_file = crops_path(self._path)
            self.crops = stack.enter_context(closing(connect(crops_file, readonly=True)))
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def take(self, face_ids: Sequence[int]) -> list[Taken]:
        """The crops of these faces, as far as they are there, in order of the faces' ids."""
        found = []
        for start in range(0, len(face_ids), ROWS_AT_ONCE):
            places = embeddings.places(self.catalog, face_ids[start : start + ROWS_AT_ONCE])
            pictures = crops.read(self.crops, {place.crop for place in places})
            found += [
                Taken(place=place, face=_stored(place, pictures[place.crop]))
                for place in places
                if place.crop in pictures
            ]
        return found


def _stored(place: CropPlace, jpeg: bytes) -> StoredFace:
    return StoredFace(
        jpeg=jpeg,
        landmarks=tuple((float(x), float(y)) for x, y in json.loads(place.landmarks)),
        scale=place.scale,
        x=place.x,
        y=place.y,
    )
