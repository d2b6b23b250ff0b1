"""Rows and vectors for tests, made in few words: roots, photos, faces, people and what was decided.

Vectors are drawn as Dlib's network gives them: two pictures of one person have a cosine of about
0.94 to 0.99, two people 0.75 to 0.92.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from itertools import count
from typing import TYPE_CHECKING, Any

import numpy as np

from catalog import track_paths
from catalog.connect import transaction
from catalog.records import (
    SECOND_LOOK,
    CropRecord,
    EmbedderRecord,
    FaceRecord,
    PartRecord,
    QualityRecord,
)

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Sequence

    from daemon.faces.values import Vectors

NOW = "2026-01-02T03:04:05.000Z"
DIMENSIONS = 128
DLIB = EmbedderRecord(model="Dlib", weights_sha256="d" * 64, geometry="chip", dimensions=DIMENSIONS)
ALIKE = 0.8


def sha(*parts: object) -> str:
    """A SHA-256 that belongs to these values."""
    return hashlib.sha256(repr(parts).encode()).hexdigest()


def unit(vectors: np.ndarray) -> Vectors:
    """The same directions with length one."""
    return (vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)).astype(np.float32)


def crowd(people: int, seed: int = 0, *, alike: float = ALIKE) -> Vectors:
    """The centre of each of so many people; the cosine of any two is about `alike`."""
    rng = np.random.default_rng(seed)
    common = unit(rng.standard_normal(DIMENSIONS))
    own = unit(rng.standard_normal((people, DIMENSIONS)))
    return unit(np.sqrt(alike) * common + np.sqrt(1 - alike) * own)


def looks(centre: Vectors, pictures: int, seed: int = 0, *, cosine: float = 0.98) -> Vectors:
    """Vectors of so many pictures of one person, each at this cosine from the centre."""
    noise = np.random.default_rng(seed).standard_normal((pictures, DIMENSIONS))
    noise -= np.outer(noise @ centre, centre)
    return unit(cosine * centre + np.sqrt(1 - cosine**2) * unit(noise))


def between(a: Vectors, b: Vectors, share: float) -> Vectors:
    """A face that lies between two others: `share` 0 is the first, 1 the second."""
    return unit((1 - share) * a + share * b)


def face_record(
    box: tuple[float, float, float, float] = (10, 10, 100, 120),
    vector: Vectors | None = None,
    *,
    quality: float = 0.8,
    embedder: EmbedderRecord = DLIB,
) -> FaceRecord:
    """A detected face as the workers hand it over, with a crop of its own."""
    x, y, w, h = box
    jpeg = f"jpeg of {box}".encode()
    return FaceRecord(
        x=x,
        y=y,
        w=w,
        h=h,
        landmarks=((x, y),) * 5,
        confidence=0.9,
        detector="yunet",
        detector_version="1",
        crop=CropRecord(sha256=hashlib.sha256(jpeg).hexdigest(), jpeg=jpeg, scale=1.0, x=x, y=y),
        quality=QualityRecord(
            version="1",
            score=quality,
            measures={"size_px": w, "sharpness": 1.0, "confidence": 0.9},
            reasons=("small",),
        ),
        vectors={} if vector is None else {embedder: vector.astype("<f4").tobytes()},
    )


def part_record(sha256: str, *faces: FaceRecord, **values: Any) -> PartRecord:
    """What a worker found in a photo."""
    return PartRecord(sha256=sha256, faces=faces, **values)


@dataclass
class Maker:
    """Writes rows into a catalog; every call is a transaction of its own."""

    connection: sqlite3.Connection
    _numbers: count[int] = field(default_factory=lambda: count(1))

    def run(self, work: Callable[..., Any], *args: Any, **options: Any) -> Any:
        """Call `work(connection, …)` in a transaction, as the writer does."""
        with transaction(self.connection):
            return work(self.connection, *args, **options)

    def insert(self, table: str, **values: object) -> int:
        """A row; returns its id."""
        cursor = self.connection.execute(
            f"INSERT INTO {table} ({', '.join(values)}) VALUES ({', '.join('?' * len(values))})",
            list(values.values()),
        )
        return int(cursor.lastrowid or 0)

    def row(self, sql: str, *values: object) -> tuple[object, ...] | None:
        """The first row, as a tuple."""
        found = self.connection.execute(sql, values).fetchone()
        return None if found is None else tuple(found)

    def rows(self, sql: str, *values: object) -> list[tuple[object, ...]]:
        """All rows, as tuples."""
        return [tuple(row) for row in self.connection.execute(sql, values)]

    def value(self, sql: str, *values: object) -> Any:
        """The first column of the first row."""
        return self.connection.execute(sql, values).fetchone()[0]

    def root(self, path: bytes = b"/inbox", role: str = "inbox") -> int:
        """The root at this path, made where it is new."""
        known = self.row("SELECT id FROM roots WHERE path_bytes = ?", path)
        if known is not None:
            return int(str(known[0]))
        return self.insert("roots", path_bytes=path, path=path.decode(), role=role)

    def second_look(self, face: int, vector: Vectors) -> None:
        """The vector of the face's jittered crops."""
        geometry = DLIB.geometry + SECOND_LOOK
        known = self.row("SELECT id FROM embedders WHERE geometry = ?", geometry)
        embedder = known[0] if known else self.insert(
            "embedders", model=DLIB.model, weights_sha256=DLIB.weights_sha256,
            geometry=geometry, dimensions=DIMENSIONS, active=0,
        )  # fmt: skip
        values = (face, embedder, vector.astype("<f4").tobytes())
        self.connection.execute(
            "INSERT OR REPLACE INTO embeddings(face_id, embedder_id, vector) VALUES (?, ?, ?)",
            values,
        )

    def vectors(self, face: int) -> list[Vectors]:
        """The vector by which a face is compared, where it has one."""
        sql = """SELECT vector FROM embeddings JOIN embedders ON embedders.id = embedder_id
                 WHERE face_id = ? AND active"""
        return [np.frombuffer(row[0], "<f4") for row in self.connection.execute(sql, [face])]

    def media(self, *, state: str = "done", sha256: str | None = None, **values: object) -> int:
        """A photo's media, done unless said otherwise."""
        number = next(self._numbers)
        return self.insert(
            "media",
            sha256=sha256 or sha("media", number),
            kind="image",
            bytes=number,
            state=state,
            added_at=NOW,
            **values,
        )

    def file(
        self, media_id: int | None, path: bytes | None = None, *, role: str = "inbox",
        state: str = "present", **values: object,
    ) -> int:  # fmt: skip
        """A file below the root of that role (/inbox, /people, /scanned)."""
        number = next(self._numbers)
        top = {"inbox": b"/inbox", "reference": b"/people", "scanned": b"/scanned"}[role]
        path = path or top + b"/%d.jpg" % number
        return self.insert(
            "files",
            path_bytes=path,
            path=path.decode("utf-8", "replace"),
            root_id=self.root(top, role),
            media_id=media_id,
            state=state,
            first_seen_at=NOW,
            last_seen_at=NOW,
            **{"bytes": number, "mtime_ns": number, "inode": number, "device": 1, **values},
        )

    def embedder(self, record: EmbedderRecord = DLIB, *, active: bool = True) -> int:
        """The way vectors are computed; active unless said otherwise."""
        known = self.row("SELECT id FROM embedders WHERE model = ?", record.model)
        if known is not None:
            return int(str(known[0]))
        return self.insert(
            "embedders",
            model=record.model,
            weights_sha256=record.weights_sha256,
            geometry=record.geometry,
            dimensions=record.dimensions,
            active=int(active),
        )

    def face(
        self, media_id: int, vector: Vectors | None = None, *, quality: float = 0.8,
        x: float | None = None, **values: object,
    ) -> int:  # fmt: skip
        """A face of 100 × 120 pixels, beside the faces that the media has already."""
        there = self.value("SELECT count(*) FROM faces WHERE media_id = ?", media_id)
        face_id = self.insert(
            "faces",
            media_id=media_id,
            **{"x": there * 200.0 if x is None else x, "y": 0.0, "w": 100.0, "h": 120.0,
               "detector": "yunet", "detector_version": "1", "confidence": 0.9,
               "quality": quality, **values},
        )  # fmt: skip
        if vector is not None:
            self.insert(
                "embeddings",
                face_id=face_id,
                embedder_id=self.embedder(),
                vector=vector.astype("<f4").tobytes(),
            )
        return face_id

    def photo(
        self, *vectors: Vectors | None, role: str = "inbox", path: bytes | None = None,
        quality: float = 0.8, sha256: str | None = None,
    ) -> tuple[int, list[int]]:  # fmt: skip
        """A photo at a path with a face for each vector; returns the media's and the faces' ids."""
        media_id = self.media(sha256=sha256)
        self.file(media_id, path, role=role)
        return media_id, [self.face(media_id, vector, quality=quality) for vector in vectors]

    def video(self, path: bytes | None = None, **values: Any) -> int:
        """A video at a path, without anybody in it yet."""
        media_id = self.media(**values)
        self.connection.execute("UPDATE media SET kind = 'video' WHERE id = ?", [media_id])
        self.file(media_id, path)
        return media_id

    def frame(self, media_id: int, time_s: float) -> int:
        """The frame of a video at that time."""
        there = self.row(
            "SELECT id FROM frames WHERE media_id = ? AND time_s = ?", media_id, time_s
        )
        if there is not None:
            return int(str(there[0]))
        return self.insert("frames", media_id=media_id, time_s=time_s)

    def track(
        self, media_id: int, start_s: float, end_s: float, vector: Vectors | None = None, *,
        faces: int = 3, quality: float = 0.9, continues: int | None = None,
    ) -> list[int]:  # fmt: skip
        """Somebody seen from one second to another, with so many faces; the first one leads.
        Returns the track's id and the faces'.
        """
        track_id = self.insert(
            "tracks", media_id=media_id, start_s=start_s, end_s=end_s, faces_count=10 * faces,
            path=track_paths.packed([(start_s, (0.0, 0.0, 100.0, 120.0))]),
            continues_track_id=continues,
        )  # fmt: skip
        found = []
        for number in range(faces):
            time_s = start_s + number * 1e-3
            found.append(
                self.face(
                    media_id,
                    vector,
                    quality=quality - 0.01 * number,
                    frame_id=self.frame(media_id, time_s),
                    track_id=track_id,
                    time_s=time_s,
                )
            )
        if vector is not None:
            self.insert(
                "track_vectors", track_id=track_id, embedder_id=self.embedder(),
                vector=vector.astype("<f4").tobytes(),
            )  # fmt: skip
        leader = found[0]
        if continues is not None:
            leader = int(str(self.value("SELECT best_face_id FROM tracks WHERE id = ?", continues)))
        self.connection.execute(
            "UPDATE tracks SET best_face_id = ? WHERE id = ?", [leader, track_id]
        )
        return [track_id, *found]

    def person(self, name: str | None = None, *, origin: str = "group", **values: object) -> int:
        """Somebody, named or not."""
        return self.insert("people", name=name, origin=origin, created_at=NOW, **values)

    def assign(
        self, face_id: int, person_id: int, method: str = "user", *, state: str = "assigned",
        **values: object,
    ) -> int:  # fmt: skip
        """An open assignment, with the cache in `faces` as the catalog keeps it."""
        if state == "assigned":
            self.connection.execute(
                """UPDATE faces SET person_id = (SELECT ifnull(merged_into, id) FROM people
                                                 WHERE id = ?) WHERE id = ?""",
                [person_id, face_id],
            )
        return self.insert(
            "assignments",
            face_id=face_id,
            person_id=person_id,
            state=state,
            method=method,
            decided_at=NOW,
            decided_by="somebody",
            **values,
        )

    def reject(self, face_id: int, person_id: int | None) -> int:
        """Somebody said "not her", or "not a face" without a person."""
        return self.insert("rejections", face_id=face_id, person_id=person_id)

    def merge(self, person_id: int, into: int) -> None:
        """Somebody said that two people are one."""
        self.connection.execute("UPDATE people SET merged_into = ? WHERE id = ?", [into, person_id])
        self.connection.execute(
            "UPDATE faces SET person_id = ? WHERE person_id = ?", [into, person_id]
        )

    def reference(
        self, person_id: int, vectors: Sequence[Vectors], *, folder: bytes = b"Somebody"
    ) -> list[int]:
        """Reference pictures of somebody, enrolled; returns the exemplars' faces."""
        faces = []
        for vector in vectors:
            path = b"/people/" + folder + b"/%d.jpg" % next(self._numbers)
            media_id = self.media()
            file_id = self.file(media_id, path, role="reference")
            face_id = self.face(media_id, vector)
            self.insert(
                "exemplars",
                person_id=person_id,
                face_id=face_id,
                file_id=file_id,
                source="folder",
                state="used",
            )
            faces.append(face_id)
        return faces

    def known_as(self, face_id: int) -> int | None:
        """Who the catalog says this face is."""
        found: int | None = self.value("SELECT person_id FROM faces WHERE id = ?", face_id)
        return found

    def open_rows(self, face_id: int) -> list[tuple[object, ...]]:
        """(person, state, method) of the face's open assignments."""
        return self.rows(
            """SELECT person_id, state, method FROM assignments
               WHERE face_id = ? AND ended_at IS NULL ORDER BY id""",
            face_id,
        )

    def job_keys(self, kind: str, state: str = "waiting") -> list[str]:
        """The keys of the jobs of a kind, oldest first."""
        rows = self.rows(
            "SELECT key FROM jobs WHERE kind = ? AND state = ? ORDER BY id", kind, state
        )
        return [str(key) for (key,) in rows]
