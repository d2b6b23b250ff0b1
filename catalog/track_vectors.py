"""The vector of a track: the middle of its best faces' vectors. Written without NumPy, because the
small supervisor writes it when the recognition model changes.
"""

from __future__ import annotations

import json
import math
import struct
from operator import mul
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Mapping, Sequence

_ROUNDS: Final = 8
_LEAST_DISTANCE: Final = 1e-2
# A face that would hardly be found by its picture counts a little all the same.
_LEAST_WEIGHT: Final = 0.05


def middle(vectors: Sequence[bytes], qualities: Sequence[float]) -> bytes:
    """The geometric median of unit vectors (little-endian float32, as the catalog has them), each
    weighing its face's quality, as a unit vector: unlike the mean it stays with the many where one
    is of somebody else.

    Weiszfeld's algorithm (1937), which draws nearer with each of its rounds.
    """
    rows = [unpacked(it) for it in vectors]
    weights = [max(_LEAST_WEIGHT, it) for it in qualities]
    shares = weights
    found: list[float] = []
    for _ in range(_ROUNDS if len(rows) > 2 else 1):
        columns = zip(*rows, strict=True)
        found = _unit([sum(map(mul, shares, column)) for column in columns])
        # Of unit vectors the square of the distance is two minus twice the cosine.
        apart = [math.sqrt(max(0.0, 2 - 2 * dot(found, row))) for row in rows]
        shares = [
            weight / max(_LEAST_DISTANCE, far) for weight, far in zip(weights, apart, strict=True)
        ]
    return struct.pack(f"<{len(found)}f", *found)


def unpacked(vector: bytes) -> tuple[float, ...]:
    """The numbers of a vector as the catalog has it."""
    return struct.unpack(f"<{len(vector) // 4}f", vector)


def dot(one: Sequence[float], other: Sequence[float]) -> float:
    """The cosine of two unit vectors."""
    return float(sum(map(mul, one, other)))


def write(connection: sqlite3.Connection, track_id: int, vectors: Mapping[int, bytes]) -> None:
    """Keep a track's vectors, by embedder."""
    connection.executemany(
        "INSERT OR REPLACE INTO track_vectors (track_id, embedder_id, vector) VALUES (?, ?, ?)",
        [(track_id, embedder_id, vector) for embedder_id, vector in vectors.items()],
    )


def renew_of(connection: sqlite3.Connection, face_ids: Iterable[int]) -> None:
    """Compute the vectors of the tracks that these faces are of again, from the vectors that the
    tracks' faces have now.
    """
    rows = connection.execute(
        """SELECT track_id, embedder_id, quality, vector FROM faces
           JOIN embeddings ON embeddings.face_id = faces.id
           WHERE track_id IN (SELECT track_id FROM faces
                              WHERE id IN (SELECT value FROM json_each(?)))
             AND state IN ('active', 'hidden')
           ORDER BY track_id, embedder_id, faces.time_s""",
        [json.dumps(list(face_ids))],
    ).fetchall()
    own: dict[tuple[int, int], list[sqlite3.Row]] = {}
    for row in rows:
        own.setdefault((row["track_id"], row["embedder_id"]), []).append(row)
    for (track_id, embedder_id), some in own.items():
        vector = middle([row["vector"] for row in some], [row["quality"] or 0.0 for row in some])
        write(connection, track_id, {embedder_id: vector})


def _unit(vector: Sequence[float]) -> list[float]:
    length = max(1e-12, math.sqrt(dot(vector, vector)))
    return [it / length for it in vector]
