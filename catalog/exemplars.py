"""What a person is known by: reference pictures in `people/<Name>/`, and faces that a person chose.

A reference picture is an ordinary file and an ordinary media; this module keeps one `exemplars` row
for each, which says which face was taken or why none was.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from catalog import claims, folders, jobs
from catalog.claims import Claim

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable

REJUDGE_PRIORITY = 5
# A second face in a reference picture is a bystander when it is clearly smaller: half the width is
# a quarter of the area. Closer than that, taking one would be a guess.
BYSTANDER_WIDTH = 0.5
# One picture of each of 90 people of Labeled Faces in the Wild was blurred or made small by steps.
# With a quality of 0.35 to 0.40 it still finds 0.39 of their other pictures at the balanced
# threshold, and 1.5 in 1,000 strangers; below it 0.09, and 1.1 in 1,000. Untouched, the worst of
# them has 0.59; a face 24 pixels wide has 0.39 or more.
POOR_QUALITY = 0.35


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
           WHERE files.id = ? AND files.state = 'present'""",
        [file_id],
    ).fetchone()
    if row is None or row["state"] == "pending":
        return
    folder = folders.name_of(bytes(row["path_bytes"]), bytes(row["root"]))
    if folder is None:  # right in the people folder, and nobody's
        withdraw_file(connection, file_id)
        return
    choice = (
        _choose(connection, int(row["media_id"]))
        if row["state"] == "done"
        else Choice(face_id=None, state="poor", reason=row["error"])
    )
    person_id = folders.person_of(connection, file_id, folder)
    if choice.state == "used" and choice.face_id is not None:
        claim = Claim(file_id=file_id, face_id=choice.face_id, person_id=person_id)
        rivals = claims.rivals(connection, claim)
        if rivals:
            choice = replace(choice, state="conflict", reason=claims.reason(rivals))
    _write(connection, file_id, person_id, choice)


def withdraw_file(connection: sqlite3.Connection, file_id: int) -> None:
    """A reference file went away: its exemplar counts no longer, and who was known by it is judged
    again.
    """
    before = _exemplar(connection, file_id)
    if before is None or before["state"] == "withdrawn":
        return
    connection.execute(
        """UPDATE exemplars SET state = 'withdrawn', reason = 'the reference picture is gone'
           WHERE file_id = ?""",
        [file_id],
    )
    rejudge(connection, int(before["person_id"]))
    _let_go(connection, file_id, before)


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
    renew_conflicts(connection)


def renew_for_people(connection: sqlite3.Connection, people_ids: Iterable[int]) -> None:
    """After these people became one, or several again: whether their folders claim one face."""
    for file_id in claims.contested(connection, people_ids):
        enrol(connection, file_id)


def renew_conflicts(connection: sqlite3.Connection) -> None:
    """Whether the faces that several people claimed still are: a rival may be gone, and the face
    that was taken for the same may have another vector by now.
    """
    rows = connection.execute(
        "SELECT file_id FROM exemplars WHERE state = 'conflict' AND file_id IS NOT NULL"
    ).fetchall()
    for row in rows:
        enrol(connection, int(row["file_id"]))


def rejudge(connection: sqlite3.Connection, person_id: int) -> None:
    """Ask the identifier to look again at the faces that a change of this person can touch."""
    jobs.enqueue(connection, "rejudge", str(person_id), priority=REJUDGE_PRIORITY)


def _choose(connection: sqlite3.Connection, media_id: int) -> Choice:
    faces = connection.execute(
        """SELECT faces.id, w, faces.quality, quality.reasons FROM faces
           LEFT JOIN quality ON quality.face_id = faces.id
           WHERE media_id = ? AND state = 'active' ORDER BY w DESC, faces.id""",
        [media_id],
    ).fetchall()
    if not faces:
        return Choice(face_id=None, state="no_face", reason="no face was found in this picture")
    if len(faces) > 1 and faces[1]["w"] > BYSTANDER_WIDTH * faces[0]["w"]:
        reason = f"{len(faces)} faces of similar size: crop the picture to the one that is meant"
        return Choice(face_id=None, state="several", reason=reason)
    face_id = int(faces[0]["id"])
    if faces[0]["quality"] is not None and faces[0]["quality"] < POOR_QUALITY:
        return Choice(face_id=face_id, state="poor", reason=_why_poor(faces[0]))
    taken = f"{len(faces)} faces; the largest, by far, was taken" if len(faces) > 1 else None
    return Choice(face_id=face_id, state="used", reason=taken)


def _why_poor(face: sqlite3.Row) -> str:
    reasons = ", ".join(json.loads(face["reasons"] or "[]"))
    return (
        f"too poor to know anybody by (quality {face['quality']:.2f}"
        f"{': ' if reasons else ''}{reasons}); give a larger, sharper picture"
    )


def _exemplar(connection: sqlite3.Connection, file_id: int) -> sqlite3.Row | None:
    row: sqlite3.Row | None = connection.execute(
        "SELECT id, person_id, face_id, state, reason FROM exemplars WHERE file_id = ?", [file_id]
    ).fetchone()
    return row


def _write(connection: sqlite3.Connection, file_id: int, person_id: int, choice: Choice) -> None:
    before = _exemplar(connection, file_id)
    now = (person_id, choice.face_id, choice.state, choice.reason)
    if before is not None and tuple(before)[1:] == now:
        return
    if before is not None and before["person_id"] != person_id:
        connection.execute(
            """UPDATE exemplars SET file_id = NULL, state = 'withdrawn',
                      reason = 'the picture is in another folder now' WHERE id = ?""",
            [before["id"]],
        )
        rejudge(connection, int(before["person_id"]))
    connection.execute(
        """INSERT INTO exemplars (person_id, face_id, file_id, source, state, reason)
           VALUES (?, ?, ?, 'folder', ?, ?)
           ON CONFLICT (file_id) WHERE file_id IS NOT NULL DO UPDATE SET
               face_id = excluded.face_id, state = excluded.state, reason = excluded.reason""",
        [person_id, choice.face_id, file_id, choice.state, choice.reason],
    )
    rejudge(connection, person_id)
    if choice.state == "conflict" and choice.face_id is not None:
        _tell(connection, Claim(file_id=file_id, face_id=choice.face_id, person_id=person_id))
    if before is not None:
        _let_go(connection, file_id, before)


def _tell(connection: sqlite3.Connection, claim: Claim) -> None:
    """Whoever else claims this face hears of a claim that came, changed or went.

    It ends, because an exemplar that stays as it is tells nobody.
    """
    for rival in claims.rivals(connection, claim):
        enrol(connection, rival.file_id)


def _let_go(connection: sqlite3.Connection, file_id: int, before: sqlite3.Row) -> None:
    """What follows where a claim is no longer what it was: others may have that face, and a folder
    that is empty now may have been renamed.
    """
    person_id = int(before["person_id"])
    if before["state"] == "conflict" and before["face_id"] is not None:
        face_id = int(before["face_id"])
        _tell(connection, Claim(file_id=file_id, face_id=face_id, person_id=person_id))
    heir = folders.heir(connection, person_id)
    if heir is not None:
        folders.inherit(connection, person_id, heir)
        renew_for_people(connection, [person_id])
        for one in (person_id, heir):
            rejudge(connection, one)
