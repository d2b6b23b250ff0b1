"""What goes on over the border of two parts of a video: the scene, and the tracks in it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from catalog import calibrations, track_vectors
from catalog.faces import overlap
from catalog.track_paths import unpacked

if TYPE_CHECKING:
    import sqlite3

    from catalog.faces import Box

# As in a scene: what overlaps so much within so short a time is one face, unless it is clearly
# another.
_LEAST_IOU: Final = 0.3
_SOON_S: Final = 1.0
# Who is out of sight for longer begins anew.
_GAP_S: Final = 2.5
_IOU_WEIGHT: Final = 0.3


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class End:
    """The end of a track that is nearer to the border: when and where, its vector by the first
    active embedder, and whom a person said it is.
    """

    track_id: int
    time_s: float
    box: Box
    vector: tuple[float, ...] | None
    said: int | None


def link(connection: sqlite3.Connection, media_id: int, number: int) -> None:
    """Tie part `number` to the one before it, where both are read and no cut lies between them."""
    rows = connection.execute(
        """SELECT later.start_s AS border, later.continues FROM parts AS later
           JOIN parts AS earlier ON earlier.media_id = later.media_id
                AND earlier.number = later.number - 1
           WHERE later.media_id = ? AND later.number = ?
             AND later.state = 'done' AND earlier.state = 'done'""",
        [media_id, number],
    ).fetchall()
    if not rows or not rows[0]["continues"]:
        return
    border = rows[0]["border"]
    before = connection.execute(
        """SELECT id FROM scenes WHERE media_id = ? AND start_s < ?
           ORDER BY start_s DESC LIMIT 1""",
        [media_id, border],
    ).fetchone()
    after = connection.execute(
        "SELECT id FROM scenes WHERE media_id = ? AND start_s >= ? ORDER BY start_s LIMIT 1",
        [media_id, border],
    ).fetchone()
    if before is None or after is None:
        return
    connection.execute(
        "UPDATE scenes SET continues_scene_id = ? WHERE id = ?", [before["id"], after["id"]]
    )
    ending = _ends(connection, before["id"], border, last=True)
    beginning = _ends(connection, after["id"], border, last=False)
    for one, other in _pairs(ending, beginning, *_limits(connection)):
        connection.execute(
            "UPDATE tracks SET continues_track_id = ? WHERE id = ?", [one.track_id, other.track_id]
        )


def _ends(connection: sqlite3.Connection, scene_id: int, border: float, *, last: bool) -> list[End]:
    rows = connection.execute(
        """SELECT tracks.id, path, vector,
                  (SELECT ifnull(people.merged_into, people.id)
                   FROM faces JOIN assignments ON assignments.face_id = faces.id
                   JOIN people ON people.id = assignments.person_id
                   WHERE faces.track_id = tracks.id AND assignments.model = 'all'
                     AND assignments.method = 'user' AND assignments.state = 'assigned'
                     AND assignments.ended_at IS NULL LIMIT 1) AS said
           FROM tracks LEFT JOIN track_vectors ON track_vectors.track_id = tracks.id
                AND embedder_id = (SELECT min(id) FROM embedders WHERE active)
           WHERE scene_id = ? ORDER BY tracks.id""",
        [scene_id],
    ).fetchall()
    found = []
    for row in rows:
        path = unpacked(row["path"] or b"")
        if not path:
            continue
        time_s, box = path[-1 if last else 0]
        if abs(time_s - border) <= _GAP_S:
            vector = None if row["vector"] is None else track_vectors.unpacked(row["vector"])
            found.append(
                End(track_id=row["id"], time_s=time_s, box=box, vector=vector, said=row["said"])
            )
    return found


def _limits(connection: sqlite3.Connection) -> tuple[float, float]:
    """From which similarity on two faces of one scene are one person, and below which two."""
    for embedder in calibrations.active_embedders(connection):
        row = calibrations.newest(connection, embedder.id)
        if row is not None:
            return row.thresholds["lenient"], 2 * row.thresholds["lenient"] - row.thresholds[
                "strict"
            ]
        break
    return 1.0, -1.0


def _pairs(
    ending: list[End], beginning: list[End], same: float, apart: float
) -> list[tuple[End, End]]:
    """Which end goes on as which beginning, the likeliest first, each once."""
    scored = []
    for one in ending:
        for other in beginning:
            if one.said is not None and other.said is not None and one.said != other.said:
                continue
            iou = overlap(one.box, other.box)
            similar = 0.0
            if one.vector is not None and other.vector is not None:
                similar = track_vectors.dot(one.vector, other.vector)
            near = iou >= _LEAST_IOU and other.time_s - one.time_s <= _SOON_S
            if similar >= same or (near and similar >= apart):
                scored.append((similar + _IOU_WEIGHT * iou, one, other))
    scored.sort(key=lambda it: (-it[0], it[1].track_id, it[2].track_id))
    found: list[tuple[End, End]] = []
    for _, one, other in scored:
        if all(one is not a and other is not b for a, b in found):
            found.append((one, other))
    return found
