"""What a person is known by: reference pictures in `people/<Name>/`, and faces that a person chose.

A reference picture is an ordinary file and an ordinary media; this module keeps one `exemplars` row
for each, which says which face was taken or why none was.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from catalog import jobs, people

if TYPE_CHECKING:
    import sqlite3

REJUDGE_PRIORITY = 5
# A second face in a reference picture is a bystander when it is clearly smaller: half the width is
# a quarter of the area. Closer than that, taking one would be a guess.
BYSTANDER_WIDTH = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """Which face of a reference picture was taken (None: none), and what to tell the user."""

    face_id: int | None
    state: str
    reason: str | None


def renew_for_media(connection: sqlite3.Connection, media_id: int) -> None:
    """Bring the exemplars of all reference files with this content up to date with its faces."""
    files = connection.execute(
        """SELECT files.id FROM files JOIN roots ON roots.id = files.root_id
           WHERE files.media_id = ? AND roots.role = 'reference' AND files.state = 'present'""",
        [media_id],
    ).fetchall()
    for row in files:
        enrol(connection, int(row["id"]))
    # Also where the same face was taken as before: its vector may be another one.
    known = connection.execute(
        """SELECT DISTINCT exemplars.person_id FROM faces
           JOIN exemplars ON exemplars.face_id = faces.id
           WHERE faces.media_id = ? AND exemplars.state = 'used'""",
        [media_id],
    ).fetchall()
    for row in known:
        rejudge(connection, int(row["person_id"]))


def enrol(connection: sqlite3.Connection, file_id: int) -> None:
    """Make or renew the exemplar of one present reference file whose media has been read."""
    row = connection.execute(
        """SELECT files.path_bytes, files.media_id, media.state, media.error,
                  roots.path_bytes AS root
           FROM files JOIN roots ON roots.id = files.root_id JOIN media ON media.id = files.media_id
           WHERE files.id = ?""",
        [file_id],
    ).fetchone()
    folder = _folder(bytes(row["path_bytes"]), bytes(row["root"])) if row is not None else None
    if row is None or folder is None or row["state"] == "pending":
        return
    choice = (
        _choose(connection, int(row["media_id"]))
        if row["state"] == "done"
        else Choice(face_id=None, state="poor", reason=row["error"])
    )
    _write(connection, file_id, _person(connection, file_id, folder), choice)


def withdraw_file(connection: sqlite3.Connection, file_id: int) -> None:
    """A reference file went away: its exemplar counts no longer, and who was known by it is judged
    again.
    """
    row = connection.execute(
        """UPDATE exemplars SET state = 'withdrawn', reason = 'the reference picture is gone'
           WHERE file_id = ? AND state <> 'withdrawn' RETURNING person_id""",
        [file_id],
    ).fetchone()
    if row is not None:
        rejudge(connection, int(row["person_id"]))


def withdraw_missing(connection: sqlite3.Connection) -> None:
    """Withdraw the exemplars of all reference files that are no longer there, and enrol those that
    are there again: a folder may come to be the people folder, or cease to, while nobody looks.
    """
    rows = connection.execute(
        """SELECT exemplars.file_id FROM exemplars JOIN files ON files.id = exemplars.file_id
           JOIN roots ON roots.id = files.root_id
           WHERE exemplars.state <> 'withdrawn' AND exemplars.source = 'folder'
             AND (files.state <> 'present' OR roots.role <> 'reference'
                  OR roots.state = 'retired')"""
    ).fetchall()
    for row in rows:
        withdraw_file(connection, int(row["file_id"]))
    rows = connection.execute(
        """SELECT files.id FROM files JOIN roots ON roots.id = files.root_id
           WHERE files.state = 'present' AND files.media_id IS NOT NULL
             AND roots.role = 'reference' AND roots.state <> 'retired'
             AND NOT EXISTS (SELECT 1 FROM exemplars WHERE exemplars.file_id = files.id
                             AND exemplars.state <> 'withdrawn')"""
    ).fetchall()
    for row in rows:
        enrol(connection, int(row["id"]))


def rejudge(connection: sqlite3.Connection, person_id: int) -> None:
    """Ask the identifier to look again at the faces that a change of this person can touch."""
    jobs.enqueue(connection, "rejudge", str(person_id), priority=REJUDGE_PRIORITY)


def _folder(path: bytes, root: bytes) -> str | None:
    """The name of the person's folder: the first one below the root. None for a picture right in
    it.
    """
    parts = os.path.relpath(path, root).split(b"/")
    return parts[0].decode("utf-8", "backslashreplace") if len(parts) > 1 else None


def _person(connection: sqlite3.Connection, file_id: int, folder: str) -> int:
    """Whose picture this is. A file that moved within the reference folders keeps its exemplar's
    row.

    When a whole folder was renamed its person goes along: the new folder has no person yet, and the
    old one has no files left.
    """
    known = connection.execute("SELECT 1 FROM people WHERE folder = ?", [folder]).fetchone()
    before = connection.execute(
        """SELECT people.id, people.folder FROM exemplars JOIN people ON people.id =
        exemplars.person_id
           WHERE exemplars.file_id = ? AND people.folder IS NOT NULL""",
        [file_id],
    ).fetchone()
    if known is None and before is not None and not _files_left(connection, before["folder"]):
        connection.execute("UPDATE people SET folder = ? WHERE id = ?", [folder, before["id"]])
        return int(before["id"])
    return people.for_folder(connection, folder)


def _files_left(connection: sqlite3.Connection, folder: str) -> bool:
    rows = connection.execute(
        """SELECT files.path_bytes, roots.path_bytes AS root FROM files
           JOIN roots ON roots.id = files.root_id
           WHERE roots.role = 'reference' AND files.state = 'present'"""
    )
    return any(_folder(bytes(row["path_bytes"]), bytes(row["root"])) == folder for row in rows)


def _choose(connection: sqlite3.Connection, media_id: int) -> Choice:
    faces = connection.execute(
        "SELECT id, w FROM faces WHERE media_id = ? AND state = 'active' ORDER BY w DESC, id",
        [media_id],
    ).fetchall()
    if not faces:
        return Choice(face_id=None, state="no_face", reason="no face was found in this picture")
    if len(faces) == 1:
        return Choice(face_id=int(faces[0]["id"]), state="used", reason=None)
    if faces[1]["w"] > BYSTANDER_WIDTH * faces[0]["w"]:
        reason = f"{len(faces)} faces of similar size: crop the picture to the one that is meant"
        return Choice(face_id=None, state="several", reason=reason)
    reason = f"{len(faces)} faces; the largest, by far, was taken"
    return Choice(face_id=int(faces[0]["id"]), state="used", reason=reason)


def _write(connection: sqlite3.Connection, file_id: int, person_id: int, choice: Choice) -> None:
    before = connection.execute(
        "SELECT person_id, face_id, state, reason FROM exemplars WHERE file_id = ?", [file_id]
    ).fetchone()
    now = (person_id, choice.face_id, choice.state, choice.reason)
    if before is not None and tuple(before) == now:
        return
    connection.execute(
        """INSERT INTO exemplars (person_id, face_id, file_id, source, state, reason)
           VALUES (?, ?, ?, 'folder', ?, ?)
           ON CONFLICT (file_id) WHERE file_id IS NOT NULL DO UPDATE SET
               person_id = excluded.person_id, face_id = excluded.face_id,
               state = excluded.state, reason = excluded.reason""",
        [person_id, choice.face_id, file_id, choice.state, choice.reason],
    )
    rejudge(connection, person_id)
    if before is not None and before["person_id"] != person_id:
        rejudge(connection, int(before["person_id"]))
