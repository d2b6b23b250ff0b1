"""What `rollcall watch` does for ever: watch the folders, do other processes' requests, keep
house.
"""

from __future__ import annotations

import logging
import os
from typing import TYPE_CHECKING

from catalog import exemplars, roots
from daemon.intake.watch import Watcher
from daemon.notify import notify, watchdog_interval_s
from daemon.renewal import Renewal
from daemon.requests import Requests
from daemon.schedule import Schedule
from daemon.supervisor import Supervisor

if TYPE_CHECKING:
    import sqlite3
    import threading

    from catalog.roots import Role
    from daemon.settings import Settings

logger = logging.getLogger(__name__)

TICK_S = 1.0


def watch(settings: Settings, stop: threading.Event) -> None:
    """Run until `stop` is set. Raises AlreadyRunning, CatalogError, NoWeights at the start."""
    with Supervisor(settings, "watch", stop=stop) as supervisor:
        folders = supervisor.writer.run(lambda it: _configure_roots(it, settings))
        supervisor.arrivals.start()
        watcher = Watcher(folders, settings.intake, supervisor.arrivals)
        requests = Requests(supervisor)
        renewal = Renewal(supervisor)
        schedule = Schedule(supervisor, folders)

        def changed_elsewhere() -> None:
            requests.wake()
            renewal.wake()

        supervisor.on_foreign_change = changed_elsewhere
        watcher.start()
        try:
            # The watches stand before the first look, so that nothing falls in between.
            for folder in folders:
                supervisor.arrivals.lost(folder, "start")
            requests.start()
            renewal.start()
            supervisor.downloads.start()
            supervisor.projections.start()
            schedule.start()
            notify("READY=1\nSTATUS=watching")
            logger.info("watching %s", ", ".join(os.fsdecode(folder) for folder in folders))
            _keep_house(supervisor, stop)
        finally:
            notify("STOPPING=1")
            watcher.stop()
            schedule.stop()
            # Before the requests, of which one may be waiting for a long scan.
            supervisor.arrivals.stop()
            requests.stop()
            renewal.stop()
    logger.info("stopped; nothing is lost, the next start goes on from here")


def _configure_roots(connection: sqlite3.Connection, settings: Settings) -> list[bytes]:
    """Make the configured folders the watched roots; what was watched before is retired."""
    wanted: list[tuple[bytes, Role]] = [(_real(path), "inbox") for path in settings.paths.inbox]
    wanted.append((_real(settings.paths.people), "reference"))
    ids = [roots.ensure_root(connection, path, role) for path, role in wanted]
    roots.retire_others(connection, ids)
    # A folder may have come to be the people folder, or ceased to, since the last start.
    exemplars.withdraw_missing(connection)
    return [path for path, _ in wanted]


def _keep_house(supervisor: Supervisor, stop: threading.Event) -> None:
    """Tick once a second, in time for systemd's watchdog; idle, a tick costs microseconds."""
    tick_s = min(TICK_S, watchdog_interval_s() or TICK_S)
    while not stop.wait(tick_s):
        supervisor.tidy()
        notify("WATCHDOG=1")


def _real(path: os.PathLike[str]) -> bytes:
    return os.path.realpath(os.fsencode(path))
