"""The local pool: real worker processes that die, hang, and are told to stop."""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from concurrent.futures import CancelledError
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest

from daemon import pool as pool_module
from daemon.errors import EnvironmentTrouble
from daemon.pool import LocalPool, WorkerDied
from daemon.settings import Settings
from daemon.worker import Conditions

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

LONG_S = 30.0


@pytest.fixture
def make_pool() -> Iterator[Callable[[int], LocalPool]]:
    """Pools that are stopped with the test and leave no process."""
    pools = []

    def make(count: int) -> LocalPool:
        conditions = Conditions(settings=Settings(), supervisor=os.getpid())
        pools.append(LocalPool(count, conditions))
        return pools[-1]

    yield make
    for pool in pools:
        pool.stop()
    assert multiprocessing.active_children() == []


def settled(pool: LocalPool, function: Callable[..., object], argument: object) -> object:
    """What one task gives."""
    return pool.submit(function, argument, timeout_s=LONG_S).result(timeout=LONG_S)


def workers() -> list[int]:
    """The worker processes there are."""
    return [child.pid for child in multiprocessing.active_children() if child.pid is not None]


def kill_workers() -> None:
    """As the kernel does when memory runs out."""
    for pid in workers():
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def own_pid(_: object) -> int:
    return os.getpid()


def kill_itself(_: object) -> None:
    os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(LONG_S)


def test_a_task_gives_what_its_function_gives(make_pool: Callable[[int], LocalPool]) -> None:
    assert settled(make_pool(2), abs, -3) == 3


def test_what_a_task_raises_comes_back(make_pool: Callable[[int], LocalPool]) -> None:
    with pytest.raises(ValueError, match="invalid literal"):
        settled(make_pool(1), int, "seven")


def test_a_worker_that_is_killed_costs_its_task_and_no_other(
    make_pool: Callable[[int], LocalPool],
) -> None:
    pool = make_pool(1)
    before = settled(pool, own_pid, None)
    dying = pool.submit(kill_itself, None, timeout_s=LONG_S)
    waiting = [pool.submit(abs, -number, timeout_s=LONG_S) for number in range(5)]
    with pytest.raises(WorkerDied, match="killed, perhaps because memory ran out"):
        dying.result(timeout=LONG_S)
    assert [future.result(timeout=LONG_S) for future in waiting] == list(range(5))
    assert settled(pool, own_pid, None) != before


@pytest.mark.parametrize("count", [1, 2])
def test_workers_killed_while_idle_are_replaced_by_the_next_task(
    make_pool: Callable[[int], LocalPool], count: int
) -> None:
    pool = make_pool(count)
    settled(pool, abs, 1)
    kill_workers()
    time.sleep(0.3)
    assert settled(pool, abs, -2) == 2


@pytest.mark.parametrize("delay_s", [0.0, 0.2, 0.4])
def test_workers_killed_while_they_start_are_replaced(
    make_pool: Callable[[int], LocalPool], delay_s: float
) -> None:
    pool = make_pool(2)
    futures = [pool.submit(abs, -number, timeout_s=LONG_S) for number in range(4)]
    time.sleep(delay_s)
    kill_workers()
    end = time.monotonic() + LONG_S
    while not all(future.done() for future in futures) and time.monotonic() < end:
        pool.mend()
        time.sleep(0.05)
    assert [future.result(timeout=0) for future in futures] == list(range(4))


def test_workers_that_never_begin_are_said_to_be_the_trouble(
    make_pool: Callable[[int], LocalPool], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pool_module.worker, "start", os.kill)  # its first act is an error
    with pytest.raises(EnvironmentTrouble, match="end before they begin"):
        settled(make_pool(1), abs, 1)


def test_a_task_that_takes_too_long_is_ended_with_its_worker(
    make_pool: Callable[[int], LocalPool],
) -> None:
    pool = make_pool(1)
    with pytest.raises(WorkerDied, match=r"took longer than 0\.5 s"):
        pool.submit(time.sleep, LONG_S, timeout_s=0.5).result(timeout=LONG_S)
    assert settled(pool, abs, -2) == 2


def test_workers_that_fell_silent_are_replaced(
    make_pool: Callable[[int], LocalPool], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pool_module, "SILENCE_S", 0.5)
    pool = make_pool(1)
    settled(pool, abs, 1)
    for pid in workers():
        os.kill(pid, signal.SIGSTOP)
    future = pool.submit(abs, -2, timeout_s=0.5)
    end = time.monotonic() + LONG_S
    while not future.done() and time.monotonic() < end:
        pool.mend()
        time.sleep(0.05)
    assert future.result(timeout=0) == 2


def test_stopping_ends_workers_at_once_and_cancels_what_they_had(
    make_pool: Callable[[int], LocalPool],
) -> None:
    pool = make_pool(2)
    settled(pool, abs, 1)
    futures = [pool.submit(time.sleep, LONG_S, timeout_s=None) for _ in range(5)]
    time.sleep(0.3)
    start = time.monotonic()
    pool.stop()
    assert time.monotonic() - start < 2
    assert all(future.cancelled() for future in futures)
    with pytest.raises(CancelledError):
        pool.submit(abs, 1, timeout_s=None).result(timeout=1)


def test_idle_workers_end_after_a_while_and_come_back(
    make_pool: Callable[[int], LocalPool],
) -> None:
    pool = make_pool(1)
    assert pool.close_if_idle(0)
    settled(pool, abs, 1)
    assert not pool.close_if_idle(LONG_S)
    assert pool.close_if_idle(0)
    assert workers() == []
    assert settled(pool, abs, -1) == 1


def test_ctrl_c_does_not_reach_a_worker_that_is_still_starting(
    make_pool: Callable[[int], LocalPool],
) -> None:
    future = make_pool(1).submit(abs, -1, timeout_s=LONG_S)
    for pid in workers():
        os.kill(pid, signal.SIGINT)
    assert future.result(timeout=LONG_S) == 1


def test_workers_are_polite(make_pool: Callable[[int], LocalPool]) -> None:
    assert settled(make_pool(1), os.nice, 0) == os.nice(0) + 10
