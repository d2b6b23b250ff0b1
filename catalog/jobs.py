"""What is to do, as rows that survive a crash: claimed by priority, retried with growing pauses.

waiting → running → done
                  → waiting again, later (a try that may succeed another time)
                  → failed (never will), quarantined (too many tries), cancelled (by a person)
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from catalog import clock

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Sequence

BACK_OFF_FACTOR = 4
OPEN = "('waiting', 'running')"
DUE = """state = 'waiting' AND (not_before IS NULL OR not_before <= ?)
         AND NOT EXISTS (SELECT 1 FROM jobs AS alike WHERE alike.state = 'running'
                         AND alike.kind = jobs.kind AND alike.key = jobs.key)"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A claimed job; `attempts` counts this one."""

    id: int
    kind: str
    key: str
    media_id: int | None
    payload: dict[str, Any]
    attempts: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How often a job is tried, and how long it waits before the second try (fourfold each
    time).
    """

    max_attempts: int
    retry_s: float


def enqueue(
    connection: sqlite3.Connection,
    kind: str,
    key: str,
    *,
    media_id: int | None = None,
    priority: int = 0,
    payload: dict[str, Any] | None = None,
) -> int:
    """Put a job in line and return its id; one that already waits under this key is only raised."""
    row = connection.execute(
        """INSERT INTO jobs (kind, key, media_id, priority, payload, created_at)
           VALUES (?, ?, ?, ?, ?, ?)
           ON CONFLICT (kind, key) WHERE state = 'waiting'
           DO UPDATE SET priority = max(priority, excluded.priority), payload = excluded.payload,
                         not_before = NULL
           RETURNING id""",
        [kind, key, media_id, priority, json.dumps(payload or {}), clock.now()],
    ).fetchone()
    return int(row[0])


def claim(connection: sqlite3.Connection, kind: str, limit: int, *, owner: str) -> list[Job]:
    """Take the most urgent jobs of a kind that are due, oldest first among equals.

    One whose like (same kind and key) is running waits until that has ended.
    """
    rows = connection.execute(
        f"""UPDATE jobs SET state = 'running', owner = ?, attempts = attempts + 1, error = NULL
            WHERE id IN (SELECT id FROM jobs WHERE {DUE} AND kind = ?
                         ORDER BY priority DESC, id LIMIT ?)
            RETURNING id, kind, key, media_id, payload, attempts, priority""",
        [owner, clock.now(), kind, limit],
    ).fetchall()
    return [
        Job(
            id=row["id"],
            kind=row["kind"],
            key=row["key"],
            media_id=row["media_id"],
            payload=json.loads(row["payload"]),
            attempts=row["attempts"],
        )
        for row in sorted(rows, key=lambda row: (-row["priority"], row["id"]))
    ]


def finish(
    connection: sqlite3.Connection,
    job_id: int,
    *,
    state: str = "done",
    error: str | None = None,
    result: dict[str, Any] | None = None,
) -> None:
    """Close a job for good."""
    connection.execute(
        "UPDATE jobs SET state = ?, error = ?, result = ?, finished_at = ?, owner = NULL WHERE "
        "id = ?",
        [state, error, None if result is None else json.dumps(result), clock.now(), job_id],
    )


def put_back(connection: sqlite3.Connection, job: Job, error: str, patience: Patience) -> str:
    """After a try that failed but may succeed: wait longer each time, quarantine in the end.

    Returns the job's new state. Where the same job was asked for again meanwhile, that one takes
    over.
    """
    if job.attempts >= patience.max_attempts:
        finish(connection, job.id, state="quarantined", error=error)
        return "quarantined"
    if _waits(connection, job.kind, job.key):
        finish(connection, job.id, state="cancelled", error=error)
        return "cancelled"
    pause_s = patience.retry_s * BACK_OFF_FACTOR ** (job.attempts - 1)
    connection.execute(
        "UPDATE jobs SET state = 'waiting', error = ?, not_before = ?, owner = NULL WHERE id = ?",
        [error, clock.later(pause_s), job.id],
    )
    return "waiting"


def fail(
    connection: sqlite3.Connection, job: Job, error: str, patience: Patience, *, for_good: bool
) -> str:
    """After a try that failed, for good or not. Returns the state of what the job is about: failed,
    quarantined, or pending where it is tried again.
    """
    if for_good:
        finish(connection, job.id, state="failed", error=error)
        return "failed"
    again = put_back(connection, job, error, patience)
    return "quarantined" if again == "quarantined" else "pending"


def give_back(connection: sqlite3.Connection, job_ids: Iterable[int]) -> None:
    """Return claimed jobs untried: they wait as before, and no attempt is counted."""
    for job_id in job_ids:
        connection.execute(
            """UPDATE jobs SET attempts = attempts - 1, owner = NULL, (state, finished_at) =
                      (SELECT iif(count(*), 'cancelled', 'waiting'), iif(count(*), ?, NULL)
                       FROM jobs AS other WHERE other.kind = jobs.kind
                       AND other.key = jobs.key AND other.state = 'waiting')
               WHERE id = ? AND state = 'running'""",
            [clock.now(), job_id],
        )


def reclaim(connection: sqlite3.Connection) -> int:
    """At start: whatever an earlier daemon had in hand waits again. Returns how many."""
    rows = connection.execute("SELECT id FROM jobs WHERE state = 'running'").fetchall()
    give_back(connection, [row["id"] for row in rows])
    return len(rows)


def seconds_until_due(connection: sqlite3.Connection, kinds: Sequence[str]) -> float | None:
    """How long until the next waiting job of these kinds is due; 0 where one is, None where none
    waits for a moment (those that wait for their like to end do not count).
    """
    chosen = f"kind IN ({','.join('?' * len(kinds))})"
    due = connection.execute(
        f"SELECT 1 FROM jobs WHERE {DUE} AND {chosen} LIMIT 1", [clock.now(), *kinds]
    ).fetchone()
    if due is not None:
        return 0.0
    row = connection.execute(
        f"""SELECT (julianday(min(not_before)) - julianday('now')) * 86400
            FROM jobs WHERE state = 'waiting' AND not_before > ? AND {chosen}""",
        [clock.now(), *kinds],
    ).fetchone()
    return None if row[0] is None else max(0.001, float(row[0]))


def count(connection: sqlite3.Connection, kind: str, *, states: str = OPEN) -> int:
    """How many jobs of a kind are in the given states (an SQL list; waiting or running by
    default).
    """
    row = connection.execute(
        f"SELECT count(*) FROM jobs WHERE kind = ? AND state IN {states}", [kind]
    ).fetchone()
    return int(row[0])


def count_waiting(connection: sqlite3.Connection, kind: str, *, up_to: int) -> int:
    """How many jobs of a kind wait, counted no further than `up_to`."""
    row = connection.execute(
        """SELECT count(*) FROM (SELECT 1 FROM jobs WHERE kind = ? AND state = 'waiting' LIMIT
        ?)""",
        [kind, up_to],
    ).fetchone()
    return int(row[0])


def retry(connection: sqlite3.Connection, job_ids: Sequence[int] | None = None) -> list[int]:
    """Put failed and quarantined jobs back in line with a clean count (all of them, where none are
    named).

    Also ends the pause of those that wait. Returns the ids of the jobs that now wait.
    """
    chosen = "" if job_ids is None else f"AND id IN ({','.join('?' * len(job_ids))})"
    rows = connection.execute(
        f"""SELECT id, kind, key, media_id, state FROM jobs
            WHERE (state IN ('failed', 'quarantined', 'cancelled')
                   OR (state = 'waiting' AND not_before IS NOT NULL)) {chosen} ORDER BY id""",
        list(job_ids or ()),
    ).fetchall()
    revived = []
    for row in rows:
        if job_ids is None and row["state"] == "cancelled":
            continue
        if row["state"] != "waiting" and _waits(connection, row["kind"], row["key"]):
            continue
        connection.execute(
            """UPDATE jobs SET state = 'waiting', attempts = 0, not_before = NULL, error = NULL,
                      finished_at = NULL WHERE id = ?""",
            [row["id"]],
        )
        connection.execute(
            "UPDATE media SET state = 'pending', error = NULL WHERE id = ? AND state <> 'done'",
            [row["media_id"]],
        )
        revived.append(int(row["id"]))
    return revived


def cancel(connection: sqlite3.Connection, job_ids: Sequence[int]) -> list[int]:
    """Take waiting jobs out of line; running ones end by themselves. Returns the ids cancelled."""
    rows = connection.execute(
        f"""UPDATE jobs SET state = 'cancelled', finished_at = ?
            WHERE state = 'waiting' AND id IN ({",".join("?" * len(job_ids))}) RETURNING id""",
        [clock.now(), *job_ids],
    ).fetchall()
    return [int(row["id"]) for row in rows]


def failed_of(connection: sqlite3.Connection, media_id: int) -> list[int]:
    """The jobs of a photo or video that failed, to be tried again."""
    rows = connection.execute(
        """SELECT id FROM jobs WHERE media_id = ? AND kind = 'ingest'
           AND state IN ('failed', 'quarantined') ORDER BY id""",
        [media_id],
    )
    return [int(row["id"]) for row in rows]


def prune(connection: sqlite3.Connection, *, older_than_s: float) -> int:
    """Forget jobs that were done long ago; what failed stays. Returns how many went."""
    done = connection.execute(
        "DELETE FROM jobs WHERE state IN ('done', 'cancelled') AND finished_at < ?",
        [clock.later(-older_than_s)],
    )
    return done.rowcount


def in_hand(connection: sqlite3.Connection, kind: str, key: str) -> bool:
    """Whether somebody is at this job right now."""
    found = connection.execute(
        "SELECT 1 FROM jobs WHERE kind = ? AND key = ? AND state = 'running'", [kind, key]
    ).fetchone()
    return found is not None


def _waits(connection: sqlite3.Connection, kind: str, key: str) -> bool:
    found = connection.execute(
        "SELECT 1 FROM jobs WHERE kind = ? AND key = ? AND state = 'waiting'", [kind, key]
    ).fetchone()
    return found is not None


def listing(
    connection: sqlite3.Connection, *, state: str | None, finished: bool, limit: int
) -> list[dict[str, Any]]:
    """Jobs for people to read, newest first, with the path they are about where there is one."""
    where, values = "state NOT IN ('done', 'cancelled')", []
    if state is not None:
        where, values = "state = ?", [state]
    elif finished:
        where = "1"
    rows = connection.execute(
        f"""SELECT id, kind, key, media_id, state, priority, attempts, not_before, progress, error,
                   created_at, finished_at,
                   (SELECT path FROM files WHERE files.media_id = jobs.media_id
                    ORDER BY files.state = 'present' DESC, files.id LIMIT 1) AS path
            FROM jobs WHERE {where} ORDER BY id DESC LIMIT ?""",
        [*values, limit],
    )
    return [dict(row) for row in rows]
