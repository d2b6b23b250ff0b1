"""The vector of a track: the middle of its best faces' vectors."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable

    from numpy.typing import NDArray

_ROUNDS: Final = 20
_LEAST_DISTANCE: Final = 1e-3
# A face that would hardly be found by its picture counts a little all the same.
_LEAST_WEIGHT: Final = 0.05


def middle(vectors: NDArray[np.float32], weights: NDArray[np.float32]) -> NDArray[np.float32]:
    """The weighted geometric median of unit vectors (n × dimensions), of unit length: unlike the
    mean it stays with the many where one is of somebody else.

    Weiszfeld's algorithm (1937), which draws nearer with each of its rounds.
    """
    found = weights @ vectors
    for _ in range(_ROUNDS):
        found = found / max(1e-9, float(np.linalg.norm(found)))
        distances = np.maximum(np.linalg.norm(vectors - found, axis=1), _LEAST_DISTANCE)
        found = (weights / distances) @ vectors
    result: NDArray[np.float32] = found / max(1e-9, float(np.linalg.norm(found)))
    return result.astype(np.float32)


def renew(connection: sqlite3.Connection, track_ids: Iterable[int]) -> None:
    """Compute the vectors of these tracks again, from the vectors that their faces have now."""
    rows = connection.execute(
        """SELECT track_id, embedder_id, quality, vector FROM faces
           JOIN embeddings ON embeddings.face_id = faces.id
           WHERE track_id IN (SELECT value FROM json_each(?)) AND state IN ('active', 'hidden')
           ORDER BY track_id, embedder_id, faces.time_s""",
        [json.dumps(sorted(set(track_ids)))],
    ).fetchall()
    own: dict[tuple[int, int], list[sqlite3.Row]] = {}
    for row in rows:
        own.setdefault((row["track_id"], row["embedder_id"]), []).append(row)
    for (track_id, embedder_id), some in own.items():
        vectors = np.stack([np.frombuffer(row["vector"], "<f4") for row in some])
        weights = np.array([max(_LEAST_WEIGHT, row["quality"] or 0.0) for row in some], np.float32)
        connection.execute(
            """INSERT OR REPLACE INTO track_vectors (track_id, embedder_id, vector)
               VALUES (?, ?, ?)""",
            [track_id, embedder_id, middle(vectors, weights).astype("<f4").tobytes()],
        )
