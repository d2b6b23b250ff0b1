"""The daemon at work: what a person does to her folders, and what the catalog says soon after."""

from __future__ import annotations

import json
import os
import shutil
import signal
import time
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.end_to_end.conftest import Home

# Settling, hashing, starting workers with their models on a busy machine, writing.
SOON_S = 45


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory, test_data: Path) -> Iterator[Home]:
    """A home whose daemon runs for all tests of this file that leave it running."""
    from tests.end_to_end.conftest import build_home

    home = build_home(
        tmp_path_factory.mktemp("watched") / "home",
        models={"weights": str(test_data / "weights")},
    )
    with home.watching():
        yield home
    home.assert_nothing_runs()


def catalogued(home: Home, path: Path) -> bool:
    """Whether exactly this file has a row with a finished media and one round of work."""
    rows = home.query(
        """SELECT media.state, (SELECT count(*) FROM jobs WHERE jobs.media_id = media.id
                                AND kind = 'ingest' AND attempts = 1)
           FROM files JOIN media ON media.id = media_id
           WHERE path_bytes = ? AND files.state = 'present'""",
        os.fsencode(path),
    )
    return rows == [("done", 1)]


def slowly(origin: Path, target: Path) -> None:
    """Written in pieces with pauses, each longer than a writer's pause within a copy."""
    content = origin.read_bytes()
    with target.open("wb") as file:
        for start in range(0, len(content), len(content) // 4 + 1):
            file.write(content[start : start + len(content) // 4 + 1])
            file.flush()
            time.sleep(0.3)


def temporary_name(origin: Path, target: Path) -> None:
    part = target.with_name(f"{target.name}.part")
    shutil.copyfile(origin, part)
    part.rename(target)


def moved_in(origin: Path, target: Path) -> None:
    outside = target.parent.parent / "empty" / target.name
    shutil.copyfile(origin, outside)
    outside.rename(target)


def linked(origin: Path, target: Path) -> None:
    outside = target.parent.parent / "empty" / target.name
    shutil.copyfile(origin, outside)
    os.link(outside, target)


def in_a_folder(origin: Path, target: Path) -> None:
    target.parent.mkdir()
    shutil.copyfile(origin, target)


def folder_moved_in(origin: Path, target: Path) -> None:
    outside = target.parent.parent.parent / "empty" / "album"
    outside.mkdir()
    shutil.copyfile(origin, outside / target.name)
    outside.rename(target.parent)


@pytest.mark.parametrize(
    ("arrive", "photo", "name"),
    [
        pytest.param(slowly, "obama1.jpg", "slow.jpg", id="written in pieces"),
        pytest.param(temporary_name, "two_people.jpg", "temp.jpg", id="renamed when finished"),
        pytest.param(moved_in, "32bit.png", "moved in.png", id="moved in from outside"),
        pytest.param(linked, "johnsnow_test1.jpg", "linked.jpg", id="hard link"),
        pytest.param(in_a_folder, "img1.jpg", "2024/new.jpg", id="a folder made and filled"),
        pytest.param(folder_moved_in, "img33.jpg", "album/a.jpg", id="a folder moved in"),
    ],
)
def test_a_photo_is_catalogued_once_however_it_arrives(
    watched: Home,
    examples: Path,
    arrive: Callable[[Path, Path], None],
    photo: str,
    name: str,
) -> None:
    target = watched.inbox / name
    arrive(examples / photo, target)
    watched.wait(lambda: catalogued(watched, target), timeout_s=SOON_S)
    assert watched.value("SELECT count(*) FROM files WHERE path = ?", str(target)) == 1
    assert watched.value("SELECT count(*) FROM failures") == 0
    assert watched.query("SELECT 1 FROM files WHERE path LIKE '%.part'") == []


def test_a_deleted_photo_is_missing_and_its_faces_stay(
    watched: Home, copy: Callable[..., Path]
) -> None:
    photo = copy("kit_with_rose.jpg", watched.inbox / "deleted.jpg")
    watched.wait(lambda: catalogued(watched, photo), timeout_s=SOON_S)
    photo.unlink()
    watched.wait(
        lambda: watched.query(
            "SELECT 1 FROM files WHERE path = ? AND state = 'missing'", str(photo)
        )
    )
    faces = """SELECT count(*) FROM faces JOIN files USING (media_id)
               WHERE path = ? AND faces.state = 'active'"""
    assert watched.value(faces, str(photo)) == 2
    copy("kit_with_rose.jpg", photo)
    watched.wait(lambda: catalogued(watched, photo), timeout_s=SOON_S)
    assert watched.value(faces, str(photo)) == 2


def test_a_portrait_names_earlier_faces_and_its_removal_takes_the_name_back(
    watched: Home, copy: Callable[..., Path]
) -> None:
    photo = copy("alex_lacamoire1.jpg", watched.inbox / "someone.jpg")
    watched.wait(lambda: watched.who().get("someone.jpg") == ["?"], timeout_s=SOON_S)
    portrait = copy("alex_lacamoire/img1.jpg", watched.people / "Alex Lacamoire" / "portrait.jpg")
    watched.wait(lambda: watched.who()["someone.jpg"] == ["Alex Lacamoire"], timeout_s=SOON_S)
    portrait.unlink()
    watched.wait(lambda: watched.who()["someone.jpg"] == ["?"], timeout_s=SOON_S)
    assert catalogued(watched, photo)


def test_a_second_watch_is_refused(watched: Home) -> None:
    done = watched.rollcall("watch")
    assert done.returncode == 3
    assert done.stderr.count("\n") == 1
    assert "already running" in done.stderr


def test_scan_goes_through_the_running_daemon(watched: Home, copy: Callable[..., Path]) -> None:
    photo = copy("obama-240p.jpg", watched.path / "elsewhere" / "small.jpg")
    done = watched.rollcall("scan", photo.parent, "--json")
    assert done.returncode == 0, done.stderr
    summary = json.loads(done.stdout)
    assert (summary["files"], summary["photos_new"], summary["faces"]) == (1, 1, 1)
    assert catalogued(watched, photo)
    again = json.loads(watched.rollcall("scan", photo.parent, "--json").stdout)
    assert (again["photos_new"], again["already"]) == (0, 1)


def test_search_goes_through_the_running_daemon(watched: Home, examples: Path) -> None:
    before = watched.value("SELECT count(*) FROM media")
    done = watched.rollcall("search", examples / "obama-1080p.jpg", "--json", "-k", "1")
    assert done.returncode == 0, done.stderr
    (face,) = json.loads(done.stdout)["faces"]
    assert face["nearest"][0]["similarity"] > 0.9
    assert watched.value("SELECT count(*) FROM media") == before
    assert watched.query("SELECT 1 FROM jobs WHERE kind = 'search'") == []


def test_search_of_a_bad_file_through_the_daemon_ends_with_1(watched: Home) -> None:
    garbage = watched.path / "garbage.jpg"
    garbage.write_bytes(b"no picture" * 100)
    done = watched.rollcall("search", garbage)
    assert done.returncode == 1, done.stderr
    assert done.stderr.startswith("rollcall: ") and done.stderr.count("\n") == 1


def busy(home: Home, examples: Path) -> None:
    """Give the daemon more to do than it can finish before it is told to stop."""
    home.configure(workers={"count": 2})
    for number in range(3):
        for photo in sorted(examples.iterdir()):
            content = photo.read_bytes()
            (home.inbox / f"{number} {photo.name}").write_bytes(content + bytes([number]))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_stops_a_working_daemon_at_once_and_leaves_nothing_behind(
    home: Home, examples: Path, number: signal.Signals
) -> None:
    busy(home, examples)
    with home.started("watch", until="watching") as daemon:
        home.wait(
            lambda: home.query("SELECT 1 FROM jobs WHERE kind = 'ingest' AND state = 'running'")
        )
        home.wait(lambda: len(daemon.workers()) >= 2)
        time.sleep(0.5)
        assert daemon.stop(number) == 0, daemon.said()
        home.assert_nothing_runs()
    assert "Traceback" not in daemon.said() and "leaked" not in daemon.said()
    assert home.value("SELECT count(*) FROM jobs WHERE attempts > 1") == 0


def test_ctrl_c_in_the_terminal_reaches_every_process_and_stops_in_order(
    home: Home, examples: Path
) -> None:
    busy(home, examples)
    with home.started("watch", until="watching") as daemon:
        home.wait(lambda: len(daemon.workers()) >= 2)
        time.sleep(0.5)
        os.killpg(daemon.pid, signal.SIGINT)
        assert daemon.process.wait(5) == 0, daemon.said()
        home.assert_nothing_runs()
    assert "Traceback" not in daemon.said() and "leaked" not in daemon.said()


def test_a_daemon_that_stops_in_the_middle_of_a_scan_says_so_to_the_one_who_asked(
    home: Home, examples: Path
) -> None:
    with home.watching() as daemon, home.started("scan", examples, "--json") as scan:
        home.wait(
            lambda: home.query("SELECT 1 FROM jobs WHERE kind = 'ingest' AND state = 'running'")
        )
        assert daemon.stop() == 0
        assert scan.process.wait(60) in (0, 3)
        assert "Traceback" not in scan.said()
        assert "the daemon ended" in scan.said()


def test_a_search_waits_for_no_scan_and_a_stop_for_neither(home: Home, examples: Path) -> None:
    (home.path / "huge").mkdir()
    with (home.path / "huge" / "film.mov").open("wb") as file:
        file.truncate(40 << 30)  # it holds nothing, but reading all of it takes half a minute
    with home.watching() as daemon, home.started("scan", home.path / "huge", "--json") as scan:
        home.wait(
            lambda: home.query("SELECT 1 FROM jobs WHERE kind = 'scan' AND state = 'running'")
        )
        done = home.rollcall("search", examples / "obama1.jpg")
        assert (done.returncode, done.stderr.count("\n")) == (1, 1), done.stderr
        assert "holds no faces yet" in done.stderr
        assert home.value("SELECT state FROM jobs WHERE kind = 'scan'") == "running"
        assert daemon.stop() == 0
        assert scan.process.wait(10) == 3
