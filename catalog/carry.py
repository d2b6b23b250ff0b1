"""New content at a known path (tags rewritten, turned, cropped, saved again): what people decided
on the old faces is copied to the new faces that are the same.

The old media keeps its own decisions; one that is undone there stays on the new one. A face that
the machine put into a group starts in the same group: with its only picture gone from every folder,
the group would end, and with it the name that somebody gave it.
"""

from __future__ import annotations

import json
import math
import struct
from dataclasses import dataclass
from operator import mul
from typing import TYPE_CHECKING

from catalog import calibrations, log
from catalog.faces import decided
from catalog.track_vectors import unpacked
from catalog.versions import Measure, Scores, Seen, Version, tie

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Sequence

REASON = "carried over from an earlier version of the picture"


def carry_over(connection: sqlite3.Connection, media_id: int) -> int:
    """Copy people's decisions and groups to the faces of a media that was read for the first time,
    from the version before it. Returns how many faces they are.
    """
    before = _version_before(connection, media_id)
    if before is None:
        return 0
    measures = _measures(connection)
    old = _version(connection, before, measures)
    wanted = [face for face in old.faces if _is_somebody(connection, face.id)]
    if not wanted:
        return 0
    new = _version(connection, media_id, measures)
    ties = tie(wanted, old, new, Scores(measures=measures))
    for old_face, new_face in ties:
        _copy(connection, old_face, new_face)
    if ties:
        log.write(
            connection, "carried over", media_id=media_id, from_media_id=before, faces=len(ties)
        )
    return len(ties)


def carry_over_tracks(connection: sqlite3.Connection, media_id: int) -> int:
    """The same for a video: the leader of a track is the one of a track that was seen at the same
    time before and has the most similar vector, from the strict threshold on.
    """
    before = _version_before(connection, media_id)
    measures = _measures(connection)
    if before is None or not measures:
        return 0
    old = [
        it for it in _leaders(connection, before, measures[0]) if _is_somebody(connection, it.id)
    ]
    new = _leaders(connection, media_id, measures[0])
    scored = [
        (similar, one, other)
        for one in old
        for other in new
        if one.start_s < other.end_s
        and other.start_s < one.end_s
        and (similar := sum(map(mul, one.vector, other.vector))) >= measures[0].strict
    ]
    tied: dict[int, int] = {}
    for similar, one, other in sorted(scored, key=lambda it: (-it[0], it[1].id, it[2].id)):
        if one.id not in tied and other.id not in tied.values():
            tied[one.id] = other.id
            _copy_decisions(connection, one.id, other.id, similar)
    if tied:
        log.write(
            connection, "carried over", media_id=media_id, from_media_id=before, faces=len(tied)
        )
    return len(tied)


@dataclass(frozen=True, slots=True, kw_only=True)
class Leader:
    """A face that speaks for a track, from when to when, and the track's vector."""

    id: int
    start_s: float
    end_s: float
    vector: tuple[float, ...]


def _leaders(connection: sqlite3.Connection, media_id: int, measure: Measure) -> list[Leader]:
    rows = connection.execute(
        """SELECT best_face_id, min(start_s) AS start_s, max(end_s) AS end_s, vector
           FROM tracks JOIN track_vectors ON track_vectors.track_id = tracks.id AND embedder_id = ?
           JOIN faces ON faces.id = best_face_id AND faces.state IN ('active', 'hidden')
           WHERE tracks.media_id = ? GROUP BY best_face_id ORDER BY start_s, best_face_id""",
        [measure.embedder_id, media_id],
    )
    return [
        Leader(
            id=int(row["best_face_id"]),
            start_s=row["start_s"],
            end_s=row["end_s"],
            vector=unpacked(row["vector"]),
        )
        for row in rows
    ]


def _version_before(connection: sqlite3.Connection, media_id: int) -> int | None:
    """The media whose place this one took; of versions that were never read, the one before."""
    found: int | None = media_id
    while found is not None:
        row = connection.execute(
            """SELECT old.id, old.state FROM media JOIN media AS old
               ON old.id = media.replaces_media_id WHERE media.id = ?""",
            [found],
        ).fetchone()
        if row is None or row["state"] == "done":
            return None if row is None else int(row["id"])
        found = int(row["id"]) if int(row["id"]) < found else None
    return None


def _measures(connection: sqlite3.Connection) -> list[Measure]:
    """How to compare; nothing where an embedder has no calibration yet, because then nobody was
    ever judged by it.
    """
    found = []
    for embedder in calibrations.active_embedders(connection):
        row = calibrations.newest(connection, embedder.id)
        if row is None:
            return []
        found.append(
            Measure(
                embedder_id=embedder.id,
                slope=row.curve["slope"],
                strict=row.thresholds["strict"],
            )
        )
    return found


def _version(connection: sqlite3.Connection, media_id: int, measures: Sequence[Measure]) -> Version:
    """The faces of a media that have a vector by every measure."""
    media = connection.execute(
        "SELECT width, height FROM media WHERE id = ?", [media_id]
    ).fetchone()
    faces = []
    for row in connection.execute(
        """SELECT id, x, y, w, h, landmarks FROM faces WHERE media_id = ? AND frame_id IS NULL
           AND state IN ('active', 'hidden') ORDER BY id""",
        [media_id],
    ):
        vectors = _vectors(connection, int(row["id"]), measures)
        if vectors:
            box = (row["x"], row["y"], row["w"], row["h"])
            roll = _roll(json.loads(row["landmarks"] or "[]"))
            faces.append(Seen(id=int(row["id"]), box=box, roll=roll, vectors=vectors))
    return Version(
        width=float(media["width"] or 1), height=float(media["height"] or 1), faces=tuple(faces)
    )


def _vectors(
    connection: sqlite3.Connection, face_id: int, measures: Iterable[Measure]
) -> tuple[tuple[float, ...], ...]:
    found = []
    for measure in measures:
        row = connection.execute(
            "SELECT vector FROM embeddings WHERE face_id = ? AND embedder_id = ?",
            [face_id, measure.embedder_id],
        ).fetchone()
        if row is None:
            return ()
        found.append(struct.unpack(f"<{len(row['vector']) // 4}f", row["vector"]))
    return tuple(found)


def _roll(landmarks: Sequence[Sequence[float]]) -> float:
    """Degrees clockwise by which a face is turned: from the person's right eye to the left one."""
    if len(landmarks) < 2:
        return 0.0
    (right_x, right_y), (left_x, left_y) = landmarks[:2]
    return math.degrees(math.atan2(left_y - right_y, left_x - right_x))


def _is_somebody(connection: sqlite3.Connection, face_id: int) -> bool:
    """Whether there is something to copy."""
    found = connection.execute(
        """SELECT 1 FROM faces WHERE id = :id AND (state = 'hidden' OR person_id IS NOT NULL
           OR EXISTS (SELECT 1 FROM people WHERE cover_face_id = :id))""",
        {"id": face_id},
    ).fetchone()
    return found is not None or decided(connection, face_id)


# The face's own row stays what it was; the copies say whence they come by their evidence or reason,
# and belong to no change in the undo log.
_COPIES = (
    """INSERT INTO assignments (face_id, person_id, model, state, method, similarity,
           evidence_face_id, decided_at, decided_by)
       SELECT :new, person_id, model, state, method, :similarity, :old, decided_at, decided_by
       FROM assignments WHERE face_id = :old AND method IN ('user', 'group')
         AND model = 'all' AND state = 'assigned' AND ended_at IS NULL""",
    """UPDATE faces SET state = old.state, person_id =
           (SELECT ifnull(people.merged_into, people.id) FROM assignments
            JOIN people ON people.id = assignments.person_id
            WHERE assignments.face_id = :new AND assignments.model = 'all'
              AND assignments.state = 'assigned' AND assignments.ended_at IS NULL)
       FROM (SELECT state FROM faces WHERE id = :old) AS old WHERE faces.id = :new""",
    """INSERT OR IGNORE INTO rejections (face_id, person_id)
       SELECT :new, person_id FROM rejections WHERE face_id = :old""",
    """INSERT INTO exemplars (person_id, face_id, source, state, reason)
       SELECT person_id, :new, source, state, :reason FROM exemplars
       WHERE face_id = :old AND source = 'user' AND state = 'used'""",
    """UPDATE people SET cover_face_id = :new WHERE cover_face_id = :old
       AND NOT EXISTS (SELECT 1 FROM faces JOIN files ON files.media_id = faces.media_id
                       WHERE faces.id = :old AND files.state = 'present')""",
)


def _copy(connection: sqlite3.Connection, old: Seen, new: Seen) -> None:
    products = [sum(map(mul, a, b)) for a, b in zip(old.vectors, new.vectors, strict=True)]
    _copy_decisions(connection, old.id, new.id, sum(products) / len(products))


def _copy_decisions(connection: sqlite3.Connection, old: int, new: int, similarity: float) -> None:
    values = {"old": old, "new": new, "similarity": min(1.0, similarity), "reason": REASON}
    for sql in _COPIES:
        connection.execute(sql, values)
