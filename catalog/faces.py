"""Rows of faces: written by a part, tied to those that were there before, so that a face keeps its
id.
"""

from __future__ import annotations

import json
from types import MappingProxyType
from typing import TYPE_CHECKING

from catalog import clock

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Mapping, Sequence

    from catalog.records import EmbedderRecord, FaceRecord

TIE_IOU = 0.5
Box = tuple[float, float, float, float]
# What stands in a picture, and what was forgotten in pictures of the same size that it replaced.
_BOXES = """
WITH RECURSIVE same(id, depth) AS (
    SELECT ?, 0
    UNION SELECT media.replaces_media_id, depth + 1 FROM same JOIN media ON media.id = same.id
    JOIN media AS older ON older.id = media.replaces_media_id
    WHERE older.width IS media.width AND older.height IS media.height AND depth < 100
)
SELECT depth, x, y, w, h, faces.state FROM same CROSS JOIN faces ON faces.media_id = same.id
WHERE frame_id IS NULL AND (faces.state = 'forgotten'
                            OR same.depth = 0 AND faces.state IN ('active', 'hidden'))
ORDER BY faces.id
"""


def replace_faces(
    connection: sqlite3.Connection, media_id: int, faces: Sequence[FaceRecord]
) -> list[int]:
    """Make these the active faces of a picture and return their ids, in order.

    A face whose box ties to an old one (IoU ≥ 0.5, one to one) keeps its id and with it every
    decision; an untied old face is superseded, unless a person decided on it: then it stays. A face
    that somebody had forgotten leaves no row: it has no id among these.
    """
    faces = without_forgotten(connection, media_id, faces)
    old = {
        int(row["id"]): (row["x"], row["y"], row["w"], row["h"])
        for row in connection.execute(
            """SELECT id, x, y, w, h FROM faces WHERE media_id = ? AND frame_id IS NULL
               AND state IN ('active', 'hidden') ORDER BY id""",
            [media_id],
        )
    }
    ties = tie([(face.x, face.y, face.w, face.h) for face in faces], old)
    ids = []
    for number, face in enumerate(faces):
        ids.append(write_face(connection, media_id, face, tied=ties.get(number)))
    for face_id in old.keys() - set(ties.values()):
        retire(connection, face_id)
    return ids


def write_face(
    connection: sqlite3.Connection,
    media_id: int,
    face: FaceRecord,
    *,
    tied: int | None,
    place: Mapping[str, object] = MappingProxyType({}),
) -> int:
    """Write a face with its measures and vectors, in the place of the one that it is `tied` to;
    returns its id. `place` are the columns that say where in a video it is.
    """
    values = {**_columns(face), **place}
    face_id = _insert(connection, media_id, values) if tied is None else tied
    if tied is not None:
        _update(connection, tied, values)
    _write_results(connection, face_id, face)
    return face_id


def without_forgotten(
    connection: sqlite3.Connection, media_id: int, faces: Sequence[FaceRecord]
) -> list[FaceRecord]:
    """These faces but those found where a face was forgotten, in this picture or in one that it
    replaces: such a face must not come back.

    One that ties better to another face of this picture is that one; so is one that ties to a face
    of this picture at all where only a picture that it replaces has a forgotten one.
    """
    rows = connection.execute(_BOXES, [media_id]).fetchall()
    forgotten = [_box(row) for row in rows if row["state"] == "forgotten"]
    if not forgotten:
        return list(faces)
    boxes = [(face.x, face.y, face.w, face.h) for face in faces]
    own = {place: _box(row) for place, row in enumerate(rows) if row["depth"] == 0}
    ties = tie(boxes, own)
    return [
        face
        for number, face in enumerate(faces)
        if (number in ties and rows[ties[number]]["state"] != "forgotten")
        or all(overlap(boxes[number], box) < TIE_IOU for box in forgotten)
    ]


def _box(row: sqlite3.Row) -> Box:
    return row["x"], row["y"], row["w"], row["h"]


def retire(connection: sqlite3.Connection, face_id: int) -> None:
    """The face is no longer there, so what the machine said of it ends. One that a person decided
    on stays; one of a track for which another face spoke goes, since nothing tells any more whose
    it was, and it had to be found where that one is forgotten.
    """
    if decided(connection, face_id):
        return
    gone = connection.execute(
        """DELETE FROM faces WHERE id = :id AND frame_id IS NOT NULL
           AND NOT EXISTS (SELECT 1 FROM assignments WHERE face_id = :id)
           AND NOT EXISTS (SELECT 1 FROM people WHERE cover_face_id = :id)""",
        {"id": face_id},
    )
    if gone.rowcount:
        return
    connection.execute(
        "UPDATE faces SET state = 'superseded', person_id = NULL WHERE id = ?", [face_id]
    )
    connection.execute(
        """UPDATE assignments SET state = 'withdrawn', ended_at = ?
           WHERE face_id = ? AND ended_at IS NULL""",
        [clock.now(), face_id],
    )


def tie(new: Sequence[Box], old: dict[int, Box]) -> dict[int, int]:
    """Which new box (by position) is which old one (by id): best overlap first, each used once."""
    pairs = sorted(
        (
            (overlap(box, other), -face_id, number)
            for number, box in enumerate(new)
            for face_id, other in old.items()
        ),
        reverse=True,
    )
    ties: dict[int, int] = {}
    for iou, negative_id, number in pairs:
        if iou >= TIE_IOU and number not in ties and -negative_id not in ties.values():
            ties[number] = -negative_id
    return ties


def overlap(a: Box, b: Box) -> float:
    """Intersection over union of two boxes (x, y, w, h); 0 where either has no area."""
    width = min(a[0] + a[2], b[0] + b[2]) - max(a[0], b[0])
    height = min(a[1] + a[3], b[1] + b[3]) - max(a[1], b[1])
    if width <= 0 or height <= 0:
        return 0.0
    shared = width * height
    return shared / (a[2] * a[3] + b[2] * b[3] - shared)


def decided(connection: sqlite3.Connection, face_id: int) -> bool:
    """Whether a person decided on this face: named it, ruled somebody out, made it an exemplar, or
    hid it.
    """
    found = connection.execute(
        """SELECT 1 WHERE EXISTS (SELECT 1 FROM assignments WHERE face_id = :id AND method = 'user'
                                  AND ended_at IS NULL)
              OR EXISTS (SELECT 1 FROM rejections WHERE face_id = :id)
              OR EXISTS (SELECT 1 FROM exemplars WHERE face_id = :id AND source = 'user'
                         AND state = 'used')
              OR EXISTS (SELECT 1 FROM faces WHERE id = :id AND state = 'hidden')""",
        {"id": face_id},
    ).fetchone()
    return found is not None


def ensure_embedder(connection: sqlite3.Connection, record: EmbedderRecord, *, active: bool) -> int:
    """The id of this way to compute a vector, made `active` where it is new and that is asked.

    Of the first face ever all are: several models that look together. A later embedder never
    becomes active here: its vectors are not comparable, so that switch is made in one transaction
    when it is complete.
    """
    row = connection.execute(
        "SELECT id FROM embedders WHERE model = ? AND weights_sha256 = ? AND geometry = ?",
        [record.model, record.weights_sha256, record.geometry],
    ).fetchone()
    if row is not None:
        return int(row["id"])
    cursor = connection.execute(
        """INSERT INTO embedders (model, weights_sha256, geometry, dimensions, active)
           VALUES (?, ?, ?, ?, ?)""",
        [
            record.model,
            record.weights_sha256,
            record.geometry,
            record.dimensions,
            int(active),
        ],
    )
    return int(cursor.lastrowid or 0)


def _columns(face: FaceRecord) -> dict[str, object]:
    return {
        "x": face.x,
        "y": face.y,
        "w": face.w,
        "h": face.h,
        "landmarks": json.dumps([[round(x, 2), round(y, 2)] for x, y in face.landmarks]),
        "detector": face.detector,
        "detector_version": face.detector_version,
        "confidence": face.confidence,
        "quality": face.quality.score,
        "crop": face.crop.sha256,
        "crop_scale": face.crop.scale,
        "crop_x": face.crop.x,
        "crop_y": face.crop.y,
    }


def _insert(connection: sqlite3.Connection, media_id: int, columns: Mapping[str, object]) -> int:
    values = {"media_id": media_id, **columns}
    cursor = connection.execute(
        f"INSERT INTO faces ({', '.join(values)}) VALUES ({', '.join('?' * len(values))})",
        list(values.values()),
    )
    return int(cursor.lastrowid or 0)


def _update(connection: sqlite3.Connection, face_id: int, values: Mapping[str, object]) -> None:
    # Of another crop, vectors by models that are not compared with (a second look's too) are out of
    # date; those in use stay until they are replaced, so that nobody is unnamed meanwhile.
    connection.execute(
        """DELETE FROM embeddings WHERE face_id = :id
           AND embedder_id IN (SELECT id FROM embedders WHERE NOT active)
           AND EXISTS (SELECT 1 FROM faces WHERE id = :id
                       AND (crop IS NOT :crop OR landmarks IS NOT :landmarks))""",
        {"id": face_id, "crop": values["crop"], "landmarks": values["landmarks"]},
    )
    connection.execute(
        f"UPDATE faces SET {', '.join(f'{name} = ?' for name in values)} WHERE id = ?",
        [*values.values(), face_id],
    )


def _write_results(connection: sqlite3.Connection, face_id: int, face: FaceRecord) -> None:
    quality = {
        "face_id": face_id,
        "version": face.quality.version,
        "reasons": json.dumps(list(face.quality.reasons), ensure_ascii=False),
        **face.quality.measures,
    }
    connection.execute(
        f"""INSERT OR REPLACE INTO quality ({", ".join(quality)})
            VALUES ({", ".join("?" * len(quality))})""",
        list(quality.values()),
    )
    first = connection.execute("SELECT 1 FROM embedders WHERE active").fetchone() is None
    for embedder, vector in face.vectors.items():
        embedder_id = ensure_embedder(connection, embedder, active=first)
        connection.execute(
            "INSERT OR REPLACE INTO embeddings (face_id, embedder_id, vector) VALUES (?, ?, ?)",
            [face_id, embedder_id, vector],
        )
