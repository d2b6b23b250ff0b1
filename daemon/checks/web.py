"""Whether the pages can listen where they are told to."""

from __future__ import annotations

import errno
import socket
import urllib.request
from typing import TYPE_CHECKING

from daemon.checks.problem import Level, Problem

if TYPE_CHECKING:
    from collections.abc import Iterator

    from daemon.settings import Settings

ANSWER_S = 1.0


def port(settings: Settings) -> Iterator[Problem]:
    """The port of [web]: taken by something that is not Rollcall, or not ours to take."""
    host, number = settings.web.host, settings.web.port
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, number, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        with socket.socket(family, kind, protocol) as listener:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(address)
            return
    except (OSError, UnicodeError) as error:
        if getattr(error, "errno", None) == errno.EADDRINUSE and _is_datasette(host, number):
            return
        reason = getattr(error, "strerror", None) or str(error)
    yield Problem(
        check="port",
        level=Level.WARNING,
        problem=f"web.host = {host}, web.port = {number}: cannot listen there ({reason})",
        remedy="stop what uses it, or change web.host or web.port",
    )


def _is_datasette(host: str, number: int) -> bool:
    """Whether what answers there is a Datasette, which is what we would start."""
    name = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - read, not bound
    address = f"[{name}]" if ":" in name else name
    # Asked of this machine, never through a proxy.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(f"http://{address}:{number}/-/versions.json", timeout=ANSWER_S) as answer:
            return b'"datasette"' in answer.read(10_000)
    except (OSError, ValueError):
        return False
