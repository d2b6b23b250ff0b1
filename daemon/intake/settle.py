"""When a file is finished: its writer has closed it, or has been quiet for long, and nothing moves.

A path is due when no event came for `quiet_s` after a close or a move (`quiet_unclosed_s` where
neither was seen) and two looks, the first soon after the last event and the second at the end of
that time, found the same size, time of change, inode and device. A look that finds a change counts
as an event. Times of change are compared with each other only, never with a clock: cameras, network
folders and copies carry any time at all.
"""

from __future__ import annotations

import heapq
import os
import stat as stat_module
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from catalog.files import FileStat
from catalog.roots import below
from daemon.intake.hashing import explain

if TYPE_CHECKING:
    from collections.abc import Callable

FIRST_LOOK_S = 0.5
DUE_AT_ONCE = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """A path whose writer is finished: its `stat`, or the `problem` that keeps it unread."""

    path: bytes
    stat: FileStat | None = None
    problem: str | None = None


@dataclass(slots=True)
class _Pending:
    event_at: float
    closed: bool
    look_at: float
    look: FileStat | None = None


class Settler:
    """The paths seen and not yet finished. Safe to use from several threads, starts none."""

    def __init__(
        self,
        quiet_s: float,
        quiet_unclosed_s: float,
        *,
        clock: Callable[[], float] = time.monotonic,
        stat: Callable[[bytes], os.stat_result] = os.stat,
    ) -> None:
        self._quiet_s = quiet_s
        self._quiet_unclosed_s = quiet_unclosed_s
        self._clock = clock
        self._stat = stat
        self._lock = threading.Lock()
        self._pending: dict[bytes, _Pending] = {}
        # One valid entry a path: the one whose time is the path's `look_at`. Events that put the
        # look off only change `event_at`; the entry finds out when its time comes.
        self._heap: list[tuple[float, bytes]] = []

    def __len__(self) -> int:
        return len(self._pending)

    def seen(self, path: bytes, *, closed: bool | None, look: FileStat | None = None) -> None:
        """An event at this path. `closed`: its writer is finished, as far as one can tell; False:
        somebody may be writing; None: the event says nothing of it (a change of permissions).

        `look`: what a walk just saw there, which then counts as the first of the two looks.
        """
        now = self._clock()
        with self._lock:
            pending = self._pending.get(path)
            if pending is None:
                pending = _Pending(now, closed is not False, now, look)
                self._pending[path] = pending
                self._plan(path, pending)
                return
            pending.event_at = now
            pending.look = look
            pending.closed = pending.closed if closed is None else closed
            if self._time_of_look(pending) < pending.look_at:
                self._plan(path, pending)

    def forget(self, path: bytes) -> None:
        """The path is gone; with a folder go the paths below it, see `forget_folder`."""
        with self._lock:
            self._pending.pop(path, None)

    def forget_folder(self, folder: bytes) -> None:
        """Everything below this folder is gone."""
        with self._lock:
            for path in self._below(folder):
                del self._pending[path]

    def move_folder(self, old: bytes, new: bytes) -> None:
        """A folder was renamed: what was pending below it is pending at its new place."""
        with self._lock:
            for path in self._below(old):
                pending = self._pending.pop(path)
                moved = new + path[len(old) :]
                self._pending[moved] = pending
                self._plan(moved, pending)

    def due(self, limit: int = DUE_AT_ONCE) -> list[Settled]:
        """The paths that are finished now, each told once; at most `limit` looks are taken.

        What vanished, or turned out to be a folder, is dropped without a word.
        """
        now = self._clock()
        settled: list[Settled] = []
        for path in self._ready(now, limit):
            # Outside the lock: a look at a network folder may take its time.
            found = self._look(path)
            with self._lock:
                pending = self._pending.get(path)
                if pending is not None and self._judge(path, pending, found, now):
                    del self._pending[path]
                    if found is not None:
                        settled.append(found)
        return settled

    def next_look_s(self) -> float | None:
        """Seconds until `due` is worth a call; None while nothing is pending."""
        with self._lock:
            while self._heap:
                at, path = self._heap[0]
                pending = self._pending.get(path)
                if pending is not None and pending.look_at == at:
                    return max(0.0, at - self._clock())
                heapq.heappop(self._heap)
        return None

    def _ready(self, now: float, limit: int) -> list[bytes]:
        """Paths whose look is due by their last event; the others are planned anew."""
        ready: list[bytes] = []
        with self._lock:
            while self._heap and self._heap[0][0] <= now and len(ready) < limit:
                at, path = heapq.heappop(self._heap)
                pending = self._pending.get(path)
                if pending is None or pending.look_at != at:
                    continue
                if self._time_of_look(pending) <= now:
                    ready.append(path)
                else:
                    self._plan(path, pending)
        return ready

    def _judge(self, path: bytes, pending: _Pending, found: Settled | None, now: float) -> bool:
        """Whether the path leaves: finished, or gone. Otherwise its next look is planned."""
        if pending.event_at > now:  # an event came during the look
            self._plan(path, pending)
            return False
        if found is None or found.problem is not None:
            return True
        if pending.look == found.stat:
            return True
        if pending.look is not None:
            pending.event_at = now
        pending.look = found.stat
        self._plan(path, pending)
        return False

    def _look(self, path: bytes) -> Settled | None:
        try:
            result = self._stat(path)
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            return Settled(path=path, problem=explain(error))
        if stat_module.S_ISDIR(result.st_mode):
            return None
        if not stat_module.S_ISREG(result.st_mode):
            return Settled(path=path, problem="not a regular file")
        return Settled(path=path, stat=FileStat.of(result))

    def _time_of_look(self, pending: _Pending) -> float:
        quiet_s = self._quiet_s if pending.closed else self._quiet_unclosed_s
        first = pending.look is None
        return pending.event_at + (min(FIRST_LOOK_S, quiet_s / 4) if first else quiet_s)

    def _plan(self, path: bytes, pending: _Pending) -> None:
        pending.look_at = self._time_of_look(pending)
        heapq.heappush(self._heap, (pending.look_at, path))
        if len(self._heap) > 2 * len(self._pending) + 1000:
            self._heap = [(item.look_at, name) for name, item in self._pending.items()]
            heapq.heapify(self._heap)

    def _below(self, folder: bytes) -> list[bytes]:
        low, high = below(folder)
        return [path for path in self._pending if low <= path < high]
