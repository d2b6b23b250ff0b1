"""A second look at a face in doubt, from the job to the vector."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

import numpy as np
import pytest

from catalog import looks
from catalog.connect import connect, crops_path, transaction

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.end_to_end.conftest import Home

PHOTOS = ("couple.jpg", "obama1.jpg", "two_people.jpg")
LOOKED_AT = """
SELECT face_id, first.vector, again.vector FROM embeddings AS again
JOIN embedders ON embedders.id = again.embedder_id AND geometry LIKE '%+jitter8' AND NOT active
JOIN embeddings AS first USING (face_id) WHERE first.embedder_id <> again.embedder_id
"""


@pytest.fixture
def asked(home: Home, copy: Callable[..., Path]) -> list[int]:
    """Scanned photos, with a job for a second look at each face; the crop of the last is gone."""
    for name in PHOTOS:
        copy(name, home.inbox)
    assert home.rollcall("scan", home.inbox).returncode == 0
    faces = [face_id for (face_id,) in home.query("SELECT id FROM faces ORDER BY id")]
    with closing(connect(crops_path(home.catalog))) as crops, transaction(crops):
        (key,) = home.query("SELECT crop FROM faces WHERE id = ?", faces[-1])
        crops.execute("DELETE FROM crops WHERE sha256 = ?", key)
    with closing(connect(home.catalog)) as connection, transaction(connection):
        assert looks.ask(connection, faces) == faces
    return faces


def assert_looked_at(home: Home, faces: list[int]) -> None:
    """All have their second look but the last, which is told as missing."""
    rows = home.query(LOOKED_AT)
    assert sorted(face_id for face_id, *_ in rows) == faces[:-1]
    for _, first, again in rows:
        assert 0.99 < np.frombuffer(first, "<f4") @ np.frombuffer(again, "<f4") < 0.99999
    results = home.query("SELECT result FROM jobs WHERE kind = 'look' AND state = 'done'")
    missing = [json.loads(result).get("missing", []) for (result,) in results]
    assert sorted(missing) == [[]] * (len(PHOTOS) - 1) + [faces[-1:]]
    assert home.settled()


def test_a_lone_scan_waits_for_second_looks_and_for_the_judgement_after_them(
    home: Home, asked: list[int]
) -> None:
    before = home.value("SELECT count(*) FROM jobs WHERE kind = 'identify'")
    assert home.rollcall("scan", home.inbox).returncode == 0
    assert_looked_at(home, asked)
    assert home.value("SELECT count(*) FROM jobs WHERE kind = 'identify'") == before + len(PHOTOS)


def test_a_daemon_that_is_killed_over_second_looks_takes_them_after_its_next_start(
    home: Home, asked: list[int]
) -> None:
    with home.started("watch", until="watching") as daemon:
        home.wait(lambda: home.query("SELECT 1 FROM jobs WHERE kind = 'look' AND owner <> ''"))
        daemon.kill()
    assert home.query(LOOKED_AT) == []
    with home.watching():
        home.wait(home.settled)
    assert_looked_at(home, asked)
    with closing(sqlite3.connect(home.catalog)) as connection:
        assert connection.execute("SELECT max(attempts) FROM jobs").fetchone() == (1,)
