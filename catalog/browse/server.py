"""Datasette over one live catalog, made and run in this process."""

from __future__ import annotations

import asyncio
import importlib
from typing import TYPE_CHECKING, Any

import uvicorn
from datasette.app import Datasette
from datasette.plugins import pm

from catalog.browse.credentials import Secrets
from catalog.browse.options import Options
from catalog.browse.site import PLUGIN, site_of

if TYPE_CHECKING:
    import socket
    import threading
    from collections.abc import Callable
    from pathlib import Path

# Beside Datasette's own defaults. Suggesting facets would run a query per column on each page; SQL
# threads are shared with the pictures of a page, which must not queue behind one slow query.
SETTINGS = {
    "default_page_size": 50,
    "max_returned_rows": 1000,
    "num_sql_threads": 5,
    "sql_time_limit_ms": 5000,
    "facet_time_limit_ms": 300,
    "default_facet_size": 12,
    "suggest_facets": False,
    "truncate_cells_html": 400,
    "allow_download": False,
}
GRACE_S = 3


class Served(Datasette):  # type: ignore[misc]
    """A Datasette of ours. The plugin reads the options here and not in its configuration, which
    Datasette shows to whoever asks; they are there before Datasette asks its plugins anything.
    """

    def __init__(self, options: Options, **arguments: Any) -> None:
        self.rollcall_options = options
        super().__init__(**arguments)


def build(catalog: Path, options: Options | None = None) -> Datasette:
    """A Datasette that serves `catalog` with this plugin, which is registered here unless it was
    found as installed. Raises CredentialError where the file of secrets cannot be used.
    """
    options = options or Options()
    plugin = importlib.import_module("catalog.browse")
    if not pm.is_registered(plugin):
        pm.register(plugin, PLUGIN)
    # Where rich is installed Datasette prints every 404 with all local variables, half a second
    # each.
    importlib.import_module("datasette.handle_exception").rich = None  # type: ignore[attr-defined]
    key = None if options.secrets is None else Secrets(options.secrets).signing_key()
    metadata: dict[str, Any] = {"plugins": {PLUGIN: {}}}
    return Served(options, files=[str(catalog)], settings=SETTINGS, secret=key, metadata=metadata)


def close(served: Datasette) -> None:
    """Close every connection and thread that a Datasette has opened; Datasette itself never
    does.
    """
    site = site_of(served)
    served.executor.shutdown()
    for database in served.databases.values():
        database.close()
    if site is not None:
        site.close()


class Server(uvicorn.Server):
    """uvicorn that says when it is ready, beats while its loop turns, and stops when told to
    before it started.
    """

    def __init__(self, config: uvicorn.Config, *, stop: threading.Event) -> None:
        super().__init__(config)
        self.stop = stop
        self.on_ready: Callable[[], None] = lambda: None
        self.on_beat: Callable[[], None] = lambda: None
        self.beat_s: float | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to listen, then say so."""
        await super().startup(sockets)
        # From here on uvicorn hears the signals itself; one that came before is in `stop`.
        if self.stop.is_set():
            self.should_exit = True
            return
        self.on_ready()
        if self.beat_s is not None:
            self._beating = asyncio.create_task(self._beat(self.beat_s))

    async def _beat(self, beat_s: float) -> None:
        while not self.should_exit:
            self.on_beat()
            await asyncio.sleep(beat_s)


def server(served: Datasette, *, stop: threading.Event, access_log: bool = False) -> Server:
    """A server for `served` that ends on SIGINT and SIGTERM; `run(sockets=[…])` serves until
    then.
    """
    config = uvicorn.Config(
        served.app(),
        log_config=None,
        log_level="info" if access_log else "warning",
        access_log=access_log,
        lifespan="on",
        server_header=False,
        timeout_graceful_shutdown=GRACE_S,
    )
    return Server(config, stop=stop)
