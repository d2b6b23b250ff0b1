"""The map of faces, and how good and how alike they are."""

from __future__ import annotations

import asyncio
import json
import math
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Final

from catalog.browse.answers import Asked, Problem, api, page, rendered

if TYPE_CHECKING:
    import sqlite3


METHODS: Final = {"pca": "principal components", "tsne": "t-SNE", "umap": "UMAP"}
MOST_POINTS: Final = 20_000
_QUALITY_BINS: Final = 40
# The plot's own units.
WIDTH, HEIGHT = 640, 240
# What is less than this share of the highest bar is not seen.
_SEEN: Final = 0.005


@page
async def shown(asked: Asked) -> Any:
    """The page: the map, and two plots."""

    def read(connection: sqlite3.Connection) -> dict[str, Any]:
        bars = asked.site.options.bars(connection) if asked.site.options.bars else {}
        every = bars.get("all")
        return {
            "methods": _methods(connection),
            "quality": _qualities(connection),
            "thresholds": {} if every is None else {
                "named": every.threshold, "group": every.group_threshold
            },
        }  # fmt: skip

    context = await asked.read(read)
    context["pairs"] = await asyncio.to_thread(_pairs, asked)
    shares = [*context["pairs"]["genuine"], *context["pairs"]["impostor"]]
    context["axis"] = _axis(context["pairs"], context["thresholds"])
    context |= {
        "most_faces": max(1, *context["quality"]),
        "most_share": max(1e-6, *shares),
    }
    context |= {
        "width": WIDTH,
        "height": HEIGHT,
        "names": METHODS,
        "scripts": ("plane.js", "map.js"),
    }
    return await rendered(asked.datasette, asked.request, "rollcall_map.html", context)


def _axis(pairs: dict[str, Any], thresholds: dict[str, float]) -> dict[str, Any]:
    """From which similarity on there is something to draw, in tenths, and which tenths are told."""
    first, last = pairs["lowest"], pairs["highest"]
    step = (last - first) / len(pairs["genuine"])
    drawn = [
        first + place * step
        for kind in ("genuine", "impostor")
        for place, share in enumerate(pairs[kind])
        if share >= _SEEN * max(pairs[kind])
    ]
    lowest = math.floor(10 * min([*drawn, *thresholds.values(), last - 0.1])) / 10
    count = round(10 * (last - lowest))
    every = 1 if count <= 6 else 2
    ticks = [round(last - it / 10, 1) for it in range(0, count + 1, every)]
    return {"lowest": lowest, "highest": last, "step": step, "ticks": ticks}


@api("GET")
async def points(asked: Asked) -> Any:
    """Faces in two dimensions: at most 20,000, evenly chosen; whose they are, and the names."""
    method = asked.text("method") or "pca"
    if method not in METHODS:
        raise Problem(400, f"method is one of {', '.join(METHODS)}.")
    if method == "pca":
        found = await asyncio.to_thread(_principal, asked)
    else:
        found = await asked.read(lambda it: _computed(it, method))
    return await asked.read(lambda it: _with_people(it, found))


def _principal(asked: Asked) -> dict[str, Any]:
    import numpy as np

    from catalog.map import principal, sample, scaled

    snapshot = asked.site.vectors.snapshot()

    def compute() -> dict[str, Any]:
        there = np.flatnonzero(~snapshot.excluded)
        chosen = there[sample(len(there), MOST_POINTS)]
        places = scaled(principal(snapshot.matrix[chosen]))
        return {
            "faces": snapshot.face_ids[chosen].tolist(),
            "x": places[:, 0].tolist(),
            "y": places[:, 1].tolist(),
            "of": len(there),
        }

    return asked.site.kept.get("points", snapshot, compute)


def _pairs(asked: Asked) -> dict[str, Any]:
    import numpy as np

    from catalog.map import pairs

    snapshot = asked.site.vectors.snapshot()

    def compute() -> dict[str, Any]:
        whose = asked.site.read_now(_named_faces)
        found = [(snapshot.position(face), person) for face, person in whose.items()]
        there = [(place, person) for place, person in found if place is not None]
        rows = np.array([place for place, _ in there], np.int64)
        people = np.array([person for _, person in there], np.int64)
        return asdict(pairs(snapshot.matrix[rows], people))

    return asked.site.kept.get("pairs", snapshot, compute)


def _named_faces(connection: sqlite3.Connection) -> dict[int, int]:
    """Faces of people with a name, and whose they are: some thousands, evenly chosen."""
    rows = connection.execute(
        """SELECT faces.id, person_id FROM people CROSS JOIN faces ON faces.person_id = people.id
           WHERE people.name IS NOT NULL AND faces.state = 'active'
             AND (track_id IS NULL OR faces.id = (SELECT best_face_id FROM tracks
                                                  WHERE tracks.id = track_id))
           LIMIT 200000"""
    ).fetchall()
    step = max(1, len(rows) // 4000)
    return {int(row["id"]): int(row["person_id"]) for row in rows[::step]}


def _computed(connection: sqlite3.Connection, method: str) -> dict[str, Any]:
    """What a nightly job computed."""
    rows = connection.execute(
        """SELECT face_id, x, y FROM projections JOIN faces ON faces.id = face_id
           WHERE method = ? AND faces.state = 'active' LIMIT ?""",
        [method, MOST_POINTS],
    ).fetchall()
    if not rows:
        raise Problem(404, f"{METHODS[method]} was not computed yet.")
    return {
        "faces": [row["face_id"] for row in rows],
        "x": [round(row["x"]) for row in rows],
        "y": [round(row["y"]) for row in rows],
        "of": len(rows),
    }


def _with_people(connection: sqlite3.Connection, found: dict[str, Any]) -> dict[str, Any]:
    rows = connection.execute(
        """SELECT value AS face_id, faces.person_id, people.name
           FROM json_each(?) JOIN faces ON faces.id = value
           LEFT JOIN people ON people.id = faces.person_id""",
        [json.dumps(found["faces"])],
    ).fetchall()
    whose = {row["face_id"]: row["person_id"] for row in rows}
    names = {row["person_id"]: row["name"] for row in rows if row["name"]}
    return {**found, "people": [whose.get(it) or 0 for it in found["faces"]], "names": names}


def _methods(connection: sqlite3.Connection) -> list[str]:
    rows = connection.execute("SELECT DISTINCT method FROM projections").fetchall()
    return ["pca", *(row["method"] for row in rows if row["method"] in METHODS)]


def _qualities(connection: sqlite3.Connection) -> list[int]:
    """How many faces there are by quality, in equal steps from 0 to 1."""
    found = [0] * _QUALITY_BINS
    step = f"max(0, min({_QUALITY_BINS} - 1, CAST(quality * {_QUALITY_BINS} AS INTEGER)))"
    # All less the few that do not count, each from an index alone.
    inactive = "faces INDEXED BY faces_inactive WHERE state <> 'active' AND"
    for sign, which in ((1, "faces WHERE"), (-1, inactive)):
        rows = connection.execute(
            f"""SELECT {step} AS step, count(*) AS faces FROM {which} quality IS NOT NULL
                GROUP BY step"""
        )
        for row in rows:
            found[row["step"]] += sign * row["faces"]
    return found
