"""The benchmarks' own measures, on pairs of which the answer is known."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from benchmarks import (
    calibration,
    combinations,
    isotonic,
    labelled,
    lfw,
    small_owners,
    verification,
)
from daemon.people.calibration import thresholds
from tests.makers import crowd, looks


def people(count: int, pictures: int, *, cosine: float = 0.97) -> verification.Vectors:
    """Made-up faces of so many people, as the pictures of Labeled Faces in the Wild lie."""
    return {
        Path(f"person{person:03d}", f"{number}.jpg"): vector
        for person, centre in enumerate(crowd(count, seed=5))
        for number, vector in enumerate(looks(centre, pictures, seed=person, cosine=cosine))
    }


def test_acceptance_of_everybody_is_what_counting_gives() -> None:
    vectors = people(40, 5, cosine=0.88)
    pairs, every = verification.pairs_of(vectors), verification.all_pairs(vectors)
    assert (len(pairs.genuine), len(pairs.impostor)) == (400, 200 * 199 // 2 - 400)
    for rate in (1e-2, 5e-3):
        allowed = np.sort(pairs.impostor)[::-1][int(rate * len(pairs.impostor))]
        expected = float((pairs.genuine > allowed).mean())
        assert verification.acceptance(every, every.everybody, rate) == expected
        assert 0 < expected < 1


def test_a_half_is_measured_on_its_own_pairs_only() -> None:
    vectors = people(40, 5, cosine=0.88)
    one, other = verification.halves(40)
    assert (one + other == 1).all() and one.sum() == 20
    alone = verification.all_pairs(verification.half_vectors(vectors, other))
    assert len(alone.faces) == 20
    assert verification.acceptance(
        verification.all_pairs(vectors), other, 1e-2
    ) == verification.acceptance(alone, alone.everybody, 1e-2)


def test_a_person_drawn_twice_counts_as_two() -> None:
    every = verification.all_pairs(people(40, 5, cosine=0.88))
    twice = 2 * every.everybody
    # Every pair of strangers counts four times, every pair of one person twice.
    assert verification.acceptance(every, twice, 1e-2) == pytest.approx(
        verification.acceptance(every, every.everybody, 1e-2), abs=0.05
    )
    low, high = verification.interval(every, every.everybody, 1e-2, rounds=50)
    assert low < verification.acceptance(every, every.everybody, 1e-2) < high


def test_isotonic_steps_rise_and_hit_the_shares() -> None:
    draw = np.random.default_rng(0)
    genuine = draw.normal(0.96, 0.02, 5000).astype(np.float32)
    impostor = draw.normal(0.90, 0.02, 5000).astype(np.float32)
    steps = isotonic.fit(genuine, impostor)
    assert (np.diff(steps.values) >= 0).all()
    assert steps.confidence(np.float32([0.93]))[0] == pytest.approx(0.5, abs=0.1)
    assert steps.error(genuine, impostor) < 0.01
    # The wrong way round every pair violates: one step is left.
    assert np.unique(isotonic.fit(impostor, genuine).values).size < 20


def test_more_people_scatter_less_and_are_trusted_more() -> None:
    vectors = people(100, 5)
    found = small_owners.tried(vectors, (10, 60), owners=12)
    rows = {it["people"]: it for it in found}
    assert rows[60]["scatter"] < rows[10]["scatter"]
    assert rows[60]["corrected"] < rows[60]["start"]
    assert "corrected" in small_owners.as_text(found)
    assert thresholds(verification.pairs_of(vectors).impostor)["lenient"] > 0.5


def test_the_table_holds_what_is_here_and_names_the_rest(test_data: Path, tmp_path: Path) -> None:
    pairs = lfw.limited(lfw.read_pairs(test_data / "lfw-dev"), [0, 1, 2], 2)
    rows, absent = combinations.measured(
        pairs, labelled.settings(test_data, tmp_path), ("yunet", "opencv", "scrfd", "Dlib", "SFace")
    )
    assert [(it["detector"], it["model"]) for it in rows] == [("yunet", "Dlib"), ("opencv", "Dlib")]
    assert absent == {"scrfd": "no weights", "SFace": "no weights"}
    assert rows[0]["without_a_face"] == 0 and rows[0]["accuracy"] > 0.7
    *_, last = combinations.as_text(rows, absent)
    assert last == "Absent: scrfd, SFace (no weights)."


def test_the_calibration_runs_to_the_end(
    test_data: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("ROLLCALL_TEST_DATA", str(test_data))
    calibration.main(["--limit", "80", "--no-owners", "--json"])
    answer = json.loads(capsys.readouterr().out)
    assert all(half["error"] < 0.1 for half in answer["halves"])
    start = answer["starting"]["mirrored mean"]
    assert start["genuine"] > 50 and start["slope"] > 50
    assert 0.85 < start["thresholds"]["lenient"] < 0.95
    assert "for daemon/people/starting.py" in calibration.as_text(answer)
