"""A small catalog with real pictures and hostile names, and a Datasette over it that answers
without a network.
"""

from __future__ import annotations

import asyncio
import hashlib
import io
import json
import shutil
from contextlib import ExitStack, closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PIL import Image

from catalog.browse import server
from catalog.browse.options import Options
from catalog.connect import connect, crops_path, transaction
from catalog.migrations import migrate

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Iterator
    from pathlib import Path

    import httpx

MARKUP = "<img src=x onerror=alert(1)>"
NOW = "2026-01-02T03:04:05Z"
DIMENSIONS = 128
# File, person of each face and its box, as YuNet finds it: people 1 and 2 are named, 3 is hostile,
# 4 unnamed.
PHOTOS = (
    ("obama1.jpg", ((1, (560, 126, 340, 493)),)),
    (
        "obama_and_biden.jpg",
        ((1, (1143, 358, 181, 247)), (2, (755, 396, 173, 245)), (4, (1630, 1035, 146, 190))),
    ),
    ("two_people.jpg", ((1, (233, 21, 149, 203)), (3, (790, 49, 147, 206)))),
    ("couple.jpg", ((None, (1564, 597, 432, 491)), (4, (453, 510, 513, 547)))),
    ("kit_with_rose.jpg", ()),
)  # fmt: skip
PEOPLE = (
    ("Barack Obama", "reference"),
    ("Joe Biden", "reference"),
    (MARKUP, "user"),
    (None, "group"),
)


@dataclass(frozen=True)
class Browser:
    """Asks a Datasette in this process, one request after the other."""

    datasette: Any
    runner: asyncio.Runner

    def get(self, path: str, **options: Any) -> httpx.Response:
        return self.runner.run(self.datasette.client.get(path, **options))

    def ask(self, method: str, path: str, **options: Any) -> httpx.Response:
        return self.runner.run(self.datasette.client.request(method, path, **options))

    def change(self, path: str, body: Any = None, **options: Any) -> httpx.Response:
        """As a page of ours does it: with the visitor's cookie and its token in a header."""
        cookies = {**self.cookies(), **options.pop("cookies", {})}
        headers = {"x-csrftoken": cookies["ds_csrftoken"], **options.pop("headers", {})}
        given = {} if "content" in options else {"json": {} if body is None else body}
        return self.ask("POST", path, cookies=cookies, headers=headers, **given, **options)

    def cookies(self) -> dict[str, str]:
        found = self.get("/-/login" if self.datasette.rollcall_options.password else "/people")
        return {"ds_csrftoken": found.cookies["ds_csrftoken"]}

    def rows(self, sql: str, **parameters: object) -> list[dict[str, Any]]:
        response = self.get("/catalog.json", params={"sql": sql, "_shape": "array", **parameters})
        assert response.status_code == 200, response.text
        return response.json()

    def close(self) -> None:
        server.close(self.datasette)
        self.runner.close()


def browse(catalog: Path, **options: Any) -> Browser:
    runner = asyncio.Runner()
    runner.get_loop()
    return Browser(server.build(catalog, Options(**options)), runner)


def unit_vectors(count: int, seed: int = 1) -> np.ndarray:
    vectors = np.random.default_rng(seed).standard_normal((count, DIMENSIONS)).astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


@pytest.fixture(scope="session")
def _built(tmp_path_factory: pytest.TempPathFactory, test_data: Path) -> Path:
    path = tmp_path_factory.mktemp("browse") / "catalog.db"
    migrate(path)
    with closing(connect(path)) as catalog, closing(connect(crops_path(path))) as crops:
        with transaction(catalog), transaction(crops):
            _people(catalog)
            for photo, faces in PHOTOS:
                _photo(catalog, crops, test_data / "photos" / "examples" / photo, faces)
            _trouble(catalog)
            _verdicts(catalog)
        for connection in (catalog, crops):
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return path


@pytest.fixture
def small_catalog(_built: Path, tmp_path: Path) -> Path:
    """A catalog of five photos and eight faces, this test's own to change."""
    folder = tmp_path / "small"
    shutil.copytree(_built.parent, folder)
    return folder / _built.name


@pytest.fixture
def browser(small_catalog: Path) -> Iterator[Browser]:
    with closing(browse(small_catalog)) as opened:
        yield opened


@pytest.fixture
def open_browser() -> Iterator[Callable[..., Browser]]:
    """Opens a Datasette over any catalog and closes it when the test ends."""
    with ExitStack() as opened:
        yield lambda catalog, **options: opened.enter_context(closing(browse(catalog, **options)))


@pytest.fixture(scope="session")
def reader(_built: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """One Datasette for all tests that only read."""
    folder = tmp_path_factory.mktemp("reader") / "state"
    shutil.copytree(_built.parent, folder)
    with closing(browse(folder / _built.name)) as opened:
        yield opened


def _people(catalog: sqlite3.Connection) -> None:
    catalog.executemany(
        "INSERT INTO people (name, origin, created_at) VALUES (?, ?, ?)",
        [(name, origin, NOW) for name, origin in PEOPLE],
    )
    catalog.execute(
        "INSERT INTO embedders (model, weights_sha256, geometry, dimensions, active) VALUES "
        "('Dlib', 'ab', 'chip', ?, 1)",
        [DIMENSIONS],
    )
    catalog.execute("INSERT INTO roots (path_bytes, path, role) VALUES (x'2f61', '/a', 'inbox')")


def _photo(catalog: Any, crops: Any, path: Path, faces: tuple[Any, ...]) -> None:
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    with Image.open(path) as picture:
        upright = picture.convert("RGB")
    small = upright.copy()
    small.thumbnail((1024, 1024))
    crops.execute(
        "INSERT INTO previews VALUES (?, ?, ?, ?, ?, NULL)",
        [sha256, _jpeg(small), *small.size, NOW],
    )
    media = catalog.execute(
        "INSERT INTO media (sha256, kind, mime, bytes, width, height, taken_at_local, "
        "camera_make, camera_model, exif,"
        " state, added_at) VALUES (?, 'image', 'image/jpeg', ?, ?, ?, ?, 'Canon', 'EOS 5D', ?, "
        "'done', ?)",
        [sha256, path.stat().st_size, *upright.size, "2024-05-06T07:08:09", _exif(), NOW],
    ).lastrowid
    name = f"/a/{MARKUP}{path.name}"
    catalog.execute(
        "INSERT INTO files (path_bytes, path, root_id, media_id, first_seen_at, last_seen_at) "
        "VALUES (?, ?, 1, ?, ?, ?)",
        [name.encode(), name, media, NOW, NOW],
    )
    for number, (person, box) in enumerate(faces):
        _face(catalog, crops, upright, (media, person, box, number))


def _face(catalog: Any, crops: Any, picture: Image.Image, found: tuple[Any, ...]) -> None:
    media, person, (x, y, w, h), number = found
    side = int(max(w, h) * 1.6)
    left, top = x + w // 2 - side // 2, y + h // 2 - side // 2
    jpeg = _jpeg(picture.crop((left, top, left + side, top + side)).resize((320, 320)))
    key = hashlib.sha256(jpeg).hexdigest()
    crops.execute("INSERT INTO crops VALUES (?, ?, ?)", [key, jpeg, NOW])
    face = catalog.execute(
        "INSERT INTO faces (media_id, x, y, w, h, landmarks, detector, detector_version, "
        "confidence, quality, crop,"
        " crop_scale, crop_x, crop_y, person_id) VALUES (?, ?, ?, ?, ?, ?, 'yunet', '1', ?, ?, "
        "?, ?, ?, ?, ?)",
        [media, x, y, w, h, json.dumps([[x + 0.123456, y]] * 5), 0.91234567,
         0.9 - 0.1 * number, key, side / 320, left, top, person],
    ).lastrowid  # fmt: skip
    catalog.execute(
        "INSERT INTO embeddings VALUES (?, 1, ?)", [face, unit_vectors(1, seed=face)[0].tobytes()]
    )


def _trouble(catalog: Any) -> None:
    """A failed media, an unreadable file, a duplicate, a waiting job."""
    catalog.execute(
        "INSERT INTO media (sha256, bytes, state, error, added_at) VALUES (?, 7, "
        "'quarantined', ?, ?)",
        ["f" * 64, f"not a picture {MARKUP}", NOW],
    )
    catalog.executemany(
        "INSERT INTO files (path_bytes, path, root_id, media_id, state, reason, first_seen_at, "
        "last_seen_at)"
        " VALUES (?, ?, 1, ?, ?, ?, ?, ?)",
        [
            (b"/a/bad\xff.jpg", "/a/bad\ufffd.jpg", 6, "present", None, NOW, NOW),
            (b"/a/locked.jpg", "/a/locked.jpg", None, "unreadable", "no permission", NOW, NOW),
            (b"/a/copy.jpg", "/a/copy.jpg", 1, "present", None, NOW, NOW),
        ],
    )
    catalog.execute(
        "INSERT INTO jobs (kind, key, payload, created_at) VALUES ('ingest', 'x', ?, ?)",
        [json.dumps({"note": MARKUP, "more": list(range(50))}), NOW],
    )


def _verdicts(catalog: Any) -> None:
    catalog.execute(
        "INSERT INTO assignments (face_id, person_id, state, method, similarity, margin, "
        "confidence, evidence_face_id,"
        " decided_at, decided_by) SELECT id, person_id, 'assigned', 'reference', 0.95123456, "
        "0.1, 0.99, 1, ?, 'machine'"
        " FROM faces WHERE person_id IS NOT NULL",
        [NOW],
    )


def _exif() -> str:
    return json.dumps({f"Tag {number}": MARKUP for number in range(30)})


def _jpeg(picture: Image.Image) -> bytes:
    written = io.BytesIO()
    picture.save(written, "JPEG", quality=90)
    return written.getvalue()
