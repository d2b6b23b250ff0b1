"""What `status` tells: counts, queue, models, failures, and what was made with other settings."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from catalog import jobs, steps

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Collection, Mapping


# All there are less the few that do not count: 200,000 faces are counted from indexes in some
# milliseconds, and looking each one up takes a fifth of a second.
_COUNTS: Final = """
WITH apart(media_id) AS MATERIALIZED (SELECT media_id FROM reference_only
                                      UNION SELECT media_id FROM replaced)
SELECT (SELECT count(*) FROM media WHERE state = 'done' AND kind = 'image')
       - (SELECT count(*) FROM apart CROSS JOIN media ON media.id = media_id
          WHERE +state = 'done' AND +kind = 'image') AS photos,
       (SELECT count(*) FROM media WHERE state = 'done' AND kind = 'video') AS videos,
       (SELECT count(*) FROM faces)
       - (SELECT count(*) FROM faces WHERE state <> 'active')
       - (SELECT count(*) FROM apart CROSS JOIN faces ON faces.media_id = apart.media_id
          WHERE faces.state = 'active') AS faces,
       (SELECT count(*) FROM people WHERE name IS NOT NULL AND merged_into IS NULL)
           AS named_people,
       (SELECT count(*) FROM people WHERE name IS NULL AND hidden = 0 AND merged_into IS NULL
        AND EXISTS (SELECT 1 FROM faces WHERE person_id = people.id AND state = 'active'
                    AND media_id NOT IN (SELECT media_id FROM apart))) AS unnamed_people,
       (SELECT count(*) FROM media WHERE state = 'pending') AS pending,
       (SELECT count(*) FROM failures) AS failures,
       (SELECT count(*) FROM assignments INDEXED BY assignments_asked
        WHERE state = 'suggested' AND model = 'all' AND ended_at IS NULL) AS suggestions
"""


def counts(connection: sqlite3.Connection) -> dict[str, int]:
    """How much there is of everything that people ask for; reference pictures do not count."""
    row = connection.execute(_COUNTS).fetchone()
    return {key: int(row[key]) for key in row.keys()}  # noqa: SIM118 - a Row iterates over values


def groups(connection: sqlite3.Connection) -> dict[str, int]:
    """How many faces are of people with a name, in groups without one, and of nobody; reference
    pictures do not count.
    """
    row = connection.execute(
        """SELECT count(*) AS faces,
                  ifnull(sum(people.name IS NOT NULL), 0) AS faces_named,
                  count(DISTINCT iif(people.name IS NOT NULL, people.id, NULL)) AS named_people,
                  ifnull(sum(people.id IS NOT NULL AND people.name IS NULL), 0) AS faces_grouped,
                  count(DISTINCT iif(people.name IS NULL, people.id, NULL)) AS unnamed_people,
                  ifnull(sum(people.id IS NULL), 0) AS faces_unknown,
                  (SELECT count(*) FROM assignments WHERE state = 'suggested'
                   AND model = 'all' AND ended_at IS NULL) AS suggestions
           FROM faces LEFT JOIN people ON people.id = faces.person_id
           WHERE faces.state = 'active'
             AND faces.media_id NOT IN (SELECT media_id FROM reference_only)
             AND faces.media_id NOT IN (SELECT media_id FROM replaced)"""
    ).fetchone()
    return {key: int(row[key]) for key in row.keys()}  # noqa: SIM118 - a Row iterates over values


def queue(connection: sqlite3.Connection) -> list[dict[str, Any]]:
    """Open and troubled jobs by kind and state."""
    rows = connection.execute(
        """SELECT kind, state, count(*) AS jobs, min(not_before) AS next_try FROM jobs
           WHERE state NOT IN ('done', 'cancelled') GROUP BY kind, state ORDER BY kind, state"""
    )
    return [dict(row) for row in rows]


def videos_in_hand(
    connection: sqlite3.Connection, *, workers: int, media_id: int | None = None
) -> list[dict[str, Any]]:
    """The videos of which minutes are left to read, or this one: media_id, path, how many are done,
    how many there are, and about how many seconds are left for so many workers; None before the
    first minute is done.
    """
    # What was removed while it was read has minutes that nobody will read.
    which = (
        f"""SELECT media_id FROM parts WHERE state = 'pending' AND EXISTS
            (SELECT 1 FROM jobs WHERE jobs.media_id = parts.media_id AND kind = 'ingest'
             AND jobs.state IN {jobs.OPEN})"""
        if media_id is None
        else "?"
    )
    rows = connection.execute(
        f"""SELECT media_id, (SELECT path FROM files WHERE files.media_id = parts.media_id
                              ORDER BY files.state = 'present' DESC, files.id LIMIT 1) AS path,
                   sum(state = 'done') AS done, sum(state = 'pending') AS left, count(*) AS parts,
                   (SELECT sum(seconds) FROM steps WHERE steps.media_id = parts.media_id) AS seconds
            FROM parts WHERE media_id IN ({which}) GROUP BY media_id ORDER BY media_id""",
        [] if media_id is None else [media_id],
    ).fetchall()
    return [
        {
            "media_id": row["media_id"],
            "path": row["path"],
            "done": int(row["done"]),
            "parts": int(row["parts"]),
            "left_s": round(row["seconds"] / row["done"] * row["left"] / max(1, workers))
            if row["done"]
            else None,
        }
        for row in rows
        if row["left"]
    ]


def minutes_done(video: Mapping[str, Any]) -> str:
    """How far a video in hand has come, for people."""
    left = "" if video["left_s"] is None else f", about {rough_duration(video['left_s'])} left"
    return f"{video['done']} of {video['parts']} minutes{left}"


def rough_duration(seconds: float) -> str:
    """A time that is left, as people say it."""
    if seconds < 90:
        return f"{round(seconds)} s"
    return f"{round(seconds / 60)} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def daemon(connection: sqlite3.Connection) -> dict[str, Any]:
    """What the daemon last said of itself; whether it runs, only the lock tells."""
    row = connection.execute("SELECT * FROM daemon WHERE id = 1").fetchone()
    found = {"pid": row["pid"], "started_at": row["started_at"]}
    for name in ("models", "hardware", "workers", "notes"):
        found[name] = json.loads(row[name]) if row[name] else None
    return found


def say(connection: sqlite3.Connection, **values: object) -> None:
    """Write what other processes need to know of the daemon: pid, started_at, models, …"""
    for name, value in values.items():
        plain = value if isinstance(value, int | str) or value is None else json.dumps(value)
        connection.execute(f"UPDATE daemon SET {name} = ? WHERE id = 1", [plain])


def roots_state(connection: sqlite3.Connection) -> list[dict[str, Any]]:
    """The watched and scanned folders with the number of files present in each."""
    rows = connection.execute(
        """SELECT roots.path, roots.role, roots.state, count(files.id) AS files
           FROM roots LEFT JOIN files ON files.root_id = roots.id AND files.state = 'present'
           WHERE roots.state <> 'retired' GROUP BY roots.id ORDER BY roots.role, roots.path"""
    )
    return [dict(row) for row in rows]


def outdated(
    connection: sqlite3.Connection, current: Mapping[tuple[str, str], Collection[str]]
) -> dict[str, int]:
    """How many media have a step that was made with other settings or models; see `steps`."""
    return steps.outdated(connection, current)
