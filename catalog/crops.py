"""crops.db: the pictures that pages show and that every later model reads (faces.crop is the
key).
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from catalog import clock

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable

    from catalog.records import CropRecord, PreviewRecord, StillRecord


def store_crops(crops: sqlite3.Connection, records: Iterable[CropRecord]) -> None:
    """Keep these crops; one that is there already is only dated anew, so that no cleaning takes
    it.
    """
    crops.executemany(
        """INSERT INTO crops (sha256, jpeg, stored_at) VALUES (?, ?, ?)
           ON CONFLICT (sha256) DO UPDATE SET stored_at = excluded.stored_at""",
        [(record.sha256, record.jpeg, clock.now()) for record in records],
    )


def read(crops: sqlite3.Connection, keys: Iterable[str]) -> dict[str, bytes]:
    """The JPEG of each of these crops (some hundreds at most) that is there."""
    wanted = list(keys)
    rows = crops.execute(
        f"SELECT sha256, jpeg FROM crops WHERE sha256 IN ({','.join('?' * len(wanted))})", wanted
    )
    return {row["sha256"]: bytes(row["jpeg"]) for row in rows}


def store_preview(crops: sqlite3.Connection, media_sha256: str, preview: PreviewRecord) -> None:
    """Keep the preview of a media, in place of an older one."""
    crops.execute(
        """INSERT OR REPLACE INTO previews (sha256, jpeg, width, height, stored_at, small)
           VALUES (?, ?, ?, ?, ?, ?)""",
        [media_sha256, preview.jpeg, preview.width, preview.height, clock.now(), preview.tile],
    )


def store_still(crops: sqlite3.Connection, media_sha256: str, still: StillRecord) -> None:
    """Keep the frame of a video that was looked at last, in place of the one before."""
    crops.execute(
        """INSERT OR REPLACE INTO still
               (id, sha256, time_s, jpeg, width, height, boxes, stored_at)
           VALUES (1, ?, ?, ?, ?, ?, ?, ?)""",
        [
            media_sha256,
            still.time_s,
            still.jpeg,
            still.width,
            still.height,
            json.dumps([[round(it, 1) for it in box] for box in still.boxes]),
            clock.now(),
        ],
    )


def drop_orphans(
    catalog: sqlite3.Connection, crops: sqlite3.Connection, *, older_than_s: float, limit: int = 500
) -> int:
    """Remove crops that no face, and previews and the still that no media refers to, if they are
    older than that.

    A crash between the two commits leaves an orphan; the age keeps this from taking what another
    process is about to refer to. At most `limit` of each go at once, to keep the transaction short.
    """
    before = clock.later(-older_than_s)
    dropped = 0
    for table, wanted in (
        ("crops", "SELECT 1 FROM faces WHERE crop = ?"),
        ("previews", "SELECT 1 FROM media WHERE sha256 = ?"),
        ("still", "SELECT 1 FROM media WHERE sha256 = ?"),
    ):
        keys = crops.execute(f"SELECT sha256 FROM {table} WHERE stored_at < ?", [before])
        orphans = []
        for (key,) in keys:
            if catalog.execute(wanted, [key]).fetchone() is None:
                orphans.append((key,))
            if len(orphans) == limit:
                break
        crops.executemany(f"DELETE FROM {table} WHERE sha256 = ?", orphans)
        dropped += len(orphans)
    return dropped
