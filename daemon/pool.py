"""Where tasks run: `submit(function, argument, timeout_s) → Future`, behind it processes of this
machine.

The pool starts with the first task and closes when nothing was to do for a while. A worker that
dies or hangs costs one task, which fails with WorkerDied; the others go on.
"""

from __future__ import annotations

import logging
import multiprocessing
import os
import threading
import time
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeoutError
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from pebble import ProcessExpired, ProcessPool

from daemon import worker

if TYPE_CHECKING:
    from collections.abc import Callable

    from daemon.worker import Conditions

logger = logging.getLogger(__name__)
T = TypeVar("T")
A = TypeVar("A")


class WorkerDied(Exception):
    """The worker ended in the middle of a task: killed, crashed, out of memory or out of time."""


class Pool(Protocol):
    """What the supervisor needs of any place where tasks can run."""

    def submit(
        self, function: Callable[[A], T], argument: A, *, timeout_s: float | None
    ) -> Future[T]:
        """Run `function(argument)` elsewhere; the Future fails with WorkerDied or what it
        raised.
        """
        ...

    def close_if_idle(self, idle_s: float) -> bool:
        """End the workers if nothing was to do for so long; True where none is left."""
        ...

    def stop(self) -> None:
        """End all workers now; what they were doing is given up."""
        ...


class LocalPool:
    """Processes of this machine, started by need. Safe to use from several threads."""

    def __init__(self, count: int, conditions: Conditions, *, recycle: int = 0) -> None:
        self.count = count
        self._conditions = conditions
        self._recycle = recycle
        self._pool: ProcessPool | None = None
        self._guard = threading.RLock()
        self._unfinished = 0
        self._last_end = time.monotonic()

    @property
    def running(self) -> bool:
        """Whether there are worker processes."""
        return self._pool is not None

    def submit(
        self, function: Callable[[A], T], argument: A, *, timeout_s: float | None
    ) -> Future[T]:
        """Run `function(argument)` in a worker. See `Pool.submit`."""
        outcome: Future[T] = Future()
        with self._guard:
            if self._pool is None:
                self._pool = self._start()
            inner = self._pool.schedule(function, args=[argument], timeout=timeout_s)
            self._unfinished += 1
        inner.add_done_callback(lambda done: self._finished(done, outcome, timeout_s))
        return outcome

    def close_if_idle(self, idle_s: float) -> bool:
        """Close the pool (an open one wakes 20 times a second) once it has been idle that long."""
        with self._guard:
            if self._pool is None:
                return True
            if self._unfinished or time.monotonic() - self._last_end < idle_s:
                return False
            pool, self._pool = self._pool, None
        pool.close()  # type: ignore[no-untyped-call]
        pool.join()
        logger.debug("workers ended, nothing to do")
        return True

    def stop(self) -> None:
        """End all workers now."""
        with self._guard:
            pool, self._pool = self._pool, None
        if pool is not None:
            pool.stop()  # type: ignore[no-untyped-call]
            pool.join()

    def _start(self) -> ProcessPool:
        logger.debug("starting %d workers", self.count)
        # Spawn, because the supervisor has threads: a forked child could inherit a lock that is
        # held.
        return ProcessPool(
            max_workers=self.count,
            max_tasks=self._recycle,
            initializer=worker.start,
            initargs=[self._conditions],
            context=multiprocessing.get_context("spawn"),
        )

    def _finished(self, inner: Any, outcome: Future[T], timeout_s: float | None) -> None:
        with self._guard:
            self._unfinished -= 1
            self._last_end = time.monotonic()
        if inner.cancelled():
            outcome.cancel()
            outcome.set_running_or_notify_cancel()
            return
        error = inner.exception()
        if error is None:
            outcome.set_result(inner.result())
        else:
            outcome.set_exception(_explain(error, timeout_s))


def _explain(error: BaseException, timeout_s: float | None) -> BaseException:
    if isinstance(error, FutureTimeoutError):
        return WorkerDied(f"took longer than {timeout_s:g} s, so its worker was ended")
    if isinstance(error, ProcessExpired):
        return WorkerDied(f"its worker died (exit code {error.exitcode})")
    if isinstance(error, MemoryError):
        return WorkerDied("its worker ran out of memory")
    return error


def memory_mb() -> list[int]:
    """Resident memory of each child process of this one, in MB."""
    found = []
    for child in multiprocessing.active_children():
        with suppress(OSError, ValueError, IndexError):
            pages = int(Path(f"/proc/{child.pid}/statm").read_text(encoding="ascii").split()[1])
            found.append(pages * os.sysconf("SC_PAGESIZE") // 1_000_000)
    return found
