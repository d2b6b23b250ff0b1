"""Whose a folder of reference pictures is, also after it was renamed, emptied or filled again."""

# Paths are bytes here, which pathlib does not take.
# ruff: noqa: PTH118, PTH119, PTH120

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from catalog import people
from catalog.roots import below

if TYPE_CHECKING:
    import sqlite3


def name_of(path: bytes, root: bytes) -> str | None:
    """The name of the person's folder: the first one below the root. None for a picture right in
    it.
    """
    parts = os.path.relpath(path, root).split(b"/")
    return _text(parts[0]) if len(parts) > 1 else None


def person_of(connection: sqlite3.Connection, file_id: int, folder: str) -> int:
    """Whose picture this is.

    A picture whose old folder is empty takes that folder's person along into one that is nobody's
    yet: as the last file that moved, or as a copy of a file that went.
    """
    known = connection.execute("SELECT 1 FROM people WHERE folder = ?", [folder]).fetchone()
    if known is None:
        before = connection.execute(_BEFORE, [file_id]).fetchall()
        left = [row for row in before if not has_files(connection, row["folder"])]
        if len(left) == 1:
            connection.execute("UPDATE people SET folder = ? WHERE id = ?", [folder, left[0]["id"]])
            return int(left[0]["id"])
    return people.for_folder(connection, folder)


def apart(old: bytes, new: bytes) -> tuple[bytes, bytes]:
    """The folders in which two paths begin to differ, seen from their ends: where a folder was
    renamed, its old and new path, whichever file in it one looks at.
    """
    while os.path.basename(old) == os.path.basename(new) and old != new:
        old, new = os.path.dirname(old), os.path.dirname(new)
    return old, new


def rename(connection: sqlite3.Connection, old: bytes, new: bytes) -> None:
    """A folder at `old` is now at `new`. Where both are people's folders and the new one is
    nobody's, its person goes along before its files do, of which only some move at a time.
    """
    names = [_of_person(connection, path) for path in (old, new)]
    if None not in names:
        connection.execute(
            """UPDATE people SET folder = :new WHERE folder = :old
               AND NOT EXISTS (SELECT 1 FROM people WHERE folder = :new)""",
            {"old": names[0], "new": names[1]},
        )


def heir(connection: sqlite3.Connection, person_id: int) -> int | None:
    """Who has this person's pictures now that the folder is empty: somebody whose every face was
    this person's before, and of whom nobody decided anything.

    That one's folder is this person's, renamed file by file, or copied and then deleted.
    """
    row = connection.execute("SELECT folder FROM people WHERE id = ?", [person_id]).fetchone()
    if row is None or row["folder"] is None or has_files(connection, row["folder"]):
        return None
    found = connection.execute(_HEIRS, {"id": person_id}).fetchall()
    return int(found[0]["id"]) if len(found) == 1 else None


def inherit(connection: sqlite3.Connection, person_id: int, heir_id: int) -> None:
    """The heir was this person all along: folder and pictures are this person's."""
    (folder,) = connection.execute("SELECT folder FROM people WHERE id = ?", [heir_id]).fetchone()
    # Without a name and pictures, and soon without faces, the heir is in no list.
    connection.execute("UPDATE people SET folder = NULL, name = NULL WHERE id = ?", [heir_id])
    connection.execute("UPDATE people SET folder = ? WHERE id = ?", [folder, person_id])
    connection.execute(
        """DELETE FROM exemplars WHERE person_id = ? AND file_id IS NULL AND source = 'folder'
           AND face_id IN (SELECT face_id FROM exemplars WHERE person_id = ?)""",
        [person_id, heir_id],
    )
    connection.execute(
        "UPDATE exemplars SET person_id = ? WHERE person_id = ?", [person_id, heir_id]
    )


def has_files(connection: sqlite3.Connection, folder: str) -> bool:
    """Whether a picture lies in this person's folder."""
    roots = connection.execute(
        "SELECT id, path_bytes FROM roots WHERE role = 'reference' AND state <> 'retired'"
    ).fetchall()
    return any(_has_files(connection, root, folder) for root in roots)


def _has_files(connection: sqlite3.Connection, root: sqlite3.Row, folder: str) -> bool:
    place = bytes(root["path_bytes"])
    # A name with a backslash may stand for bytes that are no text: then all files are looked at.
    low, high = below(place if "\\" in folder else os.path.join(place, folder.encode()))
    rows = connection.execute(
        """SELECT path_bytes FROM files
           WHERE path_bytes >= ? AND path_bytes < ? AND +root_id = ? AND state = 'present'""",
        [low, high, root["id"]],
    )
    return any(name_of(bytes(row["path_bytes"]), place) == folder for row in rows)


def _of_person(connection: sqlite3.Connection, path: bytes) -> str | None:
    """The name of the folder at this path, where that is a person's."""
    rows = connection.execute(
        "SELECT path_bytes FROM roots WHERE role = 'reference' AND state <> 'retired'"
    )
    parent = os.path.dirname(path)
    is_one = any(bytes(row["path_bytes"]) == parent for row in rows)
    return _text(os.path.basename(path)) if is_one else None


def _text(name: bytes) -> str:
    return name.decode("utf-8", "backslashreplace")


# Who was known by this content before, as this file or as another.
_BEFORE = """
SELECT DISTINCT people.id, people.folder
FROM files AS this JOIN exemplars ON exemplars.source = 'folder'
     AND (exemplars.file_id IN (SELECT id FROM files WHERE media_id = this.media_id)
          OR exemplars.face_id IN (SELECT id FROM faces WHERE media_id = this.media_id))
JOIN people ON people.id = exemplars.person_id
WHERE this.id = ? AND people.folder IS NOT NULL
"""
_HEIRS = """
SELECT people.id FROM people
WHERE people.id IN (SELECT theirs.person_id FROM exemplars AS own
                    JOIN exemplars AS theirs ON theirs.face_id = own.face_id
                    WHERE own.person_id = :id AND theirs.person_id <> :id
                      AND theirs.state <> 'withdrawn')
  AND people.origin = 'reference' AND people.name = people.folder
  AND people.merged_into IS NULL AND people.hidden = 0 AND people.cover_face_id IS NULL
  AND NOT EXISTS (SELECT 1 FROM exemplars AS theirs
                  WHERE theirs.person_id = people.id AND theirs.face_id IS NOT NULL
                    AND NOT EXISTS (SELECT 1 FROM exemplars AS own
                        WHERE own.person_id = :id AND own.face_id = theirs.face_id
                          AND own.id < theirs.id))
  AND NOT EXISTS (SELECT 1 FROM change_subjects WHERE kind GLOB 'person*'
                  AND subject_id = people.id)
  AND NOT EXISTS (SELECT 1 FROM assignments WHERE person_id = people.id AND method = 'user')
  AND NOT EXISTS (SELECT 1 FROM rejections WHERE person_id = people.id)
  AND NOT EXISTS (SELECT 1 FROM people AS other WHERE other.merged_into = people.id)
"""
