"""The one thread through which the daemon writes: small functions in, each run in a transaction of
its own.
"""

from __future__ import annotations

import logging
import queue
import threading
import time
from concurrent.futures import Future
from contextlib import suppress
from typing import TYPE_CHECKING, Any, TypeVar

from catalog.connect import connect, crops_path, transaction

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable
    from pathlib import Path

logger = logging.getLogger(__name__)

T = TypeVar("T")
POLL_S = 0.5


class Writer:
    """Runs `work(connection)` inside BEGIN IMMEDIATE, in order, and answers with a Future.

    `on_foreign_change` is called in the writer's thread when another process changed the catalog:
    its idle connection is the one place where `PRAGMA data_version` tells (it does not count one's
    own commits).
    """

    def __init__(self, path: Path, *, on_foreign_change: Callable[[], None] | None = None) -> None:
        self._path = path
        self._on_foreign_change = on_foreign_change
        self._queue: queue.Queue[tuple[Callable[..., Any], Future[Any], bool] | None] = (
            queue.Queue()
        )
        self._thread = threading.Thread(target=self._run, name="writer")
        self._guard = threading.Lock()
        self._stopped = False
        self._version = 0

    def start(self) -> None:
        """Open both databases here, so that a bad catalog stops the start, then hand them to the
        thread.
        """
        self._catalog = connect(self._path)
        try:
            self._crops = connect(crops_path(self._path))
        except BaseException:
            self._catalog.close()
            raise
        self._version = self._data_version()
        self._thread.start()

    def submit(self, work: Callable[[sqlite3.Connection], T]) -> Future[T]:
        """Queue a transaction on the catalog. After `stop` the Future is cancelled."""
        future: Future[T] = Future()
        self._put((work, future, False))
        return future

    def run(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Queue a transaction on the catalog and wait for what it returns."""
        return self.submit(work).result()

    def submit_with_crops(
        self, work: Callable[[sqlite3.Connection, sqlite3.Connection], T]
    ) -> Future[T]:
        """Queue a transaction over crops and catalog, for `work(catalog, crops)`.

        The crops commit first: a crash in between leaves an orphaned crop, never a face without
        one.
        """
        future: Future[T] = Future()
        self._put((work, future, True))
        return future

    def stop(self) -> None:
        """Finish what is queued, then close."""
        with self._guard:
            if not self._stopped:
                self._stopped = True
                self._queue.put(None)
        self._thread.join()

    def _put(self, item: tuple[Callable[..., Any], Future[Any], bool]) -> None:
        with self._guard:
            if not self._stopped:
                self._queue.put(item)
                return
        item[1].cancel()  # nobody would ever answer

    def _run(self) -> None:
        look_at = time.monotonic() + POLL_S
        while True:
            with suppress(queue.Empty):
                item = self._queue.get(timeout=max(0.0, look_at - time.monotonic()))
                if item is None:
                    break
                self._perform(*item)
            # Also between transactions: while photos stream in, the queue is never empty for long.
            if time.monotonic() >= look_at:
                self._look_around()
                look_at = time.monotonic() + POLL_S
        self._catalog.close()
        self._crops.close()

    def _look_around(self) -> None:
        """Tell whether another process changed the catalog since the last look."""
        try:
            seen = self._data_version()
            changed, self._version = seen != self._version, seen
            if changed and self._on_foreign_change is not None:
                self._on_foreign_change()
        except Exception:  # the thread that all others wait for goes on
            logger.exception("could not see whether another process changed the catalog")

    def _perform(self, work: Callable[..., Any], future: Future[Any], with_crops: bool) -> None:  # noqa: FBT001
        if not future.set_running_or_notify_cancel():
            return
        try:
            if with_crops:
                with transaction(self._catalog), transaction(self._crops):
                    result = work(self._catalog, self._crops)
            else:
                with transaction(self._catalog):
                    result = work(self._catalog)
        except Exception as error:  # noqa: BLE001 - whoever submitted the work hears of it through the Future
            future.set_exception(error)
        else:
            future.set_result(result)

    def _data_version(self) -> int:
        return int(self._catalog.execute("PRAGMA data_version").fetchone()[0])
