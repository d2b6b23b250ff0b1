"""What happened, as rows that people can read and that never grow without bound."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from catalog import clock

if TYPE_CHECKING:
    import sqlite3

PRUNE_EVERY = 1000


def write(
    connection: sqlite3.Connection,
    event: str,
    *,
    level: str = "info",
    media_id: int | None = None,
    keep_rows: int = 100_000,
    **details: Any,
) -> None:
    """Add a line; every thousandth line drops those beyond `keep_rows`, oldest first."""
    row_id = connection.execute(
        "INSERT INTO log (at, level, media_id, event, details) VALUES (?, ?, ?, ?, ?)",
        [
            clock.now(),
            level,
            media_id,
            event,
            json.dumps(details, default=str) if details else None,
        ],
    ).lastrowid
    if row_id is not None and row_id % PRUNE_EVERY == 0:
        prune(connection, keep_rows=keep_rows)


def prune(connection: sqlite3.Connection, *, keep_rows: int) -> int:
    """Drop all lines but the newest `keep_rows`; returns how many went."""
    gone = connection.execute(
        "DELETE FROM log WHERE id <= (SELECT max(id) FROM log) - ?", [keep_rows]
    )
    return gone.rowcount
