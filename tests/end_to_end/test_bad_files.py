"""A bad file is a row with a reason: never a crash, never a retry storm, and the rest is
catalogued.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import socket
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable
    from pathlib import Path

    from tests.end_to_end.conftest import Home

# Name → a word that its reason must hold.
BAD = {
    b"garbage.jpg": "picture",
    b"text.txt": "text",
    b"letter.jpg": "text",
    b"empty.jpg": "empty",
    b"truncated.jpg": "cut short",
    b"huge.png": "megapixels",
    b"page.html": "text",
    b"loop": "back",
    b"loop to here": "back",
    b"dangling.jpg": "link to nothing",
    b"pipe.jpg": "pipe",
    b"socket.jpg": "socket",
    b"null.jpg": "device",
    b"bad \xff name\n'\".jpg": "picture",
}
GOOD = {
    b"with spaces and 'quotes'.jpg": "obama1.jpg",
    b"two\nlines.jpg": "johnsnow_test1.jpg",
    b"not utf-8 \xe9\xff.jpg": "img1.jpg",
    "ünïcödé 😀.jpg".encode(): "img33.jpg",
    b"no extension": "obama-240p.jpg",
    b"wrong.png": "obama_partial_face2.jpg",
    b"x.jpg/in a folder named like a photo.jpg": "obama_partial_face.jpg",
    b"-rf": "alex-lacamoire.png",
    b"%s%n$(touch oops);.jpg": "32bit.png",
}


@pytest.fixture(scope="module")
def bad(
    tmp_path_factory: pytest.TempPathFactory,
    test_data: Path,
    examples: Path,
    blank_png: Callable[[Path, int, int], Path],
) -> tuple[Home, Path, subprocess.CompletedProcess[str]]:
    """A folder with everything that goes wrong, among photos with difficult names, scanned once."""
    from PIL import Image

    from tests.end_to_end.conftest import build_home

    home = build_home(
        tmp_path_factory.mktemp("bad") / "home",
        models={"weights": str(test_data / "weights")},
        intake={"ignore": ["*.ignored"]},
    )
    folder = home.path / "photos"
    (folder / "x.jpg").mkdir(parents=True)
    for name, photo in GOOD.items():
        shutil.copyfile(examples / photo, folder / os.fsdecode(name))
    Image.new("RGB", (640, 480), "white").save(folder / "nobody.jpg")
    (folder / "garbage.jpg").write_bytes(os.urandom(5000))
    (folder / os.fsdecode(b"bad \xff name\n'\".jpg")).write_bytes(os.urandom(5001))
    (folder / "text.txt").write_text("Dear diary\n" * 100)
    (folder / "letter.jpg").write_text("Dear Ada\n" * 100)
    (folder / "page.html").write_text("<!doctype html><html><body>hello</body></html>\n" * 30)
    (folder / "empty.jpg").touch()
    (folder / "truncated.jpg").write_bytes((examples / "obama1.jpg").read_bytes()[:9000])
    blank_png(folder / "huge.png", 30_000, 30_000)
    (folder / "loop").symlink_to("loop")
    (folder / "loop to here").symlink_to(".")
    (folder / "dangling.jpg").symlink_to("nowhere.jpg")
    (folder / "null.jpg").symlink_to("/dev/null")
    os.mkfifo(folder / "pipe.jpg")
    (folder / "ignored.ignored").write_text("x")
    (folder / "obama1.xmp").write_text("<x/>")
    # From within, because the whole path is longer than a socket's may be.
    with socket.socket(socket.AF_UNIX) as server, contextlib.chdir(folder):
        server.bind("socket.jpg")
    return home, folder, home.rollcall("scan", folder, "--json")


def test_the_exit_code_is_1_and_the_output_valid_json(
    bad: tuple[Home, Path, subprocess.CompletedProcess[str]],
) -> None:
    done = bad[2]
    assert done.returncode == 1, done.stderr
    summary = json.loads(done.stdout)
    assert len(summary["failures"]) == len(BAD)
    assert summary["photos_new"] == len(GOOD) + 1
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("name", BAD, ids=lambda it: it.decode("utf-8", "backslashreplace"))
def test_each_bad_file_ends_as_a_failure_with_a_reason(
    bad: tuple[Home, Path, subprocess.CompletedProcess[str]], name: bytes
) -> None:
    home, folder, _ = bad
    path = os.fsencode(folder / os.fsdecode(name)).decode("utf-8", "replace")
    rows = home.query("SELECT reason FROM failures WHERE path = ?", path)
    assert len(rows) == 1, rows
    assert BAD[name] in rows[0][0]


@pytest.mark.parametrize("name", GOOD, ids=lambda it: it.decode("utf-8", "backslashreplace"))
def test_each_good_photo_among_them_is_catalogued_with_its_face(
    bad: tuple[Home, Path, subprocess.CompletedProcess[str]], name: bytes
) -> None:
    home, folder, _ = bad
    rows = home.query(
        """SELECT files.state, media.state, faces_count FROM files
           JOIN media ON media.id = media_id WHERE path_bytes = ?""",
        os.fsencode(folder / os.fsdecode(name)),
    )
    assert rows == [("present", "done", 1)]


def test_a_photo_without_a_face_is_no_failure(
    bad: tuple[Home, Path, subprocess.CompletedProcess[str]],
) -> None:
    rows = bad[0].query(
        """SELECT media.state, faces_count FROM files JOIN media ON media.id = media_id
           WHERE path LIKE '%/nobody.jpg'"""
    )
    assert rows == [("done", 0)]


def test_sidecars_are_noted_and_ignored_names_leave_no_trace(
    bad: tuple[Home, Path, subprocess.CompletedProcess[str]],
) -> None:
    assert bad[0].query("SELECT state FROM files WHERE path LIKE '%.xmp'") == [("ignored",)]
    assert bad[0].query("SELECT state FROM files WHERE path LIKE '%.ignored'") == []


def test_a_second_scan_tries_nothing_again_and_still_ends_with_1(
    bad: tuple[Home, Path, subprocess.CompletedProcess[str]],
) -> None:
    home, folder, first = bad
    tables = ("media", "files", "steps", "jobs", "faces")
    before = [home.query(f"SELECT * FROM {table}") for table in tables]
    home.configure(log={"level": "debug"})
    again = home.rollcall("scan", folder, "--json")
    assert again.returncode == 1
    assert json.loads(again.stdout)["failures"] == json.loads(first.stdout)["failures"]
    assert [home.query(f"SELECT * FROM {table}") for table in tables] == before
    assert "starting 1 workers" not in again.stderr


def test_people_read_one_line_for_each_failure(
    bad: tuple[Home, Path, subprocess.CompletedProcess[str]],
) -> None:
    home, folder, _ = bad
    done = home.rollcall("scan", folder, "--quiet")
    assert done.returncode == 1
    lines = [line for line in done.stdout.splitlines() if "not catalogued" in line]
    assert len(lines) == len(BAD)
    status = home.rollcall("status", "--failures")
    assert status.returncode == 0
    assert f"{len(BAD)} files" in status.stdout
    assert len(json.loads(home.rollcall("status", "--failures", "--json").stdout)["failures"]) == (
        len(BAD)
    )


@pytest.mark.parametrize("name", ["garbage.jpg", "pipe.jpg", "null.jpg", "empty.jpg", "x.jpg"])
def test_a_bad_file_can_be_scanned_by_its_own_name(
    bad: tuple[Home, Path, subprocess.CompletedProcess[str]], name: str
) -> None:
    home, folder, _ = bad
    done = home.rollcall("scan", folder / name, "--json", timeout_s=60)
    summary = json.loads(done.stdout)
    assert (done.returncode, len(summary["failures"])) == ((0, 0) if name == "x.jpg" else (1, 1))


def test_a_file_that_this_user_may_not_read_is_a_row_with_a_reason(
    home: Home, examples: Path, without_power: tuple[str, ...]
) -> None:
    photos = home.path / "photos"
    (photos / "private").mkdir(parents=True)
    for name in ("obama1.jpg", "private/obama-240p.jpg", "secret.jpg"):
        shutil.copyfile(examples / "obama-240p.jpg", photos / name)
    (photos / "secret.jpg").chmod(0)
    (photos / "private").chmod(0)
    try:
        done = home.rollcall("scan", photos, "--json", prefix=without_power)
        assert done.returncode == 1, done.stderr
        reasons = {it["path"]: it["reason"] for it in json.loads(done.stdout)["failures"]}
        assert set(reasons) == {str(photos / "secret.jpg"), str(photos / "private")}
        assert all("not readable by this user" in reason for reason in reasons.values())
        assert home.who() == {"obama1.jpg": ["?"]}
        (photos / "secret.jpg").chmod(0o644)
        (photos / "private").chmod(0o755)
        done = home.rollcall("scan", photos, "--json", prefix=without_power)
        assert (done.returncode, json.loads(done.stdout)["failures"]) == (0, []), done.stderr
        assert set(home.who()) == {"obama1.jpg", "obama-240p.jpg", "secret.jpg"}
    finally:
        (photos / "private").chmod(0o755)
