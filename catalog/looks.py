"""Second looks: before the identifier gives a name in doubt it asks for the mean vector of a face's
jittered crops, and judges again when it is there.

A face whose crop is gone, or whose look fails too often, gets none; see `given_up`.
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

from catalog import calibrations, jobs, media
from catalog.records import SECOND_LOOK

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Sequence

    from catalog.jobs import Job
    from catalog.records import EmbedderRecord

KIND = "look"


def kinds(connection: sqlite3.Connection) -> tuple[EmbedderRecord, ...]:
    """The second look's embedder of each active one, in their order."""
    return tuple(
        replace(it.record, geometry=it.geometry + SECOND_LOOK)
        for it in calibrations.active_embedders(connection)
    )


def embedder_ids(connection: sqlite3.Connection) -> list[int] | None:
    """The ids of `kinds`, in their order; None where one of them never looked at any face."""
    rows = connection.execute(
        """SELECT again.id FROM embedders JOIN embedders AS again
           ON again.model = embedders.model AND again.weights_sha256 = embedders.weights_sha256
              AND again.geometry = embedders.geometry || ?
           WHERE embedders.active ORDER BY embedders.id""",
        [SECOND_LOOK],
    ).fetchall()
    found = [int(row[0]) for row in rows]
    return found if found and len(found) == len(kinds(connection)) else None


def ask(connection: sqlite3.Connection, face_ids: Iterable[int]) -> list[int]:
    """Line up second looks at these faces; returns those that will be looked at.

    The others have been looked at already, or were given up. Their media are judged again when the
    looks are there.
    """
    ids = list(dict.fromkeys(face_ids))
    there = connection.execute(
        """SELECT id, media_id FROM faces WHERE state IN ('active', 'hidden')
           AND id IN (SELECT value FROM json_each(?))""",
        [json.dumps(ids)],
    )
    media_of = {int(row["id"]): int(row["media_id"]) for row in there}
    seen = looked_at(connection, ids)
    wanted: dict[int, list[int]] = {}
    for face_id in ids:
        if face_id in media_of and face_id not in seen:
            wanted.setdefault(media_of[face_id], []).append(face_id)
    asked = []
    for media_id, own in wanted.items():
        hopeless = given_up(connection, media_id)
        hopeful = [face_id for face_id in own if face_id not in hopeless]
        if hopeful:
            _enqueue(connection, media_id, hopeful)
            asked += hopeful
    return asked


def looked_at(connection: sqlite3.Connection, face_ids: Iterable[int]) -> set[int]:
    """Those of these faces that have their second look by every active embedder."""
    ids = embedder_ids(connection)
    if ids is None:
        return set()
    rows = connection.execute(
        """SELECT face_id FROM embeddings WHERE face_id IN (SELECT value FROM json_each(?))
           AND embedder_id IN (SELECT value FROM json_each(?))
           GROUP BY face_id HAVING count(*) = ?""",
        [json.dumps(list(face_ids)), json.dumps(ids), len(ids)],
    )
    return {int(row["face_id"]) for row in rows}


def given_up(connection: sqlite3.Connection, media_id: int) -> set[int]:
    """The faces of a media at which no second look can be had, as far as jobs still tell: their
    crop is gone, no model that looks is here, or the look took its worker along too often. Where
    crops were cut anew since, they may be looked at.
    """
    found: set[int] = set()
    for row in connection.execute(
        """SELECT state, payload, result FROM jobs WHERE media_id = :media AND kind = :kind
           AND finished_at >= ifnull((SELECT max(started_at) FROM steps WHERE media_id = :media
                                      AND +step = 'align'), '')""",
        {"media": media_id, "kind": KIND},
    ):
        if row["state"] in ("failed", "quarantined"):
            found.update(json.loads(row["payload"])["faces"])
        elif row["state"] == "done":
            found.update(json.loads(row["result"] or "{}").get("missing", ()))
    return found - looked_at(connection, found)


def close(connection: sqlite3.Connection, job: Job, missing: Sequence[int]) -> None:
    """A look was taken, as far as it could be: `missing` are the faces that got none. The media is
    judged again.
    """
    jobs.finish(connection, job.id, result={"missing": list(missing)} if missing else {})
    media.judge(connection, int(job.key))


def give_up(connection: sqlite3.Connection, job: Job, error: str, patience: jobs.Patience) -> None:
    """A look failed: it is tried again, or the media judged without it."""
    if jobs.put_back(connection, job, error, patience) == "quarantined":
        media.judge(connection, int(job.key))


def _enqueue(connection: sqlite3.Connection, media_id: int, face_ids: Sequence[int]) -> None:
    """One job a media; what waits already is looked at together with the new."""
    row = connection.execute(
        "SELECT payload FROM jobs WHERE kind = ? AND key = ? AND state = 'waiting'",
        [KIND, str(media_id)],
    ).fetchone()
    waiting = json.loads(row["payload"])["faces"] if row is not None else []
    jobs.enqueue(
        connection,
        KIND,
        str(media_id),
        media_id=media_id,
        payload={"faces": sorted({*waiting, *face_ids})},
    )
