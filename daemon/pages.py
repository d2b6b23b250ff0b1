"""What the pages need to know of the settings and of the daemon."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from daemon.errors import EnvironmentTrouble
from daemon.following import daemon_runs

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable

    from catalog.browse.options import Options
    from catalog.evidence import Bars
    from daemon.settings import Settings

SECRETS: Final = "web.json"
"""In the state folder: tokens, and the key that signs cookies."""

_LOOPBACK: Final = ("127.", "::1")
# What was made with other settings changes with the settings, which are read at start, and as the
# daemon works through it.
_OUTDATED_S: Final = 60.0


def options_of(settings: Settings) -> Options:
    """The same as the plugin takes it. Without a password only this machine may change anything."""
    from catalog.browse.options import Options

    web = settings.web
    return Options(
        vectors=web.vectors,
        is_open=is_loopback(web.host),
        password=web.password,
        guests=web.guests,
        secrets=settings.paths.state / SECRETS,
        hosts=web.hosts,
        is_local=is_loopback(web.host),
        inbox=settings.paths.inbox[0],
        temporary=settings.paths.state,
        upload_mb=web.upload_mb,
        downloads=settings.download.enabled,
        tiles=web.tiles,
        tiles_credit=web.tiles_credit,
        bars=lambda it: _bars(it, settings),
        outdated=_outdated_now_and_then(settings),
        running=lambda: daemon_runs(settings),
    )


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches what listens there."""
    return host == "localhost" or host.startswith(_LOOPBACK)


def _bars(connection: sqlite3.Connection, settings: Settings) -> dict[str, Bars]:
    from daemon.people.bars import bars_now  # loads numpy

    return bars_now(connection, settings)


def _outdated_now_and_then(
    settings: Settings,
) -> Callable[[sqlite3.Connection], dict[str, int]]:
    kept: dict[str, int] = {}
    until = 0.0

    def outdated(connection: sqlite3.Connection) -> dict[str, int]:
        nonlocal kept, until
        if time.monotonic() >= until:
            kept, until = _outdated(connection, settings), time.monotonic() + _OUTDATED_S
        return kept

    return outdated


def _outdated(connection: sqlite3.Connection, settings: Settings) -> dict[str, int]:
    from catalog import status
    from daemon.faces.plan import plan
    from daemon.renewal import marks_of

    try:
        return status.outdated(connection, marks_of(connection, settings, plan(settings)))
    except EnvironmentTrouble:
        return {}  # no models: the daemon says so itself
