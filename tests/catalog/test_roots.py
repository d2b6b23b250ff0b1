"""Which root a path belongs to, as folders are configured, nested and given up."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from catalog import files, roots
from catalog.connect import connect
from catalog.files import FileStat

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator
    from pathlib import Path

STAT = FileStat(bytes=10, mtime_ns=1_000, inode=5, device=7)


@pytest.fixture
def catalog(catalog_path: Path) -> Iterator[sqlite3.Connection]:
    connection = connect(catalog_path)
    yield connection
    connection.close()


def owner(catalog: sqlite3.Connection, path: bytes) -> int:
    row = files.known(catalog, path)
    assert row is not None
    return row.root_id


def test_the_innermost_root_owns_a_path(catalog: sqlite3.Connection) -> None:
    outer = roots.ensure_root(catalog, b"/photos", "inbox")
    inner = roots.ensure_root(catalog, b"/photos/people", "reference")
    expected = {
        b"/photos/a.jpg": outer,
        b"/photos/people/Anna/a.jpg": inner,
        b"/photos/people": inner,
        b"/photos/people2/a.jpg": outer,
    }
    for path, root_id in expected.items():
        found = roots.root_of(catalog, path)
        assert found is not None
        assert found.id == root_id
    assert roots.root_of(catalog, b"/elsewhere/a.jpg") is None


def test_the_whole_disk_can_be_a_root(catalog: sqlite3.Connection) -> None:
    root_id = roots.ensure_root(catalog, b"/", "scanned")
    found = roots.root_of(catalog, b"/a.jpg")
    assert found is not None
    assert found.id == root_id


def test_a_root_is_made_once_and_can_change_its_role(catalog: sqlite3.Connection) -> None:
    first = roots.ensure_root(catalog, b"/photos", "scanned")
    assert roots.ensure_root(catalog, b"/photos", "inbox") == first
    (root,) = roots.list_roots(catalog)
    assert root.role == "inbox"


def test_scanning_a_folder_of_a_root_makes_no_root(catalog: sqlite3.Connection) -> None:
    inbox = roots.ensure_root(catalog, b"/photos", "inbox")
    assert roots.ensure_root(catalog, b"/photos/2024", "scanned") == inbox


def test_a_new_inner_root_takes_over_its_files(catalog: sqlite3.Connection) -> None:
    outer = roots.ensure_root(catalog, b"/photos", "inbox")
    files.record_media(catalog, b"/photos/people/a.jpg", STAT, "a" * 64, outer)
    files.record_media(catalog, b"/photos/people2.jpg", STAT, "b" * 64, outer)
    inner = roots.ensure_root(catalog, b"/photos/people", "reference")
    assert owner(catalog, b"/photos/people/a.jpg") == inner
    assert owner(catalog, b"/photos/people2.jpg") == outer


def test_a_new_outer_root_leaves_the_files_of_inner_ones(catalog: sqlite3.Connection) -> None:
    inner = roots.ensure_root(catalog, b"/photos/people", "reference")
    files.record_media(catalog, b"/photos/people/a.jpg", STAT, "a" * 64, inner)
    roots.ensure_root(catalog, b"/photos", "inbox")
    assert owner(catalog, b"/photos/people/a.jpg") == inner


def test_a_root_no_longer_configured_retires_and_keeps_its_files(
    catalog: sqlite3.Connection,
) -> None:
    old = roots.ensure_root(catalog, b"/old", "inbox")
    new = roots.ensure_root(catalog, b"/new", "inbox")
    scanned = roots.ensure_root(catalog, b"/once", "scanned")
    files.record_media(catalog, b"/old/a.jpg", STAT, "a" * 64, old)
    assert roots.retire_others(catalog, {new}) == [old]
    assert {root.id for root in roots.list_roots(catalog)} == {new, scanned}
    row = files.known(catalog, b"/old/a.jpg")
    assert row is not None
    assert (row.root_id, row.state) == (old, "present")


def test_the_files_of_a_retired_inner_root_go_to_the_root_around_it(
    catalog: sqlite3.Connection,
) -> None:
    outer = roots.ensure_root(catalog, b"/photos", "inbox")
    inner = roots.ensure_root(catalog, b"/photos/people", "reference")
    files.record_media(catalog, b"/photos/people/a.jpg", STAT, "a" * 64, inner)
    roots.retire_others(catalog, {outer})
    assert owner(catalog, b"/photos/people/a.jpg") == outer


def test_a_retired_root_that_is_configured_again_has_its_files_again(
    catalog: sqlite3.Connection,
) -> None:
    old = roots.ensure_root(catalog, b"/old", "inbox")
    files.record_media(catalog, b"/old/a.jpg", STAT, "a" * 64, old)
    roots.retire_others(catalog, set())
    assert roots.ensure_root(catalog, b"/old", "inbox") == old
    (root,) = roots.list_roots(catalog)
    assert (root.id, root.state) == (old, "present")


def test_the_files_of_a_retired_root_go_to_a_new_one_around_it(
    catalog: sqlite3.Connection,
) -> None:
    old = roots.ensure_root(catalog, b"/disk/photos", "inbox")
    files.record_media(catalog, b"/disk/photos/a.jpg", STAT, "a" * 64, old)
    roots.retire_others(catalog, set())
    new = roots.ensure_root(catalog, b"/disk", "inbox")
    assert owner(catalog, b"/disk/photos/a.jpg") == new


def test_only_a_present_root_was_seen(catalog: sqlite3.Connection) -> None:
    root_id = roots.ensure_root(catalog, b"/photos", "inbox")
    roots.mark_root(catalog, root_id, state="unreachable")
    row = catalog.execute("SELECT * FROM roots").fetchone()
    assert (row["state"], row["last_seen_at"], row["identity"]) == ("unreachable", None, None)
    roots.mark_root(catalog, root_id, state="present", identity="ext4:1:2")
    roots.mark_root(catalog, root_id, state="present")
    row = catalog.execute("SELECT * FROM roots").fetchone()
    assert (row["state"], row["identity"]) == ("present", "ext4:1:2")
    assert row["last_seen_at"] is not None
