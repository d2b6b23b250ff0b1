"""Contestants timed in turn, round after round, so that a slow minute of the machine meets all."""

from __future__ import annotations

import shutil
import statistics
import subprocess
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_LEAST_S = 0.1  # of one turn: a network of a millisecond runs a hundred times
# The threads of onnxruntime and OpenCV wait busily for more work, some 30 ms long, and would take
# the processor from who comes next.
_REST_S = 0.05
# nvidia-smi tells the share of the last sixth of a second to second, whichever the card.
_WATCHED_S, _EVERY_MS = 2.0, 200


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Contestant:
    """`task` run by `by` on `device` with `threads` threads; a call of `run` does `items` at
    once.
    """

    task: str
    by: str
    run: Callable[[], object]
    items: int = 1
    threads: int = 1
    device: str = "cpu"


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """Milliseconds an item in each round, and those that the processor worked for it, all threads
    together: what remains comparable where others use the machine too.
    """

    ms: tuple[float, ...]
    cpu_ms: tuple[float, ...]

    @property
    def median_ms(self) -> float:
        """Milliseconds an item, median of the rounds."""
        return statistics.median(self.ms)

    @property
    def median_cpu_ms(self) -> float:
        """The processor's milliseconds an item, median of the rounds."""
        return statistics.median(self.cpu_ms)

    def so_many_times(self, other: Timing) -> float:
        """How many times as long as `other` it took, median of the rounds."""
        pairs = zip(self.ms, other.ms, strict=True)
        return statistics.median(mine / theirs for mine, theirs in pairs)


def race(contestants: Sequence[Contestant], *, rounds: int) -> list[Timing]:
    """The time of each, in order, after one call that does not count. OpenCV's own threads are set
    for each as well, and are what they were afterwards.
    """
    before = cv2.getNumThreads()
    try:
        for it in contestants:
            cv2.setNumThreads(it.threads)
            it.run()
        turns = [[_turn(it) for it in contestants] for _ in range(rounds)]
    finally:
        cv2.setNumThreads(before)
    return [
        Timing(ms=tuple(it[0] for it in mine), cpu_ms=tuple(it[1] for it in mine))
        for mine in zip(*turns, strict=True)
    ]


def card_load(run: Callable[[], object], *, seconds: float = _WATCHED_S) -> float | None:
    """The share of time that an NVIDIA card is busy while `run` is called over and over, percent;
    None where nvidia-smi is not there or says nothing.
    """
    program = shutil.which("nvidia-smi")
    if program is None:
        return None
    asked = ["--query-gpu=utilization.gpu", "--format=csv,noheader,nounits", "--id=0"]
    with subprocess.Popen(
        [program, *asked, f"--loop-ms={_EVERY_MS}"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as watching:
        start = time.perf_counter()
        while time.perf_counter() - start < seconds:
            run()
        watching.terminate()
        said = watching.communicate()[0].split()
    shares = [float(it) for it in said if it.replace(".", "", 1).isdigit()]
    # The first tells of the time before.
    return statistics.mean(shares[1:]) if len(shares) > 1 else None


def rest() -> None:
    """Let the threads of who ran before fall asleep."""
    time.sleep(_REST_S)


def _turn(it: Contestant) -> tuple[float, float]:
    """Milliseconds an item, and those of the processor."""
    cv2.setNumThreads(it.threads)
    rest()
    calls = 0
    start, busy = time.perf_counter(), time.process_time()
    while (spent := time.perf_counter() - start) < _LEAST_S or not calls:
        it.run()
        calls += 1
    cpu = time.process_time() - busy
    return 1000 * spent / (calls * it.items), 1000 * cpu / (calls * it.items)
