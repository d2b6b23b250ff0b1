"""Where a forgotten person is mentioned apart from the face: the undo log, the log, ended jobs, and
the rows of reference pictures that are gone.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING
from urllib.parse import quote

from catalog.decisions.aftermath import ids

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Collection, Iterable


def names_of(connection: sqlite3.Connection, people_ids: Collection[int]) -> set[str]:
    """What these people are and were called, their folders too."""
    rows = connection.execute(
        """SELECT name FROM people WHERE id IN (SELECT value FROM json_each(:people))
           UNION SELECT folder FROM people WHERE id IN (SELECT value FROM json_each(:people))
           UNION SELECT json_extract(forward, '$.name') FROM changes
                 WHERE action = 'name' AND json_extract(forward, '$.person_id') IN
                       (SELECT value FROM json_each(:people))
           UNION SELECT json_extract(row.value, '$[2]')
                 FROM changes, json_each(changes.inverse, '$.people') AS row
                 WHERE json_extract(row.value, '$[1]') = 'name'
                   AND json_extract(row.value, '$[0]') IN (SELECT value FROM json_each(:people))""",
        {"people": ids(people_ids)},
    )
    return {str(row[0]) for row in rows if row[0]}


def drop_changes_of_people(connection: sqlite3.Connection, people_ids: Collection[int]) -> int:
    """Drop every change about these people; what it brought about stays. Returns how many."""
    gone = connection.execute(
        """DELETE FROM changes WHERE id IN
           (SELECT change_id FROM change_subjects WHERE kind GLOB 'person*'
            AND subject_id IN (SELECT value FROM json_each(?)))""",
        [ids(people_ids)],
    )
    return gone.rowcount


def drop_changes_of_faces(connection: sqlite3.Connection, faces: Collection[int]) -> int:
    """Drop the changes about none but these faces, and these faces from the others. Returns how
    many changes went.
    """
    values = {"faces": ids(faces)}
    about = connection.execute(
        """SELECT DISTINCT change_id FROM change_subjects WHERE kind GLOB 'face:*'
           AND subject_id IN (SELECT value FROM json_each(:faces))""",
        values,
    ).fetchall()
    connection.execute(
        """DELETE FROM change_subjects WHERE kind GLOB 'face:*'
           AND subject_id IN (SELECT value FROM json_each(:faces))""",
        values,
    )
    gone = connection.execute(
        """DELETE FROM changes WHERE id IN (SELECT value FROM json_each(?)) AND NOT EXISTS
           (SELECT 1 FROM change_subjects WHERE change_id = changes.id AND kind GLOB 'face:*')""",
        [ids(row["change_id"] for row in about)],
    )
    return gone.rowcount


def drop_mentions(connection: sqlite3.Connection, names: Iterable[str]) -> int:
    """Drop the lines of the log and the ended jobs that mention one of these names. Returns how
    many.
    """
    gone = 0
    for form in {form for name in names for form in _forms(name)}:
        gone += connection.execute(
            "DELETE FROM log WHERE instr(event, :form) OR instr(ifnull(details, ''), :form)",
            {"form": form},
        ).rowcount
        gone += connection.execute(
            """DELETE FROM jobs WHERE state NOT IN ('waiting', 'running') AND (instr(key, :form)
               OR instr(payload, :form) OR instr(ifnull(result, ''), :form)
               OR instr(ifnull(error, ''), :form))""",
            {"form": form},
        ).rowcount
    if connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'sqlite_stat4'").fetchone():
        # Where SQLite was built so, ANALYZE keeps samples of what is indexed.
        connection.execute("DELETE FROM sqlite_stat4 WHERE tbl IN ('people', 'files')")
    return gone


def drop_reference_files(
    catalog: sqlite3.Connection, crops: sqlite3.Connection, folders: Iterable[str]
) -> int:
    """Drop the rows of reference pictures in these folders, which are gone from the disk, and the
    previews of those that lie nowhere else. Returns how many previews went.
    """
    previews = 0
    for folder in folders:
        rows = catalog.execute(
            f"DELETE FROM files WHERE id IN (SELECT files.id {IN_FOLDER}) RETURNING media_id",
            {"folder": folder.encode("utf-8", "surrogateescape")},
        ).fetchall()
        homeless = catalog.execute(
            """UPDATE media SET exif = NULL, error = NULL, paired_media_id = NULL
               WHERE id IN (SELECT value FROM json_each(?))
               AND NOT EXISTS (SELECT 1 FROM files WHERE media_id = media.id)
               RETURNING id, sha256""",
            [json.dumps([row["media_id"] for row in rows if row["media_id"] is not None])],
        ).fetchall()
        catalog.execute(
            "UPDATE steps SET error = NULL WHERE media_id IN (SELECT value FROM json_each(?))",
            [ids(row["id"] for row in homeless)],
        )
        previews += crops.execute(
            "DELETE FROM previews WHERE sha256 IN (SELECT value FROM json_each(?))",
            [json.dumps([row["sha256"] for row in homeless])],
        ).rowcount
    return previews


# Files below `:folder` in any folder of reference people; `/` is followed by `0` among bytes.
IN_FOLDER = """FROM roots JOIN files ON files.root_id = roots.id
    WHERE roots.role = 'reference'
      AND files.path_bytes > CAST(roots.path_bytes || x'2f' || :folder || x'2f' AS BLOB)
      AND files.path_bytes < CAST(roots.path_bytes || x'2f' || :folder || x'30' AS BLOB)"""


def _forms(name: str) -> set[str]:
    """How a name is written in text, in JSON, in a percent-encoded path, and in a path in
    hexadecimals.
    """
    return {name, json.dumps(name)[1:-1], quote(name), name.encode("utf-8", "replace").hex()}
