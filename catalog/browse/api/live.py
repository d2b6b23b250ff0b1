"""What is going on, as it happens: server-sent events, and the same once for those who poll."""

from __future__ import annotations

import asyncio
import json
import time
from typing import TYPE_CHECKING, Any, Final

from catalog import gallery, library, status
from catalog.browse.answers import Asked, api
from catalog.browse.routes import last_still

if TYPE_CHECKING:
    import sqlite3

EVERY_S: Final = 1.0
# A proxy between, and a browser that went away without a word, are noticed by writing.
ALIVE_S: Final = 15.0
# A browser comes back by itself; nobody holds a connection for ever.
LONGEST_S: Final = 600.0
MOST_LISTENERS: Final = 50


@api("GET")
async def state(asked: Asked) -> Any:
    """What is going on now."""
    return await _now(asked)


@api("GET")
async def events(asked: Asked) -> Any:
    """The same whenever it changed, as `text/event-stream`."""
    return Events(asked)


async def _now(asked: Asked) -> dict[str, Any]:
    """The state, with the frame of a video that was looked at last."""
    found = await asked.read(snapshot)
    latest = found["latest"]
    if latest is not None and latest["kind"] == "video":
        still = await last_still(asked.site, latest["sha256"])
        if still is not None:
            boxes = [dict(zip("xywh", box, strict=True)) for box in still.pop("boxes")]
            found["latest"] = {**latest, **still, "faces": boxes}
    return found


def snapshot(connection: sqlite3.Connection) -> dict[str, Any]:
    """Queue, videos in hand with time left, what is being worked on, and what came last."""
    workers = (status.daemon(connection)["workers"] or {}).get("count") or 1
    videos = status.videos_in_hand(connection, workers=workers)
    latest = connection.execute(
        """SELECT media_id FROM log WHERE event = 'catalogued' AND media_id IS NOT NULL
           ORDER BY id DESC LIMIT 1"""
    ).fetchone()
    waiting = connection.execute(
        """SELECT sum(state = 'waiting') AS waiting, sum(state = 'running') AS running
           FROM jobs WHERE state IN ('waiting', 'running')"""
    ).fetchone()
    in_hand = connection.execute(
        """SELECT media_id, (SELECT path FROM files WHERE files.media_id = jobs.media_id
                             ORDER BY files.id LIMIT 1) AS path
           FROM jobs WHERE state = 'running' AND media_id IS NOT NULL
           GROUP BY media_id ORDER BY min(id) LIMIT 8"""
    ).fetchall()
    told = {it["media_id"] for it in videos}
    return {
        "waiting": int(waiting["waiting"] or 0),
        "running": int(waiting["running"] or 0),
        "videos": [{**it, "told": status.minutes_done(it)} for it in videos[:8]],
        "in_hand": [dict(row) for row in in_hand if row["media_id"] not in told],
        "latest": None if latest is None else _looked_at(connection, int(latest["media_id"])),
        "questions": gallery.count_suggestions(connection),
    }


def _looked_at(connection: sqlite3.Connection, media_id: int) -> dict[str, Any] | None:
    """What was worked on last; a photo with the boxes of its faces."""
    row = connection.execute(
        """SELECT id, sha256, kind, width, height,
                  (SELECT path FROM files WHERE media_id = media.id ORDER BY id LIMIT 1) AS path
           FROM media WHERE id = ?""",
        [media_id],
    ).fetchone()
    if row is None:
        return None
    faces = [] if row["kind"] == "video" else library.faces_in(connection, media_id)
    boxes = [
        {key: it[key] for key in ("face_id", "x", "y", "w", "h", "name", "person_id")}
        for it in faces[:100]
    ]
    return {
        "media_id": media_id,
        "sha256": row["sha256"],
        "name": (row["path"] or "").rpartition("/")[2],
        "kind": row["kind"],
        "width": row["width"],
        "height": row["height"],
        "faces": boxes,
    }


class Events:
    """An answer that goes on: the state whenever it differs from the last one told."""

    listeners = 0

    def __init__(self, asked: Asked) -> None:
        self._asked = asked

    async def asgi_send(self, send: Any) -> None:
        """Send until the browser goes, the server ends, or it is time to come anew."""
        many = Events.listeners >= MOST_LISTENERS
        await send(
            {
                "type": "http.response.start",
                "status": 503 if many else 200,
                "headers": [
                    (b"content-type", b"text/event-stream; charset=utf-8"),
                    (b"cache-control", b"no-store"),
                    (b"x-accel-buffering", b"no"),
                ],
            }
        )
        if many:  # those that find no place poll
            await send({"type": "http.response.body", "body": b""})
            return
        Events.listeners += 1
        gone = asyncio.ensure_future(self._gone())
        try:
            await self._tell(send, gone)
        finally:
            Events.listeners -= 1
            gone.cancel()

    async def _tell(self, send: Any, gone: asyncio.Future[None]) -> None:
        start = said_at = time.monotonic()
        last = ""
        while not gone.done() and time.monotonic() - start < LONGEST_S:
            text = json.dumps(await _now(self._asked))
            if text != last:
                last, said_at = text, time.monotonic()
                await self._say(send, f"data: {text}\n\n")
            elif time.monotonic() - said_at > ALIVE_S:
                said_at = time.monotonic()
                await self._say(send, ": alive\n\n")
            await asyncio.wait([gone], timeout=EVERY_S)
        await send({"type": "http.response.body", "body": b""})

    async def _say(self, send: Any, text: str) -> None:
        await send({"type": "http.response.body", "body": text.encode(), "more_body": True})

    async def _gone(self) -> None:
        while (await self._asked.request.receive())["type"] != "http.disconnect":
            pass
