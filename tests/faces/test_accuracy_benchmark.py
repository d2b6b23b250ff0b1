from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from benchmarks import lfw, report

REPOSITORY = Path(__file__).parents[2]


def rows(same: list[float], others: list[float], folds: int = 3) -> np.ndarray:
    made = [(i % folds, 1.0, value) for i, value in enumerate(same)]
    made += [(i % folds, 0.0, value) for i, value in enumerate(others)]
    return np.array(made)


def test_the_pairs_are_read_as_the_protocol_writes_them(test_data: Path) -> None:
    pairs = lfw.read_pairs(test_data / "lfw-dev")
    assert len(pairs) == 1800
    assert [sum(pair.fold == fold for pair in pairs) for fold in range(3)] == [600] * 3
    assert sum(pair.same for pair in pairs) == 900
    assert all(pair.first.parent == pair.second.parent for pair in pairs if pair.same)
    assert all(pair.first.is_file() and pair.second.is_file() for pair in pairs)


def test_a_limit_keeps_as_many_of_either_kind(test_data: Path) -> None:
    pairs = lfw.limited(lfw.read_pairs(test_data / "lfw-dev"), [0, 2], 5)
    assert len(pairs) == 20 and sum(pair.same for pair in pairs) == 10
    assert {pair.fold for pair in pairs} == {0, 2}


def test_pairs_that_a_threshold_divides_are_all_right() -> None:
    assert lfw.accuracy(rows([0.9, 0.8, 0.85], [0.1, 0.2, 0.3])) == 1


def test_the_threshold_comes_from_the_other_folds() -> None:
    # In fold 0 every pair is more alike than in the others; its own best threshold would be right.
    made = np.array(
        [(0, 1, 0.99), (0, 0, 0.95), (1, 1, 0.5), (1, 0, 0.1), (2, 1, 0.5), (2, 0, 0.1)]
    )
    assert lfw.accuracy(made) == pytest.approx(5 / 6)


@pytest.mark.parametrize(
    ("similarity", "same", "mistakes"),
    [
        pytest.param([0.1, 0.2, 0.8, 0.9], [False, False, True, True], 0, id="divided"),
        pytest.param([0.1, 0.2, 0.8, 0.9], [False, True, False, True], 1, id="mixed"),
        pytest.param([0.1, 0.2], [True, True], 0, id="all-the-same"),
    ],
)
def test_the_best_threshold_makes_the_fewest_mistakes(
    similarity: list[float], same: list[bool], mistakes: int
) -> None:
    values, truth = np.array(similarity), np.array(same)
    threshold = lfw.best_threshold(values, truth)
    assert int(((values >= threshold) != truth).sum()) == mistakes


def test_tar_at_far_counts_same_pairs_above_the_worst_allowed() -> None:
    others = [i / 1000 for i in range(1000)]  # at most one may exceed the threshold: 0.998
    assert lfw.acceptance(rows([0.9985, 0.998, 0.5, 1.0], others)) == 0.5


def test_an_interval_holds_the_statistic_and_narrows_with_samples() -> None:
    draw = np.random.default_rng(0)
    few, many = draw.normal(5, 1, 30), draw.normal(5, 1, 3000)
    narrow = report.bootstrap_interval(many, lambda it: float(it.mean()), rounds=300)
    wide = report.bootstrap_interval(few, lambda it: float(it.mean()), rounds=300)
    assert narrow[0] < 5 < narrow[1]
    assert narrow[1] - narrow[0] < wide[1] - wide[0]


def test_a_table_lines_up() -> None:
    lines = report.table(("name", "ms"), [("a", 1), ("longer", 12.5)]).splitlines()
    assert lines[2:] == ["a          1", "longer  12.5"]


def test_a_quick_look_runs_to_the_end(test_data: Path) -> None:
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "benchmarks.accuracy",
            "--no-peer",
            "--no-table",
            "--limit",
            "8",
            "--json",
        ],
        cwd=REPOSITORY,
        env={**os.environ, "ROLLCALL_TEST_DATA": str(test_data)},
        capture_output=True,
        text=True,
        timeout=200,
    )
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    assert answer["pairs"] == 48 and answer["without_a_face"] == 0
    assert answer["methods"]["Rollcall, plain chip"]["accuracy"] >= 0.9
    parts = answer["all_pairs"]["Rollcall, mirrored mean"]["parts"]
    assert set(parts) == {"everybody", "one half", "the other half"}
    for rates in parts.values():
        low, high = rates["1e-02"]["interval"]
        assert 0.7 < low <= rates["1e-02"]["tar"] <= high


@pytest.mark.long
def test_the_peer_runs_beside_it(test_data: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.accuracy", "--no-table", "--limit", "1", "--json"],
        cwd=REPOSITORY,
        env={**os.environ, "ROLLCALL_TEST_DATA": str(test_data)},
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert done.returncode == 0, done.stderr
    assert any("DeepFace" in name for name in json.loads(done.stdout)["methods"])
