"""Where photos and videos were taken, for a map."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    import sqlite3

    from catalog.library import Filter

# Parts of a degree: what was taken within a hundred metres is one place, and where there are too
# many of those, within five hundred, and so on.
_PARTS: Final = (1000, 200, 50, 10, 1)
MOST: Final = 20_000


def places(connection: sqlite3.Connection, wanted: Filter, *, most: int = MOST) -> dict[str, Any]:
    """The places of what fits, at most so many: `latitude` and `longitude` of its middle, how many
    were taken there (`counts`), the last one that was added (`media`); `step`, how far apart places
    are in degrees; and how many have a place in all, `total`.
    """
    for parts in _PARTS:
        rows = _grouped(connection, wanted, parts, most + 1)
        if len(rows) <= most:
            break
    return {
        "latitude": [round(row["latitude"], 5) for row in rows],
        "longitude": [round(row["longitude"], 5) for row in rows],
        "counts": [int(row["media_count"]) for row in rows],
        "media": [int(row["media_id"]) for row in rows],
        "step": 1 / parts,
        "total": sum(int(row["media_count"]) for row in rows),
    }


def _grouped(
    connection: sqlite3.Connection, wanted: Filter, parts: int, most: int
) -> list[sqlite3.Row]:
    where, values = wanted.sql()
    return connection.execute(
        f"""SELECT avg(latitude) AS latitude, avg(longitude) AS longitude, count(*) AS media_count,
                   max(media.id) AS media_id
            FROM media WHERE latitude IS NOT NULL AND longitude IS NOT NULL AND {where}
            GROUP BY round(latitude * {parts}), round(longitude * {parts}) LIMIT ?""",
        [*values, most],
    ).fetchall()
