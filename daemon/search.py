"""Who is in this photo: its faces against every face of the catalog. Runs in a worker, stores
nothing.
"""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, Any

from catalog import neighbours
from catalog.connect import connect
from catalog.neighbours import Sight
from daemon.errors import BadFile
from daemon.people.ensemble import Ensemble
from daemon.people.gallery import read_references
from daemon.people.limits import limits
from daemon.people.match import match_faces
from daemon.pipeline import look

if TYPE_CHECKING:
    import sqlite3

    from daemon.faces.values import Vectors
    from daemon.pipeline import Look, Stages
    from daemon.tasks import SearchTask


def search(task: SearchTask, stages: Stages) -> dict[str, Any]:
    """For each face of the photo its box, who it matches, and the `k` most similar known faces.

    Raises BadFile where the photo cannot be read or holds no face.
    """
    with closing(connect(stages.settings.catalog, readonly=True)) as connection:
        ensemble = Ensemble.read(connection)
        # The settings may name other models by now: the catalog's count until all is recomputed.
        compared = [member.embedder.record for member in ensemble.members]
        found = look(task.path, stages, compared=compared)
        if not found.boxes:
            raise BadFile("no face was found in this picture")
        if not compared:
            raise BadFile("the catalog holds no faces yet; scan some photos first")
        vectors = _joined(found, ensemble)
        nearest = neighbours.nearest(connection, _sights(found, ensemble), task.k)
        matches = match_faces(
            vectors,
            read_references(connection, ensemble),
            limits(stages.settings.identify, ensemble.calibration),
            barred=[frozenset()] * len(vectors),
        )
        answers = []
        for box, similar, match in zip(found.boxes, nearest, matches, strict=True):
            person = None
            if match is not None:
                person = {
                    "person_id": match.person_id,
                    "name": _name(connection, match.person_id),
                    "similarity": round(match.similarity, 4),
                    "margin": round(match.margin, 4),
                    "confidence": round(match.confidence, 4),
                    "certain": match.certain,
                }
            described = neighbours.described(connection, similar)
            answers.append({"box": box, "person": person, "nearest": described})
    return {"faces": answers}


def _joined(found: Look, ensemble: Ensemble) -> Vectors:
    """The photo's vectors by the models that the catalog's faces are compared with."""
    keys = [member.embedder.record for member in ensemble.members]
    if not set(keys) <= found.vectors.keys():
        raise BadFile("the catalog's vectors were made by another model or other weights")
    return ensemble.joined([found.vectors[key] for key in keys])


def _sights(found: Look, ensemble: Ensemble) -> list[Sight]:
    """What each model of the catalog sees of the photo's faces."""
    return [
        Sight(
            embedder_id=member.embedder.id,
            weight=share,
            vectors=found.vectors[member.embedder.record],
        )
        for member, share in zip(ensemble.members, ensemble.shares, strict=True)
    ]


def _name(connection: sqlite3.Connection, person_id: int | None) -> str | None:
    row = connection.execute("SELECT name FROM people WHERE id = ?", [person_id]).fetchone()
    return None if row is None else row["name"]
