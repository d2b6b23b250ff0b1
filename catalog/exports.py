"""What an export reads: who appears in what, and the faces that may stand for them, one person
after the other.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from catalog import files

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """Of whom it is exported (None: of everybody), and whether of videos alone."""

    people: tuple[int, ...] | None = None
    videos: bool = False

    @property
    def values(self) -> dict[str, object]:
        """The same for `_IN_SCOPE`."""
        chosen = None if self.people is None else json.dumps(self.people)
        return {"people": chosen, "videos": self.videos}


@dataclass(frozen=True, slots=True, kw_only=True)
class Appearance:
    """Somebody in a photo, or for a while in a video; `face_id` is the best face of them there."""

    person_id: int
    media_id: int
    sha256: str
    kind: str | None
    paths: tuple[str, ...]
    taken_at: str | None
    taken_at_local: str | None
    start_s: float | None
    end_s: float | None
    faces_count: int
    face_id: int
    quality: float | None
    confidence: float | None
    method: str | None

    @property
    def taken(self) -> str | None:
        """When it was taken, by the photographer's own clock where that is known."""
        return self.taken_at_local or self.taken_at


@dataclass(frozen=True, slots=True, kw_only=True)
class Likeness:
    """A face that may stand for somebody: the key of its crop, and from where and when it is."""

    person_id: int
    face_id: int
    media_id: int
    quality: float
    crop: str
    time_s: float | None
    taken: str | None


def visible_people(connection: sqlite3.Connection) -> list[tuple[int, str | None]]:
    """Number and name of everybody who is neither hidden nor merged into somebody, by number."""
    rows = connection.execute(
        "SELECT id, name FROM people WHERE hidden = 0 AND merged_into IS NULL ORDER BY id"
    )
    return [(int(row["id"]), row["name"]) for row in rows]


def appearances(connection: sqlite3.Connection, scope: Scope) -> Iterator[Appearance]:
    """Who is in what, by person, then by date; without a date last. What is hidden, forgotten or
    superseded is in none.
    """
    for row in connection.execute(_APPEARANCES, scope.values):
        paths = tuple(files.paths_of(connection, row["media_id"]))
        yield Appearance(paths=paths, **dict(row))


def likenesses(
    connection: sqlite3.Connection, scope: Scope, *, min_quality: float
) -> Iterator[Likeness]:
    """The faces of that quality or better that have a crop, by person, the best first."""
    for row in connection.execute(_LIKENESSES, {**scope.values, "min_quality": min_quality}):
        yield Likeness(**dict(row))


_IN_SCOPE = """
(:people IS NULL OR person_id IN (SELECT value FROM json_each(:people)))
AND (NOT :videos OR media.kind = 'video')
"""
# A track follows its best face: where that one is not to be seen, neither is the track.
_APPEARANCES = f"""
SELECT seen.person_id, seen.media_id, media.sha256, media.kind, media.taken_at,
       media.taken_at_local, seen.start_s, seen.end_s, seen.faces_count, faces.id AS face_id,
       faces.quality, decision.confidence, decision.method
FROM appearances AS seen JOIN media ON media.id = seen.media_id
JOIN faces ON faces.id = seen.best_face_id AND faces.state = 'active'
LEFT JOIN assignments AS decision ON decision.face_id = faces.id AND decision.model = 'all'
     AND decision.state = 'assigned' AND decision.ended_at IS NULL
WHERE {_IN_SCOPE.replace("person_id", "seen.person_id")}
ORDER BY seen.person_id, ifnull(media.taken_at_local, media.taken_at) IS NULL,
         ifnull(media.taken_at_local, media.taken_at), media.sha256, seen.start_s, faces.id
"""
_LIKENESSES = f"""
SELECT faces.person_id, faces.id AS face_id, faces.media_id, ifnull(faces.quality, 0.0) AS quality,
       faces.crop, faces.time_s, ifnull(media.taken_at_local, media.taken_at) AS taken
FROM faces JOIN people ON people.id = faces.person_id JOIN media ON media.id = faces.media_id
WHERE faces.state = 'active' AND people.hidden = 0 AND faces.crop IS NOT NULL
  AND ifnull(faces.quality, 0.0) >= :min_quality
  AND faces.media_id NOT IN (SELECT media_id FROM reference_only)
  AND faces.media_id NOT IN (SELECT media_id FROM replaced)
  AND {_IN_SCOPE}
ORDER BY faces.person_id, 4 DESC, media.sha256, faces.time_s, faces.x, faces.y
"""
