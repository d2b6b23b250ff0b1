"""Reading the vectors of jittered crops, of the faces that have one."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np

from catalog import looks

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence

    from daemon.faces.values import Vectors
    from daemon.people.ensemble import Ensemble


def second_looks(
    connection: sqlite3.Connection, ensemble: Ensemble, face_ids: Sequence[int] | None = None
) -> dict[int, Vectors]:
    """Joined second-look vectors by face; of all faces where none are named."""
    embedders = looks.embedder_ids(connection)
    if embedders is None or len(embedders) != len(ensemble.members):
        return {}
    chosen, values = "", []
    if face_ids is not None:
        chosen = "AND face_id IN (SELECT value FROM json_each(?))"
        values = [json.dumps(list(face_ids))]
    parts = []
    for embedder_id in embedders:
        rows = connection.execute(
            f"SELECT face_id, vector FROM embeddings WHERE embedder_id = ? {chosen}",
            [embedder_id, *values],
        )
        parts.append({int(row["face_id"]): np.frombuffer(row["vector"], "<f4") for row in rows})
    everywhere = set.intersection(*(set(part) for part in parts))
    return {face_id: ensemble.joined([part[face_id] for part in parts]) for face_id in everywhere}
