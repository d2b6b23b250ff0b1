"""The faces of the catalog that are most like others, by one reading of its vectors: for whoever
asks once. Pages, which ask often, keep them in memory; see `vectors`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from catalog import calibrations, files, leaders
from catalog.vectors import FETCH_ROWS, ranked

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from catalog.vectors import Neighbour


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Sight:
    """What one model sees of the faces asked about: unit `vectors` (faces × dimensions), and how
    much this model counts.
    """

    embedder_id: int
    weight: float
    vectors: NDArray[np.float32]


def nearest(
    connection: sqlite3.Connection, sights: Sequence[Sight], count: int, *, without: int = 0
) -> list[list[Neighbour]]:
    """For each face asked about the `count` most similar ones, most similar first, ties in order of
    id; `without` one face.

    Exact. Faces that are not active, that a person said are none, that follow another face of
    their track, or that are reference pictures and nothing else are not found, nor are those that
    one of the models has no vector of.
    """
    if not sights:
        return []
    (last,) = connection.execute("SELECT ifnull(max(id), 0) FROM faces").fetchone()
    scores = np.zeros((last + 1, len(sights[0].vectors)), np.float32)
    seen = np.zeros(last + 1, np.int64)
    total = sum(sight.weight for sight in sights)
    for sight in sights:
        _add(connection, sight, scores, seen)
    found = seen == len(sights)
    left_out = [row[0] for row in connection.execute(_NOT_FOUND)]
    found[[*left_out, without]] = False
    places = np.flatnonzero(found)
    return [
        ranked(places, scores[places, column] / np.float32(total), count)
        for column in range(scores.shape[1])
    ]


def like_face(connection: sqlite3.Connection, face_id: int, count: int) -> list[Neighbour] | None:
    """The faces most like this one, or like the leader of its track; None where it has not the
    vectors of all active models.
    """
    face_id = leaders.of(connection, [face_id]).get(face_id, face_id)
    sights = []
    for embedder, weight in calibrations.weights(connection):
        row = connection.execute(
            """SELECT vector FROM embeddings JOIN faces ON faces.id = face_id
               WHERE face_id = ? AND embedder_id = ? AND length(vector) = ?
                 AND faces.state = 'active'""",
            [face_id, embedder.id, 4 * embedder.dimensions],
        ).fetchone()
        if row is None:
            return None
        vector = np.frombuffer(row["vector"], "<f4")[None, :]
        sights.append(Sight(embedder_id=embedder.id, weight=weight, vectors=vector))
    return nearest(connection, sights, count, without=face_id)[0] if sights else None


def described(connection: sqlite3.Connection, found: Sequence[Neighbour]) -> list[dict[str, Any]]:
    """The same for people to read: where each face is, and whose."""
    return [_described(connection, it) for it in found]


def _described(connection: sqlite3.Connection, it: Neighbour) -> dict[str, Any]:
    row = connection.execute(
        """SELECT media_id, person_id, name FROM faces
           LEFT JOIN people ON people.id = faces.person_id WHERE faces.id = ?""",
        [it.face_id],
    ).fetchone()
    return {
        "face_id": it.face_id,
        "media_id": row["media_id"],
        "path": files.path_of(connection, int(row["media_id"])),
        "person_id": row["person_id"],
        "name": row["name"],
        "similarity": round(it.similarity, 4),
    }


def _add(
    connection: sqlite3.Connection,
    sight: Sight,
    scores: NDArray[np.float32],
    seen: NDArray[np.int64],
) -> None:
    size_bytes = 4 * sight.vectors.shape[1]
    asked = sight.vectors.T * np.float32(sight.weight)
    rows = connection.execute(
        "SELECT face_id, vector FROM embeddings WHERE embedder_id = ? AND length(vector) = ?",
        [sight.embedder_id, size_bytes],
    )
    rows.row_factory = None  # tuples: a named row a face takes longer than comparing it
    while batch := rows.fetchmany(FETCH_ROWS):
        ids, packed = zip(*batch, strict=True)
        places = np.array(ids, np.int64)
        scores[places] += np.frombuffer(b"".join(packed), "<f4").reshape(len(ids), -1) @ asked
        seen[places] += 1


_NOT_FOUND = """
SELECT id FROM faces WHERE state < 'active' OR state > 'active'
UNION ALL SELECT face_id FROM rejections WHERE person_id IS NULL
UNION ALL SELECT faces.id FROM tracks JOIN faces ON faces.track_id = tracks.id
          WHERE faces.id <> best_face_id
UNION ALL SELECT id FROM faces WHERE media_id IN (SELECT media_id FROM reference_only)
UNION ALL SELECT id FROM faces WHERE media_id IN (SELECT media_id FROM replaced)
"""
