"""Reading from the catalog what the identifier needs of faces: vectors, quality, and who they are
now.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence

    from daemon.faces.values import Vectors
    from daemon.people.ensemble import Ensemble

# A media that has reference files only is nobody's photograph: it is judged by nobody.
_FACES = """
SELECT faces.id, faces.media_id, faces.quality, {vectors},
       decision.person_id AS group_id, decision.method,
       survivor.id AS person_id, survivor.name IS NOT NULL AS named
FROM faces {joins}
JOIN media ON media.id = faces.media_id
LEFT JOIN assignments AS decision ON decision.face_id = faces.id AND decision.model = 'all'
     AND decision.state = 'assigned' AND decision.ended_at IS NULL
LEFT JOIN people AS who ON who.id = decision.person_id
LEFT JOIN people AS survivor ON survivor.id = ifnull(who.merged_into, who.id)
WHERE faces.state = 'active'
  AND EXISTS (SELECT 1 FROM files JOIN roots ON roots.id = files.root_id
              WHERE files.media_id = faces.media_id AND roots.role <> 'reference')
"""
# The order of content, not of arrival: what is computed in it does not depend on when files came.
_BY_CONTENT = "ORDER BY media.sha256, faces.time_s, faces.x, faces.y"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class KnownFace:
    """A face as the identifier sees it.

    `person_id` is who it is now (the survivor of merges), and `named` whether that one has a name.
    `group_id` is who it was found to be: a group stays itself when people merge it into another, so
    that its faces are compared with each other, and the merge can be undone.
    """

    id: int
    media_id: int
    quality: float
    vector: Vectors
    person_id: int | None
    group_id: int | None
    method: str | None
    named: bool

    @property
    def decided(self) -> bool:
        """Whether a person said who this is."""
        return self.method == "user"


class Reader:
    """Reads faces that have a vector of every model of the ensemble, joined; the others are
    compared with nobody.
    """

    def __init__(self, connection: sqlite3.Connection, ensemble: Ensemble) -> None:
        self._connection = connection
        self._ensemble = ensemble
        self._sql = _FACES.format(
            vectors=vector_columns(ensemble) or "NULL", joins=vector_joins(ensemble, "faces.id")
        )

    def of_media(self, media_id: int) -> list[KnownFace]:
        """The faces of one photo or video that can be judged."""
        return self._read(f"AND faces.media_id = ? {_BY_CONTENT}", [media_id])

    def everything(self) -> list[KnownFace]:
        """All faces that can be judged, in the order of content."""
        return self._read(_BY_CONTENT, [])

    def by_ids(self, face_ids: Sequence[int]) -> list[KnownFace]:
        """These faces, as far as they can be judged."""
        found = []
        for start in range(0, len(face_ids), 500):
            some = face_ids[start : start + 500]
            marks = ",".join("?" * len(some))
            found += self._read(f"AND faces.id IN ({marks})", some)
        return found

    def _read(self, condition: str, values: Sequence[int]) -> list[KnownFace]:
        if not self._ensemble.members:
            return []
        rows = self._connection.execute(f"{self._sql} {condition}", list(values))
        return [self._known(row) for row in rows]

    def _known(self, row: sqlite3.Row) -> KnownFace:
        return KnownFace(
            id=int(row["id"]),
            media_id=int(row["media_id"]),
            quality=float(row["quality"] or 0.0),
            vector=joined_vector(row, self._ensemble),
            person_id=row["person_id"],
            group_id=row["group_id"],
            method=row["method"],
            named=bool(row["named"]),
        )


def vector_columns(ensemble: Ensemble) -> str:
    """The vectors of a face, for a SELECT with `vector_joins`."""
    return ", ".join(f"e{i}.vector AS vector{i}" for i in range(len(ensemble.members)))


def vector_joins(ensemble: Ensemble, face_id: str) -> str:
    """What finds the vectors of the face whose id is in this column."""
    return " ".join(
        f"JOIN embeddings AS e{i} ON e{i}.face_id = {face_id} "
        f"AND e{i}.embedder_id = {member.embedder.id}"
        for i, member in enumerate(ensemble.members)
    )


def joined_vector(row: sqlite3.Row, ensemble: Ensemble) -> Vectors:
    """The joined vector of a row with `vector_columns`."""
    parts = [np.frombuffer(row[f"vector{i}"], "<f4") for i in range(len(ensemble.members))]
    return ensemble.joined(parts) if len(parts) > 1 else parts[0]


def ids_of_media(connection: sqlite3.Connection, media_ids: Sequence[int]) -> set[int]:
    """All faces that these media have or had."""
    found: set[int] = set()
    for start in range(0, len(media_ids), 500):
        some = media_ids[start : start + 500]
        marks = ",".join("?" * len(some))
        rows = connection.execute(f"SELECT id FROM faces WHERE media_id IN ({marks})", list(some))
        found.update(int(row["id"]) for row in rows)
    return found


def barred_people(connection: sqlite3.Connection, face_id: int) -> frozenset[int] | None:
    """Who a person ruled out for this face, as survivors of merges; None for "not a face"."""
    rows = connection.execute(
        """SELECT rejections.person_id, ifnull(people.merged_into, people.id) AS survivor
           FROM rejections LEFT JOIN people ON people.id = rejections.person_id
           WHERE rejections.face_id = ?""",
        [face_id],
    ).fetchall()
    if any(row["person_id"] is None for row in rows):
        return None
    return frozenset(int(row["survivor"]) for row in rows)
