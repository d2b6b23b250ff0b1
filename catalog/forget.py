"""Forgetting people and faces for good: vectors, crops, what was decided, the name; what is left of
a face is a box that swallows whatever is found there again.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from catalog import changes, exemplars, leaders, log, people, traces
from catalog.connect import transaction
from catalog.decisions.aftermath import ids, judge_again, renew_references
from catalog.decisions.errors import DecisionError

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Collection, Sequence

# Rows of so many faces are erased in about 50 ms.
AT_ONCE = 500
_SHOWN = 5
Erased = Counter[str]
"""How many of what went: people, faces, vectors, crops, scores, projections, decisions, changes,
mentions, previews.
"""

_PLAIN = "(SELECT value FROM json_each(:people))"
# Faces that are one of these people, those of their reference pictures that are nobody else's, and
# superseded ones that last were.
_FACES = f"""
SELECT face_id AS id FROM assignments WHERE model = 'all' AND state = 'assigned'
   AND ended_at IS NULL AND person_id IN {_PLAIN}
UNION SELECT id FROM faces WHERE person_id IN {_PLAIN}
UNION SELECT face_id FROM exemplars AS known WHERE person_id IN {_PLAIN}
   AND face_id IS NOT NULL AND (source = 'folder' OR state = 'used')
   AND NOT EXISTS (SELECT 1 FROM assignments WHERE face_id = known.face_id AND model = 'all'
                   AND state = 'assigned' AND ended_at IS NULL)
   AND NOT EXISTS (SELECT 1 FROM rejections WHERE face_id = known.face_id
                   AND person_id IN {_PLAIN})
   AND NOT EXISTS (SELECT 1 FROM exemplars AS other WHERE other.face_id = known.face_id
                   AND other.person_id NOT IN {_PLAIN} AND other.state <> 'withdrawn')
UNION SELECT faces.id FROM assignments JOIN faces ON faces.id = assignments.face_id
   WHERE faces.state = 'superseded' AND assignments.person_id IN {_PLAIN}
   AND NOT EXISTS (SELECT 1 FROM assignments AS later WHERE later.face_id = faces.id
                   AND later.model = 'all' AND later.id > assignments.id)
"""


def forget_person(
    catalog: sqlite3.Connection, crops: sqlite3.Connection, person_id: int, *, actor: str
) -> Erased:
    """Erase somebody with everybody merged into them. Transactions of its own.

    Photos, their previews, paths and EXIF stay. Raises DecisionError while reference pictures of
    that person lie on the disk: they would bring the person back.
    """
    survivor = people.survivor(catalog, person_id)
    family = {survivor} | {
        int(row["id"])
        for row in catalog.execute("SELECT id FROM people WHERE merged_into = ?", [survivor])
    }
    _refuse(_reference_files(catalog, family))
    erased: Erased = Counter()
    while faces := _faces_of(catalog, family)[:AT_ONCE]:
        with transaction(catalog), transaction(crops):
            erased += _erase_faces(catalog, crops, faces)
    with transaction(catalog), transaction(crops):
        _refuse(_reference_files(catalog, family))
        # The machine may have found one more meanwhile.
        erased += _erase_faces(catalog, crops, _faces_of(catalog, family))
        erased += _erase_people(catalog, crops, family)
        _note(catalog, erased, actor)
    return erased


def forget_faces(
    catalog: sqlite3.Connection, crops: sqlite3.Connection, face_ids: Collection[int], *, actor: str
) -> Erased:
    """Erase these faces, whoever they are. Transactions of its own.

    Raises DecisionError where there is no such face, and while one is known by a reference picture.
    """
    known = catalog.execute(
        f"SELECT id FROM faces WHERE id IN {_PLAIN} AND state <> 'forgotten'",
        {"people": ids(face_ids)},
    )
    faces = sorted(int(row["id"]) for row in known)
    missing = set(face_ids) - set(faces)
    if missing or not faces:
        which = f"face {min(missing)}" if missing else "no face"
        raise DecisionError(f"{which}: there is no such face; the catalog's pages show the numbers")
    _refuse(_reference_files_of_faces(catalog, faces))
    erased: Erased = Counter()
    for start in range(0, len(faces), AT_ONCE):
        with transaction(catalog), transaction(crops):
            erased += _erase_faces(catalog, crops, faces[start : start + AT_ONCE])
    with transaction(catalog):
        _note(catalog, erased, actor)
    return erased


def leave_no_log(*connections: sqlite3.Connection) -> bool:
    """Empty the write-ahead logs, which hold earlier states of what was erased. False where a
    reader stood in the way: then they go with the next checkpoint.
    """
    busy = [it.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0] for it in connections]
    return not any(busy)


def _faces_of(catalog: sqlite3.Connection, family: Collection[int]) -> list[int]:
    rows = catalog.execute(
        f"SELECT faces.id FROM faces JOIN ({_FACES}) AS hers USING (id) WHERE state <> 'forgotten'",
        {"people": ids(family)},
    )
    return [int(row["id"]) for row in rows]


def _erase_faces(
    catalog: sqlite3.Connection, crops: sqlite3.Connection, faces: Sequence[int]
) -> Erased:
    """Everything that was computed from these faces or said of them; the boxes stay. A face of a
    track takes the whole track along.
    """
    whole = {*faces, *leaders.of(catalog, faces).values()}
    faces = sorted(whole | leaders.followers(catalog, whole))
    values = {"faces": ids(faces)}
    these = "(SELECT value FROM json_each(:faces))"
    erased: Erased = Counter(faces=len(faces), crops=_erase_crops(catalog, crops, values))
    known_by = catalog.execute(
        f"SELECT DISTINCT person_id FROM exemplars WHERE state = 'used' AND face_id IN {these}",
        values,
    ).fetchall()
    # While the vectors are there, by which rival claims on these faces are found.
    catalog.execute(f"UPDATE faces SET state = 'forgotten' WHERE id IN {these}", values)
    renew_references(catalog, faces)
    tracks = f"(SELECT id FROM tracks WHERE best_face_id IN {these})"
    gone = catalog.execute(f"DELETE FROM track_vectors WHERE track_id IN {tracks}", values)
    erased["vectors"] += gone.rowcount
    for statement in (
        f"""UPDATE tracks SET person_id = NULL, path = NULL, best_face_id = NULL
            WHERE best_face_id IN {these}""",
        f"UPDATE assignments SET evidence_face_id = NULL WHERE evidence_face_id IN {these}",
        f"UPDATE people SET cover_face_id = NULL WHERE cover_face_id IN {these}",
    ):
        catalog.execute(statement, values)
    for table, kind in _OF_FACES.items():
        gone = catalog.execute(f"DELETE FROM {table} WHERE face_id IN {these}", values)
        erased[kind] += gone.rowcount
    erased["changes"] += traces.drop_changes_of_faces(catalog, faces)
    catalog.execute(
        f"""UPDATE faces SET person_id = NULL, track_id = NULL, landmarks = NULL, quality = NULL,
                   confidence = 0, crop = NULL, crop_scale = NULL, crop_x = NULL, crop_y = NULL
            WHERE id IN {these}""",
        values,
    )
    judge_again(catalog, [], {int(row["person_id"]) for row in known_by})
    return erased


_OF_FACES = {
    "embeddings": "vectors",
    "quality": "scores",
    "projections": "projections",
    "assignments": "decisions",
    "rejections": "decisions",
    "exemplars": "decisions",
}


def _erase_crops(
    catalog: sqlite3.Connection, crops: sqlite3.Connection, values: dict[str, str]
) -> int:
    """The crops that no other face has."""
    rows = catalog.execute(
        """SELECT json_group_array(crop) FROM
           (SELECT DISTINCT crop FROM faces WHERE crop IS NOT NULL
            AND id IN (SELECT value FROM json_each(:faces))
            AND NOT EXISTS (SELECT 1 FROM faces AS other WHERE other.crop = faces.crop
                            AND other.id NOT IN (SELECT value FROM json_each(:faces))))""",
        values,
    ).fetchone()
    return crops.execute(
        "DELETE FROM crops WHERE sha256 IN (SELECT value FROM json_each(?))", [rows[0]]
    ).rowcount


def _erase_people(
    catalog: sqlite3.Connection, crops: sqlite3.Connection, family: Collection[int]
) -> Erased:
    """What is left of these people once their faces are gone: suggestions, what others are not,
    the name wherever it stands.
    """
    values = {"people": ids(family)}
    names = traces.names_of(catalog, family)
    folders = _folders(catalog, family)
    suggested = catalog.execute(
        f"SELECT face_id FROM assignments WHERE person_id IN {_PLAIN} AND ended_at IS NULL", values
    ).fetchall()
    erased: Erased = Counter(
        previews=traces.drop_reference_files(catalog, crops, folders),
        changes=traces.drop_changes_of_people(catalog, family),
        mentions=traces.drop_mentions(catalog, names),
    )
    for table in ("assignments", "rejections", "exemplars"):
        gone = catalog.execute(f"DELETE FROM {table} WHERE person_id IN {_PLAIN}", values)
        erased["decisions"] += gone.rowcount
    exemplars.renew_conflicts(catalog)  # what these people claimed is others' alone now
    catalog.execute(
        f"""DELETE FROM track_vectors WHERE track_id IN
            (SELECT id FROM tracks WHERE person_id IN {_PLAIN})""",
        values,
    )
    catalog.execute(
        f"UPDATE tracks SET person_id = NULL, path = NULL WHERE person_id IN {_PLAIN}", values
    )
    catalog.execute(
        f"DELETE FROM jobs WHERE kind = 'rejudge' AND CAST(key AS INTEGER) IN {_PLAIN}", values
    )
    catalog.execute(f"DELETE FROM people WHERE id IN {_PLAIN} AND merged_into IS NOT NULL", values)
    erased["people"] = len(family)
    catalog.execute(f"DELETE FROM people WHERE id IN {_PLAIN}", values)
    judge_again(catalog, [int(row["face_id"]) for row in suggested], [])
    return erased


def _note(catalog: sqlite3.Connection, erased: Erased, actor: str) -> None:
    """That something was forgotten stands in the undo log and the log, and no name with it."""
    counts = {kind: number for kind, number in sorted(erased.items()) if number}
    change_id = changes.begin(catalog, "forget", counts, actor=actor)
    changes.complete(catalog, change_id, inverse={}, keys={})
    log.write(catalog, "forgotten", erased=counts)


def _reference_files(catalog: sqlite3.Connection, family: Collection[int]) -> list[str]:
    """Pictures on the disk that these people are, or are about to be, known by."""
    found = {
        str(row["path"])
        for row in catalog.execute(
            f"""SELECT files.path FROM exemplars JOIN files ON files.id = exemplars.file_id
                WHERE person_id IN {_PLAIN} AND files.state = 'present'
                  AND exemplars.state <> 'withdrawn'""",
            {"people": ids(family)},
        )
    }
    for folder in _folders(catalog, family):
        files = catalog.execute(
            f"SELECT files.path {traces.IN_FOLDER} AND files.state = 'present'",
            {"folder": folder.encode("utf-8", "surrogateescape")},
        )
        found |= {str(file["path"]) for file in files}
    return sorted(found)


def _folders(catalog: sqlite3.Connection, family: Collection[int]) -> list[str]:
    rows = catalog.execute(
        f"SELECT folder FROM people WHERE id IN {_PLAIN} AND folder IS NOT NULL",
        {"people": ids(family)},
    )
    return [str(row["folder"]) for row in rows]


def _reference_files_of_faces(catalog: sqlite3.Connection, faces: Sequence[int]) -> list[str]:
    rows = catalog.execute(
        """SELECT DISTINCT files.path FROM exemplars JOIN files ON files.id = exemplars.file_id
           WHERE exemplars.face_id IN (SELECT value FROM json_each(?))
             AND exemplars.state IN ('used', 'conflict') AND files.state = 'present'
           ORDER BY 1""",
        [ids(faces)],
    )
    return [str(row["path"]) for row in rows]


def _refuse(files: Sequence[str]) -> None:
    if files:
        more = f" and {len(files) - _SHOWN} more" if len(files) > _SHOWN else ""
        raise DecisionError(
            f"reference pictures would bring this person back: {', '.join(files[:_SHOWN])}{more}; "
            "remove them first"
        )
