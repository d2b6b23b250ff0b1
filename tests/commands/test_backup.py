"""Backups of a live catalog, and back again."""

from __future__ import annotations

import json
import os
import stat
import threading
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from catalog.backup import back_up, read_manifest
from catalog.connect import connect, crops_path
from catalog.errors import CatalogError
from catalog.migrations import is_current
from catalog.verify import verify
from daemon.commands.backup import command as backup_command
from daemon.commands.restore import command as restore_command
from daemon.errors import UsageError
from tests.backups import add_photo, count_rows, dump, run_command

if TYPE_CHECKING:
    from pathlib import Path


def test_a_backup_comes_back_as_it_was(filled: Path, tmp_path: Path) -> None:
    before = [dump(filled), dump(crops_path(filled))]
    folder = tmp_path / "backups" / "first"
    result = run_command(backup_command, filled, str(folder))
    assert result.exit_code == 0, result.output
    assert "20 media, 20 faces" in result.output
    assert sorted(path.name for path in folder.iterdir()) == [
        "catalog.db",
        "crops.db",
        "manifest.json",
    ]
    assert [path.name for path in folder.parent.iterdir()] == ["first"]
    with closing(connect(filled)) as db:
        db.execute("DELETE FROM media")
    result = run_command(restore_command, filled, str(folder), "--yes")
    assert result.exit_code == 0, result.output
    assert [dump(filled), dump(crops_path(filled))] == before
    assert is_current(filled)
    assert list(verify(filled, daemon_running=False)) == []
    (replaced,) = filled.parent.glob("replaced-*")
    assert count_rows(replaced / "catalog.db") == 0
    assert count_rows(replaced / "crops.db", "crops") == 20


def test_a_backup_is_private_and_says_what_it_holds(filled: Path, tmp_path: Path) -> None:
    manifest = back_up(filled, tmp_path / "copy", version="9.9")
    assert read_manifest(tmp_path / "copy") == manifest
    assert manifest.rollcall == "9.9"
    assert manifest.files["catalog.db"].rows["faces"] == 20
    assert manifest.files["crops.db"].rows == {"crops": 20, "previews": 0}
    assert manifest.files["catalog.db"].migrations[0] == "0001_initial"
    assert stat.S_IMODE((tmp_path / "copy").stat().st_mode) == 0o700
    assert stat.S_IMODE((tmp_path / "copy" / "catalog.db").stat().st_mode) == 0o600


def test_a_folder_that_exists_gets_a_dated_folder_inside(filled: Path, tmp_path: Path) -> None:
    (tmp_path / "usb").mkdir()
    result = run_command(backup_command, filled, str(tmp_path / "usb"), "--json")
    assert result.exit_code == 0, result.output
    (made,) = (tmp_path / "usb").iterdir()
    assert json.loads(result.stdout)["folder"] == str(made)
    assert made.name.startswith("rollcall-20")


def test_no_face_lacks_its_crop_however_busy_the_writer_is(filled: Path, tmp_path: Path) -> None:
    stop = threading.Event()
    written = []

    def write() -> None:
        with closing(connect(filled)) as catalog, closing(connect(crops_path(filled))) as crops:
            number = 100
            while not stop.is_set():
                add_photo(catalog, crops, number)
                number += 1
            written.append(number - 100)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for number in range(5):
            copy = tmp_path / f"copy{number}"
            back_up(filled, copy, version="1")
            assert list(verify(copy / "catalog.db", daemon_running=True, full=True)) == []
    finally:
        stop.set()
        writer.join()
    assert written[0] > 0


def test_the_writer_is_not_kept_waiting(filled: Path, tmp_path: Path) -> None:
    with closing(connect(filled)) as catalog, closing(connect(crops_path(filled))) as crops:
        catalog.execute("PRAGMA busy_timeout = 0")
        crops.execute("PRAGMA busy_timeout = 0")
        numbers = iter(range(1000, 100_000))
        back_up(
            filled,
            tmp_path / "copy",
            version="1",
            progress=lambda *_: add_photo(catalog, crops, next(numbers)),
        )
    assert count_rows(tmp_path / "copy" / "catalog.db") == 20
    assert count_rows(filled) > 20


def test_without_crops_those_that_are_here_stay(filled: Path, tmp_path: Path) -> None:
    assert run_command(backup_command, filled, str(tmp_path / "copy"), "--no-crops").exit_code == 0
    assert not (tmp_path / "copy" / "crops.db").exists()
    result = run_command(restore_command, filled, str(tmp_path / "copy"), "--yes", "--json")
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["replaced"]
    assert list(verify(filled, daemon_running=False)) == []


def test_nothing_is_overwritten(filled: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("precious")
    (tmp_path / "dangling").symlink_to(tmp_path / "nowhere")
    for name in ("file", "dangling"):
        with pytest.raises(CatalogError, match="exists already"):
            back_up(filled, tmp_path / name, version="1")
    assert (tmp_path / "file").read_text() == "precious"


def test_too_little_room_leaves_nothing_behind(filled: Path, tmp_path: Path) -> None:
    (tmp_path / "usb").mkdir()
    with pytest.raises(CatalogError, match="--no-crops"):
        back_up(filled, tmp_path / "usb" / "copy", version="1", free_bytes=lambda _: 1000)
    assert list((tmp_path / "usb").iterdir()) == []


def test_a_failure_half_way_leaves_nothing_behind(filled: Path, tmp_path: Path) -> None:
    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    (tmp_path / "usb").mkdir()
    with pytest.raises(KeyboardInterrupt):
        back_up(filled, tmp_path / "usb" / "copy", version="1", progress=stop)
    assert list((tmp_path / "usb").iterdir()) == []


def test_a_backup_inside_the_inbox_is_refused(filled: Path) -> None:
    inbox = filled.parent.parent / "inbox"
    inbox.mkdir()
    result = run_command(backup_command, filled, str(inbox))
    assert isinstance(result.exception, UsageError)
    assert list(inbox.iterdir()) == []


def test_a_damaged_catalog_is_not_backed_up_silently(filled: Path, tmp_path: Path) -> None:
    with closing(connect(filled)) as db:
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    with filled.open("r+b") as file:
        file.seek(4096 * 5)
        file.write(os.urandom(4096 * 10))
    with pytest.raises(CatalogError, match="rollcall verify"):
        back_up(filled, tmp_path / "copy", version="1")
    assert not (tmp_path / "copy").exists()
