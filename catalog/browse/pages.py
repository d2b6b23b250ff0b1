"""The pages that people use: people, photos and videos, faces, questions, changes, adding."""

from __future__ import annotations

import math
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlencode

from catalog import changes, gallery, jobs, library
from catalog.browse.answers import Asked, Problem, page, rendered
from catalog.browse.api.live import snapshot
from catalog.browse.api.reading import PAGE, face_of, filter_of, now
from catalog.measures import bars

if TYPE_CHECKING:
    import sqlite3


NEWEST: Final = 18
MOST_PAGES: Final = 100_000
_FACES: Final = 60
# What comes before and after in lists that go by date.
_WORDS: Final = {"newest": ("Later", "Earlier"), "oldest": ("Earlier", "Later")}


@page
async def home(asked: Asked) -> Any:
    """What is going on, what is new, and what needs an answer."""

    def read(connection: sqlite3.Connection) -> dict[str, Any]:
        found = now(connection, asked)
        waits = [it for it in found["queue"] if (it["kind"], it["state"]) == ("ingest", "waiting")]
        return {
            "now": found,
            "waiting": sum(it["jobs"] for it in waits),
            "live": snapshot(connection),
            "newest": library.listed(connection, library.Filter(order="added"), size=NEWEST).rows,
            "unnamed": gallery.listed(connection, kind="unnamed", size=12).rows,
            "people": gallery.newest(connection, size=12),
            "failures": [dict(it) for it in connection.execute("SELECT * FROM failures LIMIT 5")],
        }

    return await _shown(asked, "rollcall_home.html", await asked.read(read), "live.js")


@page
async def people(asked: Asked) -> Any:
    """The gallery."""
    kind = asked.text("kind") or "named"
    if kind not in gallery.KINDS:
        raise Problem(400, f"kind is one of {', '.join(gallery.KINDS)}.")
    called, number = asked.text("name"), asked.number("page", 1, most=MOST_PAGES)

    def read(connection: sqlite3.Connection) -> dict[str, Any]:
        first = (number - 1) * PAGE
        found = gallery.listed(connection, kind=kind, called=called, first=first, size=PAGE)
        nobody = kind == "named" and not called and not found.total
        return {
            "found": found,
            "unnamed": gallery.listed(connection, kind="unnamed", size=1).total if nobody else 0,
            **_around(asked, number, found),
        }

    context = {**await asked.read(read), "kind": kind, "called": called}
    return await _shown(asked, "rollcall_people.html", context, "people.js")


@page
async def person(asked: Asked) -> Any:
    """One person."""
    own, number = asked.id(), asked.number("page", 1, most=MOST_PAGES)

    def read(connection: sqlite3.Connection) -> dict[str, Any]:
        who = gallery.person(connection, own)
        own_id = who["person_id"]
        first = (number - 1) * _FACES
        return {
            "person": who,
            "faces": gallery.faces_of(connection, own_id, first=first, size=_FACES + 1),
            "years": gallery.years_of(connection, own_id),
            "seen_with": gallery.seen_with(connection, own_id, size=12),
            "moments": _placed(gallery.moments_of(connection, own_id)),
            "runs": gallery.runs_of(connection, own_id, size=24) if who["video_faces"] else [],
            "media": library.listed(connection, library.Filter(people=(own_id,)), size=NEWEST),
            "questions": gallery.suggestions(connection, size=6, person_id=own_id),
        }

    context = await asked.read(read)
    has_more = len(context["faces"]) > _FACES
    context["most_in_a_year"] = max((it["media_count"] for it in context["years"]), default=1)
    context["faces"] = context["faces"][:_FACES]
    context["previous"] = _address(asked, number - 1) if number > 1 else None
    context["next"] = _address(asked, number + 1) if has_more else None
    return await _shown(asked, "rollcall_person.html", context, "people.js")


@page
async def media(asked: Asked) -> Any:
    """The grid of photos and videos."""
    wanted, number = filter_of(asked), asked.number("page", 1, most=MOST_PAGES)

    def read(connection: sqlite3.Connection) -> dict[str, Any]:
        found = library.listed(connection, wanted, first=(number - 1) * PAGE, size=PAGE)
        return {
            "found": found,
            "cameras": library.cameras(connection),
            "folders": library.folders(connection),
            "people": gallery.cards(connection, list(wanted.people), {}),
            **_around(asked, number, found),
        }

    context = await asked.read(read)
    context |= {"filter": wanted, "query": urlencode(asked.pairs())}
    return await _shown(asked, "rollcall_media.html", context, "media.js")


@page
async def medium(asked: Asked) -> Any:
    """A photo with its faces, or a video with who is seen when."""
    own, wanted = asked.id(), filter_of(asked)

    def read(connection: sqlite3.Connection) -> dict[str, Any]:
        found = library.medium(connection, own)
        after, before = library.neighbours(connection, own, wanted)
        context: dict[str, Any] = {"medium": found, "before": before, "after": after}
        context["words"] = _WORDS.get(wanted.order, ("Before", "After"))
        context["retry"] = jobs.failed_of(connection, own)
        if found["kind"] == "video":
            context["lanes"] = _lanes(library.runs_in(connection, own))
            context["scenes"] = library.scenes_in(connection, own)
        else:
            context["faces"] = library.faces_in(connection, own)
        return context

    context = await asked.read(read)
    told = [context["medium"][it] for it in ("camera_make", "camera_model")]
    context["camera"] = library.camera_name(" ".join(filter(None, told)))
    context["query"] = urlencode(asked.pairs())
    return await _shown(asked, "rollcall_medium.html", context, "medium.js", "people.js")


@page
async def face(asked: Asked) -> Any:
    """A face: measures, why it is whose, and the faces most like it."""
    own = asked.id()
    found = await asked.read(lambda it: face_of(it, own, 18, asked))
    context = {"face": found, "bars": bars(found["measures"]), **_marks(found)}
    return await _shown(asked, "rollcall_face.html", context, "people.js")


def _marks(face: dict[str, Any]) -> dict[str, Any]:
    """The landmarks in pixels of the crop, how large to draw them, and to where the face looks: the
    way that somebody goes who turned so far to the right and up, as far as half a face.
    """
    scale = face["crop_scale"]
    if not face["landmarks"] or not scale:
        return {"landmarks": [], "looks": None, "mark_px": 0}
    corner = face["crop_x"], face["crop_y"]
    landmarks = [
        [round((value - start) / scale, 1) for value, start in zip(point, corner, strict=True)]
        for point in face["landmarks"]
    ]
    side = max(face["w"], face["h"]) / scale
    yaw, pitch = (face["measures"].get(it) for it in ("yaw", "pitch"))
    looks = None
    if yaw is not None and pitch is not None:
        across, up = math.radians(yaw), math.radians(pitch)
        looks = [
            round(landmarks[2][0] + side / 2 * math.sin(across) * math.cos(up), 1),
            round(landmarks[2][1] - side / 2 * math.sin(up), 1),
        ]
    return {"landmarks": landmarks, "looks": looks, "mark_px": round(0.025 * side, 2)}


@page
async def review(asked: Asked) -> Any:
    """Questions, one key each."""
    person_id = asked.number("person", 0, least=0, most=2**31) or None

    def read(connection: sqlite3.Connection) -> dict[str, Any]:
        return {
            "total": gallery.count_suggestions(connection, person_id),
            "person": gallery.person(connection, person_id) if person_id else None,
        }

    return await _shown(asked, "rollcall_review.html", await asked.read(read), "review.js")


@page
async def log(asked: Asked) -> Any:
    """The undo log."""
    found = await asked.read(lambda it: changes.listing(it, limit=200))
    return await _shown(asked, "rollcall_changes.html", {"changes": found}, "people.js")


@page
async def add(asked: Asked) -> Any:
    """Files and addresses, and the search for a picture."""
    options = asked.site.options
    context = {
        "inbox": options.inbox is not None,
        "upload_mb": options.upload_mb,
        "downloads": options.downloads,
    }
    return await _shown(asked, "rollcall_add.html", context, "add.js")


async def _shown(asked: Asked, template: str, context: dict[str, Any], *scripts: str) -> Any:
    return await rendered(asked.datasette, asked.request, template, {**context, "scripts": scripts})


def _placed(moments: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Where on a line of 0 to 1,000 each moment lies, between the first and the last."""
    times = [datetime.fromisoformat(it["taken_at_local"][:19]).timestamp() for it in moments]
    first, length = (times[0], max(1.0, times[-1] - times[0])) if times else (0.0, 1.0)
    return [
        {**it, "x": round(1000 * (at - first) / length, 1)}
        for it, at in zip(moments, times, strict=True)
    ]


def _lanes(runs: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The runs of each person, those seen longest first; people nobody knows share a lane."""
    found: dict[int | None, dict[str, Any]] = {}
    for run in runs:
        lane = found.setdefault(
            run["person_id"],
            {"person_id": run["person_id"], "name": run["name"], "runs": [], "seconds": 0.0},
        )
        lane["runs"].append(run)
        lane["seconds"] += run["end_s"] - run["start_s"]
        best = lane.get("best")
        if best is None or (run["best_quality"] or 0) > (best["best_quality"] or 0):
            lane["best"] = run
    return sorted(found.values(), key=lambda it: (it["person_id"] is None, -it["seconds"]))


def _address(asked: Asked, number: int) -> str:
    kept = asked.pairs(without="page")
    return f"{asked.request.path}?{urlencode([*kept, ('page', str(number))])}"


def _around(asked: Asked, number: int, found: gallery.Page) -> dict[str, Any]:
    """Where the pages before and after are, and how many there are."""
    pages = max(1, -(-found.total // found.size))
    return {
        "previous": _address(asked, min(number - 1, pages)) if number > 1 else None,
        "next": _address(asked, number + 1) if found.has_more else None,
        "number": number,
        "pages": pages,
        "last": _address(asked, pages),
    }
