"""Where people are: the photos and videos that show all of them, by date."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from catalog import files

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """From the beginning of one date to the end of another, each a year, a month or a day
    (2024-05-06); None: open.
    """

    first: str | None = None
    last: str | None = None


def of_people(
    connection: sqlite3.Connection, people_ids: Sequence[int], span: Span, limit: int
) -> tuple[int, list[dict[str, Any]]]:
    """How many media show all these people in that span, and the first of them by date; without a
    date they come last, and are left out where a span is given.

    Dates are the photographer's own, where the photo knows them. Of a video the seconds where the
    first of the people is seen.
    """
    showing = " INTERSECT ".join(_SHOWING for _ in people_ids)
    rows = connection.execute(
        f"WITH showing AS ({showing}) {_MEDIA}", [*people_ids, span.first, span.last]
    ).fetchall()
    return len(rows), [_described(connection, row, people_ids[0]) for row in rows[:limit]]


def _described(connection: sqlite3.Connection, row: sqlite3.Row, person_id: int) -> dict[str, Any]:
    media_id = int(row["id"])
    names = connection.execute(_NAMES, [media_id]).fetchall()
    spans = connection.execute(
        "SELECT start_s, end_s FROM runs WHERE media_id = ? AND person_id = ? ORDER BY start_s",
        [media_id, person_id],
    ).fetchall()
    return {
        "media_id": media_id,
        "path": files.path_of(connection, media_id),
        "kind": row["kind"],
        "taken_at": row["taken_at"],
        "taken_at_local": row["taken_at_local"],
        "people": [it["name"] or f"person {it['id']}" for it in names],
        "seconds": [[it["start_s"], it["end_s"]] for it in spans],
    }


# By the caches and not by the views, so that the index on the person answers.
_SHOWING = """
SELECT DISTINCT media_id FROM faces WHERE person_id = ? AND state = 'active'
"""
_MEDIA = """
SELECT media.id, media.kind, media.taken_at, media.taken_at_local
FROM showing JOIN media ON media.id = showing.media_id, (SELECT ? AS first, ? AS last) AS span
WHERE media.id NOT IN (SELECT media_id FROM reference_only)
  AND media.id NOT IN (SELECT media_id FROM replaced)
  AND (span.first IS NULL OR ifnull(taken_at_local, taken_at) >= span.first)
  AND (span.last IS NULL
       OR substr(ifnull(taken_at_local, taken_at), 1, length(span.last)) <= span.last)
ORDER BY ifnull(taken_at_local, taken_at) IS NULL, ifnull(taken_at_local, taken_at), media.sha256
"""
_NAMES = """
SELECT id, name FROM people WHERE hidden = 0 AND id IN
    (SELECT person_id FROM faces WHERE media_id = ? AND state = 'active')
ORDER BY name IS NULL, name, id
"""
