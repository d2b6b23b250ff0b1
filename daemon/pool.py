"""Where tasks run: `submit(function, argument, timeout_s) → Future`, behind it processes of this
machine.

The pool starts with the first task and closes when nothing was to do for a while. A worker that
dies or hangs costs one task, which fails with WorkerDied; the others go on.
"""

from __future__ import annotations

import logging
import multiprocessing
import signal
import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as FutureTimeoutError
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from dataclasses import dataclass, replace
from multiprocessing import resource_tracker
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from pebble import ProcessExpired, ProcessPool

from daemon import memory, worker
from daemon.errors import EnvironmentTrouble

if TYPE_CHECKING:
    from collections.abc import Callable

    from daemon.worker import Conditions, Report, Term

logger = logging.getLogger(__name__)
T = TypeVar("T")
A = TypeVar("A")

# How often a task goes to fresh workers after those it waited for broke down before it began.
FRESH_STARTS = 2
# Beyond the longest time limit of the tasks in hand: for starting processes and ending hung ones.
SILENCE_S = 30.0
NONE_BEGINS = (
    "the worker processes end before they begin; see `rollcall doctor`, and whether memory ran out "
    "(journalctl -k, dmesg)"
)


class WorkerDied(Exception):
    """The worker ended in the middle of a task: killed, crashed, out of memory or out of time."""


class Pool(Protocol):
    """What the supervisor needs of any place where tasks can run."""

    def submit(
        self, function: Callable[[A], T], argument: A, *, timeout_s: float | None
    ) -> Future[T]:
        """Run `function(argument)` elsewhere; the Future fails with what that raised, WorkerDied,
        or EnvironmentTrouble where it cannot be begun.
        """
        ...

    def close_if_idle(self, idle_s: float) -> bool:
        """End the workers if nothing was to do for so long; True where none is left."""
        ...

    def mend(self) -> None:
        """Replace workers from which nothing is heard any more; call it now and then."""
        ...

    def stop(self) -> None:
        """End all workers now and for good; Futures that are not done are cancelled."""
        ...


@dataclass(slots=True, eq=False)
class _Entry:
    """A task that is not finished; `breaks` counts the pools that broke down around it."""

    function: Callable[[Any], Any]
    argument: Any
    timeout_s: float | None
    outcome: Future[Any]
    pool: ProcessPool | None = None
    inner: Any = None
    breaks: int = 0


class LocalPool:
    """Processes of this machine, started by need. Safe to use from several threads."""

    def __init__(self, count: int, conditions: Conditions, *, term: Term | None = None) -> None:
        self.count = count
        self._conditions = conditions
        self._term = term or worker.Term(0)
        self._reports: dict[int, Report] = {}
        self._pool: ProcessPool | None = None
        self._guard = threading.RLock()
        self._entries: dict[_Entry, None] = {}
        self._stopped = False
        self._last_news = time.monotonic()
        # A worker is told to die with the thread that started it, so one thread starts them all.
        self._starter = ThreadPoolExecutor(1, "pool-start", initializer=_block_ctrl_c)
        self._ending: list[threading.Thread] = []

    @property
    def running(self) -> bool:
        """Whether there are worker processes."""
        return self._pool is not None

    def submit(
        self, function: Callable[[A], T], argument: A, *, timeout_s: float | None
    ) -> Future[T]:
        """Run `function(argument)` in a worker. See `Pool.submit`."""
        entry = _Entry(function, argument, timeout_s, Future())
        with self._guard:
            if self._stopped:
                entry.outcome.cancel()
                return entry.outcome
            if not self._entries:
                self._last_news = time.monotonic()
            self._entries[entry] = None
            self._hand_over(entry)
        return entry.outcome

    def reports(self) -> list[Report]:
        """What each living worker last said of itself, with its memory as it is now."""
        living = {child.pid for child in multiprocessing.active_children()}
        with self._guard:
            self._reports = {pid: it for pid, it in self._reports.items() if pid in living}
            found = list(self._reports.values())
        return [replace(it, memory_mb=memory.resident_mb(it.pid)) for it in found]

    def close_if_idle(self, idle_s: float) -> bool:
        """Close the pool (an open one wakes 20 times a second) once it has been idle that long."""
        with self._guard:
            if self._pool is None:
                return True
            if self._entries or time.monotonic() - self._last_news < idle_s:
                return False
            pool, self._pool = self._pool, None
        _end(pool)
        logger.debug("workers ended, nothing to do")
        return True

    def mend(self) -> None:
        """Replace workers from which nothing came for longer than any of their tasks may take.

        One that is killed while it holds the lock on the others' way to us silences them all.
        """
        with self._guard:
            if self._entries and self._pool is not None and not self._pool.active:
                # It broke down before it had taken note of any task, so that none was told.
                self._start_afresh()
            limits = [entry.timeout_s for entry in self._entries]
            if not limits or None in limits:
                return
            longest = max(limit for limit in limits if limit is not None)
            if time.monotonic() - self._last_news > longest + SILENCE_S:
                logger.error("nothing was heard of the workers for %g s: fresh ones", longest)
                self._start_afresh()

    def stop(self) -> None:
        """End all workers now and for good. See `Pool.stop`."""
        with self._guard:
            self._stopped = True
            pool, self._pool = self._pool, None
            entries, self._entries = list(self._entries), {}
        for entry in entries:
            entry.outcome.cancel()
        if pool is not None:
            _end(pool)
        for thread in self._ending:
            thread.join()
        self._starter.shutdown()
        # One that was being born meanwhile is on nobody's list; left alone, it would look for
        # semaphores that went with the pool, and say so with a traceback.
        for child in multiprocessing.active_children():
            child.kill()
            child.join()

    def _hand_over(self, entry: _Entry) -> None:
        try:
            if self._pool is None:
                self._pool = self._starter.submit(self._start).result()
            pool = entry.pool = self._pool
            inner = entry.inner = pool.schedule(
                worker.serve, args=[entry.function, entry.argument], timeout=entry.timeout_s
            )
        except RuntimeError as error:  # an idle worker was killed, or none can be started
            logger.warning("the workers broke down (%s): fresh ones", error)
            self._start_afresh()
        else:
            inner.add_done_callback(lambda done: self._finished(done, entry, pool))

    def _start(self) -> ProcessPool:
        logger.debug("starting %d workers", self.count)
        # Spawn, because the supervisor has threads: a forked child could inherit a lock that is
        # held.
        pool = ProcessPool(
            max_workers=self.count,
            max_tasks=self._term,
            initializer=worker.start,
            initargs=[self._conditions],
            context=multiprocessing.get_context("spawn"),
        )
        if not pool.active:  # asking starts it, here in this thread
            _end(pool)
            raise BrokenProcessPool("no worker could be started")
        return pool

    def _start_afresh(self, *, broken_down: bool = True) -> None:
        """Give this pool up; what is not finished goes to the next one, where it broke down not for
        ever.
        """
        broken, self._pool = self._pool, None
        self._last_news = time.monotonic()
        if broken is not None:
            # In a thread of its own: this one may be the broken pool's, which cannot wait for
            # itself.
            thread = threading.Thread(target=_end, args=[broken], name="pool-end")
            thread.start()
            self._ending = [it for it in self._ending if it.is_alive()] + [thread]
        for entry in list(self._entries):
            if entry not in self._entries or entry.pool is not broken:
                continue
            entry.pool = entry.inner = None
            entry.breaks += broken_down
            if entry.breaks <= FRESH_STARTS:
                self._hand_over(entry)
            else:
                del self._entries[entry]
                entry.outcome.set_exception(EnvironmentTrouble(NONE_BEGINS))

    def _finished(self, inner: Any, entry: _Entry, pool: ProcessPool) -> None:
        error = None if inner.cancelled() else inner.exception()
        with self._guard:
            if entry not in self._entries or entry.pool is not pool:
                return  # given up, or with other workers now
            if isinstance(error, BrokenProcessPool):
                logger.warning("the workers broke down (%s): fresh ones", error)
                self._start_afresh()
                return
            del self._entries[entry]
            self._last_news = time.monotonic()
            if isinstance(error, ProcessExpired) and not self._any_running():
                # It may have died with the lock in hand that the next one would wait for.
                self._start_afresh(broken_down=False)
        if inner.cancelled():
            entry.outcome.cancel()
        elif error is None:
            answer, report = inner.result()
            self._reports[report.pid] = report
            entry.outcome.set_result(answer)
        else:
            entry.outcome.set_exception(_explain(error, entry.timeout_s))

    def _any_running(self) -> bool:
        return any(entry.inner is not None and entry.inner.running() for entry in self._entries)


def _block_ctrl_c() -> None:
    """What this thread starts, threads and processes, inherits it: Ctrl-C in a terminal reaches all
    processes, and a worker that has not come to `worker.start` would say so with a traceback.
    """
    # The start of multiprocessing's helper would undo the line after it.
    resource_tracker.ensure_running()
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})


def _end(pool: ProcessPool) -> None:
    """End a pool's processes and threads; what they were doing is given up."""
    pool.stop()  # type: ignore[no-untyped-call]
    pool.join()


def _explain(error: BaseException, timeout_s: float | None) -> BaseException:
    if isinstance(error, FutureTimeoutError):
        return WorkerDied(f"took longer than {timeout_s:g} s, so its worker was ended")
    if isinstance(error, ProcessExpired):
        return WorkerDied(f"its worker died ({_how(error.exitcode)})")
    if isinstance(error, MemoryError):
        return WorkerDied("its worker ran out of memory")
    return error


def _how(exit_code: int) -> str:
    if exit_code == -signal.SIGKILL:
        return "killed, perhaps because memory ran out"
    if exit_code < 0:
        with suppress(ValueError):
            return f"crashed with {signal.Signals(-exit_code).name}"
    return f"exit code {exit_code}"
