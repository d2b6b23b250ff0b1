"""New vectors for everybody where something goes wrong in the middle: a worker that dies of a
photo, a face that comes last.
"""

from __future__ import annotations

import threading
from concurrent.futures import CancelledError, Future
from contextlib import closing
from dataclasses import dataclass, field, replace
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from catalog import crops, jobs, recompute
from catalog.connect import connect, crops_path, transaction
from catalog.faces import replace_faces
from catalog.writer import Writer
from daemon.pool import WorkerDied
from daemon.reembedding import Reembedding
from daemon.settings import Paths, Settings
from daemon.tasks import VectorAnswer
from tests.makers import DLIB, crowd, face_record

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from daemon.tasks import VectorTask
    from tests.makers import Maker

NEW = replace(DLIB, model="ArcFace")
VECTOR = crowd(1)[0].astype("<f4").tobytes()


@dataclass
class FakePool:
    """Answers at once with one vector for every face, and dies of those whose box begins so."""

    poison: bytes = b"none"
    sizes: list[int] = field(default_factory=list)

    def submit(self, _: object, task: VectorTask, *, timeout_s: float) -> Future[VectorAnswer]:
        assert timeout_s > 0
        future: Future[VectorAnswer] = Future()
        self.sizes.append(len(task.faces))
        if any(self.poison in face.jpeg for face in task.faces):
            future.set_exception(WorkerDied("its worker died (killed)"))
        else:
            answer = VectorAnswer(
                vectors=tuple({NEW: VECTOR} for _ in task.faces),
                seconds={NEW: 0.1},
                devices={NEW: "cpu"},
            )
            future.set_result(answer)
        return future


@pytest.fixture
def photos(make: Maker, catalog_path: Path) -> list[int]:
    """Three photos with twenty faces each, with crops."""
    media = []
    with closing(connect(crops_path(catalog_path))) as pictures:
        for number in range(3):
            media_id = make.media()
            make.file(media_id)
            faces = [face_record((1000.0 * number, 200.0 * i, 100, 120), crowd(1)[0])
                     for i in range(20)]  # fmt: skip
            make.run(replace_faces, media_id, faces)
            with transaction(pictures):
                crops.store_crops(pictures, [face.crop for face in faces])
            media.append(media_id)
    make.run(jobs.enqueue, "recompute", "embed")
    return media


@pytest.fixture
def run(catalog_path: Path) -> Iterator[Callable[..., dict[str, Any]]]:
    """Run it over a pool, with the real writer."""
    writer = Writer(catalog_path)
    writer.start()

    def go(pool: FakePool, *, rest: Callable[[], None] = lambda: None) -> dict[str, Any]:
        supervisor: Any = SimpleNamespace(
            settings=Settings(paths=Paths(state=catalog_path.parent)),
            writer=writer,
            pool=pool,
            allotment=SimpleNamespace(workers=1),
            identification=SimpleNamespace(wake=lambda: None),
        )
        return Reembedding(supervisor=supervisor, job_id=1, rest=rest, check=lambda: None).run()

    yield go
    writer.stop()


def test_a_photo_that_takes_workers_along_costs_no_other_photo_its_vectors(
    photos: list[int],
    run: Callable[..., dict[str, Any]],
    make: Maker,
) -> None:
    result = run(FakePool(poison=b"(1000.0"))
    assert result["failed_media"] == [photos[1]]
    assert (result["faces"], result["without_crop"], result["switched"]) == (40, 20, True)
    assert recompute.count_lacking(make.connection, [NEW]) == 20
    embed = make.rows("SELECT DISTINCT media_id FROM steps WHERE step = 'embed' ORDER BY 1")
    assert embed == [(photos[0],), (photos[2],)]
    # Asked again, only that one is tried again.
    pool = FakePool()
    assert run(pool)["faces"] == 20
    assert pool.sizes == [0, 20]


def test_a_face_that_comes_in_while_it_ends_gets_its_vector_before_the_change(
    photos: list[int],
    run: Callable[..., dict[str, Any]],
    make: Maker,
) -> None:
    late = threading.Event()

    def somebody_comes() -> None:
        if not late.is_set():
            late.set()
            media_id = make.media()
            make.run(replace_faces, media_id, [face_record((0, 0, 100, 120), crowd(1)[0])])

    result = run(FakePool(), rest=somebody_comes)
    assert late.is_set() and result["switched"] is True
    # It has no stored crop, so it is told; the change waited for the look at it.
    assert (result["faces"], result["without_crop"]) == (60, 1)


def test_what_is_written_in_one_go_is_bounded(
    photos: list[int], run: Callable[..., dict[str, Any]]
) -> None:
    pool = FakePool()
    run(pool)
    assert photos and pool.sizes == [0, 40, 20]


def test_an_end_in_the_middle_leaves_what_is_done_and_the_rest_for_later(
    photos: list[int],
    run: Callable[..., dict[str, Any]],
    make: Maker,
) -> None:
    rests = iter(range(9))

    def ends() -> None:
        if next(rests) == 1:
            raise CancelledError

    with pytest.raises(CancelledError):
        run(FakePool(), rest=ends)
    done = 60 - recompute.count_lacking(make.connection, [NEW])
    assert photos and make.rows("SELECT model FROM embedders WHERE active") == [("Dlib",)]
    assert run(FakePool())["faces"] == 60 - done
