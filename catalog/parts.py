"""The parts of a video: spans of a minute, each read, committed and resumed by itself."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from catalog import jobs

if TYPE_CHECKING:
    import sqlite3

    from catalog.jobs import Job

PART_S: Final = 60.0
_MARK: Final = "/"


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One part of so many, seconds from the start of the video; the last one is read to the end,
    wherever that is.
    """

    id: int
    number: int
    start_s: float
    end_s: float
    of: int

    @property
    def is_last(self) -> bool:
        """Whether the video ends with it."""
        return self.number == self.of - 1


def plan(connection: sqlite3.Connection, media_id: int, duration_s: float | None, job: Job) -> None:
    """Note the parts of a video that is to be read by this job, and line up those that are not read
    yet; all of them where the whole video was read before, and is to be read again.
    """
    count = max(1, math.ceil((duration_s or 0.0) / PART_S - 1e-9))
    connection.execute("DELETE FROM parts WHERE media_id = ? AND number >= ?", [media_id, count])
    for number in range(count):
        start_s = number * PART_S
        end_s = start_s + PART_S if number < count - 1 else max(duration_s or 0.0, start_s)
        connection.execute(
            """INSERT INTO parts (media_id, number, start_s, end_s) VALUES (?, ?, ?, ?)
               ON CONFLICT (media_id, number) DO UPDATE SET end_s = excluded.end_s""",
            [media_id, number, start_s, end_s],
        )
    done = connection.execute("SELECT state FROM media WHERE id = ?", [media_id]).fetchone()[0]
    wanted = "1" if done == "done" else "state <> 'done'"
    rows = connection.execute(
        f"""UPDATE parts SET state = 'pending', error = NULL WHERE media_id = ? AND {wanted}
            RETURNING number""",
        [media_id],
    ).fetchall()
    priority = connection.execute("SELECT priority FROM jobs WHERE id = ?", [job.id]).fetchone()[0]
    for number in sorted(int(row["number"]) for row in rows):
        key = f"{job.key}{_MARK}{number}"
        if not jobs.in_hand(connection, "ingest", key):
            jobs.enqueue(connection, "ingest", key, media_id=media_id, priority=priority)


def tell_progress(connection: sqlite3.Connection, media_id: int) -> None:
    """Have the open jobs of a video say how much of it is done."""
    connection.execute(
        f"""UPDATE jobs SET progress = (SELECT avg(state <> 'pending') FROM parts
                                        WHERE parts.media_id = jobs.media_id)
            WHERE media_id = ? AND kind = 'ingest' AND state IN {jobs.OPEN}""",
        [media_id],
    )


def of_job(connection: sqlite3.Connection, job: Job) -> Part | None:
    """The part that this ingest job is about; None where it is about a whole file."""
    _, mark, number = job.key.partition(_MARK)
    if not mark or job.media_id is None:
        return None
    return find(connection, job.media_id, int(number))


def is_of_part(job: Job) -> bool:
    """Whether an ingest job is about a part of a video."""
    return _MARK in job.key


def sha256_of(job: Job) -> str:
    """Of which content an ingest job is about."""
    return job.key.partition(_MARK)[0]


def find(connection: sqlite3.Connection, media_id: int, number: int) -> Part | None:
    """A part by its number; None where the video has no such part (any more)."""
    row = connection.execute(
        """SELECT id, start_s, end_s, (SELECT count(*) FROM parts AS every
                                       WHERE every.media_id = parts.media_id) AS parts
           FROM parts WHERE media_id = ? AND number = ?""",
        [media_id, number],
    ).fetchone()
    if row is None:
        return None
    return Part(
        id=int(row["id"]),
        number=number,
        start_s=row["start_s"],
        end_s=row["end_s"],
        of=int(row["parts"]),
    )


def settle(connection: sqlite3.Connection, media_id: int) -> str:
    """The state of a video by its parts, written where all are read: done where one at least is,
    with the reason in `error` where others are not. Returns the media's state.
    """
    rows = connection.execute(
        """SELECT state, count(*) AS parts, min(error) AS error FROM parts
           WHERE media_id = ? GROUP BY state""",
        [media_id],
    ).fetchall()
    counts = {row["state"]: int(row["parts"]) for row in rows}
    before = connection.execute("SELECT state FROM media WHERE id = ?", [media_id]).fetchone()[0]
    if counts.get("pending"):
        return str(before)
    bad = [row for row in rows if row["state"] in ("failed", "quarantined")]
    state = "done" if counts.get("done") else max((row["state"] for row in bad), default="failed")
    error = None
    if bad:
        failed, every = sum(int(row["parts"]) for row in bad), sum(counts.values())
        what = f"{failed} of {every} minutes" if every > 1 else "the video"
        error = f"{what} could not be read: {bad[0]['error']}" if every > 1 else bad[0]["error"]
    connection.execute(
        "UPDATE media SET state = ?, error = ? WHERE id = ?", [state, error, media_id]
    )
    return str(state)
