"""Faces of which a person said who they are, and pictures with several faces: what own calibration
is counted from.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from catalog.calibrations import EmbedderRow

_READ_AT_ONCE = 5000
# A multiplier that scatters consecutive numbers (Knuth, The Art of Computer Programming 3, 6.4):
# pictures are drawn by chance and each time the same.
_SCATTER = 2654435761

_CONFIRMED = """
WITH said AS (
    SELECT face_id, person_id, 0 AS rank FROM assignments
    WHERE model = 'all' AND method = 'user' AND state = 'assigned' AND ended_at IS NULL
    UNION ALL
    SELECT face_id, person_id, 1 FROM exemplars WHERE state = 'used' AND face_id IS NOT NULL
)
SELECT faces.id AS face_id, faces.media_id, owner.id AS person_id,
       owner.name IS NOT NULL AS named, min(said.rank)
FROM said JOIN faces ON faces.id = said.face_id
JOIN people ON people.id = said.person_id
JOIN people AS owner ON owner.id = ifnull(people.merged_into, people.id)
JOIN embeddings ON embeddings.face_id = faces.id AND embeddings.embedder_id = ?
WHERE faces.state = 'active' AND length(embeddings.vector) = ?
  AND NOT EXISTS (
      SELECT 1 FROM rejections LEFT JOIN people AS ruled_out ON ruled_out.id = rejections.person_id
      WHERE rejections.face_id = faces.id
        AND (ruled_out.id IS NULL
             OR ifnull(ruled_out.merged_into, ruled_out.id) = owner.id))
GROUP BY faces.id ORDER BY faces.id
"""

_PICTURES = """
WITH pictures AS (
    SELECT media_id, frame_id FROM faces WHERE state = 'active'
    GROUP BY media_id, frame_id HAVING count(*) > 1
    ORDER BY media_id * ? % 4294967296, frame_id LIMIT ?
)
SELECT faces.id, faces.media_id, ifnull(faces.frame_id, 0) AS frame_id, x, y, w, h, vector
FROM pictures JOIN faces ON faces.media_id = pictures.media_id
                        AND faces.frame_id IS pictures.frame_id
JOIN embeddings ON embeddings.face_id = faces.id AND embeddings.embedder_id = ?
WHERE faces.state = 'active' AND length(vector) = ?
ORDER BY faces.media_id, faces.frame_id, faces.id
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownFace:
    """A face with who it is: the survivor of merges. `named`: that person has a name."""

    face_id: int
    media_id: int
    person_id: int
    named: bool


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Gathering:
    """The faces of one picture: ids, boxes n × 4 (x, y, w, h in pixels), unit vectors."""

    face_ids: tuple[int, ...]
    boxes: NDArray[np.float64]
    vectors: NDArray[np.float32]


def known_faces(connection: sqlite3.Connection, embedder: EmbedderRow) -> list[KnownFace]:
    """Faces that a person assigned and exemplars in use, by id; of those with a vector of this
    embedder. An assignment says more than an exemplar; "not her" and "not a face" rule a face out.
    """
    rows = connection.execute(_CONFIRMED, [embedder.id, 4 * embedder.dimensions])
    return [
        KnownFace(
            face_id=row["face_id"],
            media_id=row["media_id"],
            person_id=row["person_id"],
            named=bool(row["named"]),
        )
        for row in rows
    ]


def vectors(
    connection: sqlite3.Connection, embedder: EmbedderRow, face_ids: Sequence[int]
) -> NDArray[np.float32]:
    """The faces' vectors of this embedder, in order: faces × dimensions."""
    found = np.empty((len(face_ids), embedder.dimensions), np.float32)
    for start in range(0, len(face_ids), _READ_AT_ONCE):
        wanted = face_ids[start : start + _READ_AT_ONCE]
        rows = connection.execute(
            """SELECT face_id, vector FROM embeddings
               WHERE embedder_id = ? AND face_id IN (SELECT value FROM json_each(?))""",
            [embedder.id, json.dumps(wanted)],
        )
        by_id = {row["face_id"]: row["vector"] for row in rows}
        for place, face_id in enumerate(wanted, start):
            found[place] = np.frombuffer(by_id[face_id], "<f4")
    return found


def gatherings(
    connection: sqlite3.Connection, embedder: EmbedderRow, *, pictures: int, faces: int
) -> Iterator[Gathering]:
    """Pictures with several faces, so many by chance (each time the same), and of each at most so
    many faces.
    """
    rows = connection.execute(_PICTURES, [_SCATTER, pictures, embedder.id, 4 * embedder.dimensions])
    for _, members in groupby(rows, key=lambda row: (row["media_id"], row["frame_id"])):
        kept = list(members)[:faces]
        yield Gathering(
            face_ids=tuple(row["id"] for row in kept),
            boxes=np.array([[row[key] for key in "xywh"] for row in kept], np.float64),
            vectors=np.stack([np.frombuffer(row["vector"], "<f4") for row in kept]),
        )
