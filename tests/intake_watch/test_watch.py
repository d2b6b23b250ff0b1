"""The real kernel's events on real folders, for each way in which files come, change and go."""

from __future__ import annotations

import os
import shutil
import threading
import time
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from conftest import Heard

    from daemon.intake.watch import Watcher

    Watch = Callable[..., Watcher]


def test_written_in_place_it_is_seen_open_and_then_closed(
    watch: Watch, heard: Heard, tmp_path: Path
) -> None:
    watch("inbox")
    with (tmp_path / "inbox/a.jpg").open("wb") as file:
        file.write(b"half")
        file.flush()
        heard.await_event("seen", "inbox/a.jpg", False)
        assert ("seen", "inbox/a.jpg", True) not in heard.events
    heard.await_event("seen", "inbox/a.jpg", True)


def test_a_temporary_file_that_is_renamed_is_seen_closed_at_its_name(
    watch: Watch, heard: Heard, tmp_path: Path
) -> None:
    watch("inbox")
    (tmp_path / "inbox/.a.jpg.Xy12").write_bytes(b"x")
    (tmp_path / "inbox/.a.jpg.Xy12").rename(tmp_path / "inbox/a.jpg")
    heard.await_event("seen", "inbox/a.jpg", True)
    assert heard.events == [("seen", "inbox/a.jpg", True)]


def test_a_rename_is_a_move_and_then_seen(watch: Watch, heard: Heard, tmp_path: Path) -> None:
    watch("inbox")
    (tmp_path / "inbox/a.jpg").write_bytes(b"x")
    heard.await_event("seen", "inbox/a.jpg", True)
    (tmp_path / "inbox/a.jpg").rename(tmp_path / "inbox/b.jpg")
    heard.await_event("seen", "inbox/b.jpg", True)
    assert ("moved", "inbox/a.jpg", "inbox/b.jpg", False) in heard.events
    assert heard.of_kind("gone") == []


def test_a_file_moved_in_from_outside_is_seen_closed(
    watch: Watch, heard: Heard, tmp_path: Path
) -> None:
    (tmp_path / "a.jpg").write_bytes(b"x")
    watch("inbox")
    (tmp_path / "a.jpg").rename(tmp_path / "inbox/a.jpg")
    heard.await_event("seen", "inbox/a.jpg", True)


def test_a_hard_link_is_seen_though_nothing_closes_it(
    watch: Watch, heard: Heard, tmp_path: Path
) -> None:
    (tmp_path / "a.jpg").write_bytes(b"x")
    watch("inbox")
    os.link(tmp_path / "a.jpg", tmp_path / "inbox/a.jpg")
    heard.await_event("seen", "inbox/a.jpg", False)


def test_a_link_to_a_file_is_seen(watch: Watch, heard: Heard, tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(b"x")
    watch("inbox")
    (tmp_path / "inbox/a.jpg").symlink_to(tmp_path / "a.jpg")
    heard.await_event("seen", "inbox/a.jpg", False)


def test_a_folder_moved_in_brings_its_files_and_is_watched(
    watch: Watch, heard: Heard, tmp_path: Path
) -> None:
    (tmp_path / "album/deep/er").mkdir(parents=True)
    (tmp_path / "album/deep/er/a.jpg").write_bytes(b"x")
    (tmp_path / "album/deep/.thumbs").mkdir()
    (tmp_path / "album/deep/.thumbs/t.jpg").write_bytes(b"x")
    watch("inbox")
    (tmp_path / "album").rename(tmp_path / "inbox/album")
    heard.await_event("seen", "inbox/album/deep/er/a.jpg", True)
    (tmp_path / "inbox/album/deep/er/b.jpg").write_bytes(b"x")
    heard.await_event("seen", "inbox/album/deep/er/b.jpg", True)
    (tmp_path / "inbox/album/deep/.thumbs/u.jpg").write_bytes(b"x")
    time.sleep(0.1)
    assert not [event for event in heard.events if ".thumbs" in str(event[1])]


def test_many_new_folders_with_quick_writes_lose_no_file(
    watch: Watch, heard: Heard, tmp_path: Path
) -> None:
    watch("inbox")
    names = {f"inbox/{i}/{j}/{k}.jpg" for i in range(5) for j in range(8) for k in range(2)}
    for name in names:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    heard.await_that(
        lambda: {event[1] for event in heard.events if event[0] == "seen"} >= names, "all files"
    )


def test_a_move_between_two_roots_is_a_move(watch: Watch, heard: Heard, tmp_path: Path) -> None:
    watch("inbox", "people")
    (tmp_path / "inbox/a.jpg").write_bytes(b"x")
    heard.await_event("seen", "inbox/a.jpg", True)
    (tmp_path / "inbox/a.jpg").rename(tmp_path / "people/a.jpg")
    heard.await_event("moved", "inbox/a.jpg", "people/a.jpg", False)


def test_a_deleted_file_is_gone(watch: Watch, heard: Heard, tmp_path: Path) -> None:
    watch("inbox")
    (tmp_path / "inbox/a.jpg").write_bytes(b"x")
    (tmp_path / "inbox/a.jpg").unlink()
    heard.await_event("gone", "inbox/a.jpg", False)


def test_a_file_moved_out_is_gone_after_a_moment(
    watch: Watch, heard: Heard, tmp_path: Path
) -> None:
    watch("inbox")
    (tmp_path / "inbox/a.jpg").write_bytes(b"x")
    (tmp_path / "inbox/a.jpg").rename(tmp_path / "a.jpg")
    heard.await_event("gone", "inbox/a.jpg", False)


def test_a_file_moved_out_and_written_anew_is_not_gone(
    watch: Watch, heard: Heard, tmp_path: Path
) -> None:
    (tmp_path / "inbox").mkdir()
    (tmp_path / "inbox/a.jpg").write_bytes(b"x")
    watch("inbox")
    (tmp_path / "inbox/a.jpg").rename(tmp_path / "backup.jpg")
    (tmp_path / "inbox/a.jpg").write_bytes(b"y")
    heard.await_event("seen", "inbox/a.jpg", True)
    heard.await_event("seen", "inbox/a.jpg", None)
    assert heard.of_kind("gone") == []


def test_a_folder_moved_out_and_made_anew_is_watched_and_compared(
    watch: Watch, heard: Heard, tmp_path: Path
) -> None:
    (tmp_path / "inbox/album").mkdir(parents=True)
    (tmp_path / "inbox/album/a.jpg").write_bytes(b"x")
    watch("inbox")
    (tmp_path / "inbox/album").rename(tmp_path / "away")
    (tmp_path / "inbox/album").mkdir()
    heard.await_event("lost", "inbox/album", "replaced")
    assert heard.of_kind("gone") == []
    (tmp_path / "inbox/album/b.jpg").write_bytes(b"x")
    heard.await_event("seen", "inbox/album/b.jpg", True)


def test_a_file_renamed_to_an_ignored_name_is_gone(
    watch: Watch, heard: Heard, tmp_path: Path
) -> None:
    watch("inbox")
    (tmp_path / "inbox/a.jpg").write_bytes(b"x")
    (tmp_path / "inbox/a.jpg").rename(tmp_path / "inbox/a.jpg~")
    heard.await_event("gone", "inbox/a.jpg", False)
    assert heard.of_kind("moved") == []


def test_a_folder_renamed_is_moved_as_one_and_watched_on(
    watch: Watch, heard: Heard, tmp_path: Path
) -> None:
    (tmp_path / "inbox/old/deep").mkdir(parents=True)
    watch("inbox")
    (tmp_path / "inbox/old/deep/a.jpg").write_bytes(b"x")
    heard.await_event("seen", "inbox/old/deep/a.jpg", True)
    (tmp_path / "inbox/old").rename(tmp_path / "inbox/new")
    heard.await_event("moved", "inbox/old", "inbox/new", True)
    (tmp_path / "inbox/new/deep/b.jpg").write_bytes(b"x")
    heard.await_event("seen", "inbox/new/deep/b.jpg", True)
    assert ("seen", "inbox/new/deep/a.jpg", True) not in heard.events


def test_a_folder_moved_out_is_gone_and_no_longer_heard(
    watch: Watch, heard: Heard, tmp_path: Path
) -> None:
    (tmp_path / "inbox/album/deep").mkdir(parents=True)
    watcher = watch("inbox")
    (tmp_path / "inbox/album/deep/a.jpg").write_bytes(b"x")
    heard.await_event("seen", "inbox/album/deep/a.jpg", True)
    (tmp_path / "inbox/album").rename(tmp_path / "album")
    heard.await_event("gone", "inbox/album", True)
    assert watcher.describe()[0].folders_count == 1
    (tmp_path / "album/deep/b.jpg").write_bytes(b"x")
    time.sleep(0.2)
    assert not [event for event in heard.events if "b.jpg" in str(event[1])]


def test_a_deleted_folder_is_gone_with_its_files(
    watch: Watch, heard: Heard, tmp_path: Path
) -> None:
    (tmp_path / "inbox/album").mkdir(parents=True)
    watch("inbox")
    (tmp_path / "inbox/album/a.jpg").write_bytes(b"x")
    heard.await_event("seen", "inbox/album/a.jpg", True)
    shutil.rmtree(tmp_path / "inbox/album")
    heard.await_event("gone", "inbox/album/a.jpg", False)
    heard.await_event("gone", "inbox/album", True)


def test_a_link_to_a_folder_is_watched_behind_the_link(
    watch: Watch, heard: Heard, tmp_path: Path
) -> None:
    (tmp_path / "outside/deep").mkdir(parents=True)
    (tmp_path / "outside/deep/a.jpg").write_bytes(b"x")
    (tmp_path / "outside/loop").symlink_to(tmp_path / "outside")
    watch("inbox")
    (tmp_path / "inbox/link").symlink_to(tmp_path / "outside")
    heard.await_event("seen", "inbox/link/deep/a.jpg", True)
    (tmp_path / "outside/deep/b.jpg").write_bytes(b"x")
    heard.await_event("seen", "inbox/link/deep/b.jpg", True)
    (tmp_path / "inbox/link").unlink()
    heard.await_event("gone", "inbox/link", True)


def test_a_second_way_to_a_watched_folder_does_not_rename_it(
    watch: Watch, heard: Heard, tmp_path: Path
) -> None:
    (tmp_path / "inbox/real").mkdir(parents=True)
    watcher = watch("inbox")
    (tmp_path / "inbox/alias").symlink_to("real")
    (tmp_path / "inbox/b.jpg").write_bytes(b"x")
    heard.await_event("seen", "inbox/b.jpg", True)
    (tmp_path / "inbox/real/a.jpg").write_bytes(b"x")
    heard.await_event("seen", "inbox/real/a.jpg", True)
    (tmp_path / "inbox/alias").unlink()
    heard.await_event("gone", "inbox/alias", False)
    assert watcher.describe()[0].folders_count == 2


@pytest.mark.parametrize(
    "name", [b"new\nline.jpg", b"quote'\".jpg", b"\xff\xfe.jpg", "写真.jpg".encode()]
)
def test_names_arrive_as_their_very_bytes(
    watch: Watch, heard: Heard, tmp_path: Path, name: bytes
) -> None:
    watch("inbox")
    (tmp_path / "inbox" / os.fsdecode(name)).write_bytes(b"x")
    heard.await_event("seen", os.fsdecode(b"inbox/" + name), True)


def test_reading_is_not_heard(watch: Watch, heard: Heard, tmp_path: Path) -> None:
    watch("inbox")
    (tmp_path / "inbox/a.jpg").write_bytes(b"x")
    heard.await_event("seen", "inbox/a.jpg", True)
    before = len(heard.events)
    for _ in range(20):
        (tmp_path / "inbox/a.jpg").read_bytes()
        list((tmp_path / "inbox").iterdir())
    (tmp_path / "inbox/b.jpg").write_bytes(b"x")
    heard.await_event("seen", "inbox/b.jpg", True)
    assert not [event for event in heard.events[before:] if event[1] == "inbox/a.jpg"]


def test_touch_and_chmod_are_heard_but_say_nothing_of_a_writer(
    watch: Watch, heard: Heard, tmp_path: Path
) -> None:
    (tmp_path / "inbox").mkdir()
    (tmp_path / "inbox/a.jpg").write_bytes(b"x")
    watch("inbox")
    (tmp_path / "inbox/a.jpg").chmod(0o600)
    heard.await_event("seen", "inbox/a.jpg", None)


def test_a_long_write_is_heard_a_few_times_and_not_once_a_block(
    watch: Watch, heard: Heard, tmp_path: Path
) -> None:
    watch("inbox")
    with (tmp_path / "inbox/a.jpg").open("wb", buffering=0) as file:
        for _ in range(3000):
            file.write(b"x")
    heard.await_event("seen", "inbox/a.jpg", True)
    assert len(heard.events) < 10


class _SetBetween(threading.Event):
    """A stop event that is set, with its nudge, just after it was found not to be."""

    watcher: Watcher

    def is_set(self) -> bool:
        before = super().is_set()
        if not before:
            self.set()
            self.watcher._nudge()
        return before


def test_a_stop_that_comes_together_with_another_nudge_is_heard(
    watch: Watch, tmp_path: Path
) -> None:
    watcher = watch("inbox")
    event = _SetBetween()
    event.watcher = watcher
    watcher._stop = event
    watcher._nudge()
    watcher._thread.join(5)
    stuck = watcher._thread.is_alive()
    watcher._nudge()  # lets it go where it is stuck, so that the test ends
    assert not stuck
