"""What is fetched from addresses: requests, what came of them, and the media that they became."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from catalog import files, jobs, roots

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Sequence

    from catalog.files import FileStat
    from catalog.jobs import Job, Patience

FETCH: Final = "download"
"""Jobs that fetch what is at an address; it is their key."""
READ: Final = "addresses"
"""Jobs that read a file with addresses; its path in hexadecimal digits is their key."""
# New photos go first: what is fetched takes minutes.
_PRIORITY: Final = -5
_OFF: Final = (
    "an address; nothing is fetched unless download.enabled = true: set it and restart the daemon"
)
_TAKEN: Final = "an address; what is there is fetched"
_ELSEWHERE: Final = "an address; such files are taken in an inbox only"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetched:
    """A video that came from an address, and where it is to lie; `item` tells it from others."""

    item: str
    title: str | None
    uploader: str | None
    path: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Unfetched:
    """A video that did not come, or, without an `item`, the rest of what is at an address."""

    item: str | None
    title: str | None
    error: str
    for_good: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Had:
    """A video that came before, and where it was put or is known to be now."""

    item: str
    path: str


def offer(connection: sqlite3.Connection, path: bytes, stat: FileStat, *, enabled: bool) -> bool:
    """A file with addresses lies in a watched folder: line up its reading, once for each content.
    Returns whether there is anything to do.
    """
    root = roots.root_of(connection, path)
    if root is None:
        return False
    # Bookmarks among scanned or reference pictures were not put there to be fetched.
    if not enabled or root.role != "inbox":
        reason = _OFF if root.role == "inbox" else _ELSEWHERE
        files.record_problem(connection, path, "ignored", reason, root.id)
        return False
    payload = {"path": path.hex(), "bytes": stat.bytes, "mtime_ns": stat.mtime_ns}
    before = connection.execute(
        """SELECT payload FROM jobs WHERE kind = ? AND key = ? AND state <> 'cancelled'
           ORDER BY id DESC LIMIT 1""",
        [READ, path.hex()],
    ).fetchone()
    if before is not None and json.loads(before["payload"]) == payload:
        return False
    files.record_problem(connection, path, "ignored", _TAKEN, root.id)
    jobs.enqueue(connection, READ, path.hex(), priority=_PRIORITY, payload=payload)
    return True


def request(connection: sqlite3.Connection, addresses: Iterable[str], *, again: bool) -> list[int]:
    """Line up the fetching of these addresses, and return the jobs; without `again` not of those
    from which everything came already.
    """
    found = []
    for address in dict.fromkeys(addresses):
        known = connection.execute(
            """SELECT 1 FROM downloads WHERE address = ? GROUP BY address
               HAVING min(state = 'done')""",
            [address],
        ).fetchone()
        if again or known is None:
            found.append(jobs.enqueue(connection, FETCH, address, priority=_PRIORITY))
    return found


def begin(connection: sqlite3.Connection, address: str, came: Fetched) -> int:
    """Note what came, and where it is about to be put; returns the row."""
    row = connection.execute(
        """INSERT INTO downloads (address, item, title, uploader, path, state)
           VALUES (?, ?, ?, ?, ?, 'running') RETURNING id""",
        [address, came.item, came.title, came.uploader, came.path],
    ).fetchone()
    return int(row["id"])


def begun(connection: sqlite3.Connection, address: str) -> dict[int, str]:
    """What was about to be put somewhere when the daemon ended: rows and where."""
    rows = connection.execute(
        "SELECT id, path FROM downloads WHERE address = ? AND state = 'running'", [address]
    )
    return {int(row["id"]): str(row["path"]) for row in rows}


def put(connection: sqlite3.Connection, row_id: int) -> None:
    """It lies where it was about to be put."""
    connection.execute(
        """UPDATE downloads SET state = 'done', error = NULL,
                  media_id = (SELECT media_id FROM files WHERE files.path = downloads.path)
           WHERE id = ?""",
        [row_id],
    )


def drop(connection: sqlite3.Connection, row_id: int) -> None:
    """It does not lie where it was about to be put: it comes again."""
    connection.execute("DELETE FROM downloads WHERE id = ?", [row_id])


def had(connection: sqlite3.Connection, address: str) -> list[Had]:
    """What came from this address before."""
    rows = connection.execute(
        """SELECT item, came.path,
                  ifnull((SELECT path FROM files WHERE files.path = came.path
                          AND files.media_id = came.media_id AND files.state = 'present'),
                         (SELECT min(path) FROM files WHERE files.media_id = came.media_id
                          AND files.state = 'present')) AS known
           FROM downloads AS came WHERE address = ? AND state = 'done' AND item IS NOT NULL
           ORDER BY id""",
        [address],
    )
    return [Had(item=it["item"], path=it["known"] or it["path"]) for it in rows]


def close(
    connection: sqlite3.Connection,
    job: Job,
    files: Sequence[str],
    missed: Sequence[Unfetched],
    patience: Patience,
) -> bool:
    """The end of one try: what came lies in `files`. What did not has a row with its reason, and is
    tried again later where one of the reasons may pass. Returns whether it is.
    """
    connection.execute("DELETE FROM downloads WHERE address = ? AND state = 'failed'", [job.key])
    connection.executemany(
        """INSERT INTO downloads (address, item, title, state, error)
           VALUES (?, ?, ?, 'failed', ?)""",
        [(job.key, it.item, it.title, it.error) for it in missed],
    )
    result = {"files": list(files), "missed": len(missed)}
    if not missed:
        jobs.finish(connection, job.id, result=result)
        return False
    error = missed[0].error
    if len(files) + len(missed) > 1:
        error = f"{len(missed)} of {len(files) + len(missed)} did not come: {error}"
    if all(it.for_good for it in missed):
        jobs.finish(connection, job.id, state="failed", error=error, result=result)
    elif jobs.put_back(connection, job, error, patience) == "waiting":
        return True
    else:
        connection.execute("UPDATE jobs SET result = ? WHERE id = ?", [json.dumps(result), job.id])
    return False


def tie(connection: sqlite3.Connection, path: bytes, media_id: int) -> None:
    """The file at this path is that media: where it was fetched, the download says so."""
    connection.execute(
        "UPDATE downloads SET media_id = ? WHERE path = ?", [media_id, files.shown(path)]
    )


def open_addresses(connection: sqlite3.Connection) -> set[str]:
    """The addresses that wait or are being fetched."""
    rows = connection.execute(
        f"SELECT key FROM jobs WHERE kind = ? AND state IN {jobs.OPEN}", [FETCH]
    )
    return {str(row["key"]) for row in rows}


def accept(
    connection: sqlite3.Connection, job: Job, addresses: Sequence[str], refused: Sequence[str]
) -> None:
    """A file with addresses was read: they are lined up, and its row says what cannot be."""
    request(connection, addresses, again=False)
    jobs.finish(connection, job.id, result={"addresses": len(addresses), "refused": len(refused)})
    path = bytes.fromhex(job.key)
    root = roots.root_of(connection, path)
    if refused and root is not None:
        reason = f"{len(refused)} of its lines are not fetched: {refused[0]}"
        files.record_problem(connection, path, "ignored", reason, root.id)


def refuse(connection: sqlite3.Connection, job: Job, error: str) -> None:
    """A file with addresses cannot be read; its row says why."""
    path = bytes.fromhex(job.key)
    root = roots.root_of(connection, path)
    if root is not None:
        files.record_problem(connection, path, "unreadable", error, root.id)
    jobs.finish(connection, job.id, state="failed", error=error)
