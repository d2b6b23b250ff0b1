"""What monitors ask: whether it works, and numbers for Prometheus (its text format 0.0.4)."""

from __future__ import annotations

import os
import sqlite3
from typing import TYPE_CHECKING, Any, Final

from datasette.utils.asgi import Response

from catalog import status
from catalog.browse.answers import Asked, api, sent
from catalog.browse.site import site_of
from catalog.connect import crops_path
from catalog.errors import CatalogError

if TYPE_CHECKING:
    from collections.abc import Iterable

_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"


async def health(datasette: Any) -> Any:
    """200 where the catalog can be read and a daemon works on it, else 503. Monitors need no
    password for it, and learn nothing else.
    """
    site = site_of(datasette)
    assert site is not None  # else there is no such address
    readable = True
    try:
        await site.read(lambda it: it.execute("SELECT id FROM people LIMIT 1").fetchone())
    except (CatalogError, sqlite3.Error):
        readable = False
    running = site.options.running() if site.options.running else None
    said = {"catalog": "readable" if readable else "not readable", "daemon": running}
    return sent(said, status=200 if readable and running is not False else 503)


@api("GET")
async def metrics(asked: Asked) -> Any:
    """The numbers, one a line."""
    lines = await asked.read(lambda it: list(_lines(it, asked)))
    return Response("".join(lines), content_type=_TYPE, headers={"Cache-Control": "no-store"})


def _lines(connection: sqlite3.Connection, asked: Asked) -> Iterable[str]:
    running = asked.site.options.running
    if running is not None:
        yield _head("rollcall_daemon_running", "gauge", "Whether a daemon works on the catalog.")
        yield _line("rollcall_daemon_running", {}, int(running()))
    yield _head("rollcall_jobs", "gauge", "Jobs by kind and state.")
    for it in status.queue(connection):
        labels = {"kind": it["kind"], "state": it["state"]}
        yield _line("rollcall_jobs", labels, it["jobs"])
    counts = status.counts(connection)
    yield _head("rollcall_catalogued", "gauge", "What is in the catalog.")
    for name in ("photos", "videos", "faces", "named_people", "unnamed_people"):
        yield _line("rollcall_catalogued", {"what": name}, counts[name])
    for name, help_text in (
        ("pending", "Photos and videos that wait."),
        ("failures", "Files that could not be catalogued."),
        ("suggestions", "Questions that wait for an answer."),
    ):
        yield _head(f"rollcall_{name}", "gauge", help_text)
        yield _line(f"rollcall_{name}", {}, counts[name])
    yield _head("rollcall_step_seconds_total", "counter", "Seconds of work by stage and model.")
    rows = connection.execute(
        """SELECT step, model, count(*) AS parts, sum(seconds) AS seconds FROM steps
           GROUP BY step, model ORDER BY step, model"""
    ).fetchall()
    for row in rows:
        labels = {"step": row["step"], "model": row["model"]}
        yield _line("rollcall_step_seconds_total", labels, round(row["seconds"] or 0.0, 3))
    yield _head("rollcall_steps_total", "counter", "Steps that were done, by stage and model.")
    for row in rows:
        labels = {"step": row["step"], "model": row["model"]}
        yield _line("rollcall_steps_total", labels, row["parts"])
    yield _head("rollcall_worker_memory_bytes", "gauge", "Memory that worker processes hold.")
    workers = status.daemon(connection)["workers"] or {}
    for number, held in enumerate(workers.get("memory_mb") or ()):
        yield _line("rollcall_worker_memory_bytes", {"worker": str(number)}, int(held) << 20)
    yield _head("rollcall_file_bytes", "gauge", "Size of the catalog's files.")
    for file in (asked.site.path, crops_path(asked.site.path)):
        for path in (file, file.with_name(f"{file.name}-wal")):
            try:
                size = os.stat(path).st_size  # noqa: PTH116 - of a file that may be gone
            except OSError:
                continue
            yield _line("rollcall_file_bytes", {"file": path.name}, size)


def _head(name: str, kind: str, help_text: str) -> str:
    return f"# HELP {name} {help_text}\n# TYPE {name} {kind}\n"


def _line(name: str, labels: dict[str, str], value: float) -> str:
    shown = ",".join(f'{key}="{_escaped(text)}"' for key, text in labels.items())
    return f"{name}{{{shown}}} {value}\n" if shown else f"{name} {value}\n"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
