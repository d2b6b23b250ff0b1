"""Whether the catalog agrees with itself, with its crops and with the disk."""

from __future__ import annotations

import array
import hashlib
import math
import os
import random
import sqlite3
import sys
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING

from catalog import clock, jobs
from catalog.connect import connect, crops_path, transaction
from catalog.crops import drop_orphans

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

SAMPLE_CROPS = 1000
# Rounding of float32 moves the length of a unit vector by far less.
NORM_TOLERANCE = 1e-3
# A crash leaves orphans, and the nightly cleaning takes those older than a day.
ORPHAN_DAYS = 2
DAY_S = 86_400

SURVIVOR = """(SELECT ifnull(people.merged_into, people.id) FROM assignments
               JOIN people ON people.id = assignments.person_id
               WHERE assignments.face_id = ifnull((SELECT best_face_id FROM tracks
                                                   WHERE tracks.id = faces.track_id), faces.id)
               AND assignments.model = 'all'
               AND assignments.state = 'assigned' AND assignments.ended_at IS NULL)"""
LEADERS = "(SELECT person_id FROM faces WHERE faces.id = tracks.best_face_id)"
FACES = "(SELECT count(*) FROM faces WHERE media_id = media.id AND state = 'active')"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that is not as it should be; `fixable`: `fix` mends it, losing nothing."""

    check: str
    message: str
    fixable: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """A query that must give no rows; `message` is filled with the columns of each it gives."""

    check: str
    query: str
    message: str
    fixable: bool = False


RULES = (
    Rule(
        check="faces_count",
        query=f"""SELECT id, faces_count AS noted, {FACES} AS found FROM media
                  WHERE faces_count <> {FACES}""",
        message="media {id}: faces_count is {noted}, it has {found} faces",
        fixable=True,
    ),
    Rule(
        check="crop missing",
        query="""SELECT id, crop FROM faces WHERE crop IS NOT NULL
                 AND NOT EXISTS (SELECT 1 FROM pictures.crops WHERE sha256 = faces.crop)""",
        message="face {id}: its crop {crop} is not in crops.db",
    ),
    Rule(
        check="no crop",
        query="SELECT id FROM faces WHERE crop IS NULL AND state = 'active'",
        message="face {id}: has no crop, so no later model can see it",
    ),
    Rule(
        check="orphaned crop",
        query="""SELECT sha256, stored_at FROM pictures.crops WHERE stored_at < :orphan
                 AND NOT EXISTS (SELECT 1 FROM faces WHERE crop = crops.sha256)""",
        message="crop {sha256} of {stored_at}: no face refers to it",
        fixable=True,
    ),
    Rule(
        check="media state",
        query="""SELECT id FROM media WHERE state = 'done' AND NOT EXISTS
                 (SELECT 1 FROM steps WHERE media_id = media.id AND state = 'done')""",
        message="media {id}: is marked done, but no step of it is recorded as done",
    ),
    Rule(
        check="media state",
        query="""SELECT id, state FROM media WHERE state IN ('failed', 'quarantined')
                 AND error IS NULL""",
        message="media {id}: is marked {state} without a reason",
    ),
    Rule(
        check="media state",
        query="""SELECT id FROM media WHERE state = 'pending' AND NOT EXISTS
                 (SELECT 1 FROM jobs WHERE kind = 'ingest'
                  AND (media_id = media.id OR key = media.sha256)
                  AND state IN ('waiting', 'running', 'cancelled'))""",
        message="media {id}: is pending, but no job will ever read it",
    ),
    Rule(
        check="person",
        query=f"""SELECT id, person_id AS noted, {SURVIVOR} AS decided FROM faces
                  WHERE state IN ('active', 'hidden') AND person_id IS NOT {SURVIVOR}""",
        message="face {id}: person_id is {noted}, its open assignment says {decided}",
        fixable=True,
    ),
    Rule(
        check="track",
        query=f"""SELECT id, person_id AS noted, {LEADERS} AS decided FROM tracks
                  WHERE person_id IS NOT {LEADERS}""",
        message="track {id}: person_id is {noted}, the face that speaks for it is {decided}",
        fixable=True,
    ),
    Rule(
        check="merge",
        query="""SELECT people.id, people.merged_into AS target FROM people
                 JOIN people AS other ON other.id = people.merged_into
                 WHERE other.merged_into IS NOT NULL""",
        message="person {id}: is merged into {target}, who is merged further",
    ),
    Rule(
        check="running job",
        query="SELECT id, kind, key FROM jobs WHERE state = 'running' AND NOT :daemon",
        message="job {id} ({kind} {key}): is marked running, but no daemon runs",
        fixable=True,
    ),
)


def verify(
    catalog: Path,
    *,
    daemon_running: bool,
    full: bool = False,
    lexists: Callable[[bytes], bool] = os.path.lexists,
) -> Iterator[Finding]:
    """Everything that is wrong, as it is found. Writes nothing; the daemon may run.

    `full` compares every crop with its SHA-256, not a sample. Raises CatalogError where there is no
    catalog; a damaged one is a finding.
    """
    crops = crops_path(catalog)
    with closing(connect(catalog, readonly=True)) as connection:
        damaged = False
        for finding in _damage(connection, catalog):
            damaged = True
            yield finding
        if not crops.exists():
            yield Finding(check="crops", message=f"{crops}: is missing; restore it from a backup")
            return
        try:
            yield from _agreement(
                connection, crops, daemon_running=daemon_running, full=full, lexists=lexists
            )
        except sqlite3.DatabaseError as error:
            yield Finding(
                check="integrity",
                message=f"{catalog.parent}: the rest cannot be checked ({error}); "
                + ("restore a backup" if damaged else "try again"),
            )


def fix(catalog: Path) -> None:
    """Mend what follows from the rest: counts, cached people, orphans, running jobs nobody runs.

    Only the holder of the catalog's lock may do it.
    """
    with closing(connect(catalog)) as connection, closing(connect(crops_path(catalog))) as crops:
        with transaction(connection):
            connection.execute(
                f"UPDATE media SET faces_count = {FACES} WHERE faces_count <> {FACES}"
            )
            connection.execute(
                f"""UPDATE faces SET person_id = {SURVIVOR}
                    WHERE state IN ('active', 'hidden') AND person_id IS NOT {SURVIVOR}"""
            )
            connection.execute(
                f"UPDATE tracks SET person_id = {LEADERS} WHERE person_id IS NOT {LEADERS}"
            )
            jobs.reclaim(connection)
        dropped = 1
        while dropped:
            with transaction(crops):
                dropped = drop_orphans(connection, crops, older_than_s=ORPHAN_DAYS * DAY_S)


def _damage(connection: sqlite3.Connection, catalog: Path) -> Iterator[Finding]:
    """What SQLite itself finds: broken pages and indexes, rows that refer to nothing."""
    for path in (catalog, crops_path(catalog)):
        if not path.exists():
            continue
        try:
            with closing(connect(path, readonly=True)) as other:
                rows = [str(row[0]) for row in other.execute("PRAGMA integrity_check(100)")]
        except sqlite3.DatabaseError as error:
            rows = [str(error)]
        for text in rows:
            if text != "ok":
                line = " ".join(text.split())
                yield Finding(check="integrity", message=f"{path}: {line}; restore a backup")
    try:
        for row in connection.execute("PRAGMA foreign_key_check"):
            yield Finding(
                check="foreign key",
                message=f"{row[0]} row {row[1]}: refers to a row of {row[2]} that is not there",
            )
    except sqlite3.DatabaseError:
        return  # said above


def _agreement(
    connection: sqlite3.Connection,
    crops: Path,
    *,
    daemon_running: bool,
    full: bool,
    lexists: Callable[[bytes], bool],
) -> Iterator[Finding]:
    values = {"daemon": daemon_running, "orphan": clock.later(-ORPHAN_DAYS * DAY_S)}
    connection.execute("ATTACH ? AS pictures", [f"{crops.absolute().as_uri()}?mode=rw"])
    # One moment of both, the catalog's first: crops are committed before the faces that need them.
    connection.execute("BEGIN")
    connection.execute("SELECT count(*) FROM main.sqlite_master").fetchone()
    connection.execute("SELECT count(*) FROM pictures.sqlite_master").fetchone()
    for rule in RULES:
        for row in connection.execute(rule.query, values):
            yield Finding(
                check=rule.check,
                message=rule.message.format(**dict(row)),
                fixable=rule.fixable,
            )
    yield from _vectors(connection)
    yield from _pictures(connection, full=full)
    yield from _files(connection, lexists)


def _vectors(connection: sqlite3.Connection) -> Iterator[Finding]:
    for table, key in (("embeddings", "face_id"), ("track_vectors", "track_id")):
        rows = connection.execute(
            f"""SELECT {key} AS id, vector, dimensions, model FROM {table}
                JOIN embedders ON embedders.id = {table}.embedder_id"""
        )
        for row in rows:
            problem = _vector_problem(row["vector"], row["dimensions"])
            if problem:
                what = key.removesuffix("_id")
                yield Finding(
                    check="vector",
                    message=f"{what} {row['id']}: its {row['model']} vector {problem}",
                )


def _vector_problem(vector: bytes, dimensions: int) -> str | None:
    """What is wrong with little-endian float32 bytes that should be a unit vector."""
    if len(vector) != 4 * dimensions:
        return f"has {len(vector)} bytes, not {4 * dimensions}"
    numbers = array.array("f", vector)
    if sys.byteorder == "big":
        numbers.byteswap()
    length = math.hypot(*numbers)
    # Written so that a length that is no number counts as wrong.
    if not abs(length - 1) <= NORM_TOLERANCE:
        return f"has length {length:.4g}, not 1"
    return None


def _pictures(connection: sqlite3.Connection, *, full: bool) -> Iterator[Finding]:
    """Crops whose bytes are not those that their key names; a random sample unless `full`."""
    count = connection.execute("SELECT count(*) FROM pictures.crops").fetchone()[0]
    step = 1 if full else max(1, count // SAMPLE_CROPS)
    rows = connection.execute(
        "SELECT sha256, jpeg FROM pictures.crops WHERE rowid % ? = ?",
        [step, random.randrange(step)],
    )
    for row in rows:
        if hashlib.sha256(row["jpeg"]).hexdigest() != row["sha256"]:
            yield Finding(
                check="crop bytes", message=f"crop {row['sha256']}: its bytes were changed"
            )


def _files(connection: sqlite3.Connection, lexists: Callable[[bytes], bool]) -> Iterator[Finding]:
    """Files noted as present that are not; a folder that cannot be reached proves nothing."""
    for root in connection.execute("SELECT * FROM roots WHERE state = 'present'").fetchall():
        if not lexists(root["path_bytes"]):
            yield Finding(check="file", message=f"folder {root['path']!r}: is noted as present")
            continue
        for row in connection.execute(
            "SELECT path_bytes, path FROM files WHERE root_id = ? AND state = 'present'",
            [root["id"]],
        ):
            if not lexists(row["path_bytes"]):
                yield Finding(
                    check="file", message=f"file {row['path']!r}: is noted as present and is gone"
                )
