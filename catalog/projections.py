"""Faces in two dimensions, as a nightly job computed them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence


def clear(connection: sqlite3.Connection, method: str) -> None:
    """Forget what a method gave before."""
    connection.execute("DELETE FROM projections WHERE method = ?", [method])


def add(
    connection: sqlite3.Connection, method: str, rows: Sequence[tuple[int, float, float]]
) -> None:
    """Where some faces lie, 0 to 10,000 to the right and down; faces that are gone are left out."""
    connection.executemany(
        """INSERT OR REPLACE INTO projections (face_id, method, x, y)
           SELECT ?1, ?2, ?3, ?4 WHERE EXISTS (SELECT 1 FROM faces WHERE id = ?1)""",
        [(face, method, x, y) for face, x, y in rows],
    )
