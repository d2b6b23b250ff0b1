"""`rollcall serve`: the catalog in the browser."""

from __future__ import annotations

import logging
import os
import signal
import socket
import threading
import time
import webbrowser
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

import click

from catalog.errors import CatalogError
from catalog.migrations import is_current
from daemon.commands.common import config_option
from daemon.errors import EnvironmentTrouble, UsageError
from daemon.notify import notify, watchdog_interval_s
from daemon.pages import is_loopback, options_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from daemon.settings import Settings

logger = logging.getLogger(__name__)

# `rollcall up` and systemd start the daemon beside us, and only the daemon makes the catalog.
WAIT_S = 20.0
NICENESS = 5  # between the daemon's own process and its workers
# A catalog that cannot be read may be one that is being made this moment, but not for long.
BROKEN_WAIT_S = 3.0
POLL_S = 0.2


@click.command(name="serve", epilog="Example: rollcall serve --port 8080 --open")
@config_option
@click.option("--host", help="Address to listen on instead of [web] host.")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    help="Port to listen on instead of [web] port; 0 takes a free one.",
)
@click.option("--open", "open_browser", is_flag=True, help="Open the catalog in the web browser.")
def command(settings: Settings, host: str | None, port: int | None, *, open_browser: bool) -> None:
    """Show the catalog in the browser until Ctrl-C: people, photos, videos, questions, tables.

    Other machines see it only with a password: `rollcall web password`.
    """
    web = settings.web.model_copy(
        update={key: value for key, value in (("host", host), ("port", port)) if value is not None}
    )
    serve(settings.model_copy(update={"web": web}), open_browser=open_browser)


def serve(settings: Settings, *, open_browser: bool = False) -> None:
    """Listen, wait for the catalog, serve it until SIGINT or SIGTERM. Raises EnvironmentTrouble,
    CatalogError.
    """
    stop = threading.Event()
    with _stopping(stop), listen(settings.web.host, settings.web.port) as listener:
        if not is_loopback(settings.web.host) and settings.web.password is None:
            logger.warning(
                "web.host = %s: everybody who reaches this machine can look, and nobody can "
                "change anything; `rollcall web password` sets a password",
                settings.web.host,
            )
        if not wait_for_catalog(settings.catalog, stop):
            return
        # A page may wait a moment; what catalogues, and writes, goes first.
        with suppress(OSError):  # a unit of systemd may have forbidden it, and done it already
            os.nice(max(0, NICENESS - os.nice(0)))
        # These load half of what a web server is made of: not before they are needed.
        from catalog.browse.server import build, close, server

        datasette = build(settings.catalog, options_of(settings))
        try:
            http = server(datasette, stop=stop, access_log=settings.log.level == "debug")
            http.on_ready = lambda: _announce(_address(listener), open_browser=open_browser)
            http.on_beat = lambda: notify("WATCHDOG=1")
            http.beat_s = watchdog_interval_s()
            http.run(sockets=[listener])
            notify("STOPPING=1")
        finally:
            close(datasette)


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens there. Raises EnvironmentTrouble where it cannot, UsageError where
    `host` is none of ours.
    """
    try:
        family, kind, protocol, _name, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
    except (OSError, UnicodeError) as error:
        raise UsageError(
            f"web.host = {host}: no address of this machine ({error}); expected 127.0.0.1 or "
            "one of its addresses"
        ) from None
    listener = socket.socket(family, kind, protocol)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        # Listening now, not when the server starts, makes a second one fail here and not there.
        listener.listen(128)
    except OSError as error:
        listener.close()
        raise EnvironmentTrouble(
            f"web.port = {port}: cannot listen on {host}:{port} ({error.strerror or error}); "
            "stop what uses it or choose another port with --port or [web] port"
        ) from None
    listener.setblocking(False)  # noqa: FBT003 - the socket's own signature
    return listener


def wait_for_catalog(
    catalog: Path,
    stop: threading.Event,
    *,
    wait_s: float = WAIT_S,
    clock: Callable[[], float] = time.monotonic,
) -> bool:
    """Wait until the daemon has made the catalog and brought it to this version; False when told
    to stop before.

    Never migrates: that is for whoever holds the catalog's lock. Raises CatalogError when the
    time is over.
    """
    start = clock()
    told = False
    while not stop.is_set():
        try:
            if is_current(catalog):
                return True
        except CatalogError:
            if clock() - start >= min(wait_s, BROKEN_WAIT_S):
                raise
        if clock() - start >= wait_s:
            what = "is of another version" if catalog.exists() else "no catalog here yet"
            raise CatalogError(
                f"{catalog}: {what}; start `rollcall watch`, or run `rollcall scan PATH`, then "
                "serve again"
            )
        if not told:
            logger.info("waiting for the daemon to make %s", catalog)
            told = True
        stop.wait(POLL_S)
    return False


@contextmanager
def _stopping(stop: threading.Event) -> Iterator[None]:
    """Let SIGINT and SIGTERM set `stop`, where this is the main thread; stopping is no error of
    this command.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    signals = (signal.SIGINT, signal.SIGTERM)
    before = {number: signal.signal(number, lambda *_: stop.set()) for number in signals}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _address(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    if host in ("0.0.0.0", "::"):  # noqa: S104 - read, not bound
        host = "localhost"
    return f"http://[{host}]:{port}/" if ":" in host else f"http://{host}:{port}/"


def _announce(address: str, *, open_browser: bool) -> None:
    notify("READY=1")
    click.echo(f"Browse the catalog at {address}")
    if open_browser:
        # Some browsers answer only when they are closed again.
        threading.Thread(target=webbrowser.open, args=[address], daemon=True).start()
