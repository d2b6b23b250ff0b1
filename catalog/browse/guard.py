"""What holds for every answer: from which names it is given, and what a browser may do with it."""

from __future__ import annotations

import ipaddress
import socket
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from catalog.browse.site import site_of

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from catalog.browse.options import Options

    App = Callable[..., Awaitable[None]]

_MARKS: Final = "rollcall_marks"
_TILES: Final = "rollcall_tiles"

_COMMON: Final = "base-uri 'none'; frame-ancestors 'none'; form-action 'self'"
STRICT: Final = (
    "default-src 'none'; img-src 'self' blob:; media-src 'self'; style-src 'self'; "
    f"script-src 'self'; connect-src 'self'; {_COMMON}"
)
# Datasette's own pages bring scripts and styles inside their HTML.
_LOOSE: Final = (
    "default-src 'self'; img-src 'self' data: blob:; style-src 'self' 'unsafe-inline'; "
    f"script-src 'self' 'unsafe-inline'; object-src 'none'; {_COMMON}"
)
_HEADERS: Final = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-frame-options", b"DENY"),
    (b"cross-origin-opener-policy", b"same-origin"),
)
_MISDIRECTED: Final = (
    "This is not a name of the machine that Rollcall runs on. Use its address or `localhost`, or "
    "add the name to [web] hosts in config.toml."
)
_HERE: Final = frozenset({"localhost", "127.0.0.1", "::1"})


def guarded(app: App, datasette: Any) -> App:
    """ASGI middleware: refuses requests under names that are not ours (a page of another site whose
    name was made to point here would otherwise read everything), and adds the headers that keep a
    browser from doing more with an answer than it is for.
    """

    async def wrapped(scope: dict[str, Any], receive: Any, send: Any) -> None:
        site = site_of(datasette) if scope["type"] == "http" else None
        if site is None:
            await app(scope, receive, send)
            return
        if not is_known(_host(scope), site.options):
            await _refuse(send)
            return

        # Datasette hands copies of the scope on; what is in it stays one.
        scope[_MARKS] = marks = set[str]()

        async def send_guarded(message: dict[str, Any]) -> None:
            if message["type"] == "http.response.start":
                policy = STRICT if _MARKS in marks else _LOOSE
                if _TILES in marks:
                    policy = policy.replace("img-src", f"img-src {_origin(site.options.tiles)}")
                message = {**message, "headers": _with_headers(message["headers"], policy)}
            await send(message)

        await app(scope, receive, send_guarded)

    return wrapped


def mark_ours(request: Any) -> None:
    """Say of a request that a page of ours answers it, which needs no inline scripts or styles."""
    request.scope.get(_MARKS, set()).add(_MARKS)


def allow_tiles(request: Any) -> None:
    """Say of a request that its answer shows pictures of the land from where they are configured to
    come from.
    """
    request.scope.get(_MARKS, set()).add(_TILES)


def _origin(address: str) -> str:
    parts = urlsplit(address)
    return f"{parts.scheme}://{parts.netloc}"


def is_known(host: str, options: Options) -> bool:
    """Whether a request under this name is meant for this machine. An address is: only names can be
    made to point elsewhere.
    """
    name = _name(host)
    if name in _HERE or name in {it.lower() for it in options.hosts}:
        return True
    if options.is_local:
        return False
    return _is_address(name) or name in _own_names()


def _name(host: str) -> str:
    """The host of a Host header, without its port and brackets."""
    if host.startswith("["):
        return host[1:].partition("]")[0].lower()
    return host.partition(":")[0].lower() if host.count(":") <= 1 else host.lower()


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


@lru_cache(maxsize=1)
def _own_names() -> frozenset[str]:
    own = socket.gethostname().lower()
    short = own.partition(".")[0]
    return frozenset({own, short, f"{short}.local", f"{short}.lan", f"{short}.home"})


def _host(scope: dict[str, Any]) -> str:
    found = [value for name, value in scope["headers"] if name.lower() == b"host"]
    return found[0].decode("latin-1") if len(found) == 1 else ""


def _with_headers(headers: list[tuple[bytes, bytes]], policy: str) -> list[tuple[bytes, bytes]]:
    there = {name.lower() for name, _ in headers}
    added = [*_HEADERS, (b"content-security-policy", policy.encode("ascii"))]
    return [*headers, *(it for it in added if it[0] not in there)]


async def _refuse(send: Any) -> None:
    body = _MISDIRECTED.encode("utf-8")
    await send(
        {
            "type": "http.response.start",
            "status": 421,
            "headers": [
                (b"content-type", b"text/plain; charset=utf-8"),
                (b"content-length", str(len(body)).encode("ascii")),
                *_HEADERS,
            ],
        }
    )
    await send({"type": "http.response.body", "body": body})
