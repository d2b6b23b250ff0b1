"""What is fetched from addresses: requests, what came of them, and the media that they became."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

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
    """A file that came from an address, where it is to lie."""

    title: str | None
    uploader: str | None
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
            "SELECT 1 FROM downloads WHERE address = ? AND state = 'done'", [address]
        ).fetchone()
        if again or known is None:
            found.append(jobs.enqueue(connection, FETCH, address, priority=_PRIORITY))
    return found


def begin(connection: sqlite3.Connection, address: str, came: Sequence[Fetched]) -> None:
    """Note what came, and where it is about to be put."""
    for it in came:
        connection.execute(
            """INSERT INTO downloads (address, title, uploader, path, state)
               VALUES (?, ?, ?, ?, 'running')""",
            [address, it.title, it.uploader, it.path],
        )


def begun(connection: sqlite3.Connection, address: str) -> list[str]:
    """Where what came from this address was about to be put when the daemon ended."""
    rows = connection.execute(
        "SELECT path FROM downloads WHERE address = ? AND state = 'running' ORDER BY id", [address]
    )
    return [str(row["path"]) for row in rows]


def forget_begun(connection: sqlite3.Connection, address: str) -> None:
    """What was about to be put somewhere is not there: it comes again."""
    connection.execute(
        "DELETE FROM downloads WHERE address = ? AND state IN ('running', 'failed')", [address]
    )


def finish(connection: sqlite3.Connection, job: Job, result: dict[str, Any]) -> None:
    """Everything lies where it should."""
    connection.execute(
        """UPDATE downloads SET state = 'done', error = NULL,
                  media_id = (SELECT media_id FROM files WHERE files.path = downloads.path)
           WHERE address = ? AND state = 'running'""",
        [job.key],
    )
    jobs.finish(connection, job.id, result=result)


def fail(
    connection: sqlite3.Connection, job: Job, error: str, patience: Patience, *, for_good: bool
) -> None:
    """Nothing came, for the given reason; tried again later unless it is `for_good`."""
    forget_begun(connection, job.key)
    if for_good:
        jobs.finish(connection, job.id, state="failed", error=error)
    elif jobs.put_back(connection, job, error, patience) == "waiting":
        return
    connection.execute(
        "INSERT INTO downloads (address, state, error) VALUES (?, 'failed', ?)", [job.key, error]
    )


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


def refuse(connection: sqlite3.Connection, job: Job, error: str) -> None:
    """A file with addresses cannot be read; its row says why."""
    path = bytes.fromhex(job.key)
    root = roots.root_of(connection, path)
    if root is not None:
        files.record_problem(connection, path, "unreadable", error, root.id)
    jobs.finish(connection, job.id, state="failed", error=error)
