"""Full disks, folders that are away, broken catalogs: one line says so, and nothing is lost."""

from __future__ import annotations

import shutil
import subprocess
import time
from typing import TYPE_CHECKING

import pytest

from catalog.migrations import migrate
from tests.disks import fill, needs_root

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.end_to_end.conftest import Home

SOME = ("32bit.png", "couple.jpg", "img1.jpg", "img33.jpg", "obama-1080p.jpg")


def one_line(done: subprocess.CompletedProcess[str], code: int, *words: str) -> None:
    """The command ended with this code and said why in one line."""
    assert done.returncode == code, done.stderr
    assert done.stderr.count("\n") == 1, done.stderr
    assert done.stderr.startswith("rollcall: ")
    for word in words:
        assert word in done.stderr


@needs_root
def test_a_daemon_on_a_full_disk_waits_and_goes_on_when_there_is_room(
    home: Home, examples: Path, mount: Callable[..., None]
) -> None:
    home.configure(workers={"batch": 2})
    (home.path / "state").mkdir()
    mount("-t", "tmpfs", "-o", "size=40m", "tmpfs", on=home.path / "state")
    with home.watching() as daemon:
        shutil.copyfile(examples / "obama1.jpg", home.inbox / "first.jpg")
        home.wait(lambda: home.who() == {"first.jpg": ["?"]})
        filler = fill(home.path / "state", leave_kb=0)
        for name in SOME:
            shutil.copyfile(examples / name, home.inbox / name)
        home.wait(lambda: "cannot be written" in daemon.said())
        time.sleep(3)
        assert daemon.process.poll() is None
        assert "Traceback" not in daemon.said()
        filler.unlink()
        home.wait(lambda: len(home.who()) == 1 + len(SOME), timeout_s=90)
        home.wait(home.settled)
        assert daemon.said().count("cannot be written") == 1
    assert home.query("PRAGMA integrity_check") == [("ok",)]
    assert home.value("SELECT max(attempts) FROM jobs") == 1
    assert home.value("SELECT count(*) FROM failures") == 0


@needs_root
def test_a_scan_on_a_full_disk_ends_with_one_line_and_goes_on_next_time(
    home: Home, examples: Path, mount: Callable[..., None]
) -> None:
    (home.path / "state").mkdir()
    mount("-t", "tmpfs", "-o", "size=40m", "tmpfs", on=home.path / "state")
    for name in SOME:
        shutil.copyfile(examples / name, home.inbox / name)
    migrate(home.catalog)
    filler = fill(home.path / "state", leave_kb=300)
    home.configure(log={"level": "error"})
    one_line(home.rollcall("scan", home.inbox, "--quiet"), 3, "full", "make room")
    filler.unlink()
    done = home.rollcall("scan", home.inbox, "--quiet")
    assert done.returncode == 0, done.stderr
    assert len(home.who()) == len(SOME)


@needs_root
def test_a_catalog_is_not_begun_on_a_full_disk(
    home: Home, examples: Path, mount: Callable[..., None]
) -> None:
    (home.path / "state").mkdir()
    mount("-t", "tmpfs", "-o", "size=1m", "tmpfs", on=home.path / "state")
    filler = fill(home.path / "state", leave_kb=64)
    one_line(home.rollcall("scan", examples / "obama1.jpg", "--quiet"), 3)
    filler.unlink()


def test_a_state_folder_that_is_a_file_stops_the_start(home: Home) -> None:
    (home.path / "state").write_text("a file")
    one_line(home.rollcall("watch"), 3, "state", "paths.state")
    one_line(home.rollcall("scan", home.inbox), 3, "state")


def test_a_state_folder_that_cannot_be_written_stops_the_start(
    home: Home, without_power: tuple[str, ...]
) -> None:
    (home.path / "state").mkdir(mode=0o500)
    one_line(home.rollcall("watch", prefix=without_power), 3, "Permission denied", "paths.state")
    one_line(home.rollcall("scan", home.inbox, prefix=without_power), 3, "Permission denied")


def test_a_catalog_that_cannot_be_written_stops_the_start(
    home: Home, without_power: tuple[str, ...]
) -> None:
    migrate(home.catalog)
    home.catalog.chmod(0o400)
    one_line(home.rollcall("scan", home.inbox, prefix=without_power), 3, "catalog.db")


def test_a_missing_inbox_stops_the_start(home: Home) -> None:
    home.inbox.rmdir()
    one_line(home.rollcall("watch"), 2, "paths.inbox", "does not exist", "mkdir")
    one_line(home.rollcall("up"), 2, "paths.inbox", "does not exist", "mkdir")


@pytest.mark.parametrize("name", ["catalog.db", "crops.db"])
@pytest.mark.parametrize(
    "content", [b"this is no database\n" * 1000, b"SQLite format 3\0" + b"\xff" * 9000]
)
def test_a_broken_catalog_is_said_in_one_line_and_left_alone(
    home: Home, examples: Path, name: str, content: bytes
) -> None:
    migrate(home.catalog)
    for file in (home.path / "state").glob(f"{name}*"):
        file.unlink()
    broken = home.path / "state" / name
    broken.write_bytes(content)
    commands = {"catalog.db": ("scan", "status"), "crops.db": ("watch",)}[name]
    for command in commands:
        arguments = [examples] if command == "scan" else []
        one_line(home.rollcall(command, *arguments), 3, name)
    assert broken.read_bytes() == content


def test_commands_without_a_catalog_say_how_to_make_one(home: Home) -> None:
    for command in (["status"], ["people", "list"], ["jobs", "list"], ["jobs", "retry", "--all"]):
        one_line(home.rollcall(*command), 3, "rollcall scan")
    assert not home.catalog.exists()


def test_an_inbox_that_goes_away_while_watched_proves_nothing(
    home: Home, copy: Callable[..., Path]
) -> None:
    home.configure(intake={"poll_s": 0.5, "rescan_minutes": 0.02})
    copy("obama1.jpg", home.inbox)
    copy("couple.jpg", home.inbox)
    disk = home.path / "the disk"
    with home.watching():
        home.wait(lambda: len(home.who()) == 2)
        home.inbox.rename(disk)  # not even the mount point is there
        time.sleep(2)
        assert home.query("SELECT 1 FROM files WHERE state = 'missing'") == []
        home.inbox.mkdir()  # an empty mount point
        time.sleep(2)
        assert home.query("SELECT 1 FROM files WHERE state = 'missing'") == []
        home.inbox.rmdir()
        disk.rename(home.inbox)
        copy("img1.jpg", home.inbox)
        home.wait(lambda: len(home.who()) == 3)
    assert home.value("SELECT count(*) FROM media") == 3
    assert home.value("SELECT max(attempts) FROM jobs") == 1


@needs_root
def test_an_unmounted_inbox_proves_nothing_at_the_next_start(
    home: Home, copy: Callable[..., Path], mount: Callable[..., None]
) -> None:
    mount("-t", "tmpfs", "tmpfs", on=home.inbox)
    copy("obama1.jpg", home.inbox)
    assert home.rollcall("scan", home.inbox).returncode == 0
    kept = home.path / "kept"
    kept.mkdir()
    mount("--bind", str(home.inbox), on=kept)
    subprocess.run(["umount", home.inbox], check=True)
    done = home.rollcall("scan", home.inbox)
    assert home.query("SELECT 1 FROM files WHERE state = 'missing'") == [], done.stderr
    with home.watching():
        time.sleep(2)
    assert home.query("SELECT 1 FROM files WHERE state = 'missing'") == []
