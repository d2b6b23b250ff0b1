"""A folder of an export: what an earlier export wrote there is renewed, nothing else is touched.

What was written is noted in the folder itself, before anything is written: so an export that was
cut short is known again, and the next one goes on from there.
"""

from __future__ import annotations

import json
import os
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any, TextIO

from catalog.backup import sha256_of
from daemon.errors import EnvironmentTrouble, UsageError
from daemon.export.names import key

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from pathlib import Path

MANIFEST = ".rollcall-export.json"
FORMAT = 1
PICTURES = "crops"
PART = (".rollcall-", ".part")


@dataclass(slots=True, kw_only=True)
class Tally:
    """What an export did with its files."""

    written: int = 0
    unchanged: int = 0
    removed: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """What a folder says of itself: what it was called, whose it is, that person's row of the list
    of people (None before it is complete for the first time), and its files.
    """

    folder: str
    person_id: int | None = None
    row: dict[str, Any] | None = None
    files: frozenset[str] = field(default_factory=frozenset)

    def text(self) -> str:
        """As it is written."""
        values = {"person_id": self.person_id, "row": self.row, "files": sorted(self.files)}
        found = {"format": FORMAT, "folder": self.folder, **values}
        return json.dumps(found, ensure_ascii=False, indent=1) + "\n"


class Folder:
    """One folder. `begin` it with the names of its files, write them, and `finish` it."""

    def __init__(self, path: Path, tally: Tally) -> None:
        self.path = path
        with written_to(path):
            for it in (path, path / PICTURES):
                if it.is_symlink() or (it.exists() and not it.is_dir()):
                    raise UsageError(f"{it}: in the way of the export, and no folder; move it away")
            found = read_manifest(path)
        self.manifest = found or Manifest(folder=path.name)
        self._noted = found
        self._tally = tally

    def begin(self, names: Collection[str], person_id: int | None = None) -> None:
        """Take these names, and remove what an earlier export wrote under others. Raises UsageError
        where one of them is somebody else's.
        """
        known = self.manifest.files
        with written_to(self.path):
            self._refuse_foreign(names)
            self.path.mkdir(exist_ok=True)
            same = self.manifest.person_id == person_id
            self._note(
                Manifest(
                    folder=self.path.name,
                    person_id=person_id,
                    row=self.manifest.row if same else None,
                    files=known.union(names),
                )
            )
            # Before anything is written: "Rosa.jpg" and "rosa.jpg" may be one file.
            self._drop(known.difference(names))
            if any(name.startswith(f"{PICTURES}/") for name in names):
                (self.path / PICTURES).mkdir(exist_ok=True)

    def put(self, name: str, content: bytes) -> None:
        """Write a file, unless it is there with this content."""
        target = self.path / name
        with written_to(self.path):
            if target.is_file() and target.read_bytes() == content:
                self._tally.unchanged += 1
                return
            part = _part(target)
            with _gone_if_cut_short(part):
                part.write_bytes(content)
                part.replace(target)
            self._tally.written += 1

    @contextmanager
    def writing(self, name: str) -> Iterator[TextIO]:
        """A text file to write; it takes the place of an older one when it is complete."""
        target = self.path / name
        part = _part(target)
        with written_to(self.path), _gone_if_cut_short(part):
            with part.open("w", encoding="utf-8", newline="") as file:
                yield file
            if target.is_file() and sha256_of(target) == sha256_of(part):
                part.unlink()
                self._tally.unchanged += 1
            else:
                part.replace(target)
                self._tally.written += 1

    def finish(self, names: Collection[str], row: dict[str, Any] | None = None) -> None:
        """Note that these files are all there is."""
        with written_to(self.path):
            self._note(replace(self.manifest, row=row, files=frozenset(names)))

    def clear(self) -> None:
        """Remove what an export wrote here, and the folder where nothing else is in it."""
        with written_to(self.path):
            self._drop(self.manifest.files)
            (self.path / MANIFEST).unlink(missing_ok=True)
            _remove_if_empty(self.path)

    def _refuse_foreign(self, names: Collection[str]) -> None:
        known = {key(name): name for name in self.manifest.files}
        for name in names:
            path = self.path / name
            if name in self.manifest.files or not os.path.lexists(path):
                continue
            # On many disks "Rosa.jpg" is what was written as "rosa.jpg".
            twin = self.path / known.get(key(name), MANIFEST)
            if not (twin.exists() and twin.samefile(path)):
                raise UsageError(
                    f"{path}: in the way of the export, and not from an earlier one; move it away "
                    "or choose another folder"
                )

    def _drop(self, names: Collection[str]) -> None:
        for name in names:
            if os.path.lexists(self.path / name):
                (self.path / name).unlink()
                self._tally.removed += 1
        for folder in (self.path / PICTURES, self.path):
            if folder.is_dir():
                _sweep(folder)
        _remove_if_empty(self.path / PICTURES)

    def _note(self, manifest: Manifest) -> None:
        self.manifest = manifest
        if manifest == self._noted:
            return
        target = self.path / MANIFEST
        part = _part(target)
        with _gone_if_cut_short(part):
            with part.open("w", encoding="utf-8") as file:
                file.write(manifest.text())
                file.flush()
                os.fsync(file.fileno())
            part.replace(target)
        self._noted = manifest


def read_manifest(folder: Path) -> Manifest | None:
    """What a folder says of itself; None where it is no export's. Raises EnvironmentTrouble."""
    path = folder / MANIFEST
    if not os.path.lexists(path):
        return None
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        if found["format"] != FORMAT:
            raise ValueError(f"format {found['format']}")
        files = frozenset(map(_own_name, found["files"]))
        row = found["row"] if found["row"] is None else dict(found["row"])
        person_id = None if found["person_id"] is None else int(found["person_id"])
        return Manifest(folder=str(found["folder"]), person_id=person_id, row=row, files=files)
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise EnvironmentTrouble(
            f"{path}: cannot be read ({error}), so it is unknown what an earlier export wrote; "
            "remove that folder or choose another one"
        ) from error


@contextmanager
def written_to(folder: Path) -> Iterator[None]:
    """What the disk refuses is one line. Raises EnvironmentTrouble."""
    try:
        yield
    except OSError as error:
        raise EnvironmentTrouble(
            f"{folder}: cannot be written ({error.strerror}); check its disk and whose it is, then "
            "export again: what is there counts"
        ) from error


def _own_name(name: str) -> str:
    """A name that an export may have written, so that no other file is ever removed."""
    parts = PurePosixPath(name).parts
    own = len(parts) == 1 or (len(parts) == 2 and parts[0] == PICTURES)
    if not own or ".." in parts or name.startswith("/"):
        raise ValueError(f"{name!r} is not of an export")
    return name


def _part(target: Path) -> Path:
    return target.with_name(f"{PART[0]}{target.name}{PART[1]}")


def _sweep(folder: Path) -> None:
    """Remove what an export that was killed had in hand."""
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.startswith(PART[0]) and entry.name.endswith(PART[1]):
                (folder / entry.name).unlink()


def _remove_if_empty(folder: Path) -> None:
    if folder.is_dir() and not any(folder.iterdir()):
        folder.rmdir()


@contextmanager
def _gone_if_cut_short(part: Path) -> Iterator[None]:
    try:
        yield
    except BaseException:
        part.unlink(missing_ok=True)
        raise
