"""The catalog of any size is one that the daemon could have made, and decisions over it are
measured.
"""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

import numpy as np
import pytest

from benchmarks import decisions, synthetic
from catalog.connect import connect
from tests.makers import Maker

if TYPE_CHECKING:
    from pathlib import Path


def test_a_synthetic_catalog_holds_what_was_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "catalog.db"
    synthetic.fill(path, faces=400, people=20, seed=1)
    with closing(connect(path)) as connection:
        make = Maker(connection)
        assert make.row("SELECT count(*), count(DISTINCT media_id) FROM faces") == (400, 200)
        assert make.value("SELECT sum(faces_count) FROM media") == 400
        assert make.value("SELECT count(DISTINCT person_id) FROM faces") == 20
        for person in (1, 2):
            assert make.value("SELECT count(*) FROM faces WHERE person_id = ?", person) == 20
        assert make.value(
            """SELECT count(*) FROM faces JOIN assignments ON face_id = faces.id
               WHERE faces.person_id = assignments.person_id AND ended_at IS NULL"""
        ) == 400  # fmt: skip
        rows = make.rows("SELECT person_id, vector FROM embeddings JOIN faces ON id = face_id")
        twice = "SELECT 1 FROM faces GROUP BY media_id, person_id HAVING count(*) > 1"
        assert make.rows(twice) == [], "nobody is in a photo twice"
    people = np.array([row[0] for row in rows])
    vectors = np.stack([np.frombuffer(row[1], "<f4") for row in rows])  # type: ignore[call-overload]
    similar = vectors @ vectors.T
    same = people[:, None] == people[None, :]
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(1, abs=1e-5)
    assert similar[same].mean() > 0.95
    assert similar[~same].mean() < 0.85


def test_decisions_are_measured_there_and_back(capsys: pytest.CaptureFixture[str]) -> None:
    decisions.main(["--sizes", "400", "--rounds", "2"])
    text = capsys.readouterr().out
    assert "400 faces, 20 of the person" in text
    for name in ("name", "merge two of them", "confirm all", "split off all", "forget"):
        assert f"\n{name}  " in text
