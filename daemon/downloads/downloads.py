"""Download jobs out, files in the inbox in: a thread of the daemon."""

from __future__ import annotations

import hashlib
import logging
import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from catalog import downloads, jobs
from catalog.downloads import FETCH, READ, Fetched
from daemon import worker
from daemon.dispatch import START_S
from daemon.downloads.fetching import fetch
from daemon.downloads.naming import numbered, safe_name
from daemon.errors import BadFile, TryLater
from daemon.serial import Serial

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from catalog.jobs import Job, Patience
    from catalog.writer import Writer
    from daemon.downloads.fetching import Item
    from daemon.pool import Pool
    from daemon.settings import Settings

logger = logging.getLogger(__name__)

# Passed over by the watcher, whatever is in it.
_HIDDEN = ".rollcall-{}.part"


class Downloads(Serial):
    """Reads files with addresses, and fetches what is there, one after the other."""

    name, owner = "downloads", "downloads"
    kinds = (READ, FETCH)
    at_once = 1

    def __init__(
        self,
        writer: Writer,
        pool: Pool,
        settings: Settings,
        *,
        patience: Patience,
        on_error: Callable[[Exception], None],
    ) -> None:
        super().__init__(writer, patience=patience, on_error=on_error)
        self._pool = pool
        self._settings = settings
        self._inbox = Path(os.path.realpath(settings.paths.inbox[0]))
        self.on_file: Callable[[Path], None] = lambda _: None

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
        for_good = not isinstance(error, TryLater)
        logger.warning("%s: %s", _shown(job), error)
        if job.kind == FETCH:
            self._writer.run(
                lambda it: downloads.fail(it, job, str(error), self._patience, for_good=for_good)
            )
        else:
            self._writer.run(lambda it: downloads.refuse(it, job, str(error)))
        self.on_written()

    def _read(self, job: Job) -> None:
        path = bytes.fromhex(job.payload["path"])
        timeout_s = self._settings.workers.timeout_s + START_S
        future = self._pool.submit(worker.read_addresses, path, timeout_s=timeout_s)
        addresses = self._answer([job], future)
        if addresses is None:
            return

        def write(connection: object) -> None:
            downloads.request(connection, addresses, again=False)  # type: ignore[arg-type]
            jobs.finish(connection, job.id, result={"addresses": len(addresses)})  # type: ignore[arg-type]

        self._writer.run(write)

    def _fetch(self, job: Job) -> None:
        if not self._settings.download.enabled:
            raise BadFile("downloads are switched off: set download.enabled = true")
        folder = self._inbox / _folder_name(job.key)
        there = [Path(it) for it in self._writer.run(lambda it: downloads.begun(it, job.key))]
        if not there or not all(it.exists() for it in there):
            self._writer.run(lambda it: downloads.forget_begun(it, job.key))
            logger.info("fetching %s", job.key)
            items = fetch(job.key, folder, self._settings.download, lambda: self._loop.stopping)
            if self._loop.stopping:
                return
            there = self._put(job, items)
        self._writer.run(
            lambda it: downloads.finish(it, job, {"files": [str(path) for path in there]})
        )
        shutil.rmtree(folder, ignore_errors=True)
        for path in there:
            logger.info("fetched %s", path)
            self.on_file(path)
        self.on_written()

    def _put(self, job: Job, items: Sequence[Item]) -> list[Path]:
        """The files under their names in the inbox; first it is noted where, so that a crash in
        between fetches nothing again that is there.
        """
        targets: list[Path] = []
        for it in items:
            targets.append(self._free(safe_name(it.title, it.identity, it.path.suffix), targets))
        came = [
            Fetched(title=it.title, uploader=it.uploader, path=str(target))
            for it, target in zip(items, targets, strict=True)
        ]
        self._writer.run(lambda it: downloads.begin(it, job.key, came))
        for it, target in zip(items, targets, strict=True):
            it.path.rename(target)
        return targets

    def _free(self, name: str, taken: Sequence[Path]) -> Path:
        number, target = 1, self._inbox / name
        while target in taken or os.path.lexists(target):
            number += 1
            target = self._inbox / numbered(name, number)
        return target


def _folder_name(address: str) -> str:
    return _HIDDEN.format(hashlib.sha256(address.encode()).hexdigest()[:16])


def _shown(job: Job) -> str:
    return job.key if job.kind == FETCH else bytes.fromhex(job.key).decode("utf-8", "replace")
