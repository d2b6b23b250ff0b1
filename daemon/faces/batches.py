"""How many items go through a network at once: more while that pays and memory lasts, fewer where
it ran out.
"""

from __future__ import annotations

import logging
import sys
import time
from typing import TYPE_CHECKING, Any, TypeVar

from daemon import memory

if TYPE_CHECKING:
    from collections.abc import Callable

logger = logging.getLogger(__name__)
R = TypeVar("R")

# A size is taken for no faster when its best run loses this much against the size before.
_NO_GAIN = 0.95
# The first run at a size prepares buffers (and, on a card, looks for the fastest kernels).
_LOOKS = 2
# Not below this much free memory: what is left is for decoding.
_ROOM_MB = 512
# What runtimes call it in their messages; their exceptions' names say no more than "failed".
_SHORTAGES = (
    "failed to allocate",
    "out of memory",
    "out_of_memory",
    "bad_alloc",
    "alloc_failed",
    "not enough memory",
    "resource exhausted",
)
_ERRORS = {
    "onnxruntime.capi.onnxruntime_pybind11_state": (
        *("Fail", "RuntimeException", "EPFail", "NotImplemented"),
    ),
    "tensorflow.python.framework.errors_impl": (
        "ResourceExhaustedError",
        "InternalError",
        "UnknownError",
    ),
}


def runtime_errors() -> tuple[type[Exception], ...]:
    """What runs of networks raise for want of memory, and for other reasons too: Python's own, and
    of each runtime that is loaded its own.
    """
    found: list[type[Exception]] = [MemoryError, RuntimeError]
    for module, names in _ERRORS.items():
        loaded: Any = sys.modules.get(module)
        found += [kind for name in names if (kind := getattr(loaded, name, None)) is not None]
    return tuple(found)


def is_shortage(error: BaseException) -> bool:
    """Whether this error says that memory ran out, on the machine or on a card."""
    if isinstance(error, MemoryError) or type(error).__name__ == "ResourceExhaustedError":
        return True
    text = str(error).lower()
    return any(words in text for words in _SHORTAGES)


def first_line(error: BaseException) -> str:
    """What an error says, short enough for a log: of onnxruntime's long lines the end."""
    return (str(error).strip() or type(error).__name__).splitlines()[0][-200:]


class Batches:
    """The size of one network's batches, from run to run. What shares a batch changes no result,
    so the size may follow the machine.

    It starts at `start` and doubles, up to what `run` allows, while a larger batch is not slower
    an item and `room_mb` tells of enough memory. A run that lacks memory is halved and tried again,
    and sizes that failed are not tried any more.
    """

    def __init__(
        self,
        *,
        start: int = 8,
        clock: Callable[[], float] = time.perf_counter,
        room_mb: Callable[[], int] = memory.left_mb,
    ) -> None:
        self.size = start
        self._limit: int | None = None
        self._settled = False
        self._proven = 0
        self._runs: list[float] = []
        self._best_before = float("inf")
        self._clock = clock
        self._room_mb = room_mb

    def run(self, count: int, forward: Callable[[slice], R], *, most: int) -> list[R]:
        """`forward` of each piece of 0 … count, in order, at most `most` items at once.

        Raises what `forward` raises, for want of memory only where a single item does not fit.
        """
        done: list[R] = []
        start = 0
        while start < count:
            piece = slice(start, min(count, start + min(self.size, most)))
            begun = self._clock()
            try:
                done.append(forward(piece))
            except runtime_errors() as error:
                if not is_shortage(error) or piece.stop - start == 1:
                    raise
                self._shrink(piece.stop - start, error)
                continue
            if piece.stop - start == self.size:
                self._learn((self._clock() - begun) / self.size, most)
            start = piece.stop
        return done

    def _shrink(self, failed: int, error: BaseException) -> None:
        self.size = self._limit = max(1, failed // 2)
        self._runs.clear()
        logger.warning(
            "not enough memory for %d at once, going on with %d (%s)",
            failed,
            self.size,
            first_line(error),
        )

    def _learn(self, seconds_each: float, most: int) -> None:
        """Grow, stay, or go back, by how long an item took in the full batches of this size."""
        larger = self.size * 2
        may_grow = larger <= min(most, self._limit or most)
        if self._settled or (self.size == self._proven and not may_grow):
            return
        self._runs.append(seconds_each)
        if len(self._runs) < _LOOKS:
            return
        best = min(self._runs)
        self._runs.clear()
        if self._proven < self.size and best * _NO_GAIN > self._best_before:
            self.size, self._settled = self._proven, True
            return
        self._proven, self._best_before = self.size, best
        if may_grow and self._room_mb() >= _ROOM_MB:
            self.size = larger
