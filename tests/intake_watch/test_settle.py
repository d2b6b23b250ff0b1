"""When a file counts as finished, on a clock and a disk of the test's own."""

from __future__ import annotations

import errno
import os
import stat
from dataclasses import dataclass, field

import pytest

from daemon.intake.hashing import FileStat
from daemon.intake.settle import Settler

PATH = b"/inbox/a.jpg"
OTHER = b"/inbox/b.jpg"


@dataclass
class FakeWorld:
    """A clock that only `wait` moves, and files that only the test changes."""

    now_s: float = 1000.0
    files: dict[bytes, tuple[int, int]] = field(default_factory=dict)
    errors: dict[bytes, OSError] = field(default_factory=dict)
    modes: dict[bytes, int] = field(default_factory=dict)
    looks: int = 0

    def clock(self) -> float:
        return self.now_s

    def stat(self, path: bytes) -> os.stat_result:
        self.looks += 1
        if path in self.errors:
            raise self.errors[path]
        if path not in self.files:
            raise FileNotFoundError(path)
        size, mtime_s = self.files[path]
        mode = self.modes.get(path, stat.S_IFREG)
        fields = (mode, 7, 1, 1, 0, 0, size, 0, mtime_s, 0)
        return os.stat_result(fields, {"st_mtime_ns": mtime_s * 10**9})


@pytest.fixture
def world() -> FakeWorld:
    return FakeWorld(files={PATH: (10, 5), OTHER: (20, 5)})


@pytest.fixture
def settler(world: FakeWorld) -> Settler:
    return Settler(2.0, 10.0, clock=world.clock, stat=world.stat)


def due_at(settler: Settler, world: FakeWorld, *, until_s: float = 60.0) -> dict[bytes, float]:
    """Let time pass exactly as `next_look_s` asks; when each path came out, from the start."""
    start, found = world.now_s, {}
    while world.now_s - start <= until_s and (wait_s := settler.next_look_s()) is not None:
        world.now_s += wait_s
        for settled in settler.due():
            found[settled.path] = round(world.now_s - start, 3)
    return found


@pytest.mark.parametrize(
    ("closed", "expected_s"),
    [
        pytest.param(True, 2.0, id="closed"),
        pytest.param(False, 10.0, id="not-closed"),
        pytest.param(None, 2.0, id="only-touched"),
    ],
)
def test_a_file_is_due_after_the_quiet_time_of_its_kind(
    settler: Settler, world: FakeWorld, closed: bool | None, expected_s: float
) -> None:
    settler.seen(PATH, closed=closed)
    assert due_at(settler, world) == {PATH: expected_s}
    assert len(settler) == 0


def test_the_stat_that_comes_with_a_settled_file_is_that_of_the_last_look(
    settler: Settler, world: FakeWorld
) -> None:
    settler.seen(PATH, closed=True)
    world.now_s += 60
    assert settler.due() == []
    world.now_s += 60
    (settled,) = settler.due()
    assert settled.stat == FileStat(bytes=10, mtime_ns=5_000_000_000, inode=7, device=1)


def test_every_event_starts_the_quiet_time_again(settler: Settler, world: FakeWorld) -> None:
    for _ in range(5):
        settler.seen(PATH, closed=True)
        world.now_s += 1.9
        assert settler.due() == []
    assert due_at(settler, world)[PATH] == pytest.approx(0.1)


def test_a_close_shortens_the_wait_and_a_later_write_lengthens_it_again(
    settler: Settler, world: FakeWorld
) -> None:
    settler.seen(PATH, closed=False)
    world.now_s += 1
    settler.seen(PATH, closed=True)
    settler.seen(OTHER, closed=True)
    settler.seen(OTHER, closed=False)
    assert due_at(settler, world) == {PATH: 2.0, OTHER: 10.0}


def test_a_close_after_the_first_look_brings_the_second_one_forward(
    settler: Settler, world: FakeWorld
) -> None:
    settler.seen(PATH, closed=False)
    world.now_s += 1
    assert settler.due() == []
    world.now_s += 2
    settler.seen(PATH, closed=True)
    assert due_at(settler, world) == {PATH: 2.0}


def test_a_change_of_permissions_leaves_open_whether_somebody_writes(
    settler: Settler, world: FakeWorld
) -> None:
    settler.seen(PATH, closed=False)
    settler.seen(PATH, closed=None)
    assert due_at(settler, world) == {PATH: 10.0}


@pytest.mark.parametrize("closed", [True, False])
def test_a_file_that_grows_without_events_waits_until_it_stops(
    settler: Settler, world: FakeWorld, closed: bool
) -> None:
    settler.seen(PATH, closed=closed)
    for second in range(100):
        world.files[PATH] = (10 + second, 5)
        world.now_s += 1
        assert settler.due() == []
    assert 0 < due_at(settler, world)[PATH] <= (2.0 if closed else 10.0)


@pytest.mark.parametrize(
    "mtime_s",
    [
        pytest.param(-(10**6), id="before-1970"),
        pytest.param(0, id="1970"),
        pytest.param(4 * 10**9, id="2096"),
    ],
)
def test_a_time_of_change_far_from_now_makes_no_difference(
    settler: Settler, world: FakeWorld, mtime_s: int
) -> None:
    world.files[PATH] = (10, mtime_s)
    settler.seen(PATH, closed=True)
    assert due_at(settler, world) == {PATH: 2.0}


def test_equal_size_with_another_time_of_change_is_a_change(
    settler: Settler, world: FakeWorld
) -> None:
    settler.seen(PATH, closed=True)
    world.now_s += 1
    settler.due()
    world.files[PATH] = (10, 6)
    world.now_s += 1
    assert settler.due() == []
    assert due_at(settler, world) == {PATH: 2.0}


def test_what_a_walk_saw_counts_as_the_first_look(settler: Settler, world: FakeWorld) -> None:
    look = FileStat.of(world.stat(PATH))
    world.looks = 0
    settler.seen(PATH, closed=False, look=look)
    assert due_at(settler, world) == {PATH: 10.0}
    assert world.looks == 1


def test_what_vanished_or_is_a_folder_now_is_dropped_without_a_word(
    settler: Settler, world: FakeWorld
) -> None:
    settler.seen(PATH, closed=True)
    settler.seen(OTHER, closed=True)
    del world.files[PATH]
    world.modes[OTHER] = stat.S_IFDIR
    assert due_at(settler, world) == {}
    assert len(settler) == 0


@pytest.mark.parametrize(
    ("error", "words"),
    [
        pytest.param(PermissionError(errno.EACCES, "no"), "not readable by this user", id="mode"),
        pytest.param(OSError(errno.ELOOP, "no"), "leads back to itself", id="loop"),
        pytest.param(OSError(errno.EIO, "no"), "I/O error", id="disk"),
        pytest.param(OSError(errno.ESTALE, "no"), "network folder", id="network"),
    ],
)
def test_a_path_that_cannot_be_looked_at_comes_out_with_the_reason(
    settler: Settler, world: FakeWorld, error: OSError, words: str
) -> None:
    world.errors[PATH] = error
    settler.seen(PATH, closed=True)
    world.now_s += 60
    (settled,) = settler.due()
    assert settled.stat is None
    assert settled.problem is not None
    assert words in settled.problem


def test_a_named_pipe_comes_out_with_a_reason_and_is_not_opened(
    settler: Settler, world: FakeWorld
) -> None:
    world.modes[PATH] = stat.S_IFIFO
    settler.seen(PATH, closed=True)
    world.now_s += 60
    (settled,) = settler.due()
    assert settled.problem == "not a regular file"


def test_a_file_recreated_while_it_is_looked_at_is_not_lost(world: FakeWorld) -> None:
    def stat_and_recreate(path: bytes) -> os.stat_result:
        world.now_s += 0.1
        settler.seen(path, closed=True)
        settler._stat = world.stat  # the file is there from now on
        raise FileNotFoundError(path)

    settler = Settler(2.0, 10.0, clock=world.clock, stat=stat_and_recreate)
    settler.seen(PATH, closed=True)
    assert list(due_at(settler, world)) == [PATH]


def test_forgotten_paths_never_come_out(settler: Settler, world: FakeWorld) -> None:
    settler.seen(PATH, closed=True)
    settler.seen(OTHER, closed=True)
    settler.seen(b"/inbox/folder/c.jpg", closed=True)
    settler.seen(b"/inbox/folder2/d.jpg", closed=True)
    world.files |= {b"/inbox/folder/c.jpg": (1, 1), b"/inbox/folder2/d.jpg": (1, 1)}
    settler.forget(PATH)
    settler.forget_folder(b"/inbox/folder")
    assert set(due_at(settler, world)) == {OTHER, b"/inbox/folder2/d.jpg"}


def test_a_pending_file_goes_along_when_its_folder_is_renamed(
    settler: Settler, world: FakeWorld
) -> None:
    settler.seen(b"/inbox/old/c.jpg", closed=True)
    world.files[b"/inbox/new/c.jpg"] = (1, 1)
    settler.move_folder(b"/inbox/old", b"/inbox/new")
    assert due_at(settler, world) == {b"/inbox/new/c.jpg": 2.0}


def test_without_quiet_times_a_file_is_due_at_once_after_two_looks(world: FakeWorld) -> None:
    settler = Settler(0.0, 0.0, clock=world.clock, stat=world.stat)
    settler.seen(PATH, closed=False)
    assert due_at(settler, world) == {PATH: 0.0}
    assert world.looks == 2


def test_a_flood_of_events_for_one_path_takes_no_memory_and_no_looks(
    settler: Settler, world: FakeWorld
) -> None:
    for number in range(20_000):
        settler.seen(PATH, closed=number % 2 == 0)
        world.now_s += 0.01
        settler.due()
    assert len(settler) == 1
    assert len(settler._heap) < 2100
    assert world.looks == 0


def test_a_path_that_comes_and_goes_leaves_nothing_behind(
    settler: Settler, world: FakeWorld
) -> None:
    for _ in range(20_000):
        settler.seen(PATH, closed=True)
        settler.forget(PATH)
    assert len(settler) == 0
    assert len(settler._heap) < 2100
    assert settler.next_look_s() is None


def test_a_hundred_thousand_paths_come_out_in_bounded_steps(
    settler: Settler, world: FakeWorld
) -> None:
    paths = [b"/inbox/%06d.jpg" % number for number in range(100_000)]
    world.files = dict.fromkeys(paths, (1, 1))
    for path in paths:
        settler.seen(path, closed=True)
    world.now_s += 10
    found = 0
    for _ in range(1000):
        batch = settler.due(limit=5000)
        assert len(batch) <= 5000
        found += len(batch)
        if settler.next_look_s() is None:
            break
        world.now_s += settler.next_look_s() or 0
    assert found == 100_000
