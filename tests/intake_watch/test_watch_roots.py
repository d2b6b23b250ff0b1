"""Real roots that come, go, are replaced, overrun or cannot be watched, and what waiting costs."""

from __future__ import annotations

import os
import resource
import subprocess
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from daemon.intake.inotify import Watches, WatchLimit
from daemon.intake.mounts import Mount
from daemon.intake.watch import Watcher
from daemon.settings import Intake

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import Heard

    Watch = Callable[..., Watcher]


def test_ignored_folders_take_no_watch(watch: Watch, tmp_path: Path) -> None:
    (tmp_path / "inbox/@eaDir/deep").mkdir(parents=True)
    (tmp_path / "inbox/album").mkdir()
    assert watch("inbox").describe()[0].folders_count == 2


def test_a_root_inside_a_root_is_heard_once(watch: Watch, heard: Heard, tmp_path: Path) -> None:
    (tmp_path / "inbox/people/Anna").mkdir(parents=True)
    watch("inbox", "inbox/people")
    (tmp_path / "inbox/people/Anna/a.jpg").write_bytes(b"x")
    heard.await_event("seen", "inbox/people/Anna/a.jpg", True)
    assert heard.events.count(("seen", "inbox/people/Anna/a.jpg", True)) == 1


def test_a_root_that_vanishes_and_returns_is_compared_and_watched_again(
    watch: Watch, heard: Heard, tmp_path: Path
) -> None:
    watcher = watch("inbox", section=Intake(poll_s=0.1))
    (tmp_path / "inbox").rename(tmp_path / "away")
    heard.await_that(lambda: bool(heard.of_kind("lost")), "lost")
    assert not watcher.describe()[0].is_there
    heard.events.clear()
    (tmp_path / "inbox").mkdir()
    heard.await_event("lost", "inbox", "mounted, unmounted or replaced")
    (tmp_path / "inbox/a.jpg").write_bytes(b"x")
    heard.await_event("seen", "inbox/a.jpg", True)


def test_a_root_that_is_not_there_at_the_start_is_waited_for(
    watch: Watch, heard: Heard, tmp_path: Path
) -> None:
    (tmp_path / "inbox").symlink_to(tmp_path / "disk/photos")
    (tmp_path / "disk").mkdir()
    watcher = Watcher([os.fsencode(tmp_path / "inbox")], Intake(poll_s=0.1), heard)
    watcher.start()
    try:
        (tmp_path / "disk/photos").mkdir()
        heard.await_event("lost", "inbox", "mounted, unmounted or replaced")
        (tmp_path / "disk/photos/a.jpg").write_bytes(b"x")
        heard.await_event("seen", "inbox/a.jpg", True)
    finally:
        watcher.stop()


def test_a_root_that_is_a_link_turned_elsewhere_is_noticed_by_a_check(
    watch: Watch, heard: Heard, tmp_path: Path
) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    (tmp_path / "inbox").symlink_to(tmp_path / "one")
    watcher = watch("inbox")
    (tmp_path / "turned").symlink_to(tmp_path / "two")
    (tmp_path / "turned").rename(tmp_path / "inbox")
    watcher.check()
    heard.await_event("lost", "inbox", "mounted, unmounted or replaced")
    (tmp_path / "two/a.jpg").write_bytes(b"x")
    heard.await_event("seen", "inbox/a.jpg", True)
    watcher.check()
    (tmp_path / "two/b.jpg").write_bytes(b"x")
    heard.await_event("seen", "inbox/b.jpg", True)
    assert len(heard.of_kind("lost")) == 1


def test_a_disk_mounted_over_the_root_and_taken_away_is_noticed(
    watch: Watch, heard: Heard, tmp_path: Path
) -> None:
    watch("inbox")
    command = ["mount", "-t", "tmpfs", "none", str(tmp_path / "inbox")]
    if subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("this user may not mount")
    try:
        heard.await_event("lost", "inbox", "mounted, unmounted or replaced")
        (tmp_path / "inbox/a.jpg").write_bytes(b"x")
        heard.await_event("seen", "inbox/a.jpg", True)
        heard.events.clear()
    finally:
        subprocess.run(["umount", "--lazy", str(tmp_path / "inbox")], check=True)
    heard.await_event("lost", "inbox", "mounted, unmounted or replaced")
    assert heard.of_kind("gone") == []
    (tmp_path / "inbox/b.jpg").write_bytes(b"x")
    heard.await_event("seen", "inbox/b.jpg", True)


@pytest.mark.alone
def test_lost_events_lead_to_a_comparison_and_new_watches(
    watch: Watch, heard: Heard, tmp_path: Path
) -> None:
    watcher = watch("inbox")
    assert watcher._events is not None
    limit = int(Path("/proc/sys/fs/inotify/max_queued_events").read_text())
    if limit > 50_000:
        pytest.skip(f"{limit} events fit into this kernel's queue")
    with watcher._events.watches._lock:  # the reader waits here, and the kernel's queue fills up
        folder = tmp_path / "inbox/folder"
        folder.mkdir()
        for number in range(limit // 2 + 1000):
            path = tmp_path / f"inbox/{number}.jpg"
            os.close(os.open(path, os.O_CREAT | os.O_WRONLY))
    heard.await_event("lost", "inbox", "too many changes at once")
    (folder / "a.jpg").write_bytes(b"x")
    heard.await_event("seen", "inbox/folder/a.jpg", True)


def test_more_folders_than_may_be_watched_are_polled(
    watch: Watch, heard: Heard, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = Watches.add

    def add(self: Watches, path: bytes) -> bool:
        if path.endswith(b"/beyond"):
            raise WatchLimit
        return real(self, path)

    monkeypatch.setattr(Watches, "add", add)
    (tmp_path / "inbox/beyond").mkdir(parents=True)
    watcher = watch("inbox", section=Intake(poll_s=0.1))
    heard.await_event("lost", "inbox", "changed")
    heard.events.clear()
    (tmp_path / "inbox/beyond/a.jpg").write_bytes(b"x")
    heard.await_event("lost", "inbox", "changed")
    (tmp_path / "inbox/b.jpg").write_bytes(b"x")
    heard.await_event("seen", "inbox/b.jpg", True)
    assert watcher.describe()[0].is_polled


def test_without_inotify_instances_all_roots_are_polled(
    watch: Watch, heard: Heard, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_self: object) -> None:
        raise OSError(24, "inotify instance limit reached")

    monkeypatch.setattr("daemon.intake.inotify.Watches.start", refuse)
    watch("inbox", section=Intake(poll_s=0.1))
    heard.await_event("lost", "inbox", "changed")


@pytest.mark.parametrize(
    ("polling", "kind", "is_polled", "is_armed"),
    [
        pytest.param("auto", "ext4", False, True, id="local"),
        pytest.param("auto", "nfs4", True, True, id="network"),
        pytest.param("auto", "fuse.mergerfs", True, True, id="fuse"),
        pytest.param("always", "ext4", True, False, id="always"),
        pytest.param("never", "cifs", False, True, id="never"),
    ],
)
def test_what_is_polled_follows_the_settings_and_the_file_system(
    watch: Watch, polling: str, kind: str, is_polled: bool, is_armed: bool
) -> None:
    section = Intake.model_validate({"polling": polling})
    mounts = (Mount(folder=b"/", type=kind, source="server:/export"),)
    (root,) = watch("inbox", section=section, mounts=lambda: mounts).describe()
    assert (root.is_polled, root.folders_count > 0) == (is_polled, is_armed)


def test_a_network_folder_inside_a_local_root_is_polled(
    watch: Watch, heard: Heard, tmp_path: Path
) -> None:
    mounts = (
        Mount(folder=b"/", type="ext4", source="/dev/sda"),
        Mount(folder=os.fsencode(tmp_path / "inbox/nas"), type="nfs", source="nas:/photos"),
    )
    (tmp_path / "inbox/nas").mkdir(parents=True)
    watch("inbox", section=Intake(poll_s=0.1), mounts=lambda: mounts)
    heard.await_event("lost", "inbox/nas", "changed")


def test_polling_hears_a_new_file_a_change_and_a_deletion_and_then_is_quiet(
    watch: Watch, heard: Heard, tmp_path: Path
) -> None:
    watch("inbox", section=Intake(polling="always", poll_s=0.05))
    steps: list[Callable[[], object]] = [
        lambda: None,
        lambda: (tmp_path / "inbox/a.jpg").write_bytes(b"x"),
        lambda: (tmp_path / "inbox/a.jpg").write_bytes(b"xy"),
        lambda: (tmp_path / "inbox/a.jpg").rename(tmp_path / "inbox/b.jpg"),
        lambda: (tmp_path / "inbox/b.jpg").unlink(),
    ]
    for number, step in enumerate(steps):
        heard.events.clear()
        step()
        heard.await_event("lost", "inbox", "changed")
        time.sleep(0.2)
        assert len(heard.events) <= 2, f"step {number}"
    heard.events.clear()
    time.sleep(0.3)
    assert heard.events == []


def test_idle_it_uses_no_measurable_processor_time(watch: Watch, tmp_path: Path) -> None:
    for number in range(200):
        (tmp_path / f"inbox/{number}").mkdir(parents=True)
    watch("inbox")

    def used_s() -> float:
        usage = resource.getrusage(resource.RUSAGE_SELF)
        return usage.ru_utime + usage.ru_stime

    before = used_s()
    time.sleep(1.0)
    assert used_s() - before < 0.01


def test_it_stops_before_it_started_and_twice(tmp_path: Path, heard: Heard) -> None:
    watcher = Watcher([os.fsencode(tmp_path)], Intake(), heard)
    watcher.stop()
    before = threading.active_count()
    watcher = Watcher([os.fsencode(tmp_path)], Intake(), heard)
    watcher.start()
    watcher.stop()
    watcher.stop()
    assert threading.active_count() == before
