"""One scan of some paths, alone under the lock or through the daemon that runs, and what came of
it.
"""

from __future__ import annotations

import time
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from catalog import clock, jobs
from catalog.connect import connect, transaction
from catalog.roots import below, contains
from daemon.errors import EnvironmentTrouble
from daemon.following import daemon_runs, followed, wait_for_catalog
from daemon.progress import progress_bar
from daemon.supervisor import Supervisor

if TYPE_CHECKING:
    import sqlite3
    import threading
    from collections.abc import Sequence

    from daemon.settings import Settings

SCAN_KIND = "scan"
FOLLOW_S = 0.3


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """What lies under the scanned paths now, and what this scan added. `unread` files were left for
    later, because the scan was stopped or somebody cancelled their jobs.
    """

    files: int
    photos_new: int
    videos_new: int
    video_s: float
    already: int
    unread: int
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
            "videos_new": self.videos_new,
            "video_s": round(self.video_s, 3),
            "already": self.already,
            "unread": self.unread,
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
    with Supervisor(settings, "alone", stop=stop) as supervisor, progress_bar(show=show) as advance:
        seen = 0

        def looked_at(count: int) -> None:
            nonlocal seen
            seen += count
            advance(lambda: (supervisor.committed, _waiting(supervisor), f"{seen} files seen"))

        def working() -> None:
            advance(lambda: (supervisor.committed, _waiting(supervisor), ""))

        people = settings.paths.people
        if people.is_dir():
            supervisor.arrivals.scan([bytes(people.resolve())], "reference", progress=looked_at)
        supervisor.arrivals.scan(paths, "scanned", progress=looked_at)
        supervisor.drain(working)
        if supervisor.identification.changed and not stop.is_set():
            supervisor.repair(working)
    with closing(connect(settings.catalog)) as connection:
        scope(connection, paths)
        return summarise(connection, since=since, seconds=time.monotonic() - start)


def scan_through_daemon(
    settings: Settings, paths: Sequence[bytes], *, stop: threading.Event, show: bool
) -> Summary:
    """Hand the scan to the daemon as a job and follow it until all that it found is catalogued.

    Raises EnvironmentTrouble where the daemon could not do it, or ended before it was done.
    """
    start, since = time.monotonic(), clock.now()
    wait_for_catalog(settings, stop)
    with closing(connect(settings.catalog)) as connection, progress_bar(show=show) as advance:
        scope(connection, paths)
        with transaction(connection):
            job_id = jobs.enqueue(
                connection,
                SCAN_KIND,
                "|".join(path.hex() for path in paths),
                payload={"paths": [path.hex() for path in paths]},
                priority=30,
            )
        while not stop.wait(FOLLOW_S):
            running = daemon_runs(settings)  # before the jobs are counted, as `followed` does
            state = followed(connection, settings, job_id)["state"]
            open_jobs = int(connection.execute(_OPEN, {"now": clock.now()}).fetchone()[0])
            done = _done_since(connection, since)
            advance(lambda done=done, left=open_jobs, note=state: (done, left, note))  # type: ignore[misc]
            if state == "done" and not open_jobs:
                break
            if not running:
                raise EnvironmentTrouble(
                    f"the daemon ended before {open_jobs} jobs of the scan were done; start it "
                    "again, or run the same command without it"
                )
        return summarise(connection, since=since, seconds=time.monotonic() - start)


# Of what lies in scope: what is in hand or due, not what waits for another try some other time.
_OPEN = """
SELECT count(*) FROM jobs
WHERE (state = 'running' OR (state = 'waiting' AND ifnull(not_before, '') <= :now))
  AND (kind = 'rejudge' OR (kind IN ('ingest', 'identify', 'look') AND priority >= 0 AND media_id IN
       (SELECT media_id FROM temp.scope CROSS JOIN files
        ON path_bytes >= low AND path_bytes < high WHERE media_id IS NOT NULL)))
"""
# The files below the scanned paths, whose ranges are in a table because they can be thousands.
_FILES = "temp.scope CROSS JOIN files ON files.path_bytes >= low AND files.path_bytes < high"


def scope(connection: sqlite3.Connection, paths: Sequence[bytes]) -> None:
    """Note what `summarise` is about: these files, and everything below these folders."""
    outermost: list[bytes] = []
    for path in sorted(paths):
        if not any(contains(other, path) for other in outermost[-1:]):
            outermost.append(path)
    connection.execute("CREATE TEMP TABLE scope (low BLOB, high BLOB)")
    connection.executemany(
        "INSERT INTO temp.scope VALUES (?, ?)",
        [bounds for path in outermost for bounds in ((path, path + b"\0"), below(path))],
    )


def summarise(connection: sqlite3.Connection, *, since: str, seconds: float) -> Summary:
    """Count what the catalog holds in the scope of this connection."""
    files, done, unread = connection.execute(
        f"""SELECT count(*), count(DISTINCT media.id) FILTER (WHERE media.state = 'done'
                                                              AND files.state = 'present'),
                   count(*) FILTER (WHERE files.state = 'present' AND media.state = 'pending'
                                    AND media.error IS NULL)
            FROM {_FILES} LEFT JOIN media ON media.id = files.media_id
            WHERE files.state IN ('present', 'unreadable')"""
    ).fetchone()
    photos, videos, video_s = connection.execute(
        f"""SELECT ifnull(sum(kind = 'image'), 0), ifnull(sum(kind = 'video'), 0),
                   ifnull(sum(duration_s), 0.0)
            FROM media WHERE state = 'done'
              AND id IN (SELECT media_id FROM {_FILES} WHERE files.state = 'present')
              AND EXISTS (SELECT 1 FROM jobs WHERE jobs.media_id = media.id AND kind = 'ingest'
                          AND jobs.state = 'done' AND finished_at >= ?)""",
        [since],
    ).fetchone()
    faces, named, unnamed = connection.execute(
        f"""SELECT count(*), ifnull(sum(people.name IS NOT NULL), 0),
                   ifnull(sum(people.id IS NOT NULL AND people.name IS NULL), 0)
            FROM faces LEFT JOIN people ON people.id = faces.person_id
            WHERE faces.state = 'active' AND faces.media_id IN
                  (SELECT media_id FROM {_FILES} WHERE files.state = 'present')"""
    ).fetchone()
    failures = connection.execute(
        f"""SELECT files.path, ifnull(files.reason, media.error) AS reason,
                   ifnull(media.state, files.state) AS state
            FROM {_FILES} LEFT JOIN media ON media.id = files.media_id
            WHERE files.state = 'unreadable' OR (files.state = 'present'
                  AND (media.state <> 'done' OR media.kind = 'video') AND media.error IS NOT NULL)
            ORDER BY files.path"""
    ).fetchall()
    return Summary(
        files=int(files),
        photos_new=int(photos),
        videos_new=int(videos),
        video_s=float(video_s),
        already=int(done) - int(photos) - int(videos),
        unread=int(unread),
        faces=int(faces),
        named=int(named),
        unnamed=int(unnamed),
        seconds=seconds,
        failures=tuple({key: row[key] for key in ("path", "reason", "state")} for row in failures),
    )


def _done_since(connection: sqlite3.Connection, since: str) -> int:
    row = connection.execute(
        "SELECT count(*) FROM jobs WHERE kind = 'ingest' AND state = 'done' AND finished_at >= ?",
        [since],
    ).fetchone()
    return int(row[0])


def _waiting(supervisor: Supervisor) -> int:
    return supervisor.writer.run(lambda it: jobs.count(it, "ingest"))
