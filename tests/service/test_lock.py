"""One daemon a catalog, tried with real processes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING

import pytest

from daemon.errors import AlreadyRunning, EnvironmentTrouble
from daemon.lock import CatalogLock, Owner

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

HOLDER = """
import sys, pathlib
from daemon.lock import CatalogLock
lock = CatalogLock(pathlib.Path(sys.argv[1])).acquire(sys.argv[2])
print("held", flush=True)
{extra}
sys.stdin.readline()
lock.release()
"""


@pytest.fixture
def hold(tmp_path: Path) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Starts processes that hold the lock of `tmp_path` until a line comes in."""
    started: list[subprocess.Popen[str]] = []

    def start(role: str, *, extra: str = "") -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-c", HOLDER.format(extra=extra), str(tmp_path), role],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def _refused(path: Path, role: str, **options: float) -> str:
    with pytest.raises(AlreadyRunning) as caught:
        CatalogLock(path).acquire(role, **options)  # type: ignore[arg-type]
    assert caught.value.exit_code == 3
    return str(caught.value)


def test_the_owner_is_named_while_it_holds_and_nobody_afterwards(tmp_path: Path) -> None:
    lock = CatalogLock(tmp_path / "not" / "yet")
    other = CatalogLock(tmp_path / "not" / "yet")
    assert lock.owner() is None
    with lock.acquire("watch"):
        assert lock.held
        owner = other.owner()
        assert owner == lock.owner()
        assert owner is not None
        assert (owner.pid, owner.role) == (os.getpid(), "watch")
        assert owner.started_at is not None
        assert owner.started_at.endswith("Z")
    assert not lock.held
    assert other.owner() is None
    lock.release()


@pytest.mark.parametrize("role", ["watch", "alone"])
def test_a_second_process_is_refused_and_told_who_runs(
    tmp_path: Path, hold: Callable[..., subprocess.Popen[str]], role: str
) -> None:
    holder = hold("watch")
    text = _refused(tmp_path, role)
    assert f"already running on this catalog (pid {holder.pid}, watch)" in text
    assert "\n" not in text
    assert CatalogLock(tmp_path).owner() == Owner(
        pid=holder.pid, role="watch", started_at=CatalogLock(tmp_path).owner().started_at
    )


def test_watch_waits_for_a_lone_command_to_end(
    tmp_path: Path, hold: Callable[..., subprocess.Popen[str]]
) -> None:
    holder = hold("alone")
    waited_for: list[Owner] = []

    def end(owner: Owner) -> None:
        waited_for.append(owner)
        assert holder.stdin is not None
        holder.stdin.write("\n")
        holder.stdin.flush()

    with CatalogLock(tmp_path).acquire("watch", wait_s=30, on_wait=end):
        assert [owner.pid for owner in waited_for] == [holder.pid]
        found = CatalogLock(tmp_path).owner()
        assert found is not None
        assert found.pid == os.getpid()


def test_nobody_waits_for_a_watch(
    tmp_path: Path, hold: Callable[..., subprocess.Popen[str]]
) -> None:
    hold("watch")
    start = time.monotonic()
    _refused(tmp_path, "watch", wait_s=60)
    assert time.monotonic() - start < 10


def test_waiting_ends_when_its_time_is_up(
    tmp_path: Path, hold: Callable[..., subprocess.Popen[str]]
) -> None:
    hold("alone")
    assert "alone" in _refused(tmp_path, "watch", wait_s=0.5)


def test_waiting_ends_when_told_to_stop(
    tmp_path: Path, hold: Callable[..., subprocess.Popen[str]]
) -> None:
    hold("alone")
    stop = threading.Event()
    with pytest.raises(AlreadyRunning):
        CatalogLock(tmp_path).acquire(
            "watch", wait_s=600, on_wait=lambda _: stop.set(), pause=stop.wait
        )


def test_a_killed_owner_leaves_no_lock_behind(
    tmp_path: Path, hold: Callable[..., subprocess.Popen[str]]
) -> None:
    holder = hold("watch")
    os.kill(holder.pid, signal.SIGKILL)
    holder.wait()
    assert CatalogLock(tmp_path).owner() is None
    with CatalogLock(tmp_path).acquire("watch"):
        pass


@pytest.mark.parametrize(
    "extra",
    [
        pytest.param(
            "import os\nif os.fork() == 0: os.execvp('sleep', ['sleep', '5'])", id="fork and exec"
        ),
        pytest.param(
            "import os, time\nif os.fork() == 0:\n lock.release(); time.sleep(5); os._exit(0)",
            id="fork alone",
        ),
        pytest.param("import subprocess; subprocess.Popen(['sleep', '5'])", id="subprocess"),
    ],
)
def test_children_that_outlive_the_owner_hold_nothing(
    tmp_path: Path, hold: Callable[..., subprocess.Popen[str]], extra: str
) -> None:
    holder = hold("watch", extra=f"{extra}\nprint('forked', flush=True)")
    assert holder.stdout is not None
    holder.stdout.readline()
    assert "already running" in _refused(tmp_path, "watch")
    os.kill(holder.pid, signal.SIGKILL)
    holder.wait()
    holder.stdout.close()
    with CatalogLock(tmp_path).acquire("watch"):
        pass


def test_asking_for_the_owner_keeps_nobody_out(tmp_path: Path) -> None:
    stop = threading.Event()

    def ask() -> None:
        while not stop.wait(0.001):
            CatalogLock(tmp_path).owner()

    threads = [threading.Thread(target=ask) for _ in range(3)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(30):
            with CatalogLock(tmp_path).acquire("watch"):
                pass
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def test_a_lock_file_with_nonsense_in_it_still_locks(tmp_path: Path) -> None:
    lock = CatalogLock(tmp_path)
    lock.path.write_bytes(b"\xff not json")
    with lock.acquire("alone"):
        lock.path.write_text('{"pid": "x"}')
        owner = CatalogLock(tmp_path).owner()
        assert owner == Owner(pid=None, role="unknown", started_at=None)
        assert "(unknown)" in _refused(tmp_path, "watch")


def test_a_state_folder_that_cannot_be_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(EnvironmentTrouble, match=r"change paths\.state"):
        CatalogLock(tmp_path / "file").acquire("watch")
    (tmp_path / "rollcall.lock").mkdir()
    with pytest.raises(EnvironmentTrouble, match="cannot be opened"):
        CatalogLock(tmp_path).acquire("watch")
