"""The benchmark of quality: its measures on faces made up, and a short run on real ones."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from benchmarks import degradations, faces_made_worse, quality
from benchmarks.discard import Pairs, drawn_pictures, share_of_oracle
from benchmarks.faces_made_worse import CLEAN, Faces
from benchmarks.quality_fit import as_module, fit, goodness_of, scores_of
from catalog.measures import MEASURES
from tests.makers import crowd, looks

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="module")
def made_up() -> Faces:
    """80 people with three pictures, clean and degraded: the detector's confidence tells how much a
    vector is off, the other measures nothing.
    """
    draw = np.random.default_rng(0)
    people, kinds, vectors, confidence = [], [], [], []
    for person, centre in enumerate(crowd(80, seed=3)):
        for _ in range(3):
            for kind in (CLEAN, "defocus", "noise"):
                off = float(draw.uniform(0, 0.02 if kind == CLEAN else 0.12))
                vectors.append(looks(centre, 1, len(vectors), cosine=0.99 - off)[0])
                people.append(person)
                kinds.append(kind)
                confidence.append(0.95 - 4 * off + draw.normal(0, 0.02))
    count = len(people)
    measures = {name: draw.uniform(0.3, 0.6, count) for name in MEASURES}
    return Faces(
        people=np.array(people),
        pictures=np.arange(count) // 3,
        kinds=np.array(kinds),
        vectors=np.array(vectors),
        measures={**measures, "confidence": np.array(confidence)},
        lost={},
    )


def pairs_of(faces: Faces) -> Pairs:
    everybody = np.ones(len(faces.people), bool)
    return Pairs.of(
        faces, drawn_pictures(faces, everybody, ["defocus", "noise"], 0.5, seed=1), seed=1
    )


def test_half_of_the_pictures_are_degraded_each_once(made_up: Faces) -> None:
    everybody = np.ones(len(made_up.people), bool)
    rows = drawn_pictures(made_up, everybody, ["noise"], 0.5, seed=0)
    assert len(rows) == len(set(made_up.pictures[rows])) == 240
    assert set(made_up.kinds[rows]) == {CLEAN, "noise"}
    assert 0.4 < (made_up.kinds[rows] == CLEAN).mean() < 0.6
    assert set(made_up.kinds[drawn_pictures(made_up, everybody, [], 0.0, seed=0)]) == {CLEAN}


def test_the_oracle_gains_all_and_chance_nothing(made_up: Faces) -> None:
    pairs = pairs_of(made_up)
    curve = pairs.oracle()
    assert curve == sorted(curve, reverse=True)
    assert 0.05 < curve[0] == pairs.failed.mean() < 0.9
    similar = np.zeros(len(made_up.people))
    chance = [
        share_of_oracle(pairs, np.random.default_rng(it).uniform(size=len(similar)))
        for it in range(40)
    ]
    assert abs(float(np.mean(chance))) < 0.05
    assert 0.3 < share_of_oracle(pairs, made_up.measures["confidence"]) < 1


def test_the_fit_finds_what_tells_and_no_slope_is_negative(made_up: Faces) -> None:
    everybody = np.ones(len(made_up.people), bool)
    goodness = goodness_of(made_up)
    found = fit(made_up, goodness, everybody)
    assert all(it.slope >= 0 and it.steeper >= 0 for it in found.terms.values())
    pairs = pairs_of(made_up)
    ours = share_of_oracle(pairs, scores_of(goodness, found))
    assert ours > 0.9 * share_of_oracle(pairs, made_up.measures["confidence"])
    worse = replace(
        made_up, measures={**made_up.measures, "confidence": np.full(len(made_up.people), 0.5)}
    )
    assert (scores_of(goodness_of(worse), found) <= scores_of(goodness, found) + 1e-9).mean() > 0.9
    lines = as_module(found)
    assert lines.startswith("CONSTANT: Final = ")
    assert '"confidence": Term(knee=' in lines


@pytest.mark.parametrize("kind", degradations.EVERY)
def test_a_degradation_is_the_same_each_time_and_more_each_time(kind: str) -> None:
    picture = np.random.default_rng(0).integers(60, 200, (60, 50, 3)).astype(np.uint8)
    degrade = degradations.EVERY[kind]

    def worse(strength: int) -> np.ndarray:
        return degrade(picture, strength, np.random.default_rng(7), (10, 10, 30, 40))

    assert (worse(0) == worse(0)).all()
    if kind != "far":
        off = [np.abs(worse(it).astype(int) - picture).mean() for it in (0, 4)]
        assert 0 < off[0] < off[1]
    else:
        assert worse(4).shape[0] < worse(0).shape[0] < 60


def test_a_short_run_on_real_photographs(test_data: Path, tmp_path: Path) -> None:
    faces = faces_made_worse.read(24, processes=1)
    assert set(faces.kinds) == {CLEAN, *degradations.EVERY}
    asked = {"stability", "eye_aspect_ratio"}
    for name, values in faces.measures.items():
        assert np.isnan(values).all() if name in asked else np.isfinite(values).all(), name
    result = quality.measured(faces, np.ones(len(faces.people), bool) & (faces.pictures % 2 == 0))
    assert {"ours", "confidence", "agreement"} <= result["shares"].keys()
    assert "kinds that the fit never saw" in quality.as_text(result)
    quality.draw_curves(result, str(tmp_path / "curves.png"))
    assert (tmp_path / "curves.png").stat().st_size > 1000
