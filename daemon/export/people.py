"""Exporting people: a folder each with the best pictures of them and a log of where and when."""

from __future__ import annotations

import os
import sqlite3
from dataclasses import asdict, dataclass, field
from itertools import groupby, islice
from operator import attrgetter
from typing import TYPE_CHECKING, Any

from catalog import crops, exports, files, people
from catalog.connect import crops_path, snapshots
from catalog.errors import CatalogError
from daemon.errors import UsageError
from daemon.export import destination, names
from daemon.export.choosing import chosen
from daemon.export.folder import MANIFEST, PICTURES, Folder, Manifest, Tally, read_manifest
from daemon.export.tables import APPEARANCES, PEOPLE, appearance_row, files_of, table
from daemon.people.ensemble import Ensemble
from daemon.people.faces import Reader

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from pathlib import Path

    from catalog.exports import Appearance, Likeness
    from daemon.export.tables import Table
    from daemon.settings import Settings

# So many of somebody's best faces are compared, and no more held in memory: 20,000 of Dlib's
# vectors are 10 MB.
MOST_COMPARED = 20_000
READ_AT_ONCE = 100


@dataclass(slots=True, kw_only=True)
class Exported:
    """What was exported, and what that did to the files."""

    folder: Path
    people: int = 0
    appearances: int = 0
    crops: int = 0
    files: Tally = field(default_factory=Tally)

    @property
    def counts(self) -> dict[str, Any]:
        """The same in one level."""
        found = {it: getattr(self, it) for it in ("folder", "people", "appearances", "crops")}
        return {**found, **asdict(self.files)}


def export_people(
    settings: Settings,
    path: Path,
    persons: Sequence[str] = (),
    *,
    videos: bool = False,
    progress: Callable[[int], None] = lambda _: None,
) -> Exported:
    """Bring the folder at `path` up to date: everybody, or these people (names or numbers) and
    nobody else; of videos alone where that is asked. `progress(people so far)`.

    Raises NoSuchPersonError, UsageError where the folder may not be written or somebody is hidden,
    EnvironmentTrouble where it cannot, CatalogError.
    """
    try:
        with snapshots(settings.catalog, crops_path(settings.catalog)) as (catalog, pictures):
            visible = exports.visible_people(catalog)
            folders = names.folders(visible, besides=(MANIFEST, *files_of(PEOPLE)))
            scope = exports.Scope(people=_chosen_people(catalog, persons, folders), videos=videos)
            root = destination.checked(settings, catalog, path, folders.values())
            with destination.opened(root):
                export = _Export(settings, catalog, pictures, scope, root)
                return export.run(dict(visible), folders, progress)
    except sqlite3.Error as error:
        raise CatalogError(
            f"{settings.catalog}: cannot be read ({error}); run `rollcall verify` to see what is "
            "damaged"
        ) from error


def _chosen_people(
    catalog: sqlite3.Connection, persons: Sequence[str], folders: dict[int, str]
) -> tuple[int, ...] | None:
    if not persons:
        return None
    found = tuple(people.find(catalog, it) for it in persons)
    hidden = next((it for it in found if it not in folders), None)
    if hidden is not None:
        raise UsageError(
            f"person {hidden} is hidden, and hidden people are not exported; "
            f"`rollcall people show {hidden}` brings them back"
        )
    return found


class _Export:
    """One export: where it reads, where it writes, and what it has done so far."""

    def __init__(
        self,
        settings: Settings,
        catalog: sqlite3.Connection,
        pictures: sqlite3.Connection,
        scope: exports.Scope,
        root: Path,
    ) -> None:
        self._section = settings.export
        self._catalog = catalog
        self._pictures = pictures
        self._reader = Reader(catalog, Ensemble.read(catalog))
        self._scope = scope
        self._root = root
        self._done = Exported(folder=root)

    def run(
        self,
        visible: dict[int, str | None],
        folders: dict[int, str],
        progress: Callable[[int], None],
    ) -> Exported:
        """Write everybody's folder, remove those of people who are no longer to be seen, and list
        who is there.
        """
        top = Folder(self._root, self._done.files)
        top.begin(files_of(PEOPLE))
        written = set()
        appearances = exports.appearances(self._catalog, self._scope)
        likenesses = exports.likenesses(
            self._catalog, self._scope, min_quality=self._section.min_quality
        )
        for person_id, seen, faces in _together(appearances, likenesses):
            folder = folders[person_id]
            who = {"person_id": person_id, "name": visible[person_id], "folder": folder}
            self._write_person(who, seen, self._chosen(faces))
            written.add(folder)
            self._done.people += 1
            progress(self._done.people)
        self._remove_others(written)
        with table(top, PEOPLE) as listed:
            for row in sorted(self._rows(), key=_most_seen_first):
                listed.add(row)
        top.finish(files_of(PEOPLE))
        return self._done

    def _chosen(self, faces: Iterator[Likeness]) -> dict[str, Likeness]:
        """The best and most different of somebody's faces by the names of their files, the best
        first.
        """
        most = self._section.crops
        best = list(islice(faces, MOST_COMPARED if most else 0))
        vectors = {}
        if len(best) > most:
            known = self._reader.by_ids([face.face_id for face in best])
            vectors = {face.id: face.vector for face in known}
        digits = max(2, len(str(most)))
        named = {}
        for rank, face in enumerate(chosen(best, vectors, most), 1):
            path = files.path_of(self._catalog, face.media_id)
            named[f"{PICTURES}/{names.crop_name(face, rank, digits, path)}"] = face
        return named

    def _write_person(
        self, who: dict[str, Any], seen: Iterable[Appearance], faces: dict[str, Likeness]
    ) -> None:
        folder = Folder(self._root / who["folder"], self._done.files)
        tables = files_of(APPEARANCES)
        folder.begin([*tables, *faces], who["person_id"])
        stored = self._write_pictures(folder, faces)
        with table(folder, APPEARANCES) as log:
            summary = _summary(seen, log)
        row = {**who, **asdict(summary), "crops": len(stored)}
        folder.finish([*tables, *stored], row)
        self._done.appearances += summary.appearances
        self._done.crops += len(stored)

    def _write_pictures(self, folder: Folder, faces: dict[str, Likeness]) -> list[str]:
        """The files of the faces whose crop is there: a copy of the catalog may be without."""
        stored = []
        everything = iter(faces.items())
        while some := dict(islice(everything, READ_AT_ONCE)):
            jpegs = crops.read(self._pictures, {face.crop for face in some.values()})
            for name, face in some.items():
                if face.crop in jpegs:
                    folder.put(name, jpegs[face.crop])
                    stored.append(name)
        return stored

    def _remove_others(self, written: set[str]) -> None:
        """Remove what earlier exports wrote of people who have no folder now, or another one; where
        people were chosen, of those alone.
        """
        alike = {names.key(folder): folder for folder in written}
        for path, manifest in list(self._own_folders()):
            if path.name in written:
                continue
            if self._scope.people is not None and manifest.person_id not in self._scope.people:
                continue
            # On many disks "rosa" is the folder that was just written as "Rosa".
            twin = alike.get(names.key(path.name))
            if twin is None or not (self._root / twin).samefile(path):
                Folder(path, self._done.files).clear()

    def _rows(self) -> Iterator[dict[str, Any]]:
        """Everybody whose folder is complete, as their folders say."""
        return (it.row for _, it in self._own_folders() if it.row is not None)

    def _own_folders(self) -> Iterator[tuple[Path, Manifest]]:
        """The folders that exports wrote here; one that somebody copied or renamed is theirs."""
        with os.scandir(self._root) as entries:
            found = sorted(it.name for it in entries if it.is_dir(follow_symlinks=False))
        for name in found:
            manifest = read_manifest(self._root / name)
            if manifest is not None and names.key(manifest.folder) == names.key(name):
                yield self._root / name, manifest


@dataclass(slots=True, kw_only=True)
class _Summary:
    """What somebody's appearances are together."""

    appearances: int = 0
    photos: int = 0
    videos: int = 0
    faces_count: int = 0
    first_taken: str | None = None
    last_taken: str | None = None


def _summary(seen: Iterable[Appearance], log: Table) -> _Summary:
    """Write somebody's appearances, which come by date, and say what they are together."""
    found, last_media = _Summary(), None
    for it in seen:
        log.add(appearance_row(it))
        found.appearances += 1
        found.faces_count += it.faces_count
        if it.media_id != last_media:
            found.videos += it.kind == "video"
            found.photos += it.kind != "video"
            last_media = it.media_id
        if it.taken is not None:
            found.first_taken = found.first_taken or it.taken
            found.last_taken = it.taken
    return found


def _together(
    appearances: Iterable[Appearance], likenesses: Iterable[Likeness]
) -> Iterator[tuple[int, Iterator[Appearance], Iterator[Likeness]]]:
    """Of everybody who appears what they appear in and which faces they have; both come in the
    order of people's numbers, and neither is held in memory.
    """
    by_person = attrgetter("person_id")
    faces_by_person = groupby(likenesses, by_person)
    owner, faces = next(faces_by_person, (None, iter(())))
    for person_id, seen in groupby(appearances, by_person):
        while owner is not None and owner < person_id:
            owner, faces = next(faces_by_person, (None, iter(())))
        yield person_id, seen, faces if owner == person_id else iter(())


def _most_seen_first(row: dict[str, Any]) -> tuple[bool, int, int]:
    return row["name"] is None, -row["appearances"], row["person_id"]
