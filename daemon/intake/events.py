"""What the kernel's events on folders mean for files: seen, gone, moved, or lost count of."""

from __future__ import annotations

import os
import threading
import time
from typing import TYPE_CHECKING, NamedTuple, Protocol

from catalog.roots import contains
from daemon.intake.inotify import Watches, WatchLimit
from daemon.intake.walk import names_of, walk

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from watchdog.observers.inotify_c import InotifyEvent, WatchDescriptor

    from daemon.settings import Intake

# Both halves of a move come together; what waits longer went out of the watched folders.
MOVE_PAIR_S = 0.5
WATCH_LIMIT = "more folders than this user may watch"
WENT_AWAY = "the folder went away"


class Listener(Protocol):
    """Who hears of files. Called from the watcher's threads: hand over, return at once, and raise
    nothing. Sidecars are told like any other file; only ignored names are not.
    """

    def seen(self, path: bytes, *, closed: bool | None) -> None:
        """Something happened to a file; `closed` as `Settler.seen` takes it."""

    def gone(self, path: bytes, *, is_folder: bool) -> None:
        """A file, or a folder with all that was in it, is no longer there."""

    def moved(self, old: bytes, new: bytes, *, is_folder: bool) -> None:
        """Renamed within the watched folders. A file's new path is then also `seen`."""

    def lost(self, folder: bytes, why: str) -> None:
        """Events below this folder may have been missed: compare it with the catalog."""


class _Leaving(NamedTuple):
    path: bytes
    is_folder: bool
    at: float


class Events:
    """Watches every folder below the roots and tells `listener` what happens in them.

    `on_trouble(root, why)`: the root needs arming again, or cannot be watched as a whole
    (WATCH_LIMIT). `on_leaving()`: something was moved away, perhaps out: call `expire` soon.
    """

    def __init__(
        self,
        section: Intake,
        listener: Listener,
        *,
        on_trouble: Callable[[bytes, str], None],
        on_leaving: Callable[[], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._section = section
        self._names = names_of(section)
        self._listener = listener
        self._on_trouble = on_trouble
        self._on_leaving = on_leaving
        self._clock = clock
        self._lock = threading.Lock()
        self._leaving: dict[int, _Leaving] = {}
        self._last_write: tuple[WatchDescriptor, bytes] | None = None
        self.roots: tuple[bytes, ...] = ()
        self.watches = Watches(self)

    def arm(self, root: bytes, skip: Sequence[bytes] = ()) -> int:
        """Watch every folder below this root, afresh where it was watched before.

        Returns how many. Files are not told: arm first, then walk, and nothing falls in between.
        """
        self.watches.remove_tree(root)
        self.roots = tuple(sorted({*self.roots, root}, key=len, reverse=True))
        for found in walk(root, self._section, skip=skip, folders=True):
            if found.kind == "folder":
                self._watch(found.path)
        return self.watches.count(root)

    def expire(self) -> float | None:
        """Tell of what was moved out of the watched folders; seconds until there may be more."""
        now = self._clock()
        with self._lock:
            late = {
                cookie: item
                for cookie, item in self._leaving.items()
                if now - item.at >= MOVE_PAIR_S
            }
            for cookie in late:
                del self._leaving[cookie]
            waits = [item.at + MOVE_PAIR_S - now for item in self._leaving.values()]
        for item in late.values():
            self._left(item)
        return min(waits, default=None)

    def on_event(self, event: InotifyEvent) -> None:
        """One event of one watched folder; watchdog's reader calls it."""
        folder = self.watches.path_of(event.wd)
        if folder is None:
            return
        if not event.name:
            if folder in self.roots and (event.is_move_self or event.is_delete_self):
                self._on_trouble(folder, WENT_AWAY)
            return
        path = os.path.join(folder, event.name)
        ignored = self._names.is_ignored(event.name)
        if event.is_moved_from:
            self._on_moved_from(path, event, ignored=ignored)
        elif event.is_moved_to:
            self._on_moved_to(path, event, ignored=ignored)
        elif not ignored:
            self._on_plain(path, event)

    def on_watch_deleted(self, wd: WatchDescriptor) -> None:
        """The folder was deleted, or its file system unmounted; watchdog's reader calls it."""
        folder = self.watches.forget(wd)
        if folder is not None and folder in self.roots:
            self._on_trouble(folder, WENT_AWAY)

    def on_queue_overflow(self) -> None:
        """The kernel dropped events: folders may have come, gone or been renamed unnoticed."""
        with self._lock:
            self._leaving.clear()
        for root in self.roots:
            self._on_trouble(root, "too many changes at once")

    def _on_plain(self, path: bytes, event: InotifyEvent) -> None:
        write = (event.wd, event.name)
        if event.is_modify and write == self._last_write:
            return  # a writer at work: thousands of these, and the first has said it
        self._last_write = write if event.is_modify else None
        if event.is_delete:
            self._gone(path, is_folder=event.is_directory or path in self.watches)
        elif event.is_directory:
            if event.is_create or path not in self.watches:  # it may have become readable
                self._take_in(path, closed=not event.is_create)
        elif event.is_create and os.path.isdir(path):
            self._take_in(path, closed=True)  # a link to a folder
        else:
            closed = True if event.is_close_write else None if event.is_attrib else False
            self._listener.seen(path, closed=closed)

    def _on_moved_from(self, path: bytes, event: InotifyEvent, *, ignored: bool) -> None:
        if ignored:
            return
        is_folder = event.is_directory or path in self.watches
        with self._lock:
            self._leaving[event.cookie] = _Leaving(path, is_folder, self._clock())
        self._on_leaving()

    def _on_moved_to(self, path: bytes, event: InotifyEvent, *, ignored: bool) -> None:
        with self._lock:
            origin = self._leaving.pop(event.cookie, None)
        if ignored:
            if origin is not None:
                self._gone(origin.path, is_folder=origin.is_folder)
        elif origin is None:
            self._arrived(path, is_folder=event.is_directory)
        elif origin.is_folder:
            self.watches.rename(origin.path, path)
            self._listener.moved(origin.path, path, is_folder=True)
            # A folder made in it just before may have been missed under the old name.
            self._take_in(path, closed=False)
        else:
            self._listener.moved(origin.path, path, is_folder=False)
            self._listener.seen(path, closed=True)

    def _arrived(self, path: bytes, *, is_folder: bool) -> None:
        if is_folder or os.path.isdir(path):
            self._take_in(path, closed=True)
        else:
            self._listener.seen(path, closed=True)

    def _left(self, item: _Leaving) -> None:
        """Something was moved out; but others may have put a new thing in its place meanwhile."""
        if not os.path.lexists(item.path):
            self._gone(item.path, is_folder=item.is_folder)
        elif item.is_folder:
            self.watches.remove_tree(item.path)
            self._take_in(item.path, closed=False)
            self._listener.lost(item.path, "replaced")
        else:
            self._listener.seen(item.path, closed=None)

    def _gone(self, path: bytes, *, is_folder: bool) -> None:
        if is_folder:
            self.watches.remove_tree(path)
        self._listener.gone(path, is_folder=is_folder)

    def _take_in(self, folder: bytes, *, closed: bool) -> None:
        """Watch a folder that appeared, and tell of the files in those parts not watched before."""
        others = [root for root in self.roots if root != folder]
        fresh: set[bytes] = set()
        for found in walk(folder, self._section, skip=others, folders=True):
            if found.kind == "folder":
                if self._watch(found.path):
                    fresh.add(found.path)
            elif os.path.dirname(found.path) in fresh:
                self._listener.seen(found.path, closed=closed)

    def _watch(self, path: bytes) -> bool:
        try:
            return self.watches.add(path)
        except WatchLimit:
            root = next((root for root in self.roots if contains(root, path)), path)
            self._on_trouble(root, WATCH_LIMIT)
            return False
