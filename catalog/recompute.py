"""A change of recognition models, as far as the catalog knows of it: who has no vector by the new
ones yet, and the moment when these are compared instead of the old ones.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from catalog import calibrations, clock, jobs, log
from catalog.faces import ensure_embedder

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Mapping, Sequence

    from catalog.records import EmbedderRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class Behind:
    """A media as the ledger has it: the fingerprints of its align step and, by model, of its embed
    steps, and its faces that lack one of the vectors asked about.
    """

    media_id: int
    align: str
    embed: Mapping[str, str]
    lacking: tuple[int, ...]


def embedder_ids(
    connection: sqlite3.Connection, kinds: Sequence[EmbedderRecord]
) -> list[int | None]:
    """The ids of these embedders; None where no vector was ever made by one."""
    found = []
    for kind in kinds:
        row = connection.execute(
            "SELECT id FROM embedders WHERE model = ? AND weights_sha256 = ? AND geometry = ?",
            [kind.model, kind.weights_sha256, kind.geometry],
        ).fetchone()
        found.append(None if row is None else int(row["id"]))
    return found


def media_after(
    connection: sqlite3.Connection, kinds: Sequence[EmbedderRecord], *, after: int, limit: int
) -> list[Behind]:
    """The next media that were read, in order of their ids, whether there is work on them or
    not.
    """
    rows = connection.execute(
        # The plus keeps the planner on the index by media, and on the order of ids.
        """SELECT id, (SELECT fingerprint FROM steps WHERE media_id = media.id AND +step = 'align'
                       AND +steps.state = 'done') AS align,
                  (SELECT json_group_object(model, mark) FROM
                   (SELECT model, iif(count(DISTINCT fingerprint) = 1, min(fingerprint), '') AS mark
                    FROM steps WHERE media_id = media.id AND +step = 'embed'
                      AND +steps.state = 'done' GROUP BY model)) AS embed
           FROM media WHERE +state = 'done' AND id > ? ORDER BY id LIMIT ?""",
        [after, limit],
    ).fetchall()
    if not rows:
        return []
    lacking: dict[int, list[int]] = {}
    bounds = (int(rows[0]["id"]), int(rows[-1]["id"]))
    for face_id, media_id in _lacking(
        connection, kinds, "media_id BETWEEN ? AND ? ORDER BY media_id, id", bounds
    ):
        lacking.setdefault(media_id, []).append(face_id)
    return [
        Behind(
            media_id=int(row["id"]),
            align=row["align"] or "",
            embed=json.loads(row["embed"]),
            lacking=tuple(lacking.get(int(row["id"]), ())),
        )
        for row in rows
    ]


def faces_of(connection: sqlite3.Connection, media_id: int) -> list[int]:
    """The faces of a media that are, or after an undo may be, somebody."""
    rows = connection.execute(
        "SELECT id FROM faces WHERE media_id = ? AND state IN ('active', 'hidden') ORDER BY id",
        [media_id],
    )
    return [int(row["id"]) for row in rows]


def count_lacking(connection: sqlite3.Connection, kinds: Sequence[EmbedderRecord]) -> int:
    """How many faces lack a vector by one of these embedders."""
    return len(_lacking(connection, kinds, "1", ()))


def last_face(connection: sqlite3.Connection) -> int:
    """The highest id of a face."""
    return int(connection.execute("SELECT ifnull(max(id), 0) FROM faces").fetchone()[0])


def is_in_force(connection: sqlite3.Connection, kinds: Sequence[EmbedderRecord]) -> bool:
    """Whether exactly these embedders are the ones whose vectors are compared."""
    active = {it.record for it in calibrations.active_embedders(connection)}
    return active == set(kinds)


def switch(
    connection: sqlite3.Connection, kinds: Sequence[EmbedderRecord], *, above: int
) -> bool | None:
    """From this transaction on compare by these embedders alone, and have everybody judged again.

    None, and nothing is done, where a face that came after the one with the id `above` lacks a
    vector. False where these are compared already.
    """
    if _lacking(connection, kinds, "faces.id > ? LIMIT 1", (above,)):
        return None
    if is_in_force(connection, kinds):
        return False
    ids = [ensure_embedder(connection, kind, active=False) for kind in kinds]
    marks = ",".join("?" * len(ids))
    connection.execute(f"UPDATE embedders SET active = id IN ({marks})", ids)
    jobs.enqueue(connection, "repair", "whole")
    log.write(connection, "models switched", models=[kind.model for kind in kinds])
    return True


def end_opinions(connection: sqlite3.Connection, *, limit: int) -> int:
    """Withdraw verdicts of single models that are no longer asked; returns how many, at most
    `limit`.
    """
    ended = connection.execute(
        """UPDATE assignments SET state = 'withdrawn', ended_at = ? WHERE id IN
           (SELECT id FROM assignments WHERE ended_at IS NULL AND model <> 'all'
            AND model NOT IN (SELECT model FROM embedders WHERE active) LIMIT ?)""",
        [clock.now(), limit],
    )
    return ended.rowcount


def _lacking(
    connection: sqlite3.Connection,
    kinds: Sequence[EmbedderRecord],
    condition: str,
    values: Sequence[int],
) -> list[tuple[int, int]]:
    """Faces, and their media, that lack a vector by one of these embedders."""
    ids = embedder_ids(connection, kinds)
    lacks = " OR ".join(
        "NOT EXISTS (SELECT 1 FROM embeddings WHERE face_id = faces.id AND embedder_id = ?)"
        for _ in ids
    )
    rows = connection.execute(
        f"""SELECT id, media_id FROM faces WHERE state IN ('active', 'hidden') AND ({lacks})
            AND {condition}""",
        [*ids, *values],
    )
    return [(int(row["id"]), int(row["media_id"])) for row in rows]
