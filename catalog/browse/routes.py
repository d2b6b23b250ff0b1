"""Addresses of pictures: a face's crop, a media's preview and the frame of a video that was looked
at last, by id, for whoever may see the row.
"""

from __future__ import annotations

import json
import sqlite3
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from datasette.utils.asgi import Response

from catalog.browse.functions import row_id
from catalog.browse.site import DATABASE, Site, site_of

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

PREFIX = "/-/rollcall/"
# In a table a box is better than a broken picture.
BLANK = "blank=1"
# An address that names the version it wants (v=) always shows the same picture; a bare id may show
# another one tomorrow.
FIXED_CACHE = "private, max-age=31536000, immutable"
BARE_CACHE = "private, max-age=60"
_BLANK_SVG = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 24 24" width="88" height="88" '
    'fill="none" stroke="#8a94a3"><rect x="7" y="8" width="10" height="8" rx="1"/>'
    '<path d="M6 18 18 6"/></svg>'
)
_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    # Another site's page must not show or measure these pictures, also where no password guards
    # them.
    "Cross-Origin-Resource-Policy": "same-origin",
    "Content-Security-Policy": "default-src 'none'",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """Where a picture lies in crops.db. `version` changes whenever the picture does."""

    sql: str
    key: str
    version: str


async def crop(request: Any, datasette: Any) -> Response:
    """The stored crop of a face as JPEG, 404 where there is none."""
    site = await _allowed(request, datasette, "faces")
    text = request.url_vars["face_id"]
    found = site and await _first(
        datasette, "SELECT crop FROM faces WHERE id = ? AND state <> 'forgotten'", row_id(text)
    )
    if not site or not found or not found["crop"]:
        return _missing(request, f"No crop is stored for face {text}.")
    key = found["crop"]
    return await _send(
        request,
        site,
        Picture(sql="SELECT jpeg FROM crops WHERE sha256 = ?", key=key, version=key),
        f"The crop of face {text} is not stored any more; `rollcall verify` says what else is "
        "missing.",
    )


async def preview(request: Any, datasette: Any) -> Response:
    """The small picture of a photo or video as JPEG, with `tile=1` a still smaller one; 404 where
    there is none. What was catalogued before there were tiles has none until it is read again.
    """
    column = "ifnull(small, jpeg)" if request.args.get("tile") else "jpeg"
    site, sha256 = await _content(request, datasette)
    stored_at = site and await _stored(
        site, "SELECT stored_at FROM previews WHERE sha256 = ?", sha256
    )
    text = request.url_vars["media_id"]
    if not site or not stored_at:
        return _missing(request, f"No preview is stored for media {text}.")
    return await _send(
        request,
        site,
        Picture(
            sql=f"SELECT {column} FROM previews WHERE sha256 = ?",
            key=sha256,
            version=f"{sha256[:16]}-{stored_at}-{len(column)}",
        ),
        f"The preview of media {text} is not stored any more.",
    )


async def still(request: Any, datasette: Any) -> Response:
    """The frame that was looked at last, as JPEG; 404 where it is another video's."""
    site, sha256 = await _content(request, datasette)
    kept = site and await last_still(site, sha256)
    text = request.url_vars["media_id"]
    if not site or not kept:
        return _missing(request, f"No frame of media {text} is kept.")
    return await _send(
        request,
        site,
        Picture(sql="SELECT jpeg FROM still WHERE sha256 = ?", key=sha256, version=kept["version"]),
        f"No frame of media {text} is kept any more.",
    )


async def last_still(site: Site, sha256: str) -> dict[str, Any] | None:
    """The frame that was looked at last, where it is of the video with this content: `time_s`,
    `width`, `height`, `boxes`, and a `version` that no other frame has.
    """
    found = await _stored(
        site,
        """SELECT json_object('time_s', time_s, 'width', width, 'height', height,
                              'boxes', json(boxes), 'version', printf('%s-%s', stored_at, time_s))
           FROM still WHERE sha256 = ?""",
        sha256,
    )
    return None if found is None else dict(json.loads(found))


ROUTES = [
    (PREFIX + r"crop/(?P<face_id>[^/]+)$", crop),
    (PREFIX + r"preview/(?P<media_id>[^/]+)$", preview),
    (PREFIX + r"still/(?P<media_id>[^/]+)$", still),
]


def keep_cacheable(
    app: Callable[..., Awaitable[None]], datasette: Any
) -> Callable[..., Awaitable[None]]:
    """ASGI middleware: pictures stay cacheable for the one who asked.

    Datasette forbids every cache to keep what it answers to a request with a cookie, and any
    program on the same host name sets cookies; without this each page would load all its
    pictures again. `Vary: Cookie` stays.
    """

    async def wrapped(scope: dict[str, Any], receive: Any, send: Any) -> None:
        path = datasette.urls.path(PREFIX)
        if scope["type"] != "http" or not scope["path"].startswith(str(path)):
            await app(scope, receive, send)
            return

        async def send_cacheable(message: dict[str, Any]) -> None:
            if _is_picture(message):
                fixed = scope["query_string"].startswith(b"v=")
                headers = [
                    pair for pair in message["headers"] if pair[0].lower() != b"cache-control"
                ]
                headers.append(
                    (b"cache-control", (FIXED_CACHE if fixed else BARE_CACHE).encode("ascii"))
                )
                message = {**message, "headers": headers}
            await send(message)

        await app(scope, receive, send_cacheable)

    return wrapped


def _is_picture(message: dict[str, Any]) -> bool:
    return message["type"] == "http.response.start" and any(
        name.lower() == b"etag" for name, _value in message["headers"]
    )


async def _allowed(request: Any, datasette: Any, table: str) -> Site | None:
    """The catalog, once this visitor may see `table` in it. Raises datasette.Forbidden."""
    await datasette.ensure_permissions(
        request.actor,
        [("view-table", (DATABASE, table)), ("view-database", DATABASE), "view-instance"],
    )
    return site_of(datasette)


async def _content(request: Any, datasette: Any) -> tuple[Site | None, str]:
    """The catalog, and the content of the media that is asked for; without a catalog where there is
    no such media. Raises datasette.Forbidden.
    """
    site = await _allowed(request, datasette, "media")
    media_id = row_id(request.url_vars["media_id"])
    found = site and await _first(datasette, "SELECT sha256 FROM media WHERE id = ?", media_id)
    return (site, found["sha256"]) if found else (None, "")


async def _first(datasette: Any, sql: str, found_id: int | None) -> Any:
    if found_id is None:
        return None
    return (await datasette.databases[DATABASE].execute(sql, [found_id])).first()


async def _stored(site: Site, sql: str, key: str) -> Any:
    """The one value that `sql` finds in crops.db; None also where that file is missing or cannot
    be read.
    """

    def read(connection: sqlite3.Connection) -> Any:
        return connection.execute(sql, [key]).fetchone()

    try:
        row = await site.crops.execute_fn(read)
    except sqlite3.Error:
        return None
    return row[0] if row else None


async def _send(request: Any, site: Site, picture: Picture, gone: str) -> Response:
    etag = f'"{picture.version}"'
    headers = {**_HEADERS, "ETag": etag}
    if etag in request.headers.get("if-none-match", ""):
        return Response(b"", status=304, headers=headers, content_type="image/jpeg")
    jpeg = await _stored(site, picture.sql, picture.key)
    if jpeg is None:
        return _missing(request, gone)
    return Response(jpeg, headers=headers, content_type="image/jpeg")


def _missing(request: Any, sentence: str) -> Response:
    if request.args.get("blank"):
        return Response(_BLANK_SVG, headers=_HEADERS, content_type="image/svg+xml")
    # What was asked for comes back in the sentence: as plain text, so that markup in it stays text.
    return Response.text(sentence, status=404, headers=_HEADERS)
