"""The parts of a video: spans of a minute, each read, committed and resumed by itself."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from catalog import jobs

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator, Sequence

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


def plan(
    connection: sqlite3.Connection,
    media_id: int,
    duration_s: float | None,
    job: Job,
    *,
    in_one_piece: bool = False,
    note: str | None = None,
) -> None:
    """Note the parts of a video that is to be read by this job, and line up those that are not read
    yet; all of them where the whole video was read before, and is to be read again. One whose clock
    jumps is read `in_one_piece`: in it no time can be gone to. `note` says what is amiss with it.
    """
    count = max(1, math.ceil((duration_s or 0.0) / PART_S - 1e-9))
    if in_one_piece:
        count = 1
    connection.execute("DELETE FROM parts WHERE media_id = ? AND number >= ?", [media_id, count])
    for number in range(count):
        start_s = number * PART_S
        end_s = start_s + PART_S if number < count - 1 else max(duration_s or 0.0, start_s)
        connection.execute(
            """INSERT INTO parts (media_id, number, start_s, end_s) VALUES (?, ?, ?, ?)
               ON CONFLICT (media_id, number) DO UPDATE SET end_s = excluded.end_s""",
            [media_id, number, start_s, end_s],
        )
    connection.execute(
        "UPDATE parts SET note = iif(number = ?, ?, NULL) WHERE media_id = ?",
        [count - 1, note, media_id],
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
    (progress,) = connection.execute(
        "SELECT avg(state <> 'pending') FROM parts WHERE media_id = ?", [media_id]
    ).fetchone()
    connection.execute(
        f"""UPDATE jobs SET progress = ?
            WHERE media_id = ? AND kind = 'ingest' AND state IN {jobs.OPEN}""",
        [progress, media_id],
    )


def are_open(connection: sqlite3.Connection, media_id: int) -> bool:
    """Whether minutes of a video are in line or in hand."""
    found = connection.execute(
        f"""SELECT 1 FROM jobs WHERE media_id = ? AND kind = 'ingest'
            AND state IN {jobs.OPEN} AND instr(key, '{_MARK}')""",
        [media_id],
    ).fetchone()
    return found is not None


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
    with what could not be read in `error`. Returns the media's state.
    """
    rows = connection.execute(
        """SELECT state, count(*) AS parts, min(error) AS error, max(note) AS note,
                  sum(json_extract(skipped, '$.damaged')) AS damaged
           FROM parts WHERE media_id = ? GROUP BY state""",
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
    if state == "done":
        error = "; ".join(filter(None, (error, *_amiss(rows)))) or None
    connection.execute(
        "UPDATE media SET state = ?, error = ? WHERE id = ?", [state, error, media_id]
    )
    return str(state)


def _amiss(rows: Sequence[sqlite3.Row]) -> Iterator[str]:
    """What is amiss with a video that was read."""
    for row in rows:
        if row["damaged"]:
            count = int(row["damaged"])
            yield "1 frame is damaged" if count == 1 else f"{count:,} frames are damaged"
        if row["note"]:
            yield row["note"]
