"""Download jobs out, files in the inbox in: a thread of the daemon."""

from __future__ import annotations

import hashlib
import logging
import os
import shutil
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from catalog import downloads
from catalog.downloads import FETCH, READ, Fetched, Unfetched
from daemon import worker
from daemon.dispatch import START_S
from daemon.downloads.fetching import fetch
from daemon.downloads.naming import numbered, safe_name
from daemon.errors import BadFile, TryLater
from daemon.serial import Pooled

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence

    from catalog.downloads import Had
    from catalog.jobs import Job
    from daemon.downloads.fetching import Came

logger = logging.getLogger(__name__)

# Passed over by the watcher, whatever is in it.
_HIDDEN = ".rollcall-{}.part"


class Downloads(Pooled):
    """Reads files with addresses, and fetches what is there, one after the other."""

    name, owner = "downloads", "downloads"
    kinds = (READ, FETCH)
    at_once = 1

    @cached_property
    def _inbox(self) -> Path:
        return Path(os.path.realpath(self._settings.paths.inbox[0]))

    def start(self) -> None:
        """Begin, without what a crash left of downloads that nobody asks for any more."""
        wanted = {_folder_name(it) for it in self._writer.run(downloads.open_addresses)}
        for folder in self._inbox.glob(_HIDDEN.format("*")):
            if folder.is_dir() and folder.name not in wanted:
                shutil.rmtree(folder, ignore_errors=True)
        super().start()

    def _do(self, claimed: Sequence[Job]) -> None:
        (job,) = claimed
        try:
            if job.kind == READ:
                self._read(job)
            else:
                self._fetch(job)
        except BadFile as error:
            self._failed(job, error)

    def _give_up(self, job: Job, error: str) -> None:
        self._failed(job, TryLater(error))

    def _failed(self, job: Job, error: BadFile) -> None:
        logger.warning("%s: %s", _shown(job), error)
        if job.kind == FETCH:
            for_good = not isinstance(error, TryLater)
            missed = [Unfetched(item=None, title=None, error=str(error), for_good=for_good)]
            self._writer.run(lambda it: downloads.close(it, job, [], missed, self._patience))
        else:
            self._writer.run(lambda it: downloads.refuse(it, job, str(error)))
        self.on_written()

    def _read(self, job: Job) -> None:
        path = bytes.fromhex(job.payload["path"])
        timeout_s = self._settings.workers.timeout_s + START_S
        future = self._pool.submit(worker.read_addresses, path, timeout_s=timeout_s)
        told = self._answer([job], future)
        if told is not None:
            self._writer.run(lambda it: downloads.accept(it, job, told.found, told.refused))

    def _fetch(self, job: Job) -> None:
        section = self._settings.download
        if not section.enabled:
            raise BadFile("downloads are switched off: set download.enabled = true")
        logger.info("fetching %s", job.key)
        self._look_after(job)
        before = self._writer.run(lambda it: there(it, job.key))
        folder = self._inbox / _folder_name(job.key)
        files, missed = list(dict.fromkeys(it.path for it in before)), []
        had = [it.item for it in before]
        stopping = lambda: self._loop.stopping  # noqa: E731 - asked again and again
        for it in fetch(job.key, folder, section, had=had, stopping=stopping):
            if isinstance(it, Unfetched):
                logger.warning("%s: %s", it.title or it.item or job.key, it.error)
                missed.append(it)
            else:
                files.append(str(self._put(job, it)))
        if self._loop.stopping:
            return
        if not files and not missed:
            raise BadFile("there is no video at this address")
        if not self._writer.run(lambda it: downloads.close(it, job, files, missed, self._patience)):
            shutil.rmtree(folder, ignore_errors=True)
        self.on_written()

    def _look_after(self, job: Job) -> None:
        """What a crash left half put into the inbox."""
        begun = self._writer.run(lambda it: downloads.begun(it, job.key))
        kept = {row for row, path in begun.items() if _has_content(Path(path))}
        for row, path in begun.items():
            if row not in kept:
                Path(path).unlink(missing_ok=True)

        def write(connection: sqlite3.Connection) -> None:
            for row in begun:
                (downloads.put if row in kept else downloads.drop)(connection, row)

        self._writer.run(write)

    def _put(self, job: Job, came: Came) -> Path:
        """The file under its name in the inbox; first it is noted where, so that after a crash in
        between nothing comes twice. The name is taken with an empty file, which replaces nothing,
        and which the video then replaces.
        """
        place = self._free(safe_name(came.title, came.identity, came.path.suffix))
        fetched = Fetched(item=came.item, title=came.title, uploader=came.uploader, path=str(place))
        row_id = self._writer.run(lambda it: downloads.begin(it, job.key, fetched))
        place.touch(exist_ok=False)
        came.path.replace(place)
        self._writer.run(lambda it: downloads.put(it, row_id))
        logger.info("fetched %s", place)
        return place

    def _free(self, name: str) -> Path:
        number, target = 1, self._inbox / name
        while os.path.lexists(target):
            number += 1
            target = self._inbox / numbered(name, number)
        return target


def there(connection: sqlite3.Connection, address: str) -> list[Had]:
    """What came from an address and is still here."""
    found = downloads.had(connection, address)
    return [it for it in found if os.path.lexists(it.path)]


def _has_content(path: Path) -> bool:
    return path.is_file() and path.stat().st_size > 0


def _folder_name(address: str) -> str:
    return _HIDDEN.format(hashlib.sha256(address.encode()).hexdigest()[:16])


def _shown(job: Job) -> str:
    return job.key if job.kind == FETCH else bytes.fromhex(job.key).decode("utf-8", "replace")
