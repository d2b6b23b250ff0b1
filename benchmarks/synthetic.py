"""A catalog of any size without photographs, by the real schema: for what grows with it."""

from __future__ import annotations

import hashlib
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from catalog import clock
from catalog.connect import connect, transaction
from catalog.migrations import migrate

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

DIMENSIONS = 128
# As Dlib's vectors of Labeled Faces in the Wild lie: the cosine of two people, and of a picture and
# the mean of its person.
_ALIKE, _TRUE = 0.8, 0.98
# Of the first two people each has this share of all faces: 10,000 of 200,000.
LARGE_SHARE = 0.05
_AT_ONCE = 20_000


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Face:
    """A face of a new photo: unit vector, quality, and where it begins in pixels."""

    vector: NDArray[np.float32]
    quality: float
    x: float


def fill(path: Path, *, faces: int, people: int, seed: int) -> None:
    """Make a catalog with so many faces, two in a photo, of so many people in open groups.

    The first two people have a twentieth of the faces each, the others equal shares; every tenth
    person from the third on has a name. Vectors are drawn around a centre for each person.
    """
    migrate(path)
    draw = np.random.default_rng(seed)
    owners = _owners(faces, people, draw)
    centres = _centres(people, draw)
    with closing(connect(path)) as connection:
        connection.execute("PRAGMA synchronous = OFF")
        with transaction(connection):
            _people(connection, people)
            _photos(connection, (faces + 1) // 2, seed)
        for start in range(0, faces, _AT_ONCE):
            part = slice(start, start + _AT_ONCE)
            vectors = pictures(centres[owners[part]], draw)
            with transaction(connection):
                _faces(connection, start, owners[part] + 1, vectors)
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        connection.execute("ANALYZE")


def add_photo(
    connection: sqlite3.Connection, number: int, faces: Sequence[Face], embedder: int
) -> int:
    """One more photo, which nobody judged; returns its media. Numbers make files and contents."""
    now = clock.now()
    (root,) = connection.execute("SELECT min(id) FROM roots").fetchone()
    media = connection.execute(
        """INSERT INTO media (sha256, kind, bytes, state, added_at)
           VALUES (?, 'image', 1, 'done', ?)""",
        [f"{number:064d}", now],
    ).lastrowid
    path = b"/%d.jpg" % number
    connection.execute(
        """INSERT INTO files (path_bytes, path, root_id, media_id, first_seen_at, last_seen_at)
           VALUES (?, ?, ?, ?, ?, ?)""",
        [path, path.decode(), root, media, now, now],
    )
    for face in faces:
        face_id = connection.execute(
            """INSERT INTO faces (media_id, x, y, w, h, detector, detector_version, confidence,
                   quality) VALUES (?, ?, 0, 90, 90, 'yunet', '1', 0.9, ?)""",
            [media, face.x, face.quality],
        ).lastrowid
        connection.execute(
            "INSERT INTO embeddings (face_id, embedder_id, vector) VALUES (?, ?, ?)",
            [face_id, embedder, face.vector.astype("<f4").tobytes()],
        )
    return int(media or 0)


def _owners(faces: int, people: int, draw: np.random.Generator) -> NDArray[np.int64]:
    """Whose each face is, counted from 0; the two of a photo (2n and 2n + 1) are two people."""
    large = int(faces * LARGE_SHARE)
    rest = np.arange(faces - 2 * large) % (people - 2) + 2
    sorted_owners = np.sort(np.concatenate([np.repeat([0, 1], large), rest]))
    half = (faces + 1) // 2
    order = draw.permutation(half)
    result = np.empty(2 * half, np.int64)
    result[0::2] = sorted_owners[:half][order]
    result[1::2] = np.resize(sorted_owners[half:], half)[order]
    return result[:faces]


def _centres(people: int, draw: np.random.Generator) -> NDArray[np.float32]:
    common = unit(draw.standard_normal(DIMENSIONS))
    own = unit(draw.standard_normal((people, DIMENSIONS)))
    return unit(np.sqrt(_ALIKE) * common + np.sqrt(1 - _ALIKE) * own)


def pictures(centres: NDArray[np.float32], draw: np.random.Generator) -> NDArray[np.float32]:
    """A picture of each of these people, drawn around their centres (n × dimensions)."""
    noise = draw.standard_normal(centres.shape)
    noise -= np.sum(noise * centres, axis=1, keepdims=True) * centres
    return unit(_TRUE * centres + np.sqrt(1 - _TRUE**2) * unit(noise))


def unit(vectors: NDArray[Any]) -> NDArray[np.float32]:
    """The same directions with length one."""
    return (vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)).astype(np.float32)


def _people(connection: sqlite3.Connection, people: int) -> None:
    now = clock.now()
    connection.executemany(
        "INSERT INTO people (id, name, origin, created_at) VALUES (?, ?, 'group', ?)",
        [(i, f"Person {i}" if i > 2 and i % 10 == 3 else None, now) for i in range(1, people + 1)],
    )
    connection.execute(
        """INSERT INTO embedders (id, model, weights_sha256, geometry, dimensions, active)
           VALUES (1, 'Dlib', ?, 'dlib', ?, 1)""",
        ["d" * 64, DIMENSIONS],
    )


def _photos(connection: sqlite3.Connection, photos: int, seed: int) -> None:
    now = clock.now()
    connection.execute(
        """INSERT INTO roots (id, path_bytes, path, role)
           VALUES (1, CAST('/photos' AS BLOB), '/photos', 'scanned')"""
    )
    connection.executemany(
        """INSERT INTO media (id, sha256, kind, mime, bytes, width, height, taken_at_local, state,
                              added_at)
           VALUES (?, ?, 'image', 'image/jpeg', 1000000, 4000, 3000, ?, 'done', ?)""",
        ((i, _sha(seed, i), f"20{i % 25:02}-{i % 12 + 1:02}-{i % 28 + 1:02}T12:00:00", now)
         for i in range(1, photos + 1)),
    )  # fmt: skip
    connection.executemany(
        """INSERT INTO files (path_bytes, path, root_id, media_id, bytes, mtime_ns, inode, device,
                              state, first_seen_at, last_seen_at)
           VALUES (?, ?, 1, ?, 1000000, ?, ?, 1, 'present', ?, ?)""",
        ((f"/photos/{i}.jpg".encode(), f"/photos/{i}.jpg", i, i, i, now, now)
         for i in range(1, photos + 1)),
    )  # fmt: skip


def _faces(
    connection: sqlite3.Connection, start: int, owners: NDArray[np.int64],
    vectors: NDArray[np.float32],
) -> None:  # fmt: skip
    now = clock.now()
    numbered = list(enumerate(owners.tolist(), start + 1))
    connection.executemany(
        """INSERT INTO faces (id, media_id, x, y, w, h, landmarks, detector, detector_version,
                              confidence, quality, crop, crop_scale, crop_x, crop_y, person_id)
           VALUES (?, ?, ?, 500, 200, 250, '[[1,1],[2,1],[1.5,1.5],[1,2],[2,2]]', 'yunet', '1',
                   0.9, ?, ?, 1, 0, 0, ?)""",
        ((i, (i + 1) // 2, 500 + 1000 * (i % 2), 0.5 + i % 50 / 100, _sha("crop", i), owner)
         for i, owner in numbered),
    )  # fmt: skip
    connection.executemany("INSERT INTO embeddings VALUES (?, 1, ?)", _blobs(start, vectors))
    connection.executemany(
        """INSERT INTO assignments (face_id, person_id, state, method, similarity, decided_at,
                                    decided_by)
           VALUES (?, ?, 'assigned', 'group', 0.97, ?, 'identifier')""",
        ((i, owner, now) for i, owner in numbered),
    )


def _blobs(start: int, vectors: NDArray[np.float32]) -> Iterator[tuple[int, bytes]]:
    for i, vector in enumerate(vectors.astype("<f4"), start + 1):
        yield i, vector.tobytes()


def _sha(*parts: object) -> str:
    return hashlib.sha256(repr(parts).encode()).hexdigest()
