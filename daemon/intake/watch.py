"""Watching the roots: events where the kernel gives them, looks where it does not, and mending what
breaks: disks that come and go, folders replaced, events lost.

Events are hints, the disk is the truth: whatever may have been missed ends as `lost`, which asks
for a comparison of the folder with the catalog, after the watches have been armed again.
"""

from __future__ import annotations

import logging
import os
import select
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

from catalog.roots import contains
from daemon.intake.events import WATCH_LIMIT, WENT_AWAY, Events, Listener
from daemon.intake.mounts import MOUNTINFO, mount_of, mounts_below, read_mounts
from daemon.intake.poll import Poller

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from daemon.intake.mounts import Mount
    from daemon.settings import Intake

__all__ = ["Listener", "WatchedRoot", "Watcher"]

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchedRoot:
    """How a root is watched now: folders under inotify, and whether all or part of it is polled."""

    path: bytes
    is_there: bool
    folders_count: int
    is_polled: bool


@dataclass(frozen=True, slots=True)
class _Place:
    """What a root's path leads to: another one after a mount, an unmount or a replacement."""

    device: int
    inode: int
    mounts: tuple[bytes, ...]


class Watcher:
    """Tells `listener` what happens below the roots, from `start` (which returns when all watches
    are armed) to `stop`. Idle it wakes for nothing but a root that is away, every `poll_s`.
    """

    def __init__(
        self,
        roots: Iterable[bytes],
        section: Intake,
        listener: Listener,
        *,
        mounts: Callable[[], Sequence[Mount]] = read_mounts,
    ) -> None:
        self._roots = tuple(roots)
        self._section = section
        self._listener = listener
        self._mounts = mounts
        self._lock = threading.Lock()
        self._troubles: dict[bytes, str] = {}
        self._places: dict[bytes, _Place | None] = dict.fromkeys(self._roots)
        self._events: Events | None = None
        self._poller = Poller(
            section, lambda folder: listener.lost(folder, "changed"), skip=self._roots
        )
        self._limited: set[bytes] = set()
        self._stop = threading.Event()
        self._check = threading.Event()
        self._wake = -1
        self._thread = threading.Thread(target=self._run, name="watch", daemon=True)

    def start(self) -> None:
        """Arm all watches and start to listen. Then compare every root with the catalog."""
        self._wake = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        if self._section.polling != "always":
            self._open_events()
        for root in self._roots:
            self._arm(root)
        self._thread.start()

    def stop(self) -> None:
        """Stop listening; no call comes after it returns."""
        self._stop.set()
        if self._wake == -1:
            return
        self._nudge()
        self._thread.join()
        if self._events is not None:
            self._events.watches.stop()
        self._poller.stop()
        os.close(self._wake)
        self._wake = -1

    def check(self) -> None:
        """Have it looked whether each root still is what it was: a link to a folder can be turned
        to another one without any event. Every rescan should ask for it.
        """
        self._check.set()
        self._nudge()

    def describe(self) -> list[WatchedRoot]:
        """How each root is watched, for `status`."""
        polled = self._poller.folders
        return [
            WatchedRoot(
                path=root,
                is_there=self._places[root] is not None,
                folders_count=self._events.watches.count(root) if self._events else 0,
                is_polled=any(contains(root, folder) for folder in polled),
            )
            for root in self._roots
        ]

    def _open_events(self) -> None:
        events = Events(
            self._section, self._listener, on_trouble=self._on_trouble, on_leaving=self._nudge
        )
        try:
            events.watches.start()
        except OSError as error:
            logger.warning(
                "cannot watch folders (%s): polling them every %g s instead; raise "
                "fs.inotify.max_user_instances",
                error,
                self._section.poll_s,
            )
        else:
            self._events = events

    def _on_trouble(self, root: bytes, why: str) -> None:
        with self._lock:
            self._troubles[root] = why
        self._nudge()

    def _nudge(self) -> None:
        if self._wake != -1:
            os.eventfd_write(self._wake, 1)

    def _run(self) -> None:
        poll = select.poll()
        poll.register(self._wake, select.POLLIN)
        with open(MOUNTINFO, "rb") as mountinfo:
            # The kernel raises this flag when anything is mounted or unmounted.
            poll.register(mountinfo, select.POLLPRI)
            wait_s: float | None = self._absent_wait_s()
            while True:
                ready = dict(poll.poll(None if wait_s is None else wait_s * 1000))
                if self._wake in ready:
                    os.eventfd_read(self._wake)
                # After the read, which may have taken the nudge of `stop` along with another one.
                if self._stop.is_set():
                    return
                pair_s = self._events.expire() if self._events else None
                self._mend()
                if not ready or mountinfo.fileno() in ready or self._check.is_set():
                    self._check.clear()
                    self._look_at_roots()
                waits = [item for item in (pair_s, self._absent_wait_s()) if item is not None]
                wait_s = min(waits, default=None)

    def _absent_wait_s(self) -> float | None:
        return self._section.poll_s if None in self._places.values() else None

    def _mend(self) -> None:
        with self._lock:
            troubles, self._troubles = self._troubles, {}
        for root, why in troubles.items():
            if why == WATCH_LIMIT:
                self._poll_the_rest(root)
            elif why != WENT_AWAY or not self._is_armed(root):
                logger.warning("%s below %r: looking at all of it again", why, root)
                self._arm(root)
                self._listener.lost(root, why)

    def _is_armed(self, root: bytes) -> bool:
        """Whether a look at the roots has found out by itself what the trouble is about."""
        place = self._place(root)
        armed = self._events is not None and root in self._events.watches
        return armed and place is not None and place == self._places[root]

    def _look_at_roots(self) -> None:
        for root in self._roots:
            if self._place(root) != self._places[root]:
                self._arm(root)
                self._listener.lost(root, "mounted, unmounted or replaced")

    def _arm(self, root: bytes) -> None:
        others = [other for other in self._roots if other != root]
        mounts = self._mounts()
        self._places[root] = self._place(root, mounts)
        if self._events is not None:
            self._events.arm(root, others)
        for folder in self._to_poll(root, mounts):
            self._poller.add(folder)

    def _to_poll(self, root: bytes, mounts: Sequence[Mount]) -> list[bytes]:
        """The parts of a root where this kernel does not hear of what others change."""
        if self._events is None:
            return [root]
        mount = mount_of(root, mounts)
        if self._section.polling == "never":
            return []
        if mount is not None and mount.is_network:
            return [root]
        real = os.path.realpath(root)
        return [
            root + inner.folder[len(real) :]
            for inner in mounts_below(root, mounts)
            if inner.is_network
        ]

    def _poll_the_rest(self, root: bytes) -> None:
        if root in self._limited:
            return
        self._limited.add(root)
        polls = self._section.polling != "never"
        logger.warning(
            "%s below %r: %s; raise fs.inotify.max_user_watches",
            WATCH_LIMIT,
            root,
            f"polling it every {self._section.poll_s:g} s as well"
            if polls
            else "some are unwatched",
        )
        if polls:
            self._poller.add(root)

    def _place(self, root: bytes, mounts: Sequence[Mount] | None = None) -> _Place | None:
        try:
            result = os.stat(root)
        except OSError:
            return None
        inner = mounts_below(root, self._mounts() if mounts is None else mounts)
        return _Place(result.st_dev, result.st_ino, tuple(mount.folder for mount in inner))
