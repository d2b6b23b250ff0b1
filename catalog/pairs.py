"""Motion photos: a photo and the short video that was taken with it, side by side in a folder."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import sqlite3

# Phones record up to three seconds around the moment; others are videos of their own.
_MOST_S: Final = 6.0
# Between the photo's moment and the start of its video.
_APART_S: Final = 5.0
_OTHERS = """
SELECT DISTINCT other.id, files.path_bytes, other.kind, other.duration_s, other.taken_at,
       other.taken_at_local
FROM files JOIN media AS other ON other.id = files.media_id
WHERE files.path_bytes >= ? AND files.path_bytes < ? AND files.state = 'present'
  AND other.kind <> ? ORDER BY other.id
"""


def pair(connection: sqlite3.Connection, media_id: int) -> None:
    """Tie a photo to its video, or a video to its photo: of one name in one folder, the video
    short, and taken at one time as far as both say when.
    """
    own = connection.execute(
        "SELECT id, kind, duration_s, taken_at, taken_at_local FROM media WHERE id = ?", [media_id]
    ).fetchone()
    if own is None or own["kind"] is None:
        return
    paths = connection.execute(
        "SELECT path_bytes FROM files WHERE media_id = ? AND state = 'present'", [media_id]
    ).fetchall()
    for row in paths:
        stem, dot, ending = bytes(row["path_bytes"]).rpartition(b".")
        if not dot or b"/" in ending:
            continue
        # The next letter after the dot is the slash: all names with this stem and any ending.
        for other in connection.execute(_OTHERS, [stem + b".", stem + b"/", own["kind"]]):
            ending = bytes(other["path_bytes"])[len(stem) :]
            if b"/" not in ending and _belong(own, other):
                connection.executemany(
                    "UPDATE media SET paired_media_id = ? WHERE id = ?",
                    [(other["id"], media_id), (media_id, other["id"])],
                )
                return


def _belong(one: sqlite3.Row, other: sqlite3.Row) -> bool:
    video = one if one["kind"] == "video" else other
    if not 0 < (video["duration_s"] or 0) <= _MOST_S:
        return False
    for clock in ("taken_at", "taken_at_local"):
        if one[clock] and other[clock]:
            moments = [datetime.fromisoformat(it[clock]) for it in (one, other)]
            return abs((moments[0] - moments[1]).total_seconds()) <= _APART_S
    return True
