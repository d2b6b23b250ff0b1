"""Keeps face vectors out of what SQL in the browser can read."""

from __future__ import annotations

import sqlite3

# A vector says who somebody is to every program that uses the same model, so it does not leave by
# an export link.
HIDDEN_COLUMNS = frozenset({("embeddings", "vector"), ("track_vectors", "vector")})


def hide_vectors(
    action: int,
    table: str | None,
    column: str | None,
    _database: str | None,
    _trigger_or_view: str | None,
) -> int:
    """SQLite authorizer under which a vector column reads as NULL, through views and subqueries
    too.

    It hides, it does not lock: FULL JOIN … USING and NATURAL FULL JOIN read past it.
    """
    if action == sqlite3.SQLITE_READ and (table, column) in HIDDEN_COLUMNS:
        return sqlite3.SQLITE_IGNORE
    return sqlite3.SQLITE_OK
