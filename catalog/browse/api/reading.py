"""What there is, as JSON: status, people, photos and videos, faces, questions, jobs."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from catalog import evidence, gallery, leaders, library, neighbours, sentences, status
from catalog.browse.answers import Asked, Problem, api
from catalog.library import Filter

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Mapping

    from catalog.evidence import Bars
    from catalog.gallery import Page
    from catalog.vectors import Neighbour

DESCRIPTION: Final = Path(__file__).parents[1] / "openapi.json"
# With their pictures so many people, or tiles, weigh less than a megabyte.
PAGE: Final = 48
MOST_PAGES: Final = 100_000


@api("GET")
async def description(_asked: Asked) -> Any:
    """This API, as OpenAPI 3.1."""
    return json.loads(DESCRIPTION.read_text(encoding="utf-8"))


@api("GET")
async def about(asked: Asked) -> Any:
    """What is going on: counts, queue, videos in hand, failures."""
    return await asked.read(lambda it: now(it, asked))


def now(connection: sqlite3.Connection, asked: Asked) -> dict[str, Any]:
    """The same, for pages."""
    workers = (status.daemon(connection)["workers"] or {}).get("count") or 1
    videos = status.videos_in_hand(connection, workers=workers)
    options = asked.site.options
    return {
        "running": options.running() if options.running else None,
        "counts": status.counts(connection),
        "queue": status.queue(connection),
        "videos": [{**it, "told": status.minutes_done(it)} for it in videos],
        "made_with_other_settings": options.outdated(connection) if options.outdated else {},
    }


@api("GET")
async def people(asked: Asked) -> Any:
    """People of a kind, most faces first, a page at a time."""
    kind, called, first = _kind(asked), asked.text("name"), _first(asked)
    size = asked.number("size", PAGE, most=500)
    found = await asked.read(
        lambda it: gallery.listed(it, kind=kind, called=called, first=first * size, size=size)
    )
    return {"people": found.rows, **_pages(found)}


@api("GET")
async def names(asked: Asked) -> Any:
    """Names that begin so, for completion."""
    beginning = asked.text("beginning")
    return {"people": await asked.read(lambda it: gallery.names(it, beginning))}


@api("GET")
async def person(asked: Asked) -> Any:
    """One person: counts, best faces, years, who they are seen with."""
    own = asked.id()

    def read(connection: sqlite3.Connection) -> dict[str, Any]:
        found = gallery.person(connection, own)
        own_id = found["person_id"]
        return {
            **found,
            "faces": gallery.faces_of(connection, own_id, size=PAGE),
            "years": gallery.years_of(connection, own_id),
            "seen_with": gallery.seen_with(connection, own_id, size=12),
        }

    return await asked.read(read)


@api("GET")
async def media(asked: Asked) -> Any:
    """Photos and videos that fit a filter, a page at a time."""
    wanted, first = filter_of(asked), _first(asked)
    size = asked.number("size", PAGE, most=500)
    found = await asked.read(lambda it: library.listed(it, wanted, first=first * size, size=size))
    return {"media": found.rows, **_pages(found)}


@api("GET")
async def medium(asked: Asked) -> Any:
    """Everything about a photo or a video: EXIF, files, faces or who is seen when, steps."""
    own = asked.id()
    return await asked.read(lambda it: _medium(it, own))


@api("GET")
async def video(asked: Asked) -> Any:
    """The same of a video; 404 for a photo."""
    own = asked.id()
    found = await asked.read(lambda it: _medium(it, own))
    if found["kind"] != "video":
        raise Problem(404, f"{own} is a photo, not a video.")
    return found


def _medium(connection: sqlite3.Connection, media_id: int) -> dict[str, Any]:
    found = library.medium(connection, media_id)
    found["faces"] = library.faces_in(connection, media_id)
    if found["kind"] == "video":
        found["appearances"] = library.runs_in(connection, media_id)
        found["scenes"] = library.scenes_in(connection, media_id)
    return found


@api("GET")
async def face(asked: Asked) -> Any:
    """A face: where it is, its measures, whose it is and why, and the faces most like it."""
    own, size = asked.id(), asked.number("nearest", 12, least=0, most=100)
    return await asked.read(lambda it: face_of(it, own, size, asked))


def face_of(
    connection: sqlite3.Connection, face_id: int, size: int, asked: Asked
) -> dict[str, Any]:
    """The same, for pages."""
    bars: Mapping[str, Bars] = (
        asked.site.options.bars(connection) if asked.site.options.bars else {}
    )
    found = evidence.of_face(connection, face_id, bars)
    row = connection.execute(
        """SELECT faces.*, people.name, media.width, media.height, media.kind FROM faces
           JOIN media ON media.id = media_id LEFT JOIN people ON people.id = person_id
           WHERE faces.id = ?""",
        [face_id],
    ).fetchone()
    own = {key: row[key] for key in row.keys()}  # noqa: SIM118 - a Row iterates over values
    own["landmarks"] = json.loads(own["landmarks"]) if own["landmarks"] else []
    measures = connection.execute("SELECT * FROM quality WHERE face_id = ?", [face_id]).fetchone()
    own["measures"] = dict(measures) if measures else {}
    if own["measures"].get("reasons"):
        own["measures"]["reasons"] = json.loads(own["measures"]["reasons"])
    asked_about = connection.execute(
        """SELECT ifnull(people.merged_into, people.id) AS person_id FROM assignments
           JOIN people ON people.id = assignments.person_id
           WHERE face_id = ? AND state = 'suggested' AND ended_at IS NULL AND model = 'all'""",
        [found.face_id],
    ).fetchone()
    own["suggested"] = (
        gallery.cards(connection, [int(asked_about["person_id"])], {}) if asked_about else []
    )
    near = _nearest(connection, found.face_id, size, asked) if size else []
    return {
        **own,
        "why": sentences.told(found),
        "evidence": json.loads(json.dumps(asdict(found))),
        "nearest": neighbours.described(connection, near),
    }


def _nearest(
    connection: sqlite3.Connection, face_id: int, size: int, asked: Asked
) -> list[Neighbour]:
    """The faces most like one, from memory: of those in a video the leaders only."""
    found = asked.site.vectors.nearest(face_id, 4 * size) or []
    following = leaders.of(connection, [it.face_id for it in found])
    return [it for it in found if following.get(it.face_id, it.face_id) == it.face_id][:size]


@api("GET")
async def clusters(asked: Asked) -> Any:
    """Groups of faces that nobody has named, largest first."""
    first, size = _first(asked), asked.number("size", PAGE, most=500)
    found = await asked.read(
        lambda it: gallery.listed(it, kind="unnamed", first=first * size, size=size)
    )
    return {"clusters": found.rows, **_pages(found)}


@api("GET")
async def suggestions(asked: Asked) -> Any:
    """Faces of which it is asked whether they are somebody."""
    after = (
        asked.number("after_person", 0, least=0, most=2**31),
        asked.number("after", 0, least=0, most=2**31),
    )
    size = asked.number("size", 30, most=200)
    person_id = asked.number("person", 0, least=0, most=2**31) or None

    def read(connection: sqlite3.Connection) -> dict[str, Any]:
        return {
            "suggestions": gallery.suggestions(
                connection, after=after, size=size, person_id=person_id
            ),
            "total": gallery.count_suggestions(connection, person_id),
        }

    return await asked.read(read)


@api("GET")
async def job(asked: Asked) -> Any:
    """What became of a job."""
    own = asked.id()

    def read(connection: sqlite3.Connection) -> dict[str, Any]:
        row = connection.execute(
            """SELECT id, kind, state, attempts, not_before, progress, error, result, created_at,
                      finished_at FROM jobs WHERE id = ?""",
            [own],
        ).fetchone()
        if row is None:
            raise Problem(404, f"There is no job {own}; done ones are forgotten after a while.")
        found = dict(row)
        found["result"] = json.loads(found["result"]) if found["result"] else None
        return found

    return await asked.read(read)


def filter_of(asked: Asked) -> Filter:
    """The filter that an address asks for. Raises Problem and FilterError."""
    quality = asked.text("quality")
    try:
        least = float(quality) if quality else None
    except ValueError:
        least = -1.0
    if least is not None and not 0 <= least <= 1:
        raise Problem(400, "quality is a number from 0 to 1.")
    people = []
    for text in asked.request.args.getlist("person"):
        if text.strip():
            if not (text.isascii() and text.isdecimal() and len(text) <= 18):
                raise Problem(400, f"person={text[:40]!r} is no person's number.")
            people.append(int(text))
    area = asked.text("area")
    try:
        sides = tuple(map(float, area.split(","))) if area else None
    except ValueError:
        sides = ()
    if sides is not None and len(sides) != 4:
        raise Problem(400, "area is south,west,north,east in degrees.")
    return Filter(
        kind=asked.text("kind"),
        people=tuple(people[:20]),
        since=asked.text("since"),
        until=asked.text("until"),
        camera=asked.text("camera"),
        folder=asked.text("folder"),
        quality=least,
        faceless=asked.text("faceless") == "1",
        area=sides,
        order=asked.text("order") or "newest",
    )


def _kind(asked: Asked) -> str:
    kind = asked.text("kind") or "named"
    if kind not in gallery.KINDS:
        raise Problem(400, f"kind is one of {', '.join(gallery.KINDS)}.")
    return kind


def _first(asked: Asked) -> int:
    return asked.number("page", 1, most=MOST_PAGES) - 1


def _pages(found: Page) -> dict[str, Any]:
    return {"total": found.total, "page": found.first // found.size + 1, "more": found.has_more}
