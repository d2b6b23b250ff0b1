"""Rows of files: what content was last seen at which path."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from catalog import files, roots
from catalog.connect import connect
from catalog.files import FileStat

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator

ROOT = b"/inbox"
PATH = b"/inbox/a.jpg"
STAT = FileStat(bytes=10, mtime_ns=1_000, inode=5, device=7)
OTHER = FileStat(bytes=20, mtime_ns=2_000, inode=6, device=7)
SHA, SHA_2, SHA_3 = "a" * 64, "b" * 64, "c" * 64


@pytest.fixture
def catalog(catalog_path: Path) -> Iterator[sqlite3.Connection]:
    connection = connect(catalog_path)
    yield connection
    connection.close()


@pytest.fixture
def root_id(catalog: sqlite3.Connection) -> int:
    return roots.ensure_root(catalog, ROOT, "inbox")


def media_rows(catalog: sqlite3.Connection) -> list[tuple[object, ...]]:
    return [tuple(row) for row in catalog.execute("SELECT * FROM media ORDER BY id")]


def paths(catalog: sqlite3.Connection, state: str = "present") -> set[bytes]:
    rows = catalog.execute("SELECT path_bytes FROM files WHERE state = ?", [state])
    return {row["path_bytes"] for row in rows}


def test_new_content_becomes_one_pending_media(catalog: sqlite3.Connection, root_id: int) -> None:
    recorded = files.record_media(catalog, PATH, STAT, SHA, root_id)
    assert recorded.is_new
    assert recorded.media_state == "pending"
    assert recorded.replaces_media_id is None
    row = files.known(catalog, PATH)
    assert row is not None
    assert (row.id, row.media_id, row.stat) == (recorded.file_id, recorded.media_id, STAT)
    assert (row.state, row.root_id) == ("present", root_id)


def test_a_copy_is_another_path_of_the_same_media(
    catalog: sqlite3.Connection, root_id: int
) -> None:
    first = files.record_media(catalog, PATH, STAT, SHA, root_id)
    before = media_rows(catalog)
    copy = files.record_media(catalog, b"/inbox/copy.jpg", OTHER, SHA, root_id)
    assert copy.media_id == first.media_id
    assert not copy.is_new
    assert media_rows(catalog) == before


def test_a_touched_file_changes_its_row_only(catalog: sqlite3.Connection, root_id: int) -> None:
    files.record_media(catalog, PATH, STAT, SHA, root_id)
    before = media_rows(catalog)
    files.record_media(catalog, PATH, replace(STAT, mtime_ns=9), SHA, root_id)
    row = files.known(catalog, PATH)
    assert row is not None
    assert row.stat == replace(STAT, mtime_ns=9)
    assert media_rows(catalog) == before


def test_new_content_at_a_known_path_is_a_new_media_that_replaces_the_old(
    catalog: sqlite3.Connection, root_id: int
) -> None:
    old = files.record_media(catalog, PATH, STAT, SHA, root_id)
    new = files.record_media(catalog, PATH, OTHER, SHA_2, root_id)
    assert new.is_new
    assert new.replaces_media_id == old.media_id
    stored = catalog.execute(
        "SELECT replaces_media_id FROM media WHERE id = ?", [new.media_id]
    ).fetchone()
    assert stored[0] == old.media_id


def test_going_back_to_earlier_content_makes_no_circle(
    catalog: sqlite3.Connection, root_id: int
) -> None:
    files.record_media(catalog, PATH, STAT, SHA, root_id)
    files.record_media(catalog, PATH, OTHER, SHA_2, root_id)
    back = files.record_media(catalog, PATH, STAT, SHA, root_id)
    assert not back.is_new
    assert back.replaces_media_id is None
    row = catalog.execute("SELECT replaces_media_id FROM media WHERE sha256 = ?", [SHA]).fetchone()
    assert row[0] is None


def test_a_path_that_is_not_text_is_kept_as_bytes_and_shown_with_marks(
    catalog: sqlite3.Connection, root_id: int
) -> None:
    path = b"/inbox/\xff\n'\".jpg"
    files.record_media(catalog, path, STAT, SHA, root_id)
    row = catalog.execute("SELECT path_bytes, path FROM files").fetchone()
    assert row["path_bytes"] == path
    assert row["path"] == "/inbox/\N{REPLACEMENT CHARACTER}\n'\".jpg"


def test_numbers_beyond_what_sqlite_holds_are_stored_and_still_equal(
    catalog: sqlite3.Connection, root_id: int, tmp_path: Path
) -> None:
    path = tmp_path / "far-future.jpg"
    path.write_bytes(b"x")
    far = os.stat_result(
        (0o100644, 2**64 - 5, 2**64 - 9, 1, 0, 0, 1, 0, 0, 0), {"st_mtime_ns": 32503680000 * 10**9}
    )
    stat = FileStat.of(far)
    files.record_media(catalog, PATH, stat, SHA, root_id)
    row = files.known(catalog, PATH)
    assert row is not None
    assert row.stat == stat == FileStat.of(far)


def test_a_problem_is_noted_once_and_keeps_the_content_known_before(
    catalog: sqlite3.Connection, root_id: int
) -> None:
    recorded = files.record_media(catalog, PATH, STAT, SHA, root_id)
    assert files.record_problem(catalog, PATH, "unreadable", "no permission", root_id)
    assert not files.record_problem(catalog, PATH, "unreadable", "no permission", root_id)
    row = files.known(catalog, PATH)
    assert row is not None
    assert (row.state, row.reason) == ("unreadable", "no permission")
    assert row.media_id == recorded.media_id
    files.record_media(catalog, PATH, STAT, SHA, root_id)
    row = files.known(catalog, PATH)
    assert row is not None
    assert (row.state, row.reason) == ("present", None)


def test_a_problem_shows_among_the_failures(catalog: sqlite3.Connection, root_id: int) -> None:
    files.record_problem(catalog, PATH, "unreadable", "a named pipe, not a file", root_id)
    (row,) = catalog.execute("SELECT path, reason FROM failures").fetchall()
    assert tuple(row) == ("/inbox/a.jpg", "a named pipe, not a file")


def test_a_missing_file_keeps_its_media_and_what_never_had_content_is_forgotten(
    catalog: sqlite3.Connection, root_id: int
) -> None:
    recorded = files.record_media(catalog, PATH, STAT, SHA, root_id)
    files.record_problem(catalog, b"/inbox/a.xmp", "ignored", "a sidecar", root_id)
    before = media_rows(catalog)
    gone = files.delete(catalog, ROOT)
    assert len(gone) == 2
    row = catalog.execute("SELECT * FROM files").fetchone()
    assert (row["state"], row["media_id"]) == ("missing", recorded.media_id)
    assert row["missing_since"] is not None
    assert media_rows(catalog) == before
    assert files.known(catalog, b"/inbox/a.xmp") is None


def test_missing_twice_keeps_the_first_date(catalog: sqlite3.Connection, root_id: int) -> None:
    recorded = files.record_media(catalog, PATH, STAT, SHA, root_id)
    files.mark_missing(catalog, [recorded.file_id])
    catalog.execute("UPDATE files SET missing_since = '2020-01-01T00:00:00.000Z'")
    files.mark_missing(catalog, [recorded.file_id])
    row = catalog.execute("SELECT missing_since FROM files").fetchone()
    assert row[0] == "2020-01-01T00:00:00.000Z"


def test_a_missing_file_was_last_seen_when_its_root_was(
    catalog: sqlite3.Connection, root_id: int
) -> None:
    recorded = files.record_media(catalog, PATH, STAT, SHA, root_id)
    catalog.execute("UPDATE roots SET last_seen_at = '2100-01-01T00:00:00.000Z'")
    files.mark_missing(catalog, [recorded.file_id])
    row = catalog.execute("SELECT last_seen_at FROM files").fetchone()
    assert row[0] == "2100-01-01T00:00:00.000Z"


def test_a_file_that_comes_back_is_present_again(catalog: sqlite3.Connection, root_id: int) -> None:
    recorded = files.record_media(catalog, PATH, STAT, SHA, root_id)
    files.mark_missing(catalog, [recorded.file_id])
    files.record_stats(catalog, [(recorded.file_id, STAT)])
    row = catalog.execute("SELECT state, missing_since FROM files").fetchone()
    assert tuple(row) == ("present", None)


def test_deleting_a_folder_takes_what_lies_below_and_not_its_namesakes(
    catalog: sqlite3.Connection, root_id: int
) -> None:
    for number, path in enumerate(
        [b"/inbox/al/a.jpg", b"/inbox/al/deep/b.jpg", b"/inbox/al-2/c.jpg", b"/inbox/al.jpg"]
    ):
        files.record_media(catalog, path, replace(STAT, inode=number), f"{number:064}", root_id)
    assert len(files.delete(catalog, b"/inbox/al")) == 2
    assert paths(catalog) == {b"/inbox/al-2/c.jpg", b"/inbox/al.jpg"}


def test_deleting_goes_in_steps_until_nothing_is_left(
    catalog: sqlite3.Connection, root_id: int
) -> None:
    for number in range(25):
        path = b"/inbox/al/%d.jpg" % number
        files.record_media(catalog, path, replace(STAT, inode=number), f"{number:064}", root_id)
    steps = []
    while ids := files.delete(catalog, b"/inbox/al", limit=10):
        steps.append(len(ids))
    assert steps == [10, 10, 5]


def test_a_moved_file_keeps_its_row_and_computes_nothing(
    catalog: sqlite3.Connection, root_id: int
) -> None:
    recorded = files.record_media(catalog, PATH, STAT, SHA, root_id)
    before = media_rows(catalog)
    assert files.move(catalog, PATH, b"/inbox/\xfe/b.jpg") == [recorded.file_id]
    row = files.known(catalog, b"/inbox/\xfe/b.jpg")
    assert row is not None
    assert (row.id, row.media_id, row.stat) == (recorded.file_id, recorded.media_id, STAT)
    assert files.known(catalog, PATH) is None
    assert media_rows(catalog) == before


def test_a_file_moved_to_another_root_belongs_to_that_one(
    catalog: sqlite3.Connection, root_id: int
) -> None:
    people = roots.ensure_root(catalog, b"/people", "reference")
    files.record_media(catalog, PATH, STAT, SHA, root_id)
    files.move(catalog, PATH, b"/people/Anna/a.jpg")
    row = files.known(catalog, b"/people/Anna/a.jpg")
    assert row is not None
    assert row.root_id == people


def test_moving_what_is_not_known_does_nothing(catalog: sqlite3.Connection, root_id: int) -> None:
    files.record_media(catalog, PATH, STAT, SHA, root_id)
    assert files.move(catalog, b"/inbox/unknown.jpg", PATH) == []
    assert files.known(catalog, PATH) is not None


def test_a_moved_folder_takes_its_files_along_in_steps(
    catalog: sqlite3.Connection, root_id: int
) -> None:
    names = [b"/a.jpg", b"/deep/b.jpg", b"/\xff\n.jpg"]
    for number, name in enumerate(names):
        stat = replace(STAT, inode=number)
        files.record_media(catalog, b"/inbox/old" + name, stat, f"{number:064}", root_id)
    files.record_media(catalog, b"/inbox/older.jpg", OTHER, SHA, root_id)
    steps = 0
    while files.move(catalog, b"/inbox/old", b"/inbox/new", limit=2):
        steps += 1
    assert steps == 2
    assert paths(catalog) == {b"/inbox/new" + name for name in names} | {b"/inbox/older.jpg"}


def test_a_file_moved_over_another_takes_its_place(
    catalog: sqlite3.Connection, root_id: int
) -> None:
    there = files.record_media(catalog, PATH, STAT, SHA, root_id)
    moved = files.record_media(catalog, b"/inbox/a.new.jpg", OTHER, SHA_2, root_id)
    files.move(catalog, b"/inbox/a.new.jpg", PATH)
    row = files.known(catalog, PATH)
    assert row is not None
    assert (row.id, row.media_id) == (moved.file_id, moved.media_id)
    assert catalog.execute("SELECT count(*) FROM files").fetchone()[0] == 1
    replaced = catalog.execute(
        "SELECT replaces_media_id FROM media WHERE id = ?", [moved.media_id]
    ).fetchone()
    assert replaced[0] == there.media_id


def test_an_old_file_moved_over_a_newer_one_replaces_nothing(
    catalog: sqlite3.Connection, root_id: int
) -> None:
    old = files.record_media(catalog, b"/inbox/old.jpg", OTHER, SHA_2, root_id)
    files.record_media(catalog, PATH, STAT, SHA, root_id)
    files.move(catalog, b"/inbox/old.jpg", PATH)
    row = catalog.execute(
        "SELECT replaces_media_id FROM media WHERE id = ?", [old.media_id]
    ).fetchone()
    assert row[0] is None


def test_an_overwritten_reference_picture_counts_no_longer(catalog: sqlite3.Connection) -> None:
    people = roots.ensure_root(catalog, b"/people", "reference")
    there = files.record_media(catalog, b"/people/Anna/a.jpg", STAT, SHA, people)
    files.record_media(catalog, b"/people/Anna/b.jpg", OTHER, SHA_2, people)
    catalog.execute(
        "INSERT INTO people (id, name, origin, folder, created_at) VALUES (1, ?, ?, ?, ?)",
        ["Anna", "reference", "Anna", "2020"],
    )
    catalog.execute(
        "INSERT INTO exemplars (person_id, file_id, source, state) VALUES (1, ?, 'folder', 'used')",
        [there.file_id],
    )
    files.move(catalog, b"/people/Anna/b.jpg", b"/people/Anna/a.jpg")
    (row,) = catalog.execute("SELECT state FROM exemplars").fetchall()
    assert row["state"] == "withdrawn"


def test_a_sample_is_of_present_files_of_that_root_and_bounded(
    catalog: sqlite3.Connection, root_id: int
) -> None:
    people = roots.ensure_root(catalog, b"/people", "reference")
    for number in range(30):
        path = b"/inbox/%d.jpg" % number
        files.record_media(catalog, path, replace(STAT, inode=number), f"{number:064}", root_id)
    files.record_media(catalog, b"/people/a.jpg", OTHER, SHA, people)
    files.record_problem(catalog, b"/inbox/x", "unreadable", "no", root_id)
    found = files.sample(catalog, root_id, limit=10)
    assert len(found) == 10
    assert {row.root_id for row in found} == {root_id}


def test_nothing_here_imports_numpy_or_the_daemon() -> None:
    code = (
        "import sys, catalog.files, catalog.reconcile, catalog.roots; "
        "found = {'numpy', 'daemon', 'sqlite_utils'} & set(sys.modules); assert not found, found"
    )
    repository = Path(files.__file__).parent.parent
    done = subprocess.run([sys.executable, "-c", code], cwd=repository, capture_output=True)
    assert done.returncode == 0, done.stderr
