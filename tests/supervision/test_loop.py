"""Loops: threads that work when woken, pause after errors, and end when told."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

import pytest

from daemon.loop import Loop

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SOON_S = 10.0


class Work:
    """Counts its rounds; answers with what it was told to, or raises it."""

    def __init__(self, *answers: float | Exception | None) -> None:
        self.answers = list(answers)
        self.rounds = threading.Semaphore(0)
        self.errors: list[Exception] = []
        self.failed = threading.Event()

    def __call__(self) -> float | None:
        answer = self.answers.pop(0) if self.answers else None
        self.rounds.release()
        if isinstance(answer, Exception):
            raise answer
        return answer

    def on_error(self, error: Exception) -> None:
        """Remember what was told."""
        self.errors.append(error)
        self.failed.set()

    def had(self, rounds: int, within_s: float = SOON_S) -> bool:
        """Whether so many more rounds come in time."""
        return all(self.rounds.acquire(timeout=within_s) for _ in range(rounds))


@pytest.fixture
def run() -> Iterator[Callable[..., Loop]]:
    """Start a loop over this work; it is stopped with the test."""
    loops = []

    def start(work: Work, *, pause_s: float = 0.05) -> Loop:
        loops.append(Loop("test", work, work.on_error, pause_s=pause_s))
        loops[-1].start()
        return loops[-1]

    yield start
    for loop in loops:
        loop.stop()
        assert not loop.running


def test_it_works_once_and_then_when_woken(run: Callable[..., Loop]) -> None:
    work = Work()
    loop = run(work)
    assert work.had(1)
    assert not work.had(1, within_s=0.1)
    loop.wake()
    assert work.had(1)


def test_it_works_again_after_the_seconds_that_it_asked_for(run: Callable[..., Loop]) -> None:
    work = Work(0.05, 0.05, None)
    run(work)
    assert work.had(3)
    assert not work.had(1, within_s=0.2)


def test_an_error_is_told_and_the_work_goes_on(run: Callable[..., Loop]) -> None:
    work = Work(ValueError("once"), ValueError("twice"), None)
    run(work)
    assert work.had(3)
    assert [str(error) for error in work.errors] == ["once", "twice"]


def test_what_failed_is_not_tried_again_before_the_pause_is_over(
    run: Callable[..., Loop],
) -> None:
    work = Work(ValueError("once"))
    loop = run(work, pause_s=60)
    assert work.failed.wait(SOON_S)
    assert work.had(1)
    loop.wake()
    assert not work.had(1, within_s=0.2)


def test_stopping_ends_the_pause_after_an_error(run: Callable[..., Loop]) -> None:
    work = Work(ValueError("once"))
    loop = run(work, pause_s=60)
    assert work.failed.wait(SOON_S)
    start = time.monotonic()
    loop.stop()
    assert time.monotonic() - start < SOON_S


def test_one_that_never_started_can_be_stopped() -> None:
    work = Work()
    Loop("test", work, work.on_error).stop()
    assert not work.had(1, within_s=0)
