"""From a path seen to a job: settled, hashed, and written down as this content at this path.

One thread does all of it in turn, because the disk is what it waits for. `scan` does the same for
folders that a person points at, without waiting for writers.
"""

from __future__ import annotations

import logging
import os
import threading
from collections import deque
from contextlib import closing
from itertools import islice
from typing import TYPE_CHECKING

from catalog import arrivals, downloads, files, reconcile, roots
from catalog.connect import connect
from daemon.errors import BadFile, TryLater
from daemon.intake import roots as root_rules
from daemon.intake.hashing import Cancelled, Changed, hash_file
from daemon.intake.settle import Settler
from daemon.intake.walk import found_file, names_of, walk
from daemon.loop import Loop

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from catalog.files import FileStat
    from catalog.reconcile import Change, Found
    from catalog.roots import Root
    from catalog.writer import Writer
    from daemon.intake.settle import Settled
    from daemon.settings import Intake

logger = logging.getLogger(__name__)

CHUNK = 200
ABSENT = {
    root_rules.Verdict.UNREACHABLE: "not there: its files keep their place",
    root_rules.Verdict.UNPROVEN: "another folder than before, or its disk is not mounted: "
    "new files count, none is taken for missing",
}


class Arrivals:
    """Takes paths from the watcher and from walks; `on_job` is called when there may be new
    work.
    """

    def __init__(
        self,
        catalog: Path,
        writer: Writer,
        section: Intake,
        *,
        on_job: Callable[[], None],
        on_error: Callable[[Exception], None],
        settler: Settler | None = None,
        fetches: bool = False,
    ) -> None:
        self._catalog = catalog
        self._writer = writer
        self._section = section
        self._names = names_of(section)
        self._on_job = on_job
        self._fetches = fetches
        self._settler = settler or Settler(section.quiet_s, section.quiet_unclosed_s)
        self._stop = threading.Event()
        self._guard = threading.Lock()
        self._rescan: dict[bytes, None] = {}
        self._actions: deque[Callable[[], None]] = deque()
        self._settled: deque[Settled] = deque()
        self._loop = Loop("arrivals", self._round, on_error)

    def start(self) -> None:
        """Start settling and hashing."""
        self._loop.start()

    def stop(self) -> None:
        """Leave what has not settled to the scan of the next start."""
        self._stop.set()
        self._loop.stop()

    @property
    def waiting(self) -> int:
        """How many paths have not settled yet."""
        return len(self._settler)

    def seen(self, path: bytes, *, closed: bool | None) -> None:
        """Something happened to the file at this path."""
        self._settler.seen(path, closed=closed)
        self._loop.wake()

    def gone(self, path: bytes, *, is_folder: bool) -> None:
        """The file or folder at this path was deleted or moved out of all roots."""
        self._settler.forget(path)
        if is_folder:
            self._settler.forget_folder(path)
        self._later(lambda: self._delete(path))

    def moved(self, old: bytes, new: bytes, *, is_folder: bool) -> None:
        """The file or folder at `old` is now at `new`; both are in watched roots."""
        self._settler.forget(old)
        if is_folder:
            self._settler.move_folder(old, new)
        self._later(lambda: self._move(old, new))

    def lost(self, folder: bytes, why: str) -> None:
        """Events may have been missed below this folder: compare it as soon as there is time."""
        logger.debug("%s: %s", files.shown(folder), why)
        with self._guard:
            self._rescan[folder] = None
        self._loop.wake()

    def scan(
        self, paths: Iterable[bytes], role: roots.Role, *, progress: Callable[[int], None]
    ) -> None:
        """Bring these files and folders into the catalog now, in the caller's thread.

        No writer is waited for: whoever points at a folder says that it is finished, and a file
        that changes while it is read is noticed all the same. `progress` hears how many files were
        looked at.
        """
        for path in paths:
            is_folder = os.path.isdir(path)
            folder = path if is_folder else os.path.dirname(path)
            root_id = self._writer.run(lambda it, at=folder: roots.ensure_root(it, at, role))  # type: ignore[misc]
            if is_folder:
                self._compare(path, root_id, settle=False, progress=progress)
            else:
                found = found_file(path, os.path.basename(path), os.stat(path), self._names)
                self._take_found(found)
                progress(1)

    def _later(self, action: Callable[[], None]) -> None:
        self._actions.append(action)
        self._loop.wake()

    def _round(self) -> float | None:
        """Everything is taken off its list when it is done: a full disk loses nothing."""
        while self._actions and not self._stop.is_set():
            self._actions[0]()
            self._actions.popleft()
        self._settled.extend(self._settler.due())
        while self._settled and not self._stop.is_set():
            self._take_settled(self._settled[0])
            self._settled.popleft()
        folder = self._next_rescan()
        if folder is not None and not self._stop.is_set():
            try:
                self._rescan_folder(folder)
            except BaseException:
                self.lost(folder, "not compared to the end")
                raise
        return self._settler.next_look_s()

    def _delete(self, path: bytes) -> None:
        while not os.path.lexists(path) and self._writer.run(lambda it: arrivals.delete(it, path)):
            self._on_job()

    def _move(self, old: bytes, new: bytes) -> None:
        while self._writer.run(lambda it: arrivals.move(it, old, new)):
            self._on_job()

    def _next_rescan(self) -> bytes | None:
        with self._guard:
            folder = next(iter(self._rescan), None)
            if folder is not None:
                del self._rescan[folder]
            if self._rescan:
                self._loop.wake()
            return folder

    def _rescan_folder(self, folder: bytes) -> None:
        try:
            root = self._writer.run(lambda it: roots.root_of(it, folder))
            if root is not None:
                # What happened to a folder that is gone can only be seen from the one around it.
                at = folder if os.path.isdir(folder) else root.path
                self._compare(at, root.id, settle=True, progress=lambda _: None)
        except OSError as error:
            logger.warning("%s could not be compared: %s", files.shown(folder), error)

    def _compare(
        self, folder: bytes, root_id: int, *, settle: bool, progress: Callable[[int], None]
    ) -> None:
        """Walk a folder and bring the catalog into step with it."""
        with closing(connect(self._catalog, readonly=True)) as connection:
            known = {root.id: root for root in roots.list_roots(connection)}
            root = known[root_id]
            identity = root_rules.identity(root.path)
            in_place = root_rules.any_in_place(files.sample(connection, root_id))
            verdict = root_rules.judge(root.identity, identity, in_place=in_place)
            if not verdict.is_present:
                logger.warning("%s is %s", files.shown(root.path), ABSENT[verdict])
            if verdict is not root_rules.Verdict.UNREACHABLE:
                skip = [other.path for other in known.values() if other.path != folder]
                comparison = reconcile.Reconciliation(
                    connection=connection,
                    scope=reconcile.Scope(
                        root_id=root_id,
                        folder=folder,
                        is_present=verdict.is_present,
                        keeps_inodes=root_rules.keeps_inodes(folder),
                    ),
                    found=_counted(walk(folder, self._section, skip=skip), progress),
                )
                self._follow(comparison.changes(), root_id, settle=settle)
            # Noted after the walk: what is found missing in it was last seen at the walk before.
            self._note(root, verdict, identity, whole=folder == root.path)

    def _note(
        self, root: Root, verdict: root_rules.Verdict, identity: str | None, *, whole: bool
    ) -> None:
        """Write down whether the root is really there; that it was all seen, only after all of
        it.
        """
        if not verdict.is_present:
            self._writer.run(lambda it: roots.mark_root(it, root.id, state="unreachable"))
        elif whole or root.identity is None:
            self._writer.run(
                lambda it: roots.mark_root(it, root.id, state="present", identity=identity)
            )

    def _follow(self, changes: Iterator[Change], root_id: int, *, settle: bool) -> None:
        while chunk := list(islice(changes, CHUNK)):
            if self._stop.is_set():
                return
            unread = [it for it in chunk if it.kind in ("new", "changed")]
            others = [it for it in chunk if it.kind not in ("new", "changed")]
            if others:
                self._writer.run(lambda it, some=others: arrivals.apply(it, some, root_id))  # type: ignore[misc]
                self._on_job()
            for change in unread:
                if settle:
                    self._settler.seen(change.path, closed=False, look=change.stat)
                elif change.stat is not None:
                    self._take_in(change.path, change.stat)

    def _take_found(self, found: Found) -> None:
        """A single file that a person points at."""
        if found.kind == "problem":
            self._problem(found.path, found.reason or "")
        elif found.kind == "sidecar":
            self._writer.run(lambda it: arrivals.note_sidecar(it, found.path))
        elif found.stat is not None:
            self._take_in(found.path, found.stat)

    def _take_settled(self, settled: Settled) -> None:
        name = os.path.basename(settled.path)
        if self._names.is_ignored(name):
            return
        if settled.problem is not None:
            self._problem(settled.path, settled.problem)
        elif self._names.is_sidecar(name):
            self._writer.run(lambda it: arrivals.note_sidecar(it, settled.path))
        elif settled.stat is not None:
            self._take_in(settled.path, settled.stat)

    def _take_in(self, path: bytes, stat: FileStat) -> None:
        """Hash a finished file and write it down; a file that changed meanwhile settles again."""
        if self._names.holds_addresses(path):
            if self._writer.run(lambda it: downloads.offer(it, path, stat, enabled=self._fetches)):
                self._on_job()
            return
        if self._writer.run(lambda it: arrivals.is_unchanged(it, path, stat)):
            return
        if stat.bytes == 0:
            self._problem(path, "the file is empty (0 bytes)")
            return
        try:
            sha256 = hash_file(path, expected=stat, stop=self._stop)
        except Cancelled:
            return
        except Changed as error:
            if self._loop.running:
                self.seen(path, closed=False)
            else:  # a lone command waits for no writer
                self._problem(path, f"{error}: scan it again when it is finished")
            return
        except (BadFile, TryLater) as error:
            self._problem(path, str(error))
            return
        if self._writer.run(lambda it: arrivals.record(it, path, stat, sha256)):
            self._on_job()

    def _problem(self, path: bytes, reason: str) -> None:
        if self._writer.run(lambda it: arrivals.note_problem(it, path, reason)):
            logger.warning("%s: %s", files.shown(path), reason)


def _counted(found: Iterator[Found], progress: Callable[[int], None]) -> Iterator[Found]:
    for item in found:
        if item.kind != "folder":
            progress(1)
        yield item
