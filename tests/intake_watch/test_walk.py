"""Walking real folders with everything in them that people and programs leave there."""

from __future__ import annotations

import os
import socket
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from daemon.intake import walk as walk_module
from daemon.intake.walk import names_of, walk
from daemon.settings import Intake

if TYPE_CHECKING:
    from collections.abc import Iterator

    from catalog.reconcile import Found

SECTION = Intake()


@pytest.fixture
def root(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "inbox"
    folder.mkdir()
    yield folder
    # Python's own way to remove a tree recurses, and ends at the depths below.
    subprocess.run(["rm", "-rf", folder], check=True)


def found_in(root: Path, **options: object) -> dict[bytes, Found]:
    """What a walk finds, by path relative to the root; each path may come once only."""
    found: dict[bytes, Found] = {}
    for item in walk(os.fsencode(root), SECTION, **options):  # type: ignore[arg-type]
        name = os.path.relpath(item.path, os.fsencode(root))
        assert name not in found
        found[name] = item
    return found


def kinds(found: dict[bytes, Found]) -> dict[bytes, str]:
    return {name: item.kind for name, item in found.items()}


HOSTILE_NAMES = [
    pytest.param(b"with space.jpg", id="space"),
    pytest.param(b"with\nnewline.jpg", id="newline"),
    pytest.param(b"quote'\"`$(x);.jpg", id="quotes"),
    pytest.param(b"\xff\xfe not utf-8.jpg", id="not-utf-8"),
    pytest.param("ünïcödé 写真 🙂.jpg".encode(), id="unicode"),
    pytest.param(b"-rf --.jpg", id="dash"),
    pytest.param(b"back\\slash%00%s.jpg", id="backslash"),
    pytest.param(b"x" * 251 + b".jpg", id="as-long-as-can-be"),
]


@pytest.mark.parametrize("name", HOSTILE_NAMES)
def test_any_name_is_found_as_its_very_bytes(root: Path, name: bytes) -> None:
    path = os.fsencode(root) + b"/" + name
    Path(os.fsdecode(path)).write_bytes(b"content")
    (item,) = walk(os.fsencode(root), SECTION)
    assert item.path == path
    assert item.kind == "file"
    assert item.stat is not None
    assert item.stat.bytes == 7


def test_ignored_names_leave_no_trace_whatever_their_case(root: Path) -> None:
    for name in (".hidden.jpg", ".rollcall-7.part", "a.JPG.PART", "b.tmp", "c.jpg~", "THUMBS.DB"):
        (root / name).write_bytes(b"x")
    for folder in ("@eaDir", ".git", "$RECYCLE.BIN"):
        (root / folder).mkdir()
        (root / folder / "d.jpg").write_bytes(b"x")
    (root / "e.jpg").write_bytes(b"x")
    assert kinds(found_in(root)) == {b"e.jpg": "file"}


def test_the_names_of_the_root_and_of_what_it_lies_in_do_not_count(tmp_path: Path) -> None:
    root = tmp_path / ".cache" / "inbox.tmp"
    root.mkdir(parents=True)
    (root / "a.jpg").write_bytes(b"x")
    assert kinds(found_in(root)) == {b"a.jpg": "file"}


def test_sidecars_are_found_as_such(root: Path) -> None:
    for name in ("a.xmp", "IMG_1.AAE", "metadata.JSON"):
        (root / name).write_bytes(b"x")
    assert kinds(found_in(root)) == {
        b"a.xmp": "sidecar",
        b"IMG_1.AAE": "sidecar",
        b"metadata.JSON": "sidecar",
    }


def test_patterns_that_are_not_utf_8_match_such_names() -> None:
    names = names_of(Intake(ignore=(os.fsdecode(b"\xff*"),), sidecars=("[ab].x",)))
    assert names.is_ignored(b"\xffanything")
    assert not names.is_ignored(b"anything")
    assert names.is_sidecar(b"B.X")
    assert not names.is_sidecar(b"c.x")


def test_links_to_files_and_folders_elsewhere_are_followed(root: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "a.jpg").write_bytes(b"12345")
    (root / "folder").symlink_to(outside)
    (root / "b.jpg").symlink_to(outside / "a.jpg")
    found = found_in(root)
    assert kinds(found) == {b"folder/a.jpg": "file", b"b.jpg": "file"}
    assert found[b"b.jpg"].stat == found[b"folder/a.jpg"].stat


def test_a_link_to_an_own_parent_is_a_problem_and_no_endless_walk(root: Path) -> None:
    (root / "a" / "b").mkdir(parents=True)
    (root / "a" / "b" / "up").symlink_to(root / "a")
    (root / "a" / "b" / "top").symlink_to(root)
    (root / "a" / "photo.jpg").write_bytes(b"x")
    found = found_in(root)
    assert kinds(found) == {
        b"a/photo.jpg": "file",
        b"a/b/up": "problem",
        b"a/b/top": "problem",
    }
    assert "leads back" in str(found[b"a/b/up"].reason)


def test_links_that_lead_to_each_other_are_entered_once(root: Path, tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    for folder, other in ((one, two), (two, one)):
        folder.mkdir()
        (folder / "photo.jpg").write_bytes(b"x")
        (folder / "other").symlink_to(other)
    (root / "start").symlink_to(one)
    found = kinds(found_in(root))
    assert found[b"start/photo.jpg"] == "file"
    assert found[b"start/other/photo.jpg"] == "file"
    assert len(found) == 3


def test_a_link_that_leads_to_itself_is_a_problem(root: Path) -> None:
    (root / "self.jpg").symlink_to("self.jpg")
    found = found_in(root)
    assert found[b"self.jpg"].kind == "problem"
    assert "leads back to itself" in str(found[b"self.jpg"].reason)


def test_a_dangling_link_is_a_problem(root: Path) -> None:
    (root / "gone.jpg").symlink_to("/nowhere/at/all.jpg")
    found = found_in(root)
    assert found[b"gone.jpg"].kind == "problem"
    assert "link to nothing" in str(found[b"gone.jpg"].reason)


def test_a_second_way_to_a_folder_is_the_duplicate_and_never_the_folder(root: Path) -> None:
    (root / "zzz").mkdir()
    (root / "zzz" / "photo.jpg").write_bytes(b"x")
    (root / "aaa").symlink_to("zzz")
    assert kinds(found_in(root)) == {b"zzz/photo.jpg": "file", b"aaa": "duplicate"}


def test_special_files_are_problems_and_never_opened(root: Path) -> None:
    os.mkfifo(root / "pipe.jpg")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(os.path.relpath(root / "socket.jpg"))
        found = found_in(root)
    assert kinds(found) == {b"pipe.jpg": "problem", b"socket.jpg": "problem"}
    assert "named pipe" in str(found[b"pipe.jpg"].reason)
    assert "socket" in str(found[b"socket.jpg"].reason)


def test_an_unreadable_folder_is_a_problem_and_the_rest_is_found(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("closed", "open"):
        (root / name).mkdir()
        (root / name / "a.jpg").write_bytes(b"x")
    real = os.scandir

    def scandir(path: bytes) -> Iterator[os.DirEntry[bytes]]:
        if path.endswith(b"/closed"):
            raise PermissionError(13, "Permission denied")
        return real(path)

    monkeypatch.setattr(walk_module.os, "scandir", scandir)
    found = found_in(root)
    assert kinds(found) == {b"closed": "problem", b"open/a.jpg": "file"}
    assert found[b"closed"].is_folder
    assert "not readable by this user" in str(found[b"closed"].reason)


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads every folder")
def test_a_folder_without_permission_is_a_problem(root: Path) -> None:
    (root / "closed").mkdir(mode=0)
    assert kinds(found_in(root)) == {b"closed": "problem"}


def test_a_root_that_is_not_there_is_a_problem(root: Path) -> None:
    (item,) = walk(os.fsencode(root / "missing"), SECTION)
    assert item.kind == "problem"
    assert item.is_folder


def test_other_roots_inside_are_passed_over(root: Path) -> None:
    (root / "people" / "Anna").mkdir(parents=True)
    (root / "people" / "Anna" / "a.jpg").write_bytes(b"x")
    (root / "b.jpg").write_bytes(b"x")
    assert kinds(found_in(root, skip=[os.fsencode(root / "people")])) == {b"b.jpg": "file"}


def test_a_thousand_folders_deep_neither_recurses_nor_keeps_them_open(root: Path) -> None:
    descriptor = os.open(root, os.O_RDONLY)
    for _ in range(1000):
        os.mkdir("d", dir_fd=descriptor)
        inner = os.open("d", os.O_RDONLY, dir_fd=descriptor)
        os.close(descriptor)
        descriptor = inner
    os.close(os.open("deep.jpg", os.O_CREAT, dir_fd=descriptor))
    os.close(descriptor)
    (name,) = kinds(found_in(root))
    assert name == b"d/" * 1000 + b"deep.jpg"


def test_a_path_longer_than_the_system_takes_is_a_problem(root: Path) -> None:
    descriptor = os.open(root, os.O_RDONLY)
    for _ in range(20):
        os.mkdir("d" * 250, dir_fd=descriptor)
        inner = os.open("d" * 250, os.O_RDONLY, dir_fd=descriptor)
        os.close(descriptor)
        descriptor = inner
    os.close(descriptor)
    (item,) = walk(os.fsencode(root), SECTION)
    assert item.kind == "problem"
    assert "too long" in str(item.reason)


def test_folders_come_before_what_is_in_them_where_asked_for(root: Path) -> None:
    (root / "a").mkdir()
    order = []
    for item in walk(os.fsencode(root), SECTION, folders=True):
        order.append((item.kind, os.path.relpath(item.path, os.fsencode(root))))
        if item.path.endswith(b"/a"):
            (root / "a" / "written-meanwhile.jpg").write_bytes(b"x")
    assert order == [
        ("folder", b"."),
        ("folder", b"a"),
        ("file", b"a/written-meanwhile.jpg"),
    ]
