"""What quality is worth in a person's own catalog: which share of the confirmed faces is found by
good pictures of their people, by quality.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Final

import numpy as np

from catalog import confirmed
from daemon.people.own_pairs import chosen

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence

    from catalog.calibrations import EmbedderRow

# Edges of the bands: finer where most faces are.
EDGES: Final = (0.0, 0.2, 0.35, 0.5, 0.65, 0.8, 0.9, 1.0)
# Fewer faces tell nothing of a band.
ENOUGH: Final = 20
# By what a face is to be found: quality is about good pictures.
GOOD: Final = 0.8
# A face that as many pictures find as miss may found somebody.
HALF: Final = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Band:
    """Faces of a quality from `low` to below `high`: how many, and by which share of their people's
    other good pictures they are found (None: there are no faces).
    """

    low: float
    high: float
    faces: int
    found: float | None


def bands(connection: sqlite3.Connection, embedder: EmbedderRow, threshold: float) -> list[Band]:
    """The bands from the lowest; `threshold` is the similarity that a name needs."""
    qualities, shares = _faces(connection, embedder, threshold)
    result = []
    for low, high in pairwise(EDGES):
        inside = (qualities >= low) & ((qualities < high) | (high == EDGES[-1]))
        found = float(shares[inside].mean()) if inside.any() else None
        result.append(Band(low=low, high=high, faces=int(inside.sum()), found=found))
    return result


def suggested(found: Sequence[Band]) -> float | None:
    """The quality from which on a face is found by half of its person's good pictures: the lower
    edge of the lowest band down to which every band with enough faces reaches that. None where the
    best does not, or too few faces are confirmed to tell.
    """
    known = [it for it in found if it.faces >= ENOUGH and it.found is not None]
    lowest = None
    for band in reversed(known):
        if band.found is None or band.found < HALF:
            break
        lowest = band.low
    return lowest


def _faces(
    connection: sqlite3.Connection, embedder: EmbedderRow, threshold: float
) -> tuple[np.ndarray, np.ndarray]:
    """Of each confirmed face whose person has another good picture its quality, and the share of
    those pictures that find it.
    """
    known = chosen(confirmed.known_faces(connection, embedder))
    ids = [face.face_id for face in known]
    vectors = confirmed.vectors(connection, embedder, ids)
    rows = connection.execute(
        "SELECT id, ifnull(quality, 0) FROM faces WHERE id IN (SELECT value FROM json_each(?))",
        [json.dumps(ids)],
    )
    quality_of = {int(row[0]): float(row[1]) for row in rows}
    good = np.array([quality_of[it] >= GOOD for it in ids], bool)
    people = np.array([face.person_id for face in known], np.int64)
    media = np.array([face.media_id for face in known], np.int64)
    qualities, shares = [], []
    for person in np.unique(people):
        own = np.flatnonzero(people == person)
        similar = vectors[own] @ vectors[own].T
        others = (media[own][:, None] != media[own][None]) & good[own][None]
        counts = others.sum(axis=1)
        hits = ((similar >= threshold) & others).sum(axis=1)
        for place in np.flatnonzero(counts):
            qualities.append(quality_of[ids[own[place]]])
            shares.append(hits[place] / counts[place])
    return np.array(qualities), np.array(shares)
