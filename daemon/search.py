"""Who is in this photo: its faces against every face of the catalog. Runs in a worker, stores
nothing.
"""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, Any

import numpy as np

from catalog.connect import connect
from daemon.errors import BadFile
from daemon.people import faces as faces_module
from daemon.people.gallery import read_references
from daemon.people.match import match_picture
from daemon.pipeline import look

if TYPE_CHECKING:
    import sqlite3

    from daemon.faces.values import Vectors
    from daemon.people.faces import KnownFace
    from daemon.pipeline import Stages
    from daemon.tasks import SearchTask


def search(task: SearchTask, stages: Stages) -> dict[str, Any]:
    """For each face of the photo its box, who it matches, and the `k` most similar known faces.

    Raises BadFile where the photo cannot be read or holds no face.
    """
    found = look(task.path, stages)
    if not found.boxes:
        raise BadFile("no face was found in this picture")
    with closing(connect(stages.settings.catalog, readonly=True)) as connection:
        active = connection.execute(
            "SELECT model, geometry, weights_sha256 FROM embedders WHERE active"
        ).fetchone()
        if active is None:
            raise BadFile("the catalog holds no faces yet; scan some photos first")
        if tuple(active) != found.embedder:
            raise BadFile("the catalog's vectors were made by another model or other weights")
        known = faces_module.everything(connection)
        matches = match_picture(
            found.vectors,
            read_references(connection),
            stages.settings.identify,
            barred=[frozenset()] * len(found.vectors),
        )
        answers = []
        for box, vector, match in zip(found.boxes, found.vectors, matches, strict=True):
            person = None
            if match is not None:
                person = {
                    "person_id": match.person_id,
                    "name": _name(connection, match.person_id),
                    "similarity": round(match.similarity, 4),
                    "margin": round(match.margin, 4),
                    "certain": match.certain,
                }
            nearest = _nearest(connection, vector, known, task.k)
            answers.append({"box": box, "person": person, "nearest": nearest})
    return {"faces": answers}


def _nearest(
    connection: sqlite3.Connection, vector: Vectors, known: list[KnownFace], k: int
) -> list[dict[str, Any]]:
    if not known:
        return []
    similarities = np.stack([face.vector for face in known]) @ vector
    order = np.argsort(-similarities, kind="stable")[:k]
    return [
        {
            "face_id": known[i].id,
            "media_id": known[i].media_id,
            "path": _path(connection, known[i].media_id),
            "name": _name(connection, known[i].person_id),
            "similarity": round(float(similarities[i]), 4),
        }
        for i in order
    ]


def _name(connection: sqlite3.Connection, person_id: int | None) -> str | None:
    row = connection.execute("SELECT name FROM people WHERE id = ?", [person_id]).fetchone()
    return None if row is None else row["name"]


def _path(connection: sqlite3.Connection, media_id: int) -> str | None:
    row = connection.execute(
        "SELECT path FROM files WHERE media_id = ? ORDER BY state = 'present' DESC, id LIMIT 1",
        [media_id],
    ).fetchone()
    return None if row is None else row["path"]
