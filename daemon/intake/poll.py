"""Looking again and again where the kernel tells nothing: network folders, and too many folders."""

from __future__ import annotations

import logging
import random
import threading
from typing import TYPE_CHECKING

from daemon.intake.walk import walk

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from daemon.settings import Intake

logger = logging.getLogger(__name__)

JITTER = 0.1


def digest(folder: bytes, section: Intake, skip: Iterable[bytes] = ()) -> int:
    """One number for all names, sizes, times and inodes below a folder, in whatever order.

    It is compared with another of the same process only.
    """
    total = 0
    for found in walk(folder, section, skip=frozenset(skip)):
        total += hash((found.path, found.kind, found.stat))
    return total % 2**64


class Poller:
    """Calls `on_change(folder)` when something below a polled folder differs from the last look.

    It keeps one number a folder and not a copy of the tree; the first look always counts as a
    change, because nothing says what happened before it. The thread starts with the first folder.
    """

    def __init__(
        self,
        section: Intake,
        on_change: Callable[[bytes], None],
        *,
        skip: Iterable[bytes] = (),
        jitter: Callable[[float, float], float] = random.uniform,
    ) -> None:
        self._section = section
        self._on_change = on_change
        self._skip = frozenset(skip)
        self._jitter = jitter
        self._lock = threading.Lock()
        self._digests: dict[bytes, int | None] = {}
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    @property
    def folders(self) -> frozenset[bytes]:
        """What is polled now."""
        with self._lock:
            return frozenset(self._digests)

    def add(self, folder: bytes) -> None:
        """Poll this folder and all below it, from now on."""
        with self._lock:
            self._digests.setdefault(folder, None)
            if self._thread is None and not self._stop.is_set():
                self._thread = threading.Thread(target=self._run, name="poll", daemon=True)
                self._thread.start()

    def remove(self, folder: bytes) -> None:
        """Stop polling this folder."""
        with self._lock:
            self._digests.pop(folder, None)

    def stop(self, timeout_s: float = 5.0) -> None:
        """End the thread; one that hangs on a dead network folder is left behind."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join(timeout_s)

    def look(self) -> None:
        """Look at each polled folder once."""
        for folder in sorted(self.folders):
            if self._stop.is_set():
                return
            now = digest(folder, self._section, self._skip - {folder})
            with self._lock:
                changed = folder in self._digests and self._digests[folder] != now
                if changed:
                    self._digests[folder] = now
            if changed:
                logger.debug("changed since the last look: %r", folder)
                self._on_change(folder)

    def _run(self) -> None:
        # Jittered, so that several machines do not ask one server at the same moment.
        while not self._stop.wait(self._section.poll_s * self._jitter(1 - JITTER, 1 + JITTER)):
            self.look()
