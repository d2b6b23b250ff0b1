from __future__ import annotations

import math

import numpy as np
import pytest

from daemon.faces.registry import KNOWN_SHA256
from daemon.people.calibration import (
    Pairs,
    fit,
    recalibrated,
    refined,
    reliability_error,
    thresholds,
)
from daemon.people.curve import RATES, Calibration, Curve
from daemon.people.starting import published, starting

BUILT_IN = Calibration(
    source="built in",
    curve=Curve(slope=100.0, intercept=-90.0),
    thresholds={"strict": 0.94, "group": 0.93, "balanced": 0.92, "lenient": 0.90},
)


def normal(mean: float, count: int, *, seed: int, spread: float = 0.02) -> np.ndarray:
    """Similarities around a mean."""
    return np.random.default_rng(seed).normal(mean, spread, count).astype(np.float32)


def pairs(genuine: np.ndarray, impostor: np.ndarray, *, people: int = 1000) -> Pairs:
    return Pairs(genuine=genuine, impostor=impostor, faces=len(genuine), people=people)


def test_the_curve_of_two_bells_is_the_one_that_theory_gives() -> None:
    # Log-odds of two normals of one spread: slope (m1 - m0)/s², even odds half-way between.
    curve = fit(normal(0.96, 60_000, seed=0), normal(0.90, 60_000, seed=1))
    assert curve.slope == pytest.approx(0.06 / 0.02**2, rel=0.03)
    assert curve.similarity_at(0.0) == pytest.approx(0.93, abs=0.001)


def test_both_kinds_of_pairs_weigh_the_same() -> None:
    genuine, impostor = normal(0.96, 2000, seed=0), normal(0.90, 2000, seed=1)
    curve, lopsided = fit(genuine, impostor), fit(genuine, np.tile(impostor, 20))
    assert lopsided.slope == pytest.approx(curve.slope, rel=1e-4)
    assert lopsided.intercept == pytest.approx(curve.intercept, rel=1e-4)


def test_pairs_that_a_similarity_divides_still_give_a_curve() -> None:
    curve = fit(np.float32([0.9, 0.95]), np.float32([0.1, 0.2]))
    assert 0 < curve.slope < math.inf
    assert curve.confidence(0.9) > 0.99 > 0.01 > curve.confidence(0.2)


def test_a_curve_needs_both_kinds() -> None:
    with pytest.raises(ValueError, match="both kinds"):
        fit(np.float32([]), np.float32([0.1]))


def test_confidence_rises_from_0_to_1_and_says_what_the_log_odds_say() -> None:
    curve = BUILT_IN.curve
    values = [curve.confidence(similarity) for similarity in np.linspace(-1, 1, 50)]
    assert values == sorted(values)
    assert values[0] == pytest.approx(0) and values[-1] == pytest.approx(1, abs=1e-4)
    assert curve.confidence(0.9) == 0.5
    assert curve.log_odds(curve.similarity_at(3.0)) == pytest.approx(3.0)


def test_a_threshold_is_exceeded_by_its_share_of_strangers() -> None:
    impostor = np.random.default_rng(0).permutation(np.arange(1_000_000, dtype=np.float32))
    found = thresholds(impostor)
    assert set(found) == set(RATES)
    for name, value in found.items():
        assert int((impostor > value).sum()) == round(RATES[name] * len(impostor))


def test_a_rate_that_too_few_pairs_could_tell_is_left_out() -> None:
    assert set(thresholds(normal(0.9, 10_000, seed=0))) == {"balanced", "lenient"}
    assert thresholds(normal(0.9, 999, seed=0)) == {}


def test_many_own_people_replace_the_thresholds_and_few_hardly_move_them() -> None:
    genuine, impostor = normal(0.8, 2000, seed=0), normal(0.5, 200_000, seed=1)
    own = thresholds(impostor)
    many = recalibrated(pairs(genuine, impostor, people=1000), BUILT_IN, "own")
    few = recalibrated(pairs(genuine, impostor, people=2), BUILT_IN, "own")
    for name in RATES:
        assert many.thresholds[name] == pytest.approx(own[name], abs=0.001)
        assert few.thresholds[name] == pytest.approx(BUILT_IN.thresholds[name], abs=0.02)
        assert few.thresholds[name] < BUILT_IN.thresholds[name]
    assert many.source == "own" and many.measured


def test_a_rate_that_own_pairs_cannot_tell_keeps_its_distance() -> None:
    found = recalibrated(
        pairs(normal(0.96, 500, seed=0), normal(0.85, 2000, seed=1)), BUILT_IN, "own"
    ).thresholds
    for name in ("strict", "group", "balanced"):
        apart = BUILT_IN.thresholds[name] - BUILT_IN.thresholds["lenient"]
        assert found[name] - found["lenient"] == pytest.approx(apart)
    assert max(found.values()) <= 1


def test_too_few_strangers_are_refused() -> None:
    with pytest.raises(ValueError, match="too few"):
        recalibrated(pairs(normal(0.96, 50, seed=0), normal(0.9, 50, seed=1)), BUILT_IN, "own")


def test_own_pairs_move_the_curve_the_more_the_more_faces_there_are() -> None:
    genuine, impostor = normal(0.90, 3000, seed=0), normal(0.80, 3000, seed=1)
    middle = [
        refined(
            Pairs(genuine=genuine, impostor=impostor, faces=faces, people=9), BUILT_IN.curve
        ).similarity_at(0.0)
        for faces in (1, 30, 100_000)
    ]
    # Built in, even odds are at 0.90; these pairs say 0.85.
    assert 0.90 > middle[0] > middle[1] > middle[2]
    assert middle[2] == pytest.approx(0.85, abs=0.002)


def test_a_true_curve_is_reliable_and_a_boastful_one_is_not() -> None:
    genuine, impostor = normal(0.96, 20_000, seed=0), normal(0.90, 20_000, seed=1)
    curve = fit(genuine, impostor)
    boastful = Curve(slope=5 * curve.slope, intercept=5 * curve.intercept)
    error, rows = reliability_error(curve, genuine, impostor)
    assert error < 0.01 < 0.04 < reliability_error(boastful, genuine, impostor)[0]
    assert sum(weight for weight, _, _ in rows) == pytest.approx(1)
    assert all(abs(mean - share) < 0.05 for weight, mean, share in rows if weight > 0.01)


DLIB = KNOWN_SHA256["dlib_face_recognition_resnet_model_v1.dat"]


@pytest.mark.parametrize(
    ("model", "sha256", "geometry", "measured"),
    [
        pytest.param("Dlib", DLIB, "dlib150-v2+mirror", True, id="the default"),
        pytest.param("Dlib", DLIB, "dlib150-v2", True, id="without the mirror"),
        pytest.param("Dlib", "0" * 64, "dlib150-v2", False, id="other weights"),
        pytest.param("Dlib", DLIB, "another", False, id="another crop"),
        pytest.param("ArcFace", "0" * 64, "arcface112-v2", False, id="another model"),
    ],
)
def test_only_what_was_counted_calls_itself_measured(
    model: str, sha256: str, geometry: str, *, measured: bool
) -> None:
    found = starting(model, sha256, geometry)
    assert found.measured is measured
    ordered = [found.thresholds[name] for name in RATES]
    assert set(found.thresholds) == set(RATES)
    assert ordered == sorted(ordered, reverse=True)


def test_a_published_distance_is_likely_one_person_at_half_of_it() -> None:
    found = published("ArcFace")
    assert found.curve.confidence(1 - 0.68 / 2) > 0.99
    assert found.curve.confidence(1 - 2 * 0.68) < 0.01
