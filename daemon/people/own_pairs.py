"""Pairs of faces of which a person's own catalog says whether they are one person."""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np

from catalog import confirmed
from daemon.people.calibration import Pairs, Similarities

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from catalog.calibrations import EmbedderRow
    from catalog.confirmed import Gathering, KnownFace

# Bounds that hold memory to a few hundred megabytes, however large the catalog. Nobody's faces
# outweigh everybody else's: 200 are 19,900 pairs.
FACES_A_PERSON = 200
FACES = 10_000
STRANGERS = 2_000_000
PICTURES = 50_000
FACES_A_PICTURE = 20
_AT_ONCE = 20_000
# Boxes that share more than this of the smaller one may be two looks at one face.
_SHARED = 0.3
_SEED = 0


def collect(connection: sqlite3.Connection, embedder: EmbedderRow) -> Pairs:
    """What people confirmed, as pairs of this embedder's similarities.

    One person's are pairs from different pictures. Strangers are faces of different people with
    names, and faces of one picture; of these, what is as alike as the middle pair of one person
    is left out, because collages, mirrors and screens show somebody twice.
    """
    known = chosen(confirmed.known_faces(connection, embedder))
    vectors = confirmed.vectors(connection, embedder, [face.face_id for face in known])
    genuine = _genuine(known, vectors)
    together = _together(connection, embedder, {it.face_id: it.person_id for it in known})
    if len(genuine):
        together = together[together < np.median(genuine)]
    return Pairs(
        genuine=genuine,
        impostor=np.concatenate([_strangers(known, vectors), together]),
        faces=len(known),
        people=len({face.person_id for face in known if face.named}),
    )


def chosen(known: Sequence[KnownFace]) -> list[KnownFace]:
    """At most so many faces of a person and in all, by chance, each time the same."""
    order = np.random.default_rng(_SEED).permutation(len(known))
    taken: dict[int, int] = {}
    kept = []
    for place in order:
        face = known[place]
        taken[face.person_id] = taken.get(face.person_id, 0) + 1
        if taken[face.person_id] <= FACES_A_PERSON:
            kept.append(face)
    return sorted(kept[:FACES], key=lambda face: face.face_id)


def _genuine(known: Sequence[KnownFace], vectors: NDArray[np.float32]) -> Similarities:
    people = np.array([face.person_id for face in known], np.int64)
    media = np.array([face.media_id for face in known], np.int64)
    found = [np.zeros(0, np.float32)]
    for person in np.unique(people):
        mine = np.flatnonzero(people == person)
        one, other = np.triu_indices(len(mine), k=1)
        apart = media[mine[one]] != media[mine[other]]
        found.append(_similarity(vectors, mine[one][apart], mine[other][apart]))
    return np.concatenate(found)


def _strangers(known: Sequence[KnownFace], vectors: NDArray[np.float32]) -> Similarities:
    """Pairs of different people with names: all, or so many by chance."""
    people = np.array([face.person_id for face in known if face.named], np.int64)
    places = np.array([place for place, face in enumerate(known) if face.named], np.int64)
    if len(people) * (len(people) - 1) // 2 <= STRANGERS:
        one, other = np.triu_indices(len(people), k=1)
    else:
        one, other = np.random.default_rng(_SEED).integers(0, len(people), (2, STRANGERS))
    differ = people[one] != people[other]
    return _similarity(vectors, places[one[differ]], places[other[differ]])


def _together(
    connection: sqlite3.Connection, embedder: EmbedderRow, persons: Mapping[int, int]
) -> Similarities:
    """Pairs of faces in one picture, but for those of which people said that they are one
    person.
    """
    found = [np.zeros(0, np.float32)]
    for picture in confirmed.gatherings(
        connection, embedder, pictures=PICTURES, faces=FACES_A_PICTURE
    ):
        similarity = picture.vectors @ picture.vectors.T
        kept = [pair for pair in _apart(picture) if not _said_one(picture, pair, persons)]
        found.append(np.array([similarity[pair] for pair in kept], np.float32))
    return np.concatenate(found)


def _apart(picture: Gathering) -> list[tuple[int, int]]:
    """The pairs of faces whose boxes hardly overlap."""
    low, size = picture.boxes[:, :2], picture.boxes[:, 2:]
    area = size.prod(axis=1)
    pairs = []
    for one, other in combinations(range(len(area)), 2):
        common = np.minimum(low[one] + size[one], low[other] + size[other]) - np.maximum(
            low[one], low[other]
        )
        if np.clip(common, 0, None).prod() <= _SHARED * min(area[one], area[other]):
            pairs.append((one, other))
    return pairs


def _said_one(picture: Gathering, pair: tuple[int, int], persons: Mapping[int, int]) -> bool:
    one, other = (persons.get(picture.face_ids[place]) for place in pair)
    return one is not None and one == other


def _similarity(
    vectors: NDArray[np.float32], one: NDArray[np.int64], other: NDArray[np.int64]
) -> Similarities:
    """Cosine of each pair of rows, a slice at a time."""
    found = np.empty(len(one), np.float32)
    for start in range(0, len(one), _AT_ONCE):
        part = slice(start, start + _AT_ONCE)
        found[part] = np.einsum("ij,ij->i", vectors[one[part]], vectors[other[part]])
    return found
