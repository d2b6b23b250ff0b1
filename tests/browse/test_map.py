"""Faces in two dimensions, and how alike pairs are: the arithmetic, and the job at night."""

from __future__ import annotations

import shutil
from contextlib import closing
from typing import TYPE_CHECKING

import numpy as np
import pytest

from catalog import jobs
from catalog import map as faces_map
from catalog.connect import connect, transaction
from daemon import projections
from tests.end_to_end.conftest import build_home

if TYPE_CHECKING:
    from pathlib import Path


def unit(rows: np.ndarray) -> np.ndarray:
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def clouds(people: int, each: int, spread: float) -> tuple[np.ndarray, np.ndarray]:
    draw = np.random.default_rng(1)
    centres = draw.standard_normal((people, 128))
    whose = np.repeat(np.arange(people), each)
    return unit(centres[whose] + spread * draw.standard_normal((len(whose), 128))), whose


def test_principal_components_are_those_of_the_singular_values() -> None:
    matrix, _ = clouds(5, 40, 0.3)
    found = faces_map.principal(matrix)
    centred = matrix - matrix.mean(axis=0)
    _, _, directions = np.linalg.svd(centred, full_matrices=False)
    for column in range(2):
        expected = centred @ directions[column]
        same = np.abs(np.corrcoef(found[:, column], expected)[0, 1])
        assert same > 0.9999
    assert found[:, 0].std() > found[:, 1].std()
    again = faces_map.principal(matrix[::-1])[::-1]
    assert np.allclose(found, again, atol=1e-4), "the order of the faces turns nothing round"


@pytest.mark.parametrize("count", [0, 1, 2, 3])
def test_few_faces_are_no_trouble(count: int) -> None:
    matrix, whose = clouds(2, 5, 0.1)
    places = faces_map.scaled(faces_map.principal(matrix[:count]))
    assert places.shape == (count, 2)
    found = faces_map.pairs(matrix[:count], whose[:count])
    assert found.genuine_count + found.impostor_count == count * (count - 1) // 2


def test_places_fill_the_square_and_no_outlier_shrinks_it() -> None:
    draw = np.random.default_rng(2)
    places = draw.standard_normal((5000, 2)).astype(np.float32)
    places[0] = 1e6
    found = faces_map.scaled(places)
    inner = found[1:]
    assert (inner[:, 0] > 0.2 * faces_map.SCALE).mean() > 0.8
    assert np.ptp(inner[:, 0]) > 0.9 * faces_map.SCALE


def test_pairs_of_one_person_are_more_alike() -> None:
    matrix, whose = clouds(30, 10, 0.5)
    found = faces_map.pairs(matrix, whose)
    assert found.genuine_count == 30 * 45
    assert found.impostor_count == 300 * 299 // 2 - 30 * 45
    steps = np.linspace(found.lowest, found.highest, faces_map.BINS + 1)[:-1]
    genuine, impostor = np.array(found.genuine), np.array(found.impostor)
    assert genuine.sum() == pytest.approx(1, abs=1e-3) == impostor.sum()
    assert genuine @ steps > impostor @ steps + 0.3


def test_the_night_brings_a_map_that_keeps_neighbours(tmp_path: Path, test_data: Path) -> None:
    pytest.importorskip("sklearn")
    assert "tsne" in projections.available()
    home = build_home(tmp_path / "home", models={"weights": str(test_data / "weights")})
    for picture in ("obama_and_biden.jpg", "two_people.jpg", "couple.jpg", "obama1.jpg"):
        shutil.copy(test_data / "photos" / "examples" / picture, home.inbox)
    with home.watching():
        home.wait(lambda: home.value("SELECT count(*) FROM media WHERE state = 'done'") == 4)
        with closing(connect(home.catalog)) as connection, transaction(connection):
            number = jobs.enqueue(connection, projections.KIND, "tsne")
        home.wait(lambda: home.query("SELECT 1 FROM jobs WHERE id = ? AND state = 'done'", number))
    faces = home.value("SELECT count(*) FROM faces WHERE state = 'active'")
    assert home.value("SELECT count(*) FROM projections WHERE method = 'tsne'") == faces >= 5
    assert home.value("SELECT min(x) >= -5000 AND max(x) <= 15000 FROM projections")
