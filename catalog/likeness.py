"""Who looks like a face: people by the picture of theirs that is most similar, as the models
together see it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from catalog import calibrations

if TYPE_CHECKING:
    import sqlite3

    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, kw_only=True)
class Likeness:
    """A person, and the face of theirs that is most similar."""

    person_id: int
    name: str | None
    face_id: int
    similarity: float


def people_like(connection: sqlite3.Connection, face_id: int) -> list[Likeness]:
    """Everybody who is known by pictures, most similar first; the face itself is left out.

    Several models count by the slopes of their calibrations, as in every decision. Empty where the
    face has not the vectors of all active models.
    """
    faces: dict[int, float] = {}
    total = 0.0
    for place, (embedder, weight) in enumerate(calibrations.weights(connection)):
        found = _similarities(connection, face_id, embedder.id, 4 * embedder.dimensions)
        seen = found if place == 0 else {it: found[it] for it in faces.keys() & found.keys()}
        faces = {it: faces.get(it, 0.0) + weight * value for it, value in seen.items()}
        total += weight
    names = connection.execute(_PEOPLE).fetchall() if faces else []
    best: dict[int, Likeness] = {}
    for row in names:
        own = faces.get(row["face_id"])
        person_id = int(row["person_id"])
        if own is None or (person_id in best and best[person_id].similarity >= own / total):
            continue
        best[person_id] = Likeness(
            person_id=person_id,
            name=row["name"],
            face_id=int(row["face_id"]),
            similarity=round(own / total, 6),
        )
    return sorted(best.values(), key=lambda it: (-it.similarity, it.person_id))


def _similarities(
    connection: sqlite3.Connection, face_id: int, embedder_id: int, size_bytes: int
) -> dict[int, float]:
    """By one model: how similar each exemplar's face is."""
    own = connection.execute(
        """SELECT vector FROM embeddings
           WHERE face_id = ? AND embedder_id = ? AND length(vector) = ?""",
        [face_id, embedder_id, size_bytes],
    ).fetchone()
    if own is None:
        return {}
    rows = connection.execute(_VECTORS, [embedder_id, size_bytes, face_id]).fetchall()
    packed = np.frombuffer(b"".join(row["vector"] for row in rows), "<f4")
    matrix: NDArray[np.float32] = packed.reshape(len(rows), size_bytes // 4)
    values = matrix @ np.frombuffer(own["vector"], "<f4")
    return {int(row["face_id"]): float(value) for row, value in zip(rows, values, strict=True)}


_VECTORS = """
SELECT DISTINCT embeddings.face_id, vector
FROM exemplars JOIN embeddings ON embeddings.face_id = exemplars.face_id
WHERE exemplars.state = 'used' AND embedder_id = ? AND length(vector) = ?
  AND embeddings.face_id <> ?
"""
_PEOPLE = """
SELECT exemplars.face_id, who.id AS person_id, who.name
FROM exemplars JOIN people ON people.id = exemplars.person_id
JOIN people AS who ON who.id = ifnull(people.merged_into, people.id)
WHERE exemplars.state = 'used' AND exemplars.face_id IS NOT NULL ORDER BY exemplars.id
"""
