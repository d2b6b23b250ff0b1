"""The vectors in memory answer as a comparison of all vectors would, and follow the catalog."""

from __future__ import annotations

import threading
from contextlib import closing
from typing import TYPE_CHECKING

import numpy as np
import pytest

from catalog.connect import connect, transaction
from catalog.vectors import MAX_NEIGHBOURS, VectorIndex

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator
    from pathlib import Path

DIMENSIONS = 16
FACES = 300


def vectors_of(count: int, *, seed: int = 7) -> np.ndarray:
    drawn = np.random.default_rng(seed).standard_normal((count, DIMENSIONS)).astype("<f4")
    return drawn / np.linalg.norm(drawn, axis=1, keepdims=True)


def insert_faces(connection: sqlite3.Connection, vectors: np.ndarray, *, embedder: int = 1) -> None:
    for vector in vectors:
        face = connection.execute(
            "INSERT INTO faces (media_id, x, y, w, h, detector, detector_version, confidence)"
            " VALUES (1, 0, 0, 9, 9, 'yunet', '1', 0.9)"
        ).lastrowid
        connection.execute(
            "INSERT INTO embeddings VALUES (?, ?, ?)", [face, embedder, vector.tobytes()]
        )


def insert_embedder(connection: sqlite3.Connection, model: str, *, active: int) -> None:
    connection.execute(
        "INSERT INTO embedders (model, weights_sha256, geometry, dimensions, active)"
        " VALUES (?, 'ab', 'chip', ?, ?)",
        [model, DIMENSIONS, active],
    )


@pytest.fixture
def writer(catalog_path: Path) -> Iterator[sqlite3.Connection]:
    with closing(connect(catalog_path)) as connection:
        with transaction(connection):
            insert_embedder(connection, "Dlib", active=1)
            connection.execute(
                "INSERT INTO media (sha256, bytes, added_at) VALUES (?, 1, '')", ["a" * 64]
            )
            insert_faces(connection, vectors_of(FACES))
        yield connection


@pytest.fixture
def index(catalog_path: Path, writer: sqlite3.Connection) -> Iterator[VectorIndex]:
    with closing(VectorIndex(catalog_path)) as opened:
        yield opened


def ids(index: VectorIndex, face_id: int, count: int) -> list[int]:
    found = index.nearest(face_id, count)
    assert found is not None
    return [face.face_id for face in found]


def brute_force(vectors: np.ndarray, face_id: int) -> list[int]:
    scores = vectors @ vectors[face_id - 1]
    return [place + 1 for place in np.argsort(-scores, kind="stable") if place + 1 != face_id]


def test_neighbours_are_those_of_a_comparison_with_every_face(index: VectorIndex) -> None:
    for face_id in (1, 150, FACES):
        assert ids(index, face_id, 25) == brute_force(vectors_of(FACES), face_id)[:25]


def test_similarity_is_the_cosine(index: VectorIndex) -> None:
    vectors = vectors_of(FACES)
    assert index.similarity(3, 8) == pytest.approx(float(vectors[2] @ vectors[7]), abs=1e-6)
    assert index.similarity(3, 3) == 1.0


def test_more_neighbours_than_there_are_faces_gives_all_others(index: VectorIndex) -> None:
    assert sorted(ids(index, 5, 10**15)) == [n for n in range(1, FACES + 1) if n != 5]


def test_the_number_of_neighbours_is_bounded(
    index: VectorIndex, writer: sqlite3.Connection
) -> None:
    with transaction(writer):
        insert_faces(writer, vectors_of(MAX_NEIGHBOURS, seed=8))
    assert len(ids(index, 1, 10**9)) == MAX_NEIGHBOURS


def test_ties_come_in_order_of_id(index: VectorIndex, writer: sqlite3.Connection) -> None:
    with transaction(writer):
        insert_faces(writer, np.repeat(vectors_of(1), 5, axis=0))
    assert ids(index, 1, 3) == [FACES + 1, FACES + 2, FACES + 3]


def test_a_face_without_a_vector_has_no_neighbours(index: VectorIndex) -> None:
    assert index.nearest(FACES + 1, 5) is None
    assert index.similarity(1, FACES + 1) is None


def test_an_empty_catalog_answers_none(catalog_path: Path) -> None:
    with closing(VectorIndex(catalog_path)) as index:
        assert index.nearest(1, 5) is None
        assert index.similarity(1, 2) is None


@pytest.mark.parametrize("state", ["superseded", "hidden", "forgotten"])
def test_faces_that_are_not_active_are_left_out(
    state: str, index: VectorIndex, writer: sqlite3.Connection
) -> None:
    nearest = ids(index, 1, 1)[0]
    with transaction(writer):
        writer.execute("UPDATE faces SET state = ? WHERE id = ?", [state, nearest])
    assert nearest not in ids(index, 1, FACES)
    assert index.similarity(1, nearest) is None
    with transaction(writer):
        writer.execute("UPDATE faces SET state = 'active' WHERE id = ?", [nearest])
    assert ids(index, 1, 1) == [nearest]


def test_new_faces_are_found_without_reading_the_old_ones_again(
    index: VectorIndex, writer: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert len(ids(index, 1, FACES)) == FACES - 1
    starts = []
    read = VectorIndex.__init__.__globals__["_read"]
    monkeypatch.setitem(
        VectorIndex.__init__.__globals__,
        "_read",
        lambda *given, after: starts.append(after) or read(*given, after=after),
    )
    for round_ in range(30):
        with transaction(writer):
            insert_faces(writer, vectors_of(1)[:1])
        assert ids(index, 1, round_ + 1) == list(range(FACES + 1, FACES + round_ + 2))
    assert starts == list(range(FACES, FACES + 30))


def test_nothing_is_read_where_nothing_changed(
    index: VectorIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids(index, 1, 1)
    monkeypatch.setitem(VectorIndex.__init__.__globals__, "renew", None)
    assert ids(index, 2, 1)


@pytest.mark.parametrize("face_id", [1, 150, FACES], ids=["first", "middle", "last"])
@pytest.mark.parametrize("how", ["replaced", "deleted and inserted"])
def test_a_replaced_vector_counts_from_then_on(
    how: str, face_id: int, index: VectorIndex, writer: sqlite3.Connection
) -> None:
    ids(index, 1, 1)
    vectors = vectors_of(FACES)
    vectors[face_id - 1] = vectors_of(1, seed=99)[0]
    with transaction(writer):
        if how != "replaced":
            writer.execute("DELETE FROM embeddings WHERE face_id = ?", [face_id])
        writer.execute(
            "INSERT OR REPLACE INTO embeddings VALUES (?, 1, ?)",
            [face_id, vectors[face_id - 1].tobytes()],
        )
    assert ids(index, face_id, 20) == brute_force(vectors, face_id)[:20]
    assert ids(index, 77, 20) == brute_force(vectors, 77)[:20]


@pytest.mark.parametrize("face_id", [1, 150, FACES], ids=["first", "middle", "last"])
def test_a_deleted_face_is_forgotten(
    face_id: int, index: VectorIndex, writer: sqlite3.Connection
) -> None:
    ids(index, 2, 1)
    with transaction(writer):
        writer.execute("DELETE FROM faces WHERE id = ?", [face_id])
        insert_faces(writer, vectors_of(1, seed=5))
    everyone = {1, 150, FACES, FACES + 1} - {face_id}
    assert everyone <= {*ids(index, 2, FACES)}
    assert index.nearest(face_id, 1) is None


def test_the_active_embedder_decides(index: VectorIndex, writer: sqlite3.Connection) -> None:
    before = ids(index, 1, 5)
    other = vectors_of(FACES, seed=3)
    with transaction(writer):
        insert_embedder(writer, "ArcFace", active=0)
        for place, vector in enumerate(other):
            writer.execute("INSERT INTO embeddings VALUES (?, 2, ?)", [place + 1, vector.tobytes()])
    assert ids(index, 1, 5) == before
    with transaction(writer):
        writer.execute("UPDATE embedders SET active = id = 2")
    assert ids(index, 1, 5) == brute_force(other, 1)[:5] != before


def test_a_vector_of_the_wrong_length_is_left_out_and_harms_no_other(
    index: VectorIndex, writer: sqlite3.Connection
) -> None:
    with transaction(writer):
        writer.execute("UPDATE embeddings SET vector = x'00' WHERE face_id = 2")
    assert index.nearest(2, 5) is None
    assert sorted(ids(index, 1, FACES)) == list(range(3, FACES + 1))


def test_many_threads_may_ask_while_the_catalog_grows(
    index: VectorIndex, writer: sqlite3.Connection
) -> None:
    wrong: list[object] = []
    expected = brute_force(vectors_of(FACES), 9)[:5]

    def ask() -> None:
        for _ in range(40):
            found = ids(index, 9, 5)
            if found != expected:
                wrong.append(found)

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for _ in range(20):
        with transaction(writer):
            insert_faces(writer, -vectors_of(FACES)[8:9])
    for thread in threads:
        thread.join()
    assert wrong == []
