"""The inside of a worker process: how it starts, and the tasks it can be given.

Nothing heavy is imported here at the top, because the small supervisor imports this module to name
the tasks; models come in with the first task.
"""

from __future__ import annotations

import os
import resource
import signal
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

from daemon import memory
from daemon.allotment import Engine
from daemon.faces import device
from daemon.log import set_up_logging
from daemon.manners import be_polite, die_with

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from catalog.records import PartRecord, SpanRecord
    from daemon.downloads.addresses import Addresses
    from daemon.settings import Settings
    from daemon.stages import Stages
    from daemon.tasks import (
        Answer,
        PhotoTask,
        ProjectionTask,
        Question,
        SearchTask,
        SpanTask,
        VectorAnswer,
        VectorTask,
    )

A = TypeVar("A")
T = TypeVar("T")

# Two workers on two cores must not start two threads each. Libraries read these when imported; the
# last one is OpenCV's, which otherwise takes all cores.
THREADS = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "OPENCV_FOR_THREADS_NUM",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Conditions:
    """What a worker is started with. `threads` is per model, on the processor; `supervisor` the
    process it dies with.
    """

    settings: Settings
    supervisor: int
    engine: Engine = field(default_factory=Engine)
    threads: int = 1
    memory_mb: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What a worker says of itself with each answer: memory in MB, and in `fallback` why its
    networks are not on the device that was chosen.
    """

    pid: int
    memory_mb: int
    peak_mb: int
    fallback: str = ""


class Term(int):
    """How many files a worker serves, for pebble, which replaces a worker that had so many tasks.

    pebble asks `done < term` in the worker between two tasks, when the answer is on its way and the
    next task is not taken; saying no then ends it in order, at no file's cost. Zero is no end.
    """

    memory_mb: int

    def __new__(cls, files: int, memory_mb: int = 0) -> Term:
        """`files` as a number; more memory than `memory_mb` ends the term too (0: does not)."""
        self = super().__new__(cls, files)
        self.memory_mb = memory_mb
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        """It goes to the worker whole."""
        return Term, (int(self), self.memory_mb)

    def __gt__(self, tasks: object) -> bool:
        """Whether a worker that has had so many tasks takes another; the first one it does take."""
        if not _files_served:
            return True
        swollen = 0 < self.memory_mb < memory.resident_mb()
        return not swollen and _files_served < int(self)


_conditions: Conditions | None = None
_files_served = 0
_stages: Stages | None = None


def start(conditions: Conditions) -> None:
    """Runs once in each worker: die with the supervisor, be polite, be bounded, be quiet."""
    global _conditions
    _conditions = conditions
    die_with(conditions.supervisor)
    # At once, also in the middle of decoding a large picture, where no Python handler would run.
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    be_polite()
    if conditions.settings.workers.device == "cpu":
        os.environ["CUDA_VISIBLE_DEVICES"] = "-1"  # for TensorFlow, which takes a card by itself
    if conditions.memory_mb:
        limit = conditions.memory_mb * 1024 * 1024
        with suppress(ValueError, OSError):  # the hard limit is lower already
            resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
    for variable in THREADS:
        os.environ[variable] = str(conditions.threads)
    # onnxruntime reports its use to its maker, DeepFace's back end for it too; see onnx_files.
    os.environ["ORT_DISABLE_TELEMETRY"] = "1"
    device.use(conditions.engine)
    set_up_logging(conditions.settings.log.level)


def serve(function: Callable[[A], T], argument: A) -> tuple[T, Report]:
    """Do a task, and say how this worker is."""
    global _files_served
    try:
        answer = function(argument)
    finally:
        _files_served += len(argument) if isinstance(argument, list | tuple) else 1
    return answer, Report(
        pid=os.getpid(),
        memory_mb=memory.resident_mb(),
        peak_mb=memory.peak_mb(),
        fallback=device.fallback(),
    )


def catalogue_photos(tasks: Sequence[PhotoTask]) -> list[PartRecord]:
    """Probe, decode, detect, align, score and embed a batch of photos."""
    from daemon.pipeline import catalogue

    return catalogue(tasks, _loaded())


def catalogue_span(task: SpanTask) -> SpanRecord:
    """Read, detect, track, score and embed in a part of a video."""
    from daemon.video.span import catalogue_span as catalogue

    return catalogue(task, _loaded())


def read_addresses(path: bytes) -> Addresses:
    """The addresses in a small file."""
    from daemon.downloads.addresses import read

    return read(path)


def compute_vectors(task: VectorTask) -> VectorAnswer:
    """Vectors of faces whose crops are stored."""
    from daemon.vectors import compute

    return compute(task, _loaded())


def project(task: ProjectionTask) -> list[tuple[int, float, float]]:
    """Bring all faces into two dimensions."""
    from daemon.projecting import project as bring

    return bring(task)


def search(task: SearchTask) -> dict[str, Any]:
    """Compare the faces of a photo with all known ones."""
    from daemon.search import search as look_for

    return look_for(task, _loaded())


def identify(question: Question) -> Answer:
    """Say who these faces are, with the gallery that stays in this process's memory."""
    from daemon.people.identifier import answer

    return answer(question, _started().settings)


def _loaded() -> Stages:
    """The models, loaded by the first task that needs them. Raises EnvironmentTrouble."""
    from daemon.errors import EnvironmentTrouble
    from daemon.stages import Stages

    global _stages
    if _stages is None:
        try:
            _stages = Stages.load(_started().settings, threads=_started().threads)
        except OSError as error:
            raise EnvironmentTrouble(
                f"the models cannot be loaded ({error}); see `rollcall models check`, make room "
                f"in {_started().settings.paths.state}"
            ) from error
    return _stages


def _started() -> Conditions:
    if _conditions is None:
        raise RuntimeError("a task came before the worker was started")
    return _conditions
