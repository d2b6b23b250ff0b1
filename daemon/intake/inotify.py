"""The kernel's watches on folders: which folder each one stands for, through moves and links.

Built on watchdog's inotify reader and not on its observers: those tell nobody that events were
lost, that a folder could not be watched or that a disk was unmounted, cannot tell a file moved in
from one just created, lose a move between two roots, follow links without end, and spend a thread
a root. One reader for all roots knows all of that.
"""

from __future__ import annotations

import errno
import itertools
import os
import threading
from typing import TYPE_CHECKING, NamedTuple

from watchdog.observers.inotify_c import CallbackId, InotifyConstants, InotifyFD, Mask

from catalog.roots import contains

if TYPE_CHECKING:
    from watchdog.observers.inotify_c import WatchCallback, WatchDescriptor

# Neither opens nor reads: the daemon's own would come back as events.
MASK = Mask(
    InotifyConstants.IN_CREATE
    | InotifyConstants.IN_MODIFY
    | InotifyConstants.IN_CLOSE_WRITE
    | InotifyConstants.IN_ATTRIB
    | InotifyConstants.IN_MOVED_FROM
    | InotifyConstants.IN_MOVED_TO
    | InotifyConstants.IN_DELETE
    | InotifyConstants.IN_DELETE_SELF
    | InotifyConstants.IN_MOVE_SELF
    | InotifyConstants.IN_ONLYDIR
)


class WatchLimit(Exception):
    """The kernel gives this user no more watches (fs.inotify.max_user_watches)."""


class _Watch(NamedTuple):
    path: bytes
    id: CallbackId


class Watches:
    """Folders under watch. `hears` is called in the reader's thread. Safe from several threads."""

    def __init__(self, hears: WatchCallback) -> None:
        self._hears = hears
        self._lock = threading.RLock()
        self._watches: dict[WatchDescriptor, _Watch] = {}
        self._descriptors: dict[bytes, WatchDescriptor] = {}
        self._ids = itertools.count(1)
        self._reader: InotifyFD | None = None

    def start(self) -> None:
        """Open inotify. Raises OSError where this user has too many instances open."""
        self._reader = InotifyFD()
        self._reader.start()

    def stop(self) -> None:
        """Close inotify and wait for its thread."""
        reader, self._reader = self._reader, None
        if reader is not None:
            reader.stop()
            reader.join()

    def add(self, path: bytes) -> bool:
        """Watch this folder. False where it is watched already, under this or another name, or
        cannot be (unreadable, vanished): a walk tells of that. Raises WatchLimit.
        """
        with self._lock:
            reader = self._reader
            if reader is None or path in self._descriptors or not os.access(path, os.R_OK):
                return False
            id_ = CallbackId(next(self._ids))
            try:
                wd = reader.add_callback(path, MASK, self._hears, id_)
            except OSError as error:
                if error.errno == errno.ENOSPC:
                    raise WatchLimit from error
                return False
            if wd == -1 or wd in self._watches:
                # -1: not readable after all, which watchdog does not raise.
                reader.remove_callbacks([(wd, id_)])
                return False
            self._watches[wd] = _Watch(path, id_)
            self._descriptors[path] = wd
            return True

    def remove_tree(self, folder: bytes) -> None:
        """Drop the watches on this folder and below."""
        with self._lock:
            found = {wd: item for wd, item in self._watches.items() if contains(folder, item.path)}
            for wd in found:
                self.forget(wd)
            if self._reader is not None:
                self._reader.remove_callbacks([(wd, item.id) for wd, item in found.items()])

    def forget(self, wd: WatchDescriptor) -> bytes | None:
        """The kernel dropped this watch. Returns the folder that it stood for."""
        with self._lock:
            watch = self._watches.pop(wd, None)
            if watch is not None and self._descriptors.get(watch.path) == wd:
                del self._descriptors[watch.path]
        return watch.path if watch is not None else None

    def rename(self, old: bytes, new: bytes) -> None:
        """A folder was renamed; its watch and those below it went along."""
        with self._lock:
            for wd, watch in list(self._watches.items()):
                if contains(old, watch.path):
                    path = new + watch.path[len(old) :]
                    self._watches[wd] = watch._replace(path=path)
                    self._descriptors.pop(watch.path, None)
                    self._descriptors[path] = wd

    def path_of(self, wd: WatchDescriptor) -> bytes | None:
        """The folder that this watch stands for."""
        with self._lock:
            watch = self._watches.get(wd)
        return watch.path if watch is not None else None

    def __contains__(self, path: bytes) -> bool:
        with self._lock:
            return path in self._descriptors

    def count(self, folder: bytes) -> int:
        """How many folders are watched there, itself included."""
        with self._lock:
            return sum(contains(folder, path) for path in self._descriptors)
