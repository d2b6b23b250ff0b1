"""One face that two people's folders claim: neither is known by it, until one gives it up."""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Sequence

# By Dlib, 19 of 20 copies of one photograph (JPEG quality 60, half the size, cropped, brighter)
# have a cosine of 0.994 or more; of 459 pairs of two photographs of one person none has 0.99, and
# two people of Labeled Faces in the Wild have 0.942 at most.
SAME_PHOTOGRAPH = 0.99
# So many rival files are named; the others are counted.
NAMED = 3
# The same as the distance of two unit vectors.
_NEAR = math.sqrt(2 - 2 * SAME_PHOTOGRAPH)


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """A reference file that shows a face, and whose it is said to be."""

    file_id: int
    face_id: int
    person_id: int
    path: str = ""


def rivals(connection: sqlite3.Connection, claim: Claim) -> list[Claim]:
    """The claims of other people on this face: the same content, or another copy of the same
    photograph, whether or not they are in conflict already.
    """
    alike = sorted({claim.face_id, *_alike(connection, claim.face_id)})
    rows = connection.execute(
        f"{_CLAIMS} AND exemplars.face_id IN ({','.join('?' * len(alike))})",
        [claim.person_id, claim.file_id, *alike],
    ).fetchall()
    return [Claim(**dict(row)) for row in rows]


def contested(connection: sqlite3.Connection, people_ids: Iterable[int]) -> list[int]:
    """The reference files of these people that may be in conflict, or cease to be: those that are
    now, and those whose face another of these people claims too. At once for thousands.
    """
    rows = [dict(row) for it in people_ids for row in connection.execute(_OWN, [it])]
    found = {row["file_id"] for row in rows if row["state"] == "conflict"}
    if len({row["survivor"] for row in rows}) > 1:
        same = _same_faces(connection, [row["face_id"] for row in rows])
        found |= {
            rows[one]["file_id"]
            for one, other in same
            if rows[one]["survivor"] != rows[other]["survivor"]
        }
    return sorted(found)


def reason(others: Sequence[Claim]) -> str:
    """What to tell the user of a conflict with these."""
    paths = sorted(other.path for other in others)
    more = f" and {len(paths) - NAMED} more" if len(paths) > NAMED else ""
    return (
        f"the same face is a reference picture of somebody else too: {', '.join(paths[:NAMED])}"
        f"{more}; keep it in one folder"
    )


def _alike(connection: sqlite3.Connection, face_id: int) -> set[int]:
    """The faces of reference pictures that are this face by the vectors of every active embedder
    that has one of it.
    """
    own = connection.execute(
        """SELECT embedder_id, vector FROM embeddings JOIN embedders ON embedders.id = embedder_id
           WHERE face_id = ? AND active = 1""",
        [face_id],
    ).fetchall()
    found: set[int] | None = None
    for row in own:
        near = _near(connection, int(row["embedder_id"]), bytes(row["vector"]))
        found = near if found is None else found & near
    return found or set()


def _near(connection: sqlite3.Connection, embedder_id: int, vector: bytes) -> set[int]:
    """Without numpy, which the small process that asks this does not load."""
    numbers = struct.Struct(f"<{len(vector) // 4}f")
    own = numbers.unpack(vector)
    rows = connection.execute(_VECTORS, [embedder_id, numbers.size])
    return {
        int(row["face_id"])
        for row in rows
        if math.dist(own, numbers.unpack(row["vector"])) <= _NEAR
    }


def _same_faces(connection: sqlite3.Connection, faces: Sequence[int]) -> list[tuple[int, int]]:
    """Which of these places in the list hold the same face, either way round."""
    import numpy as np  # here: a process that only watches folders never asks this

    ids = np.array(faces)
    near = np.zeros((len(ids), len(ids)), np.bool_)
    active = connection.execute("SELECT id, dimensions FROM embedders WHERE active = 1").fetchall()
    for number, embedder in enumerate(active):
        matrix = np.zeros((len(ids), embedder["dimensions"]), np.float32)
        for place, face_id in enumerate(faces):
            row = connection.execute(_VECTOR, [face_id, embedder["id"]]).fetchone()
            if row is not None and len(row["vector"]) == 4 * embedder["dimensions"]:
                matrix[place] = np.frombuffer(row["vector"], "<f4")
        alike = matrix @ matrix.T >= SAME_PHOTOGRAPH
        near = alike if number == 0 else near & alike
    near |= ids[:, None] == ids[None, :]
    return [(int(one), int(other)) for one, other in np.argwhere(near)]


# A claim stands whether it is in conflict or not, so that the order of arrival does not matter.
_CLAIMS = """
SELECT exemplars.file_id, exemplars.face_id, exemplars.person_id, files.path
FROM exemplars JOIN files ON files.id = exemplars.file_id
JOIN people ON people.id = exemplars.person_id
WHERE exemplars.source = 'folder' AND exemplars.state IN ('used', 'conflict')
  AND ifnull(people.merged_into, people.id) <>
      (SELECT ifnull(merged_into, id) FROM people WHERE id = ?)
  AND exemplars.file_id <> ?
"""
_VECTORS = """
SELECT embeddings.face_id, vector
FROM exemplars JOIN embeddings ON embeddings.face_id = exemplars.face_id
WHERE exemplars.source = 'folder' AND exemplars.state IN ('used', 'conflict')
  AND embeddings.embedder_id = ? AND length(vector) = ?
"""
_OWN = """
SELECT exemplars.file_id, exemplars.face_id, exemplars.state,
       ifnull(people.merged_into, people.id) AS survivor
FROM exemplars JOIN people ON people.id = exemplars.person_id
WHERE exemplars.person_id = ? AND exemplars.source = 'folder' AND exemplars.file_id IS NOT NULL
  AND exemplars.face_id IS NOT NULL AND exemplars.state IN ('used', 'conflict')
"""
_VECTOR = "SELECT vector FROM embeddings WHERE face_id = ? AND embedder_id = ?"
