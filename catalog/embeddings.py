"""Vectors of faces whose crops are stored: which crops these are, and the vectors once computed."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from catalog import steps
from catalog.faces import ensure_embedder

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence

    from catalog.records import EmbedderRecord, StepRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class CropPlace:
    """Where a face's crop is and what it shows, as the catalog has it: key, landmarks (JSON text),
    and how crop pixels lie in the full-size picture.
    """

    face_id: int
    media_id: int
    crop: str
    landmarks: str
    scale: float
    x: float
    y: float


def places(connection: sqlite3.Connection, face_ids: Sequence[int]) -> list[CropPlace]:
    """Of these faces those that are there and have a crop, in order of their ids."""
    rows = connection.execute(
        f"""SELECT id AS face_id, media_id, crop, landmarks, crop_scale AS scale, crop_x AS x,
                   crop_y AS y
            FROM faces WHERE id IN ({",".join("?" * len(face_ids))})
              AND state IN ('active', 'hidden') AND crop IS NOT NULL AND landmarks IS NOT NULL
              AND crop_scale > 0 AND crop_x IS NOT NULL AND crop_y IS NOT NULL
            ORDER BY id""",
        list(face_ids),
    )
    return [CropPlace(**dict(row)) for row in rows]


def write(
    connection: sqlite3.Connection, place: CropPlace, vectors: dict[EmbedderRecord, bytes]
) -> bool:
    """Keep these vectors of a face, unless it has another crop by now. True where they were kept.

    An embedder that is new is not active: its vectors are compared once all faces have one.
    """
    same = connection.execute(
        """SELECT 1 FROM faces WHERE id = ? AND crop = ? AND landmarks = ?
           AND state IN ('active', 'hidden')""",
        [place.face_id, place.crop, place.landmarks],
    ).fetchone()
    if same is None:
        return False
    for kind, vector in vectors.items():
        embedder_id = ensure_embedder(connection, kind, active=False)
        connection.execute(
            "INSERT OR REPLACE INTO embeddings (face_id, embedder_id, vector) VALUES (?, ?, ?)",
            [place.face_id, embedder_id, vector],
        )
    return True


def note(connection: sqlite3.Connection, media_id: int, align: str, step: StepRecord) -> None:
    """Write an embed step beside those of other models, as reading the photo or each part of the
    video would have; not where crops were cut anew meanwhile, so that their align step has another
    fingerprint.
    """
    rows = connection.execute(
        """SELECT part, fingerprint FROM steps
           WHERE media_id = ? AND +step = 'align' AND +state = 'done' ORDER BY part""",
        [media_id],
    ).fetchall()
    parts = [int(row["part"]) for row in rows if row["fingerprint"] == align]
    if not rows and not align:
        parts = [0]
    for part in parts:
        own = replace(step, seconds=round(step.seconds / len(parts), 6))
        steps.add(connection, media_id, part, own)
