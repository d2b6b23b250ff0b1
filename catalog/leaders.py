"""Which face speaks for a track: its leader, which is judged, while the others follow."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from catalog import clock, faces

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Mapping

    from catalog.parts import Part

# Whether a row of `faces` follows another face, which speaks for its track.
FOLLOWS = """EXISTS (SELECT 1 FROM tracks WHERE tracks.id = faces.track_id
                     AND best_face_id <> faces.id)"""
# The tracks of a part and those that they go on from or go on as, over any number of borders.
_CHAINS = """
WITH RECURSIVE chain(id, start) AS (
    SELECT id, id FROM tracks
    WHERE media_id = :media AND start_s >= :start AND start_s < :end
    UNION
    SELECT tracks.id, chain.start FROM chain JOIN tracks AS own ON own.id = chain.id
    JOIN tracks ON tracks.id = own.continues_track_id OR tracks.continues_track_id = own.id)
SELECT start, group_concat(DISTINCT id) AS ids FROM chain GROUP BY start
"""
# A face on which a person decided speaks before the others, then the best one.
_LEADER = """
SELECT faces.id FROM faces WHERE track_id IN (SELECT value FROM json_each(?))
  AND state IN ('active', 'hidden')
ORDER BY EXISTS (SELECT 1 FROM assignments WHERE face_id = faces.id AND method = 'user'
                 AND model = 'all' AND state = 'assigned' AND ended_at IS NULL) DESC,
         EXISTS (SELECT 1 FROM rejections WHERE face_id = faces.id) DESC,
         quality DESC, time_s, id LIMIT 1
"""


def of(connection: sqlite3.Connection, face_ids: Iterable[int]) -> dict[int, int]:
    """The leaders of those of these faces that are of a track, by face."""
    rows = connection.execute(
        """SELECT faces.id, best_face_id FROM faces JOIN tracks ON tracks.id = faces.track_id
           WHERE faces.id IN (SELECT value FROM json_each(?)) AND best_face_id IS NOT NULL""",
        [json.dumps(list(face_ids))],
    )
    return {int(row["id"]): int(row["best_face_id"]) for row in rows}


def followers(connection: sqlite3.Connection, face_ids: Iterable[int]) -> set[int]:
    """The other faces of the tracks that these faces lead."""
    rows = connection.execute(
        """SELECT faces.id FROM tracks JOIN faces ON faces.track_id = tracks.id
           WHERE best_face_id IN (SELECT value FROM json_each(?)) AND faces.id <> best_face_id""",
        [json.dumps(list(face_ids))],
    )
    return {int(row["id"]) for row in rows}


def places(connection: sqlite3.Connection, face_ids: Iterable[int]) -> dict[int, int]:
    """Of each of these faces a number that those have too who are seen with it, directly or by way
    of others of these: a photo's are one place, a video's as many as there are moments without
    anybody.
    """
    wanted = json.dumps(list(face_ids))
    rows = connection.execute(
        "SELECT id, media_id FROM faces WHERE id IN (SELECT value FROM json_each(?))", [wanted]
    )
    found = {int(row["id"]): -int(row["media_id"]) for row in rows}
    spans = connection.execute(
        """SELECT best_face_id, media_id, start_s, end_s FROM tracks
           WHERE best_face_id IN (SELECT value FROM json_each(?)) ORDER BY media_id, start_s""",
        [wanted],
    )
    same: dict[int, int] = {}  # places that a face which leads several tracks makes one
    media_id, begun_s, until_s, place = 0, 0.0, 0.0, 0
    for row in spans:
        if row["media_id"] != media_id or (row["start_s"] >= until_s and row["start_s"] > begun_s):
            place += 1
            media_id, until_s = int(row["media_id"]), row["end_s"]
        begun_s, until_s = row["start_s"], max(until_s, row["end_s"])
        own, here = found[int(row["best_face_id"])], _first(same, place)
        if own > 0 and _first(same, own) != here:
            same[here] = _first(same, own)
        found[int(row["best_face_id"])] = place
    return {face_id: _first(same, own) for face_id, own in found.items()}


def _first(same: Mapping[int, int], place: int) -> int:
    """The place that this one is the same as, and that is the same as no other."""
    while place in same:
        place = same[place]
    return place


def inherit(
    connection: sqlite3.Connection, decided: Mapping[int, int], leaders: Mapping[int, int]
) -> None:
    """Tracks were read again: of the faces that are no longer found (by face, the new track) those
    that a person decided on stay with the track, and what the machine said of a leader goes over to
    the best face of the new one.
    """
    for face_id, track_id in decided.items():
        if faces.decided(connection, face_id):
            connection.execute("UPDATE faces SET track_id = ? WHERE id = ?", [track_id, face_id])
    for leader, track_id in leaders.items():
        row = connection.execute(_LEADER, [json.dumps([track_id])]).fetchone()
        if row is not None and leader != row["id"]:
            _hand_over(connection, [leader], int(row["id"]))


def elect(connection: sqlite3.Connection, media_id: int, part: Part) -> None:
    """Choose the leaders of the tracks of a part and of the parts beside it, with all that they are
    tied to. What the machine said of a leader goes over to the next one.
    """
    rows = connection.execute(
        """SELECT ifnull(min(start_s), 0) AS start, ifnull(max(end_s), 0) AS stop FROM parts
           WHERE media_id = ? AND number BETWEEN ? AND ?""",
        [media_id, part.number - 1, part.number + 1],
    ).fetchone()
    span = {
        "media": media_id,
        "start": rows["start"] if part.number > 1 else -1e9,
        "end": 1e12 if part.is_last else max(rows["stop"], part.end_s),
    }
    chains = {
        frozenset(int(it) for it in row["ids"].split(","))
        for row in connection.execute(_CHAINS, span)
    }
    for chain in sorted(chains, key=min):
        _lead(connection, sorted(chain))


def _lead(connection: sqlite3.Connection, tracks: list[int]) -> None:
    these = json.dumps(tracks)
    row = connection.execute(_LEADER, [these]).fetchone()
    if row is None:
        return
    leader = int(row["id"])
    followers = connection.execute(
        """SELECT id FROM faces WHERE track_id IN (SELECT value FROM json_each(?)) AND id <> ?""",
        [these, leader],
    ).fetchall()
    _hand_over(connection, [int(it["id"]) for it in followers], leader)
    connection.execute(
        """UPDATE tracks SET best_face_id = ? WHERE id IN (SELECT value FROM json_each(?))
           AND best_face_id IS NOT ?""",
        [leader, these, leader],
    )


def _hand_over(connection: sqlite3.Connection, before: list[int], leader: int) -> None:
    """The machine's open rows of faces that led a track go to the leader, where it has none; what
    is left of them ends.
    """
    rows = connection.execute(
        """SELECT id, face_id, model, state FROM assignments
           WHERE face_id IN (SELECT value FROM json_each(?)) AND ended_at IS NULL
             AND method <> 'user' ORDER BY id""",
        [json.dumps(before)],
    ).fetchall()
    for row in rows:
        taken = connection.execute(
            """SELECT 1 FROM assignments WHERE face_id = ? AND model = ? AND ended_at IS NULL
               AND (state = ? OR method = 'user')""",
            [leader, row["model"], row["state"]],
        ).fetchone()
        if taken is None:
            connection.execute(
                "UPDATE assignments SET face_id = ? WHERE id = ?", [leader, row["id"]]
            )
        else:
            connection.execute(
                "UPDATE assignments SET state = 'withdrawn', ended_at = ? WHERE id = ?",
                [clock.now(), row["id"]],
            )
    connection.execute(
        """UPDATE faces SET person_id =
               (SELECT ifnull(people.merged_into, people.id) FROM assignments
                JOIN people ON people.id = assignments.person_id
                WHERE face_id = faces.id AND model = 'all' AND assignments.state = 'assigned'
                  AND ended_at IS NULL)
           WHERE id = ?""",
        [leader],
    )
