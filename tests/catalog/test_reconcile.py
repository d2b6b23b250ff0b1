"""Comparing real folders with the catalog: what is new, changed, moved, back, hidden or gone."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest

from catalog import files, roots
from catalog.connect import connect, transaction
from catalog.reconcile import Found, Reconciliation, Scope, apply
from daemon.intake.walk import walk
from daemon.settings import Intake

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from catalog.files import FileStat

SECTION = Intake()


@dataclass
class Library:
    """A folder and its catalog; `rescan` does what the daemon does, without the waiting."""

    root: Path
    catalog: sqlite3.Connection
    root_id: int
    hashed: list[str] = field(default_factory=list)
    last: Reconciliation | None = None

    def write(self, name: str, content: bytes) -> Path:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        return path

    def rescan(self, **options: object) -> dict[str, list[str]]:
        """What differed, names by kind; afterwards the catalog is up to date."""
        scope = {"root_id": self.root_id, "folder": os.fsencode(self.root)}
        scope |= {key: options.pop(key) for key in list(options) if key in Scope.__slots__}
        found = options.pop("found", None) or walk(os.fsencode(self.root), SECTION)
        self.last = Reconciliation(
            connection=self.catalog,
            scope=Scope(**scope),  # type: ignore[arg-type]
            found=found,  # type: ignore[arg-type]
            **options,  # type: ignore[arg-type]
        )
        changes = list(self.last.changes())
        with transaction(self.catalog):
            apply(self.catalog, changes, self.root_id)
            for change in changes:
                if change.kind in ("new", "changed") and change.stat is not None:
                    self._hash(change.path, change.stat)
        differences: dict[str, list[str]] = {}
        for change in changes:
            name = os.path.relpath(os.fsdecode(change.path), self.root)
            differences.setdefault(change.kind, []).append(name)
        return {kind: sorted(names) for kind, names in differences.items()}

    def states(self) -> dict[str, str]:
        rows = self.catalog.execute("SELECT path_bytes, state FROM files")
        return {
            os.path.relpath(os.fsdecode(row["path_bytes"]), self.root): row["state"] for row in rows
        }

    def _hash(self, path: bytes, stat: FileStat) -> None:
        with open(path, "rb") as file:  # noqa: PTH123 - the path is bytes
            digest = hashlib.sha256(file.read()).hexdigest()
        self.hashed.append(os.path.relpath(os.fsdecode(path), self.root))
        files.record_media(self.catalog, path, stat, digest, self.root_id)


@pytest.fixture
def library(tmp_path: Path, catalog_path: Path) -> Iterator[Library]:
    root = tmp_path / "inbox"
    root.mkdir()
    connection = connect(catalog_path)
    root_id = roots.ensure_root(connection, os.fsencode(root), "inbox")
    yield Library(root=root, catalog=connection, root_id=root_id)
    connection.close()


@pytest.fixture
def full(library: Library) -> Library:
    """Three files, catalogued, and the memory of how they were read wiped."""
    for number, name in enumerate(("a.jpg", "album/b.jpg", "album/deep/c.jpg")):
        library.write(name, b"content %d" % number)
    library.rescan()
    library.hashed.clear()
    return library


def everything(catalog: sqlite3.Connection) -> list[tuple[object, ...]]:
    tables = ("files", "media", "roots", "steps", "jobs")
    return [tuple(row) for name in tables for row in catalog.execute(f"SELECT * FROM {name}")]


def test_a_first_look_finds_everything_new(library: Library) -> None:
    library.write("a.jpg", b"1")
    library.write("album/b.jpg", b"2")
    library.write("album/b.xmp", b"3")
    os.mkfifo(library.root / "pipe")
    assert library.rescan() == {
        "new": ["a.jpg", "album/b.jpg"],
        "ignored": ["album/b.xmp"],
        "problem": ["pipe"],
    }
    assert library.states() == {
        "a.jpg": "present",
        "album/b.jpg": "present",
        "album/b.xmp": "ignored",
        "pipe": "unreadable",
    }


def test_a_second_look_writes_nothing_at_all(full: Library) -> None:
    full.write("a.xmp", b"x")
    os.mkfifo(full.root / "pipe")
    full.rescan()
    before = everything(full.catalog)
    written = full.catalog.total_changes
    assert full.rescan() == {}
    assert everything(full.catalog) == before
    assert full.catalog.total_changes == written
    assert full.last is not None
    assert full.last.unchanged == 5


def test_changed_content_is_read_again(full: Library) -> None:
    full.write("a.jpg", b"other content")
    assert full.rescan() == {"changed": ["a.jpg"]}
    replaced = full.catalog.execute(
        "SELECT count(*) FROM media WHERE replaces_media_id IS NOT NULL"
    ).fetchone()
    assert replaced[0] == 1


def test_a_touched_file_is_read_again_and_stays_the_same_media(full: Library) -> None:
    os.utime(full.root / "a.jpg", ns=(1, 1))
    media = [tuple(row) for row in full.catalog.execute("SELECT * FROM media")]
    assert full.rescan() == {"changed": ["a.jpg"]}
    assert [tuple(row) for row in full.catalog.execute("SELECT * FROM media")] == media
    assert full.rescan() == {}


def test_every_file_renamed_moves_rows_and_reads_nothing(full: Library) -> None:
    ids = {row["id"] for row in full.catalog.execute("SELECT id FROM files")}
    (full.root / "album").rename(full.root / "renamed")
    (full.root / "a.jpg").rename(full.root / "z.jpg")
    assert full.rescan() == {"moved": ["renamed/b.jpg", "renamed/deep/c.jpg", "z.jpg"]}
    assert full.hashed == []
    assert set(full.states().values()) == {"present"}
    assert {row["id"] for row in full.catalog.execute("SELECT id FROM files")} == ids


def test_names_swapped_while_nobody_looked_are_told_apart_by_their_inodes(full: Library) -> None:
    one, two = full.root / "a.jpg", full.root / "album/b.jpg"
    os.utime(one, ns=(1, 1))
    os.utime(two, ns=(1, 1))
    full.rescan()
    full.hashed.clear()
    contents = {one: one.read_bytes(), two: two.read_bytes()}
    one.rename(full.root / "swap")
    two.rename(one)
    (full.root / "swap").rename(two)
    assert full.rescan() == {"changed": ["a.jpg", "album/b.jpg"]}
    for path, other in ((one, two), (two, one)):
        row = full.catalog.execute(
            "SELECT sha256 FROM files JOIN media ON media.id = media_id WHERE path_bytes = ?",
            [os.fsencode(path)],
        ).fetchone()
        assert row["sha256"] == hashlib.sha256(contents[other]).hexdigest()


def test_a_copy_and_a_hard_link_are_new_paths_of_the_same_media(full: Library) -> None:
    shutil.copy2(full.root / "a.jpg", full.root / "copy.jpg")
    os.link(full.root / "a.jpg", full.root / "link.jpg")
    assert full.rescan() == {"new": ["copy.jpg", "link.jpg"]}
    assert full.catalog.execute("SELECT count(*) FROM media").fetchone()[0] == 3
    (row,) = full.catalog.execute("SELECT copies FROM duplicates").fetchall()
    assert row["copies"] == 3


def test_of_two_hard_links_to_a_vanished_path_one_is_the_move_and_one_is_new(
    full: Library,
) -> None:
    os.link(full.root / "a.jpg", full.root / "one.jpg")
    (full.root / "a.jpg").rename(full.root / "two.jpg")
    differences = full.rescan()
    assert {len(differences["moved"]), len(differences["new"])} == {1}
    assert full.states().get("a.jpg") is None


def test_a_deleted_file_is_missing_and_comes_back_without_being_read(full: Library) -> None:
    aside = full.root.parent / "aside.jpg"
    (full.root / "a.jpg").rename(aside)
    assert full.rescan() == {"gone": ["a.jpg"]}
    assert full.states()["a.jpg"] == "missing"
    assert full.rescan() == {}
    aside.rename(full.root / "a.jpg")
    assert full.rescan() == {"same": ["a.jpg"]}
    assert full.states()["a.jpg"] == "present"
    assert full.hashed == []


def test_a_missing_file_found_at_another_path_is_moved_there(full: Library) -> None:
    aside = full.root.parent / "aside.jpg"
    (full.root / "a.jpg").rename(aside)
    full.rescan()
    aside.rename(full.root / "elsewhere.jpg")
    assert full.rescan() == {"moved": ["elsewhere.jpg"]}
    assert full.states()["elsewhere.jpg"] == "present"


def test_nothing_is_gone_where_the_root_is_not_proven_to_be_there(full: Library) -> None:
    shutil.rmtree(full.root)
    full.root.mkdir()
    assert full.rescan(is_present=False) == {}
    assert set(full.states().values()) == {"present"}


def test_files_below_a_folder_that_cannot_be_read_are_not_gone(full: Library) -> None:
    problem = Found(
        path=os.fsencode(full.root / "album"), kind="problem", reason="no", is_folder=True
    )
    shutil.rmtree(full.root / "album")
    found = [problem, *walk(os.fsencode(full.root), SECTION)]
    assert full.rescan(found=found) == {"problem": ["album"]}
    assert full.states()["album/b.jpg"] == "present"
    assert full.last is not None
    assert full.last.unproven == 2


def test_a_disk_that_is_not_mounted_inside_a_root_hides_its_files_and_loses_none(
    full: Library,
) -> None:
    disk = full.root / "disk"
    disk.mkdir()
    command = ["mount", "-t", "tmpfs", "none", str(disk)]
    if subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("this user may not mount")
    try:
        full.write("disk/d.jpg", b"on the disk")
        full.write("disk/deep/e.jpg", b"on the disk too")
        full.rescan()
        full.write("disk/deleted.jpg", b"x")
        full.rescan()
        (disk / "deleted.jpg").unlink()
        assert full.rescan() == {"gone": ["disk/deleted.jpg"]}
    finally:
        subprocess.run(["umount", disk], check=True)
    assert full.rescan() == {}
    assert full.states()["disk/deep/e.jpg"] == "present"
    assert full.last is not None
    assert full.last.unproven == 2


def test_a_dangling_link_to_a_folder_hides_its_files_and_loses_none(full: Library) -> None:
    outside = full.root.parent / "outside"
    outside.mkdir()
    (outside / "d.jpg").write_bytes(b"x")
    (full.root / "link").symlink_to(outside)
    full.rescan()
    shutil.move(outside, full.root.parent / "away")
    assert full.rescan() == {"problem": ["link"]}
    assert full.states()["link/d.jpg"] == "present"
    shutil.move(full.root.parent / "away", outside)
    assert full.rescan() == {"gone": ["link"]}
    assert "link" not in full.states()


def renumber(catalog: sqlite3.Connection, column: str, change: Callable[[int], int]) -> None:
    for row in catalog.execute(f"SELECT id, {column} FROM files").fetchall():
        catalog.execute(
            f"UPDATE files SET {column} = ? WHERE id = ?", [change(row[column]), row["id"]]
        )


def test_other_device_numbers_after_a_reboot_read_nothing_and_hide_no_deletion(
    full: Library,
) -> None:
    renumber(full.catalog, "device", lambda device: device + 1)
    (full.root / "album/b.jpg").unlink()
    assert full.rescan() == {"same": ["a.jpg", "album/deep/c.jpg"], "gone": ["album/b.jpg"]}
    assert full.hashed == []
    assert full.rescan() == {}


def test_other_inodes_after_a_remount_read_nothing_where_inodes_are_made_up(
    full: Library,
) -> None:
    renumber(full.catalog, "inode", lambda inode: inode + 1000)
    assert full.rescan(keeps_inodes=False) == {"same": ["a.jpg", "album/b.jpg", "album/deep/c.jpg"]}
    assert full.hashed == []


def test_where_inodes_are_made_up_a_move_is_not_guessed(full: Library) -> None:
    (full.root / "a.jpg").rename(full.root / "b.jpg")
    assert full.rescan(keeps_inodes=False) == {"new": ["b.jpg"], "gone": ["a.jpg"]}
    assert full.catalog.execute("SELECT count(*) FROM media").fetchone()[0] == 3


def test_another_inode_is_another_file_where_inodes_last(full: Library) -> None:
    stat = (full.root / "a.jpg").stat()
    shutil.copy2(full.root / "a.jpg", full.root / "copy")
    (full.root / "copy").rename(full.root / "a.jpg")
    assert (full.root / "a.jpg").stat().st_mtime_ns == stat.st_mtime_ns
    assert full.rescan() == {"changed": ["a.jpg"]}


def test_an_unreadable_file_is_tried_again_at_each_look(full: Library) -> None:
    path = os.fsencode(full.root / "a.jpg")
    files.record_problem(full.catalog, path, "unreadable", "no permission", full.root_id)
    assert full.rescan() == {"changed": ["a.jpg"]}
    assert full.states()["a.jpg"] == "present"


def test_a_file_written_while_the_walk_was_elsewhere_is_not_gone(full: Library) -> None:
    found = [item for item in walk(os.fsencode(full.root), SECTION) if b"album" in item.path]
    assert full.rescan(found=found) == {}


def test_a_comparison_of_one_folder_leaves_the_others_alone(full: Library) -> None:
    shutil.rmtree(full.root / "album/deep")
    (full.root / "a.jpg").unlink()
    folder = os.fsencode(full.root / "album")
    assert full.rescan(folder=folder, found=walk(folder, SECTION)) == {"gone": ["album/deep/c.jpg"]}
    assert full.states()["a.jpg"] == "present"


def test_files_of_a_root_inside_are_not_gone_from_the_outer_one(full: Library) -> None:
    inner = os.fsencode(full.root / "album")
    roots.ensure_root(full.catalog, inner, "reference")
    shutil.rmtree(full.root / "album")
    assert full.rescan(found=walk(os.fsencode(full.root), SECTION, skip=[inner])) == {}


def test_more_files_than_one_step_holds_are_all_compared(library: Library) -> None:
    for number in range(2600):
        library.write(f"{number % 50}/{number}.jpg", b"%d" % number)
    assert len(library.rescan()["new"]) == 2600
    assert library.rescan() == {}
    for number in range(0, 2600, 2):
        (library.root / f"{number % 50}/{number}.jpg").unlink()
    assert len(library.rescan()["gone"]) == 1300


def test_a_reference_picture_that_goes_is_withdrawn_and_comes_back(
    tmp_path: Path, library: Library
) -> None:
    catalog = library.catalog
    library.root_id = roots.ensure_root(catalog, os.fsencode(library.root), "reference")
    path = library.write("Anna/a.jpg", b"a face")
    library.rescan()
    catalog.execute("UPDATE media SET state = 'done'")
    file_id = catalog.execute("SELECT id FROM files").fetchone()[0]
    catalog.execute(
        "INSERT INTO people (id, name, origin, folder, created_at) VALUES (1, ?, ?, ?, ?)",
        ["Anna", "reference", "Anna", "2020"],
    )
    catalog.execute(
        "INSERT INTO exemplars (person_id, file_id, source, state) VALUES (1, ?, 'folder', 'used')",
        [file_id],
    )
    path.rename(tmp_path / "aside.jpg")
    library.rescan()
    state = "SELECT state FROM exemplars"
    assert catalog.execute(state).fetchone()[0] == "withdrawn"
    (tmp_path / "aside.jpg").rename(path)
    library.rescan()
    assert catalog.execute(state).fetchone()[0] == "no_face"
