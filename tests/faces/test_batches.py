"""Batches that grow while it pays, and shrink where memory ran out: with a made-up engine, with
real models under a real limit, and with the same answers whatever the size.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from daemon.faces import engine
from daemon.faces.batches import Batches, is_shortage
from daemon.pipeline import Stages, catalogue
from daemon.tasks import PhotoTask

if TYPE_CHECKING:
    from collections.abc import Callable

    from daemon.settings import Settings

REPOSITORY = Path(__file__).parent.parent.parent
NAMED = {
    "onnxruntime, on a card": "bfc_arena.cc:376 Failed to allocate memory for requested buffer",
    "onnxruntime, on a processor": "Non-zero status code returned. Status Message: std::bad_alloc",
    "CUDA": "CUDA failure 2: out of memory ; GPU=0 ; hostname=x",
    "cuBLAS": "CUBLAS failure 3: CUBLAS_STATUS_ALLOC_FAILED",
}


class ResourceExhaustedError(Exception):
    """Named as TensorFlow's own."""


class FakeEngine:
    """Squares numbers; more than `fits` at once run out of memory. `seconds` an item by size."""

    def __init__(self, fits: int, seconds: Callable[[int], float] = lambda _: 0.001) -> None:
        self.fits = fits
        self.tried: list[int] = []
        self.now = 0.0
        self.seconds = seconds

    def __call__(self, items: np.ndarray) -> list[int]:
        self.tried.append(len(items))
        if len(items) > self.fits:
            raise RuntimeError(NAMED["onnxruntime, on a card"])
        self.now += self.seconds(len(items)) * len(items)
        return [int(item) ** 2 for item in items]

    def run(self, batches: Batches, count: int, *, most: int = 64) -> list[int]:
        items = np.arange(count)
        found = batches.run(count, lambda piece: self(items[piece]), most=most)
        return list(chain.from_iterable(found))


def _batches(engine: FakeEngine, *, start: int = 8, room_mb: int = 10_000) -> Batches:
    return Batches(start=start, clock=lambda: engine.now, room_mb=lambda: room_mb)


@pytest.mark.parametrize("fits", [1, 2, 3, 5, 8, 100])
def test_without_enough_memory_the_batches_are_smaller_and_nothing_is_lost(fits: int) -> None:
    engine = FakeEngine(fits)
    batches = _batches(engine, start=32)
    assert engine.run(batches, 100) == [number**2 for number in range(100)]
    failures = len([size for size in engine.tried if size > fits])
    engine.run(batches, 100)
    assert len([size for size in engine.tried if size > fits]) == failures  # it remembers


def test_a_single_item_that_does_not_fit_is_an_error() -> None:
    engine = FakeEngine(0)
    with pytest.raises(RuntimeError, match="Failed to allocate"):
        engine.run(_batches(engine), 3)
    assert engine.tried[-1] == 1


def test_another_error_is_not_tried_again() -> None:
    calls = []

    def broken(piece: slice) -> None:
        calls.append(piece)
        raise RuntimeError("the graph is broken")

    with pytest.raises(RuntimeError, match="broken"):
        Batches().run(4, broken, most=4)
    assert len(calls) == 1


@pytest.mark.parametrize("text", NAMED.values(), ids=NAMED)
def test_a_shortage_is_known_by_its_words(text: str) -> None:
    assert is_shortage(RuntimeError(text))


def test_a_shortage_is_known_by_its_kind() -> None:
    assert is_shortage(MemoryError()) and is_shortage(ResourceExhaustedError("OOM when allocating"))
    assert not is_shortage(RuntimeError("Invalid rank for input")) and not is_shortage(OSError())


def test_what_tensorflow_itself_raises_ends_in_smaller_batches_too(tmp_path: Path) -> None:
    with engine._guarded(tmp_path):  # once in a process, and as the engine needs it
        tensorflow = pytest.importorskip("tensorflow")

    def forward(piece: slice) -> int:
        if piece.stop - piece.start > 3:
            message = "OOM when allocating tensor with shape[64,512]"
            raise tensorflow.errors.ResourceExhaustedError(None, None, message)
        return piece.stop - piece.start

    assert Batches(start=8).run(9, forward, most=8) == [2, 2, 2, 2, 1]


class Small:
    """The real session of a network, as if it ran where no more than so many items fit."""

    def __init__(self, session: Any, fits: int) -> None:
        self.session, self.fits, self.failures = session, fits, 0

    device = "cpu"

    def run(self, names: Any, feed: dict[str, np.ndarray]) -> Any:
        if len(feed["faces"]) > self.fits:
            self.failures += 1
            raise RuntimeError(NAMED["CUDA"])
        return self.session.run(names, feed)


def test_no_photo_is_lost_and_no_vector_changed_when_memory_runs_out(
    face_settings: Settings, test_data: Path
) -> None:
    names = ("selfie-many-people.jpg", "two_people.jpg", "couple.jpg")
    tasks = []
    for name in names:
        path = test_data / "photos" / "examples" / name
        stat = path.stat()
        tasks.append(
            PhotoTask(sha256=name, path=bytes(path), bytes=stat.st_size, mtime_ns=stat.st_mtime_ns)
        )
    stages = Stages.load(face_settings)
    expected = catalogue(tasks, stages)
    model: Any = stages.embedders[0]
    model._session = Small(model._session, fits=3)
    found = catalogue(tasks, stages)
    assert model._session.failures == 2  # of eight, and of four
    assert [record.error for record in found] == [None] * 3
    for record, before in zip(found, expected, strict=True):
        assert len(record.faces) == len(before.faces) >= 2
        for face, same in zip(record.faces, before.faces, strict=True):
            for kind, vector in face.vectors.items():
                np.testing.assert_allclose(
                    np.frombuffer(vector, "<f4"),
                    np.frombuffer(same.vectors[kind], "<f4"),
                    atol=1e-5,
                )


def test_batches_grow_while_that_is_not_slower() -> None:
    engine = FakeEngine(1000, lambda size: 1.0 / size)
    batches = _batches(engine)
    engine.run(batches, 1000)
    assert batches.size == 64 and max(engine.tried) == 64


def test_batches_go_back_to_the_size_before_the_first_slower_one() -> None:
    engine = FakeEngine(1000, lambda size: 0.001 if size <= 16 else 0.002)
    batches = _batches(engine)
    engine.run(batches, 1000)
    assert batches.size == 16
    engine.run(batches, 1000)
    assert engine.tried.count(32) == 2  # looked at, and not again


def test_batches_do_not_grow_into_the_last_memory() -> None:
    engine = FakeEngine(1000)
    batches = _batches(engine, room_mb=100)
    engine.run(batches, 500)
    assert batches.size == 8


def test_nothing_goes_beyond_what_is_allowed() -> None:
    engine = FakeEngine(1000)
    engine.run(_batches(engine), 100, most=5)
    assert max(engine.tried) == 5
    assert _batches(engine).run(0, lambda piece: piece, most=5) == []


# The real networks under a real limit. In a process of its own, which the limit may ruin.
UNDER_LIMIT = """
import json, logging, resource, sys
from pathlib import Path
import numpy as np
from daemon import memory
from daemon.faces import batches, embed, zoo
from daemon.settings import Models, Paths, Settings
logging.basicConfig(level="WARNING", stream=sys.stderr)
state, weights = map(Path, sys.argv[1:])
settings = Settings(paths=Paths(state=state), models=Models(weights=weights, download=False))
model = zoo.build_embedder("Dlib", settings)
faces = np.random.default_rng(1).integers(0, 256, (96, 150, 150, 3), dtype=np.uint8)
alone = np.concatenate([
    embed.vectors(faces[i : i + 1], model._forward, mirror=False, batch=1).vectors
    for i in range(0, 96, 12)
])
held = memory._pages("self", 5) * memory.PAGE
resource.setrlimit(resource.RLIMIT_DATA, (held + 60_000_000, resource.RLIM_INFINITY))
sizes = batches.Batches(start=96)
found = embed.vectors(
    faces, model._forward, mirror=False, batch=96, batches=sizes
).vectors
print(json.dumps({"size": sizes.size, "off": float(np.abs(found[::12] - alone).max()),
                  "shape": found.shape}))
"""


def test_real_memory_that_runs_out_ends_in_smaller_batches_and_the_same_vectors(
    face_state: Path, test_data: Path
) -> None:
    done = subprocess.run(
        [sys.executable, "-c", UNDER_LIMIT, str(face_state), str(test_data / "weights")],
        cwd=REPOSITORY,
        env={**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert 1 <= found["size"] < 96 and "going on with" in done.stderr
    assert found["shape"] == [96, 128] and found["off"] <= 1e-5
