"""The real pool: workers that are replaced in order, what they say of themselves, and how many
threads they take.
"""

from __future__ import annotations

import os
import pickle
from contextlib import contextmanager
from itertools import chain
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PIL import Image

from daemon import worker
from daemon.allotment import Engine
from daemon.pool import LocalPool
from daemon.settings import Models, Paths, Settings
from daemon.tasks import PhotoTask
from daemon.worker import THREADS, Conditions, Term

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

_kept: list[bytes] = []


def pid(_: object) -> int:
    return os.getpid()


def grow(megabytes: int) -> int:
    """Leak so much, and say in which process."""
    _kept.append(os.urandom(1_000_000) * megabytes)
    return os.getpid()


def threads(_: object) -> dict[str, Any]:
    """What limits the threads of this process's libraries, and what OpenCV made of it."""
    import cv2

    return {"opencv": cv2.getNumThreads(), **{name: os.environ.get(name) for name in THREADS}}


@contextmanager
def _pool(count: int = 1, term: Term | None = None, **values: Any) -> Iterator[LocalPool]:
    conditions = {"settings": Settings(), "supervisor": os.getpid(), **values}
    pool = LocalPool(count, Conditions(**conditions), term=term)
    try:
        yield pool
    finally:
        pool.stop()


def _real(test_data: Path, folder: Path) -> Settings:
    """YuNet and Dlib, as they are."""
    return Settings(
        paths=Paths(state=folder / "state"),
        models=Models(weights=test_data / "weights", download=False),
    )


def _task(path: Path) -> PhotoTask:
    stat = path.stat()
    return PhotoTask(
        sha256=path.name, path=bytes(path), bytes=stat.st_size, mtime_ns=stat.st_mtime_ns
    )


def _answers(pool: LocalPool, function: Callable[[Any], int], *arguments: Any) -> list[int]:
    """One after the other, as they were given."""
    futures = [pool.submit(function, argument, timeout_s=30) for argument in arguments]
    return [future.result(60) for future in futures]


def test_a_worker_is_replaced_after_so_many_photos_not_tasks() -> None:
    with _pool(term=Term(4)) as pool:
        found = _answers(pool, pid, [1, 2], [3, 4], [5], [6, 7, 8], "9")
    assert found[0] == found[1] != found[2] == found[3] != found[4]


def test_a_worker_that_has_swollen_is_replaced_between_two_tasks_at_no_tasks_cost() -> None:
    with _pool(term=Term(1000, 200)) as pool:
        found = _answers(pool, grow, 0, 250, 0, 0)
    assert found[0] == found[1] != found[2] == found[3]


def test_a_worker_that_is_too_large_from_the_start_still_does_one_task_at_a_time() -> None:
    with _pool(term=Term(1000, 1)) as pool:
        assert len(set(_answers(pool, pid, 1, 2, 3))) == 3


def test_workers_say_what_they_hold_and_held() -> None:
    with _pool(2) as pool:
        assert pool.reports() == []
        (grown,) = _answers(pool, grow, 100)
        (report,) = pool.reports()
        assert report.pid == grown and 100 < report.memory_mb <= report.peak_mb + 1
    assert pool.reports() == []


def test_two_workers_on_two_cores_take_one_thread_each() -> None:
    with _pool(threads=1) as pool:
        (found,) = _answers(pool, threads, None)
    assert found == {"opencv": 1, **dict.fromkeys(THREADS, "1")}


def test_a_worker_without_its_card_says_so(test_data: Path, tmp_path: Path) -> None:
    task = _task(test_data / "reference" / "obama" / "obama.jpg")
    settings = _real(test_data, tmp_path)
    engine = Engine(device="cuda", provider="CUDAExecutionProvider")
    with _pool(settings=settings, engine=engine) as pool:
        (record,) = pool.submit(worker.catalogue_photos, [task], timeout_s=60).result(60)
        (report,) = pool.reports()
    assert len(record.faces) == 1
    assert {step.device for step in record.steps} == {"cpu"}
    assert "cannot load CUDAExecutionProvider" in report.fallback


def _faces(pool: LocalPool, tasks: Sequence[PhotoTask], batch: int) -> dict[str, np.ndarray]:
    """Of each photo its faces' boxes, points, confidences, qualities and vectors, in columns."""
    futures = [
        pool.submit(worker.catalogue_photos, list(tasks[start : start + batch]), timeout_s=60)
        for start in range(0, len(tasks), batch)
    ]
    found = {}
    for record in chain.from_iterable(future.result(90) for future in futures):
        rows = [
            [
                *(face.x, face.y, face.w, face.h, *np.ravel(face.landmarks)),
                *(face.confidence, face.quality.score),
                *np.frombuffer(next(iter(face.vectors.values())), "<f4"),
            ]
            for face in record.faces
        ]
        found[record.sha256] = np.array(rows, np.float64)
    return found


def test_boxes_and_vectors_do_not_depend_on_batch_order_threads_or_workers(
    test_data: Path, tmp_path: Path
) -> None:
    settings = _real(test_data, tmp_path)
    examples = test_data / "photos" / "examples"
    tasks = [_task(path) for path in sorted(examples.iterdir())][:11]
    # Three faces small enough to be decoded once more, and of several widths.
    with Image.open(examples / "selfie-many-people.jpg") as image:
        canvas = Image.new("RGB", (3200, 2400), "grey")
        canvas.paste(image.convert("RGB").resize((400, 400)), (1600, 900))
    canvas.save(tmp_path / "small-faces.jpg")
    tasks.append(_task(tmp_path / "small-faces.jpg"))
    with _pool(settings=settings, threads=2) as one:
        together = _faces(one, tasks, 12)
    with _pool(2, settings=settings) as two:
        shuffled = _faces(two, tasks[::-1], 5)
        alone = _faces(two, [*tasks[6:], *tasks[:6]], 1)
    assert sum(len(rows) for rows in together.values()) >= 12
    assert len(together["small-faces.jpg"]) >= 3
    for name, rows in together.items():
        for other in (shuffled[name], alone[name]):
            np.testing.assert_allclose(other, rows, rtol=1e-5, atol=1e-5, err_msg=name)


@pytest.mark.parametrize("term", [Term(7, 9), Term(0)])
def test_a_term_travels_whole_to_the_worker(term: Term) -> None:
    copy = pickle.loads(pickle.dumps(term))
    assert (copy, copy.memory_mb) == (term, term.memory_mb)
