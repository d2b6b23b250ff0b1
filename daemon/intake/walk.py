"""Everything that lies below a folder, once, whatever it is called and however it is linked."""

from __future__ import annotations

import fnmatch
import os
import re
import stat
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING

from catalog.files import FileStat
from catalog.reconcile import Found
from catalog.roots import contains
from daemon.intake.hashing import explain

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from daemon.settings import Intake

__all__ = ["SIDECAR", "Found", "Names", "names_of", "walk"]

SIDECAR = "a sidecar of a picture"
ADDRESSES = (b".url", b".urls", b".webloc")
SPECIAL = {
    stat.S_IFIFO: "a named pipe, not a file",
    stat.S_IFSOCK: "a socket, not a file",
    stat.S_IFCHR: "a device, not a file",
    stat.S_IFBLK: "a device, not a file",
}


@dataclass(frozen=True, slots=True)
class Names:
    """Which names are passed over, and which are noted as sidecars; upper and lower case alike."""

    ignored: re.Pattern[bytes]
    sidecars: re.Pattern[bytes]

    def is_ignored(self, name: bytes) -> bool:
        """Whether a file or folder of this name is passed over without a trace."""
        return self.ignored.match(name) is not None

    @staticmethod
    def holds_addresses(name: bytes) -> bool:
        """Whether it is a text file with addresses from which videos come."""
        return name.lower().endswith(ADDRESSES)

    def is_sidecar(self, name: bytes) -> bool:
        """Whether a file of this name lies beside a picture and is none itself."""
        return self.sidecars.match(name) is not None


def names_of(section: Intake) -> Names:
    """The two lists of names of the settings, compiled."""
    return _names(section.ignore, section.sidecars)


def walk(
    root: bytes, section: Intake, *, skip: Collection[bytes] = (), folders: bool = False
) -> Iterator[Found]:
    """Every file below `root`, streamed, with what `os.stat` says of it; and every problem.

    Links are followed, each folder is entered once: real folders first, so that a link into the
    tree is the duplicate and never the folder itself. Names ignored and folders in `skip` (other
    roots) are passed over. `folders` yields each folder too, before it is listed, so that a watch
    can be armed before anything in it is looked at. Nothing is ever opened but folders, one at a
    time.
    """
    return _Walk(names=names_of(section), skip=frozenset(skip), folders=folders).run(root)


@dataclass(slots=True, kw_only=True)
class _Walk:
    names: Names
    skip: frozenset[bytes]
    folders: bool
    visited: set[tuple[int, int]] = field(default_factory=set)
    to_do: list[bytes] = field(default_factory=list)
    links: list[bytes] = field(default_factory=list)

    def run(self, root: bytes) -> Iterator[Found]:
        self.to_do.append(root)
        while self.to_do or self.links:
            path = self.to_do.pop() if self.to_do else self.links.pop(0)
            yield from self._folder(path)

    def _folder(self, path: bytes) -> Iterator[Found]:
        try:
            result = os.stat(path)
            key = (result.st_dev, result.st_ino)
            if key in self.visited:
                yield _again(path)
                return
            self.visited.add(key)
            if self.folders:
                yield Found(path=path, kind="folder", stat=FileStat.of(result), is_folder=True)
            with os.scandir(path) as entries:
                for entry in entries:
                    if not self.names.is_ignored(entry.name) and entry.path not in self.skip:
                        yield from self._entry(entry)
        except OSError as error:
            yield Found(path=path, kind="problem", reason=explain(error), is_folder=True)

    def _entry(self, entry: os.DirEntry[bytes]) -> Iterator[Found]:
        try:
            if entry.is_dir(follow_symlinks=False):
                self.to_do.append(entry.path)
                return
            result = entry.stat()
        except OSError as error:
            # A link may lead to a folder on a disk that is away: nothing is known of what is below.
            if entry.is_symlink() or not isinstance(error, FileNotFoundError):
                yield Found(path=entry.path, kind="problem", reason=explain(error), is_folder=True)
            return
        if stat.S_ISDIR(result.st_mode):
            self.links.append(entry.path)
            return
        yield found_file(entry.path, entry.name, result, self.names)


def found_file(path: bytes, name: bytes, result: os.stat_result, names: Names) -> Found:
    """What to make of something that is no folder."""
    if not stat.S_ISREG(result.st_mode):
        reason = SPECIAL.get(stat.S_IFMT(result.st_mode), "not a regular file")
        return Found(path=path, kind="problem", reason=reason)
    found = FileStat.of(result)
    if names.is_sidecar(name):
        return Found(path=path, kind="sidecar", stat=found, reason=SIDECAR)
    return Found(path=path, kind="file", stat=found)


def _again(path: bytes) -> Found:
    """A folder that was entered before: a loop where it leads up to where it lies."""
    if contains(os.path.realpath(path), os.path.realpath(os.path.dirname(path))):
        return Found(path=path, kind="problem", reason="a link that leads back to its own folder")
    return Found(
        path=path, kind="duplicate", reason="a link to a folder that is catalogued at its own place"
    )


@lru_cache(maxsize=16)
def _names(ignored: Sequence[str], sidecars: Sequence[str]) -> Names:
    return Names(_pattern(ignored), _pattern(sidecars))


def _pattern(patterns: Sequence[str]) -> re.Pattern[bytes]:
    """One expression over bytes, because names need not be text in any encoding."""
    # Latin-1 carries every byte through fnmatch, which only knows text.
    parts = [fnmatch.translate(os.fsencode(item).decode("latin-1")) for item in patterns]
    return re.compile("|".join(parts or ["(?!)"]).encode("latin-1"), re.IGNORECASE)
