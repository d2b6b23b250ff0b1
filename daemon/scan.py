"""One scan of some paths, alone under the lock or through the daemon that runs, and what came of
it.
"""

from __future__ import annotations

import time
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from catalog import clock, jobs
from catalog.connect import connect, transaction
from catalog.roots import below
from daemon.supervisor import Supervisor

if TYPE_CHECKING:
    import sqlite3
    import threading
    from collections.abc import Callable, Iterator, Sequence

    from daemon.settings import Settings

SCAN_KIND = "scan"
FOLLOW_S = 0.3


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """What lies under the scanned paths now, and what this scan added."""

    files: int
    photos_new: int
    already: int
    faces: int
    named: int
    unnamed: int
    seconds: float
    failures: tuple[dict[str, str], ...]

    def as_dict(self) -> dict[str, Any]:
        """The same for JSON."""
        return {
            "files": self.files,
            "photos_new": self.photos_new,
            "already": self.already,
            "faces": self.faces,
            "named": self.named,
            "unnamed": self.unnamed,
            "unknown": self.faces - self.named - self.unnamed,
            "seconds": round(self.seconds, 3),
            "failures": list(self.failures),
        }


def scan_alone(
    settings: Settings, paths: Sequence[bytes], *, stop: threading.Event, show: bool
) -> Summary:
    """Take the lock, scan reference people and these paths, judge everybody once, and let go."""
    start, since = time.monotonic(), clock.now()
    with Supervisor(settings, "alone", stop=stop) as supervisor, _bar(show) as advance:
        seen = 0

        def looked_at(count: int) -> None:
            nonlocal seen
            seen += count
            advance(supervisor.committed, _waiting(supervisor), f"{seen} files seen")

        def working() -> None:
            advance(supervisor.committed, _waiting(supervisor), "")

        people = settings.paths.people
        if people.is_dir():
            supervisor.arrivals.scan([bytes(people.resolve())], "reference", progress=looked_at)
        supervisor.arrivals.scan(paths, "scanned", progress=looked_at)
        supervisor.drain(working)
        if supervisor.identification.changed and not stop.is_set():
            supervisor.repair(working)
    with closing(connect(settings.catalog, readonly=True)) as connection:
        return summarise(connection, paths, since=since, seconds=time.monotonic() - start)


def scan_through_daemon(
    settings: Settings, paths: Sequence[bytes], *, stop: threading.Event, show: bool
) -> Summary:
    """Hand the scan to the daemon as a job and follow it until all that it found is catalogued."""
    start, since = time.monotonic(), clock.now()
    with closing(connect(settings.catalog)) as connection, _bar(show) as advance:
        with transaction(connection):
            job_id = jobs.enqueue(
                connection,
                SCAN_KIND,
                "|".join(path.hex() for path in paths),
                payload={"paths": [path.hex() for path in paths]},
                priority=30,
            )
        while not stop.wait(FOLLOW_S):
            row = connection.execute(
                "SELECT state, error FROM jobs WHERE id = ?", [job_id]
            ).fetchone()
            open_jobs = sum(
                jobs.count(connection, kind) for kind in ("ingest", "identify", "rejudge")
            )
            done = _done_since(connection, since)
            advance(done, open_jobs, row["state"])
            if row["state"] not in ("waiting", "running") and not open_jobs:
                break
        return summarise(connection, paths, since=since, seconds=time.monotonic() - start)


def summarise(
    connection: sqlite3.Connection, paths: Sequence[bytes], *, since: str, seconds: float
) -> Summary:
    """Count what the catalog holds under these paths."""
    chosen = " OR ".join(["path_bytes = ? OR (path_bytes >= ? AND path_bytes < ?)"] * len(paths))
    bounds = [value for path in paths for value in (path, *below(path))]
    files = connection.execute(
        f"SELECT count(*) FROM files WHERE state IN ('present', 'unreadable') AND ({chosen})",
        bounds,
    ).fetchone()[0]
    done = connection.execute(
        f"""SELECT count(DISTINCT media.id) FROM files JOIN media ON media.id = files.media_id
            WHERE files.state = 'present' AND media.state = 'done' AND ({chosen})""",
        bounds,
    ).fetchone()[0]
    new = connection.execute(
        f"""SELECT count(DISTINCT jobs.media_id)
            FROM files JOIN jobs ON jobs.media_id = files.media_id
            WHERE files.state = 'present' AND jobs.kind = 'ingest' AND jobs.state = 'done'
              AND jobs.finished_at >= ? AND ({chosen})""",
        [since, *bounds],
    ).fetchone()[0]
    faces = connection.execute(
        f"""SELECT count(*), ifnull(sum(people.name IS NOT NULL), 0),
                   ifnull(sum(people.id IS NOT NULL AND people.name IS NULL), 0)
            FROM faces LEFT JOIN people ON people.id = faces.person_id
            WHERE faces.state = 'active' AND faces.media_id IN
                  (SELECT media_id FROM files WHERE state = 'present' AND ({chosen}))""",
        bounds,
    ).fetchone()
    failures = connection.execute(
        f"""SELECT files.path, ifnull(files.reason, media.error) AS reason
            FROM files LEFT JOIN media ON media.id = files.media_id
            WHERE (files.state = 'unreadable' OR (files.state = 'present'
                   AND media.state IN ('failed', 'quarantined', 'pending'))) AND ({chosen})
            ORDER BY files.path""",
        bounds,
    ).fetchall()
    return Summary(
        files=int(files),
        photos_new=int(new),
        already=int(done) - int(new),
        faces=int(faces[0]),
        named=int(faces[1]),
        unnamed=int(faces[2]),
        seconds=seconds,
        failures=tuple(
            {"path": row["path"], "reason": row["reason"] or "not read yet"} for row in failures
        ),
    )


def _done_since(connection: sqlite3.Connection, since: str) -> int:
    row = connection.execute(
        "SELECT count(*) FROM jobs WHERE kind = 'ingest' AND state = 'done' AND finished_at >= ?",
        [since],
    ).fetchone()
    return int(row[0])


def _waiting(supervisor: Supervisor) -> int:
    return supervisor.writer.run(lambda it: jobs.count(it, "ingest"))


@contextmanager
def _bar(show: bool) -> Iterator[Callable[[int, int, str], None]]:  # noqa: FBT001 - an option's value
    """A progress bar with rate and time left on standard error; does nothing where not shown."""
    if not show:
        yield lambda *_: None
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    columns = (
        TextColumn("[bold]{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(),
        TextColumn("{task.fields[note]}"),
    )
    start = last = time.monotonic()
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("photos", total=None, rate="", note="")

        def advance(done: int, waiting: int, note: str) -> None:
            nonlocal last
            if time.monotonic() - last < 0.1:
                return
            last = time.monotonic()
            rate = done / max(0.1, last - start)
            progress.update(
                task, completed=done, total=done + waiting, rate=f"{rate:.1f}/s", note=note
            )

        yield advance
