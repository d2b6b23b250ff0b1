"""Reading from the catalog what the identifier needs of faces: vectors, quality, and who they are
now.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator, Sequence

    from daemon.faces.values import Vectors
    from daemon.people.crowd import Pictures
    from daemon.people.ensemble import Ensemble

# A media that has reference files only is nobody's photograph: it is judged by nobody. Of a track
# its leader alone is judged, by the middle of the track's vectors; two tracks are seen together
# where the later one begins while the other is there.
_FACES = """
SELECT faces.id, faces.media_id, faces.frame_id, faces.quality, {vectors},
       CASE WHEN faces.track_id IS NOT NULL THEN
           (SELECT group_concat(DISTINCT other.id) FROM tracks AS own JOIN tracks AS other
                ON other.media_id = own.media_id AND other.start_s >= own.start_s
                AND (other.start_s < own.end_s OR other.start_s = own.start_s)
            WHERE own.best_face_id = faces.id) END AS together,
       decision.person_id AS group_id, decision.method, survivor.id AS person_id,
       survivor.name IS NOT NULL OR survivor.hidden OR survivor.cover_face_id IS NOT NULL
           OR EXISTS (SELECT 1 FROM people WHERE merged_into = survivor.id) AS claimed,
       survivor.origin = 'reference' AS of_reference,
       ifnull(guess.merged_into, guess.id) AS asked_id
FROM faces {joins}
JOIN media ON media.id = faces.media_id
LEFT JOIN assignments AS decision ON decision.face_id = faces.id AND decision.model = 'all'
     AND decision.state = 'assigned' AND decision.ended_at IS NULL
LEFT JOIN people AS who ON who.id = decision.person_id
LEFT JOIN people AS survivor ON survivor.id = ifnull(who.merged_into, who.id)
LEFT JOIN assignments AS question ON question.face_id = faces.id AND question.model = 'all'
     AND question.state = 'suggested' AND question.ended_at IS NULL
LEFT JOIN people AS guess ON guess.id = question.person_id
WHERE faces.state IN ('active', 'hidden')
  AND EXISTS (SELECT 1 FROM files JOIN roots ON roots.id = files.root_id
              WHERE files.media_id = faces.media_id AND roots.role <> 'reference')
  AND (faces.track_id IS NULL OR EXISTS
       (SELECT 1 FROM tracks WHERE tracks.id = faces.track_id AND best_face_id = faces.id))
"""
# Nobody is so poor or so good that others beside it do not count at all.
WORST, BEST = 0.1, 0.99
# The order of content, not of arrival: what is computed in it does not depend on when files came.
_BY_CONTENT = "ORDER BY media.sha256, faces.time_s, faces.x, faces.y"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class KnownFace:
    """A face as the identifier sees it.

    `together` are the numbers of its `pictures`. `person_id` is who it is now (the survivor of
    merges), `claimed` whether a person gave that one a name or a cover, hid it or merged it,
    `of_reference` whether it came of a folder. `group_id` is who it was found to be: a group stays
    itself when people merge it into another, so that its faces are compared with each other, and
    the merge can be undone. `asked_id` is about whom the open question is.
    """

    id: int
    media_id: int
    together: tuple[int, ...] = (0,)
    quality: float
    vector: Vectors
    person_id: int | None
    group_id: int | None
    method: str | None
    claimed: bool
    of_reference: bool = False
    asked_id: int | None = None

    @property
    def pictures(self) -> Pictures:
        """The photo, or the moments of a video at which somebody's track begins while this one is
        there: of two faces that share one nobody is both.
        """
        return tuple((self.media_id, it) for it in self.together)

    @property
    def is_of_track(self) -> bool:
        """Whether it speaks for a track of a video."""
        return self.together[0] > 0

    @property
    def weight(self) -> float:
        """How much it says about the middle of its group."""
        return weight(self.quality)

    @property
    def decided(self) -> bool:
        """Whether a person said who this is."""
        return self.method == "user"


def weight(quality: float | None) -> float:
    """How much a face of this quality says about the middle of its group: the odds that it is found
    by another picture of its person.

    Of Labeled Faces in the Wild the best weigh twenty times what the worst in a hundred do.
    Grouping by means so weighted is 0.002 better by BCubed F and by pairwise F than by plain ones,
    by the square of the odds 0.001 and 0.004 worse (`benchmarks.grouping`).
    """
    share = min(BEST, max(WORST, quality or 0.0))
    return share / (1 - share)


class Reader:
    """Reads faces that have a vector of every model of the ensemble, joined; the others are
    compared with nobody.
    """

    def __init__(self, connection: sqlite3.Connection, ensemble: Ensemble) -> None:
        self._connection = connection
        self._ensemble = ensemble
        self._sql = _FACES.format(
            vectors=_track_columns(ensemble) or "NULL",
            joins=f"{vector_joins(ensemble, 'faces.id')} {_track_joins(ensemble)}",
        )

    def of_media(self, media_ids: Sequence[int]) -> list[KnownFace]:
        """The faces of these photos and videos that can be judged."""
        chosen = "faces.media_id IN (SELECT value FROM json_each(?))"
        return self._read(f"AND {chosen} {_BY_CONTENT}", [json.dumps(list(media_ids))])

    def everything(self) -> list[KnownFace]:
        """All faces that can be judged, in the order of content."""
        return self._read(_BY_CONTENT, [])

    def by_ids(self, face_ids: Sequence[int]) -> list[KnownFace]:
        """These faces, as far as they can be judged, in the order of content."""
        chosen = "faces.id IN (SELECT value FROM json_each(?))"
        return self._read(f"AND {chosen} {_BY_CONTENT}", [json.dumps(list(face_ids))])

    def memberships(self, face_ids: Sequence[int] | None = None) -> Iterator[sqlite3.Row]:
        """Of these faces, or of all, what the gallery keeps in mind: `id`, `media_id`, what
        `together` reads, `quality`, `group_id`, and the vectors.
        """
        if not self._ensemble.members:
            return
        chosen, values = "", []
        if face_ids is not None:
            chosen = "AND faces.id IN (SELECT value FROM json_each(?))"
            values = [json.dumps(list(face_ids))]
        yield from self._connection.execute(f"{self._sql} {chosen}", values)

    def _read(self, condition: str, values: Sequence[object]) -> list[KnownFace]:
        if not self._ensemble.members:
            return []
        rows = self._connection.execute(f"{self._sql} {condition}", list(values))
        return [self._known(row) for row in rows]

    def _known(self, row: sqlite3.Row) -> KnownFace:
        return KnownFace(
            id=int(row["id"]),
            media_id=int(row["media_id"]),
            together=together(row),
            quality=float(row["quality"] or 0.0),
            vector=joined_vector(row, self._ensemble),
            person_id=row["person_id"],
            group_id=row["group_id"],
            method=row["method"],
            claimed=bool(row["claimed"]),
            of_reference=bool(row["of_reference"]),
            asked_id=row["asked_id"],
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


def _track_columns(ensemble: Ensemble) -> str:
    """The same, of the leader of a track the track's vectors; with `_track_joins`."""
    return ", ".join(
        f"ifnull(t{i}.vector, e{i}.vector) AS vector{i}" for i in range(len(ensemble.members))
    )


def _track_joins(ensemble: Ensemble) -> str:
    return " ".join(
        f"LEFT JOIN track_vectors AS t{i} ON t{i}.track_id = faces.track_id "
        f"AND t{i}.embedder_id = {member.embedder.id}"
        for i, member in enumerate(ensemble.members)
    )


def together(row: sqlite3.Row) -> tuple[int, ...]:
    """The numbers of the pictures of a face that was read: tracks of a video, 0 for a photo, and a
    number below for a frame where it is of no track.
    """
    if row["together"] is not None:
        return tuple(sorted(map(int, row["together"].split(","))))
    return (-int(row["frame_id"] or 0),)


def joined_vector(row: sqlite3.Row, ensemble: Ensemble) -> Vectors:
    """The joined vector of a row with `vector_columns`."""
    parts = [np.frombuffer(row[f"vector{i}"], "<f4") for i in range(len(ensemble.members))]
    return ensemble.joined(parts)


def ids_of_media(connection: sqlite3.Connection, media_ids: Sequence[int]) -> set[int]:
    """All faces that these media have or had."""
    found: set[int] = set()
    for start in range(0, len(media_ids), 500):
        some = media_ids[start : start + 500]
        marks = ",".join("?" * len(some))
        rows = connection.execute(f"SELECT id FROM faces WHERE media_id IN ({marks})", list(some))
        found.update(int(row["id"]) for row in rows)
    return found


def ruled_out(
    connection: sqlite3.Connection, face_ids: Sequence[int] | None = None
) -> dict[int, frozenset[int] | None]:
    """Whom a person ruled out, by face: survivors of merges, None for "not a face". Faces of whom
    nobody is ruled out are left out. Without `face_ids`: of all faces.
    """
    chosen, values = "", []
    if face_ids is not None:
        chosen = "WHERE rejections.face_id IN (SELECT value FROM json_each(?))"
        values = [json.dumps(list(face_ids))]
    rows = connection.execute(
        f"""SELECT rejections.face_id, ifnull(people.merged_into, people.id) AS survivor
            FROM rejections LEFT JOIN people ON people.id = rejections.person_id {chosen}""",
        values,
    )
    found: dict[int, frozenset[int] | None] = {}
    for row in rows:
        known = found.get(row["face_id"], frozenset())
        nobody = known is None or row["survivor"] is None
        found[row["face_id"]] = None if nobody else (known or frozenset()) | {row["survivor"]}
    return found
