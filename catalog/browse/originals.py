"""Photos and videos themselves, by id, for whoever may see the row: with ranges, so that a video
plays and can be jumped in (RFC 9110, 14).
"""

from __future__ import annotations

import asyncio
import os
import re
import stat
from typing import Any, BinaryIO, Final

from datasette.utils.asgi import Response

from catalog import library
from catalog.browse.answers import Asked, Problem, api

PIECE_BYTES: Final = 1 << 18
# What a browser may show by itself; everything else is for saving.
_SHOWN: Final = {
    **{it: it for it in ("image/jpeg", "image/png", "image/gif", "image/webp", "image/avif")},
    **{it: it for it in ("video/mp4", "video/webm", "video/ogg")},
    # The same container as MP4 under its first name, which browsers otherwise refuse.
    "video/quicktime": "video/mp4",
    "video/x-m4v": "video/mp4",
    "video/x-matroska": "video/webm",
}
_RANGE: Final = re.compile(r"bytes=(\d{0,18})-(\d{0,18})")


@api("GET", "HEAD")
async def original(asked: Asked) -> Any:
    """The file of a photo or video, or a part of it."""
    found = await asked.read(lambda it: library.original(it, asked.id()))
    try:
        file, state = await asyncio.to_thread(_opened, found["path_bytes"])
    except OSError as error:
        raise Problem(404, f"The file cannot be read now ({error.strerror}).") from error
    size = state.st_size
    if size != found["bytes"]:
        file.close()
        raise Problem(404, "The file is being changed; it is catalogued again soon.")
    kind = _SHOWN.get(found["mime"])
    etag = f'"{state.st_mtime_ns:x}-{size:x}"'
    headers = {
        "Accept-Ranges": "bytes",
        "Content-Type": kind or "application/octet-stream",
        "Cache-Control": "private, max-age=3600",
        "ETag": etag,
        "Cross-Origin-Resource-Policy": "same-origin",
    }
    if kind is None:
        headers["Content-Disposition"] = "attachment"
    wanted = _range(asked.request.headers, etag, size)
    status = 200
    if wanted is not None:
        first, last = wanted
        if first > last:
            file.close()
            none = {"Content-Range": f"bytes */{size}"}
            return Response("", status=416, headers=none, content_type="text/plain")
        status, headers["Content-Range"] = 206, f"bytes {first}-{last}/{size}"
    else:
        first, last = 0, size - 1
    headers["Content-Length"] = str(last - first + 1)
    count = 0 if asked.request.method == "HEAD" else last - first + 1
    return _File(file, first, count, status, headers)


def _range(headers: dict[str, str], etag: str, size: int) -> tuple[int, int] | None:
    """First and last byte that are asked for, in the wrong order where there are none such; None
    for the whole file.
    """
    given = _RANGE.fullmatch(headers.get("range", "").strip())
    if given is None or given.group(0) == "bytes=-" or headers.get("if-range", etag) != etag:
        return None
    start, end = given.groups()
    first = int(start) if start else max(0, size - int(end))
    last = min(size - 1, int(end)) if start and end else size - 1
    return first, last


def _opened(path: bytes) -> tuple[BinaryIO, os.stat_result]:
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    state = os.fstat(descriptor)
    if not stat.S_ISREG(state.st_mode):
        os.close(descriptor)
        raise OSError(0, "no regular file")
    return os.fdopen(descriptor, "rb"), state


class _File:
    """Some of a file, sent piece by piece."""

    def __init__(
        self,
        file: BinaryIO,
        first: int,
        count: int,
        status: int,
        headers: dict[str, str],
    ) -> None:
        self._file = file
        self._first = first
        self._left = count
        self._status = status
        self._headers = headers

    async def asgi_send(self, send: Any) -> None:
        """Send it; the file is closed whatever becomes of the other side."""
        with self._file as file:
            pairs = [
                (name.lower().encode(), value.encode()) for name, value in self._headers.items()
            ]
            await send({"type": "http.response.start", "status": self._status, "headers": pairs})
            await asyncio.to_thread(file.seek, self._first)
            while self._left > 0:
                piece = await asyncio.to_thread(file.read, min(PIECE_BYTES, self._left))
                if not piece:
                    break  # it was cut short meanwhile; the promised length tells the browser
                self._left -= len(piece)
                await send({"type": "http.response.body", "body": piece, "more_body": True})
            await send({"type": "http.response.body", "body": b""})
