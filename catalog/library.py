"""Photos and videos for the pages: which fit a filter, and everything about one."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from catalog.errors import NotThereError, RollcallError
from catalog.gallery import Page

if TYPE_CHECKING:
    import sqlite3

KINDS: Final = ("photo", "video")
ORDERS: Final = {
    "newest": "taken_at_local DESC, media.id DESC",
    "oldest": "taken_at_local, media.id",
    "added": "media.id DESC",
    "faces": "faces_count DESC, media.id DESC",
}
_DAY: Final = re.compile(r"\d{4}(-(0[1-9]|1[0-2])(-(0[1-9]|[12]\d|3[01]))?)?")
# In the order in which they are done.
_STEPS: Final = {
    step: place
    for place, step in enumerate(("probe", "frames", "detect", "align", "quality", "embed"))
}
_VISIBLE: Final = (
    "media.state = 'done' AND media.id NOT IN (SELECT media_id FROM reference_only) "
    "AND media.id NOT IN (SELECT media_id FROM replaced)"
)


class FilterError(RollcallError):
    """What is asked for cannot be."""

    exit_code = 2


class NoSuchMediaError(NotThereError):
    """No photo or video has this number."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """Which photos and videos: of a kind, with all of these people, taken from one day to another
    (or month, or year), with a camera, below a folder, with a face of at least a quality, without a
    face, in an area (its south, west, north and east in degrees; west may be beyond east).
    """

    kind: str = ""
    people: tuple[int, ...] = ()
    since: str = ""
    until: str = ""
    camera: str = ""
    folder: str = ""
    quality: float | None = None
    faceless: bool = False
    area: tuple[float, float, float, float] | None = None
    order: str = "newest"

    def __post_init__(self) -> None:
        if self.kind and self.kind not in KINDS:
            raise FilterError(f"kind is one of {', '.join(KINDS)}")
        if self.order not in ORDERS:
            raise FilterError(f"order is one of {', '.join(ORDERS)}")
        for day in filter(None, (self.since, self.until)):
            if not _DAY.fullmatch(day):
                raise FilterError(
                    f"{day[:40]!r} is no date; expected a year, a month or a day such as 2024-05-06"
                )
        if self.area is not None:
            south, west, north, east = self.area
            if not (-90 <= south <= north <= 90 and abs(west) <= 180 and abs(east) <= 180):
                raise FilterError("area is south,west,north,east in degrees")

    @property
    def is_everything(self) -> bool:
        """Whether nothing is left out."""
        return self == Filter(order=self.order)

    def sql(self) -> tuple[str, list[Any]]:
        """A condition on `media` and its values."""
        found = _Conditions()
        found.add(_VISIBLE)
        if self.kind:
            found.add("media.kind = ?", "image" if self.kind == "photo" else "video")
        for person_id in self.people:
            found.add(
                """media.id IN (SELECT media_id FROM faces
                                WHERE person_id = ? AND state = 'active')""",
                person_id,
            )
        if self.since:
            found.add("taken_at_local >= ?", self.since)
        if self.until:  # all of that day, month or year
            found.add("taken_at_local < ?", f"{self.until}~")
        if self.camera:
            found.add(
                "trim(ifnull(camera_make, '') || ' ' || ifnull(camera_model, '')) = ?", self.camera
            )
        if self.folder.startswith("/"):
            folder = self.folder.rstrip("/").encode("utf-8", "surrogateescape")
            found.add(
                """media.id IN (SELECT media_id FROM files WHERE state = 'present'
                                AND path_bytes >= ? AND path_bytes < ?)""",
                folder + b"/",
                folder + b"0",  # what comes after the slash
            )
        elif self.folder:  # of any folder that is watched or was scanned
            folder = self.folder.rstrip("/").encode("utf-8", "surrogateescape")
            found.add(
                """media.id IN (SELECT media_id FROM roots JOIN files ON root_id = roots.id
                       WHERE files.state = 'present' AND files.path_bytes
                           >= CAST(roots.path_bytes || x'2f' || CAST(? AS BLOB) AS BLOB)
                       AND files.path_bytes
                           < CAST(roots.path_bytes || x'2f' || CAST(? AS BLOB) AS BLOB))""",
                folder + b"/",
                folder + b"0",
            )
        if self.quality is not None:
            found.add(
                """EXISTS (SELECT 1 FROM faces WHERE media_id = media.id AND faces.state = 'active'
                           AND faces.quality >= ?)""",
                self.quality,
            )
        if self.faceless:
            found.add("media.faces_count = 0")
        if self.area is not None:
            south, west, north, east = self.area
            found.add("latitude BETWEEN ? AND ?", south, north)
            either = "AND" if west <= east else "OR"  # over the 180th meridian
            found.add(f"(longitude >= ? {either} longitude <= ?)", west, east)
        return " AND ".join(found.parts), found.values


@dataclass(slots=True)
class _Conditions:
    parts: list[str] = field(default_factory=list)
    values: list[Any] = field(default_factory=list)

    def add(self, condition: str, *values: Any) -> None:
        self.parts.append(condition)
        self.values.extend(values)


def listed(
    connection: sqlite3.Connection, wanted: Filter, *, first: int = 0, size: int = 60
) -> Page:
    """The photos and videos that fit, in the filter's order."""
    where, values = wanted.sql()
    (total,) = connection.execute(f"SELECT count(*) FROM media WHERE {where}", values).fetchone()
    rows = connection.execute(
        f"""SELECT media.id AS media_id, kind, width, height, duration_s, taken_at_local,
                   faces_count FROM media WHERE {where}
            ORDER BY {ORDERS[wanted.order]} LIMIT ? OFFSET ?""",
        [*values, size, first],
    )
    return Page(rows=[dict(row) for row in rows], total=total, first=first, size=size)


def cameras(connection: sqlite3.Connection, *, size: int = 100) -> list[dict[str, Any]]:
    """The cameras there are, most used first."""
    rows = connection.execute(
        """SELECT trim(ifnull(camera_make, '') || ' ' || ifnull(camera_model, '')) AS camera,
                  sum(media_count) AS media_count
           FROM (SELECT camera_make, camera_model, count(*) AS media_count FROM media
                 GROUP BY camera_make, camera_model)
           GROUP BY camera HAVING camera <> '' ORDER BY media_count DESC, camera LIMIT ?""",
        [size],
    )
    return [{**dict(row), "label": camera_name(row["camera"])} for row in rows]


def camera_name(camera: str) -> str:
    """A maker and model without the maker again, which some write into the model too."""
    maker, _, model = camera.partition(" ")
    return model if model.lower().startswith(f"{maker.lower()} ") else camera


def folders(connection: sqlite3.Connection) -> list[str]:
    """The folders that are watched or were scanned."""
    rows = connection.execute(
        "SELECT path FROM roots WHERE state <> 'retired' AND role <> 'reference' ORDER BY path"
    )
    return [str(row["path"]) for row in rows]


def medium(connection: sqlite3.Connection, media_id: int) -> dict[str, Any]:
    """Everything that is known of a photo or video but its faces. Raises NoSuchMediaError."""
    row = connection.execute("SELECT * FROM media WHERE id = ?", [media_id]).fetchone()
    if row is None:
        raise NoSuchMediaError(f"there is no photo or video {media_id}")
    found = dict(row)
    found["exif"] = json.loads(found["exif"]) if found["exif"] else {}
    found["files"] = [
        dict(it)
        for it in connection.execute(
            """SELECT id AS file_id, path, bytes, state FROM files WHERE media_id = ?
               ORDER BY state = 'present' DESC, id LIMIT 50""",
            [media_id],
        )
    ]
    found["steps"] = [
        dict(it)
        for it in connection.execute(
            """SELECT step, model, count(*) AS parts, round(sum(seconds), 3) AS seconds,
                      max(started_at) AS started_at, max(error) AS error FROM steps
               WHERE media_id = ? GROUP BY step, model""",
            [media_id],
        )
    ]
    found["steps"].sort(key=lambda it: (_STEPS.get(it["step"], len(_STEPS)), it["model"] or ""))
    found["log"] = [
        dict(it)
        for it in connection.execute(
            """SELECT at, level, event, details FROM log WHERE media_id = ?
               ORDER BY id DESC LIMIT 50""",
            [media_id],
        )
    ]
    found["download"] = _first(
        connection.execute(
            "SELECT address, title, uploader FROM downloads WHERE media_id = ? LIMIT 1", [media_id]
        ).fetchone()
    )
    found["pair"] = [
        int(it["id"])
        for it in connection.execute(
            """SELECT id FROM media WHERE paired_media_id = :own
               UNION SELECT paired_media_id FROM media
               WHERE id = :own AND paired_media_id IS NOT NULL""",
            {"own": media_id},
        )
    ]
    return found


def _first(row: sqlite3.Row | None) -> dict[str, Any] | None:
    return None if row is None else dict(row)


def faces_in(connection: sqlite3.Connection, media_id: int) -> list[dict[str, Any]]:
    """The faces of a photo, left to right, with whose they are and what is asked of them."""
    rows = connection.execute(
        """SELECT faces.id AS face_id, x, y, w, h, quality, crop, faces.state, faces.person_id,
                  people.name, (SELECT person_id FROM assignments WHERE face_id = faces.id
                                AND state = 'suggested' AND ended_at IS NULL AND model = 'all')
                      AS suggested_id
           FROM faces LEFT JOIN people ON people.id = faces.person_id
           WHERE faces.media_id = ? AND faces.state IN ('active', 'hidden')
             AND track_id IS NULL ORDER BY x, faces.id LIMIT 1000""",
        [media_id],
    )
    return [dict(row) for row in rows]


def runs_in(connection: sqlite3.Connection, media_id: int) -> list[dict[str, Any]]:
    """Who is seen in a video from when to when, in order of time."""
    rows = connection.execute(
        """SELECT run_id, runs.person_id, people.name, start_s, end_s, runs.faces_count,
                  best_face_id AS face_id, faces.crop, best_quality
           FROM runs JOIN faces ON faces.id = best_face_id
           LEFT JOIN people ON people.id = runs.person_id
           WHERE runs.media_id = ? ORDER BY start_s, run_id LIMIT 5000""",
        [media_id],
    )
    return [dict(row) for row in rows]


def scenes_in(connection: sqlite3.Connection, media_id: int) -> list[float]:
    """When the scenes of a video begin, seconds."""
    rows = connection.execute(
        """SELECT start_s FROM scenes WHERE media_id = ? AND continues_scene_id IS NULL
           ORDER BY start_s LIMIT 5000""",
        [media_id],
    )
    return [float(row["start_s"]) for row in rows]


def original(connection: sqlite3.Connection, media_id: int) -> dict[str, Any]:
    """Where a photo or video lies, and what it is. Raises NoSuchMediaError."""
    row = connection.execute(
        """SELECT files.path_bytes, files.bytes, files.mtime_ns, media.mime, media.kind
           FROM files JOIN media ON media.id = files.media_id
           WHERE files.media_id = ? AND files.state = 'present' ORDER BY files.id LIMIT 1""",
        [media_id],
    ).fetchone()
    if row is None:
        raise NoSuchMediaError(f"no file of photo or video {media_id} is here")
    return dict(row)


def neighbours(
    connection: sqlite3.Connection, media_id: int, wanted: Filter
) -> tuple[int | None, int | None]:
    """What comes before and after a photo or video among those that fit, in the filter's order;
    None at either end.
    """
    column = _COLUMNS[wanted.order]
    row = connection.execute(
        f"SELECT {column} AS value FROM media WHERE id = ?", [media_id]
    ).fetchone()
    if row is None:
        return None, None
    found = (
        _beside(connection, media_id, row["value"], wanted, "<"),
        _beside(connection, media_id, row["value"], wanted, ">"),
    )
    return found if wanted.order == "oldest" else (found[1], found[0])


# What each of `ORDERS` goes by, before the number.
_COLUMNS: Final = {
    "newest": "taken_at_local",
    "oldest": "taken_at_local",
    "added": "id",
    "faces": "faces_count",
}


def _beside(
    connection: sqlite3.Connection, media_id: int, value: object, wanted: Filter, sign: str
) -> int | None:
    """What has the next lower or higher value of the order's column; nothing is below no value."""
    column = _COLUMNS[wanted.order]
    way = "DESC" if sign == "<" else ""
    steps: list[tuple[str, list[object]]]
    if value is None:
        steps = [(f"{column} IS NULL AND id {sign} ?", [media_id])]
        if sign == ">":
            steps.append((f"{column} IS NOT NULL", []))
    else:
        steps = [(f"({column}, id) {sign} (?, ?)", [value, media_id])]
        if sign == "<":
            steps.append((f"{column} IS NULL", []))
    where, values = wanted.sql()
    for condition, own in steps:
        row = connection.execute(
            f"""SELECT id FROM media WHERE {where} AND {condition}
                ORDER BY {column} {way}, id {way} LIMIT 1""",
            [*values, *own],
        ).fetchone()
        if row is not None:
            return int(row["id"])
    return None
