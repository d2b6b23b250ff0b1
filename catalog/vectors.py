"""Face vectors held in memory, for exact similarity and nearest-neighbour search over the whole
catalog.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from catalog.connect import connect

if TYPE_CHECKING:
    import sqlite3
    from pathlib import Path

    from numpy.typing import NDArray

MAX_NEIGHBOURS = 1000
# Room kept free behind the last vector, so that a growing catalog does not copy the whole matrix
# for every new photo.
GROWTH = 1.2
FETCH_ROWS = 20_000


# Face ids, one row of the matrix each, and which of those rows is no vector of this embedder.
Vectors: TypeAlias = "tuple[NDArray[np.int64], NDArray[np.float32], NDArray[np.bool_]]"


@dataclass(frozen=True, slots=True, kw_only=True)
class Neighbour:
    """A face and its cosine similarity, −1 to 1, to the one asked about."""

    face_id: int
    similarity: float


@dataclass(frozen=True, slots=True, kw_only=True, weakref_slot=True)
class Snapshot:
    """The vectors of one embedder as one read of the catalog saw them; never changed once made.

    `face_ids` is int64 (n,), `matrix` float32 (n, dimensions) of unit rows, `unusable` bool (n,)
    where a vector has another length than its embedder says, `by_id` int64 (n,) the positions in
    order of face id, `excluded` bool (n,) what is unusable or belongs to a face that is not
    active.
    """

    embedder_id: int | None
    last_rowid: int
    face_ids: NDArray[np.int64]
    matrix: NDArray[np.float32]
    unusable: NDArray[np.bool_]
    by_id: NDArray[np.int64]
    excluded: NDArray[np.bool_]

    def position(self, face_id: int) -> int | None:
        """Where this face's vector stands; None where there is none or the face is excluded."""
        place = int(np.searchsorted(self.face_ids, face_id, sorter=self.by_id))
        if place >= len(self.by_id):
            return None
        found = int(self.by_id[place])
        if self.face_ids[found] != face_id or self.excluded[found]:
            return None
        return found


def ranked(face_ids: NDArray[np.int64], scores: NDArray[np.float32], count: int) -> list[Neighbour]:
    """The `count` faces with the highest scores, highest first, ties in order of id; a score of
    minus infinity is none.
    """
    wanted = min(max(count, 0), int(np.isfinite(scores).sum()))
    if wanted == 0:
        return []
    least = np.partition(scores, -wanted)[-wanted]
    # All that tie with the last one are sorted too, so that the answer does not depend on how
    # numpy partitions.
    candidates = np.flatnonzero(scores >= least)
    order = candidates[np.lexsort((face_ids[candidates], -scores[candidates]))]
    return [
        Neighbour(face_id=int(face_ids[place]), similarity=_rounded(scores[place]))
        for place in order[:wanted]
    ]


class VectorIndex:
    """All vectors of the active embedder, brought up to date whenever the catalog has changed.
    Thread-safe.

    Of several active embedders the first is used: vectors of different models are never
    compared. Nothing is read before the first question.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None
        self._version = -1
        self._snapshot: Snapshot | None = None

    def similarity(self, face_a: int, face_b: int) -> float | None:
        """Cosine similarity of two faces; None where one has no usable vector. Raises
        CatalogError.
        """
        snapshot = self.snapshot()
        a, b = snapshot.position(face_a), snapshot.position(face_b)
        if a is None or b is None:
            return None
        return _rounded(snapshot.matrix[a] @ snapshot.matrix[b])

    def nearest(self, face_id: int, count: int) -> list[Neighbour] | None:
        """The `count` (at most MAX_NEIGHBOURS) most similar other faces, most similar first;
        ties in order of id.

        Exact: every vector is compared. None where the face has no usable vector. Raises
        CatalogError.
        """
        snapshot = self.snapshot()
        own = snapshot.position(face_id)
        if own is None:
            return None
        scores = snapshot.matrix @ snapshot.matrix[own]
        scores[snapshot.excluded] = -np.inf
        scores[own] = -np.inf
        return ranked(snapshot.face_ids, scores, min(count, MAX_NEIGHBOURS))

    def close(self) -> None:
        """Forget the vectors and close the connection; the next question starts anew."""
        with self._lock:
            if self._connection is not None:
                self._connection.close()
            self._connection = self._snapshot = None
            self._version = -1

    def snapshot(self) -> Snapshot:
        """All vectors as the catalog has them now. Raises CatalogError."""
        with self._lock:
            if self._connection is None:
                self._connection = connect(self._path, readonly=True)
            # Read before the data: a commit in between makes the next question look again, and none
            # is ever missed.
            version = int(self._connection.execute("PRAGMA data_version").fetchone()[0])
            if self._snapshot is None or version != self._version:
                self._connection.execute("BEGIN")
                try:
                    self._snapshot = renew(self._connection, self._snapshot)
                finally:
                    self._connection.rollback()
                self._version = version
            return self._snapshot


def renew(connection: sqlite3.Connection, previous: Snapshot | None) -> Snapshot:
    """The vectors as they are now. Only what came after `previous` is read where nothing before
    it went or changed.

    Relies on a replaced vector being a new row (INSERT OR REPLACE, or DELETE and INSERT), never
    an UPDATE in place.
    """
    embedder = connection.execute(
        "SELECT id, dimensions FROM embedders WHERE active = 1 ORDER BY id LIMIT 1"
    ).fetchone()
    if embedder is None:
        return _finished(connection, None, 0, _empty(1))
    count, last_rowid = connection.execute(
        "SELECT count(*), ifnull(max(rowid), 0) FROM embeddings WHERE embedder_id = ?",
        [embedder["id"]],
    ).fetchone()
    if previous is not None and _still_holds(connection, previous, embedder["id"]):
        fresh = _read(connection, embedder, after=previous.last_rowid)
        vectors = _joined(previous, fresh)
        if len(vectors[0]) == count:
            return _finished(connection, embedder["id"], last_rowid, vectors)
    return _finished(connection, embedder["id"], last_rowid, _read(connection, embedder, after=0))


def _empty(dimensions: int, room: int = 0) -> Vectors:
    return (
        np.empty(room, np.int64),
        np.empty((room, dimensions), np.float32),
        np.zeros(room, np.bool_),
    )


def _still_holds(connection: sqlite3.Connection, previous: Snapshot, embedder_id: int) -> bool:
    """Whether the last row that was read is still the same, so that row numbers above it are all
    new.
    """
    if previous.embedder_id != embedder_id or not len(previous.face_ids):
        return False
    row = connection.execute(
        "SELECT face_id, embedder_id, vector FROM embeddings WHERE rowid = ?", [previous.last_rowid]
    ).fetchone()
    return (
        row is not None
        and row["embedder_id"] == embedder_id
        and row["face_id"] == previous.face_ids[-1]
        and (
            bool(previous.unusable[-1])
            or row["vector"] == previous.matrix[-1].astype("<f4").tobytes()
        )
    )


def _read(connection: sqlite3.Connection, embedder: sqlite3.Row, *, after: int) -> Vectors:
    """Face ids, vectors and which of them have the wrong length, in order of row number."""
    place = "FROM embeddings WHERE embedder_id = ? AND rowid > ?"
    (room,) = connection.execute(f"SELECT count(*) {place}", [embedder["id"], after]).fetchone()
    face_ids, matrix, unusable = found = _empty(embedder["dimensions"], room)
    blank = bytes(4 * embedder["dimensions"])
    rows = connection.execute(
        f"SELECT face_id, vector {place} ORDER BY rowid",
        [embedder["id"], after],
    )
    start = 0
    while batch := rows.fetchmany(FETCH_ROWS):
        end = start + len(batch)
        bad = [len(row["vector"]) != len(blank) for row in batch]
        packed = b"".join(
            blank if wrong else row["vector"] for row, wrong in zip(batch, bad, strict=True)
        )
        face_ids[start:end] = [row["face_id"] for row in batch]
        matrix[start:end] = np.frombuffer(packed, "<f4").reshape(len(batch), -1)
        unusable[start:end] = bad
        start = end
    return found


def _joined(previous: Snapshot, fresh: Vectors) -> Vectors:
    """What was there and is not replaced, then what is new."""
    if not len(fresh[0]):
        return previous.face_ids, previous.matrix, previous.unusable
    replaced = np.isin(previous.face_ids, fresh[0])
    if replaced.any():
        kept = ~replaced
        held: Vectors = (
            previous.face_ids[kept],
            previous.matrix[kept],
            previous.unusable[kept],
        )
    else:
        held = previous.face_ids, previous.matrix, previous.unusable
    return (
        np.concatenate((held[0], fresh[0])),
        _appended(held[1], fresh[1]),
        np.concatenate((held[2], fresh[2])),
    )


def _appended(held: NDArray[np.float32], fresh: NDArray[np.float32]) -> NDArray[np.float32]:
    """`held` with `fresh` below it, written into the room behind `held` where that is large enough.

    Earlier snapshots look at the same memory but end before the new rows.
    """
    rows = len(held) + len(fresh)
    store = held.base if isinstance(held.base, np.ndarray) and held.base.ndim == 2 else held
    if len(store) < rows or not store.flags.writeable or store.shape[1] != held.shape[1]:
        store = np.empty((int(rows * GROWTH) + 64, held.shape[1]), np.float32)
        store[: len(held)] = held
    store[len(held) : rows] = fresh
    view: NDArray[np.float32] = store[:rows]
    return view


def _finished(
    connection: sqlite3.Connection, embedder_id: int | None, last_rowid: int, vectors: Vectors
) -> Snapshot:
    face_ids, matrix, unusable = vectors
    # Two ranges instead of <>, so that the index on state answers.
    inactive = np.fromiter(
        (
            row[0]
            for row in connection.execute(
                "SELECT id FROM faces WHERE state < 'active' OR state > 'active'"
            )
        ),
        np.int64,
    )
    return Snapshot(
        embedder_id=embedder_id,
        last_rowid=last_rowid,
        face_ids=face_ids,
        matrix=matrix,
        unusable=unusable,
        by_id=np.argsort(face_ids, kind="stable"),
        excluded=unusable | np.isin(face_ids, inactive),
    )


def _rounded(similarity: np.float32) -> float:
    """Six decimals are what float32 holds; rounding keeps a face's similarity to its own copy
    from reading 1.0000001.
    """
    return round(min(1.0, max(-1.0, float(similarity))), 6)
