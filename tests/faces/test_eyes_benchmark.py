"""The benchmark of eyes: its formulas, and a short run where the predictor is here."""

from __future__ import annotations

import importlib.util
from typing import TYPE_CHECKING

import numpy as np
import pytest

from benchmarks import eyes

if TYPE_CHECKING:
    from pathlib import Path


def test_auc_of_all_right_all_wrong_and_chance() -> None:
    ratios = np.linspace(0.1, 0.4, 100)
    assert eyes.auc(ratios, ratios) == 1
    assert eyes.auc(-ratios, ratios) == 0
    low, high = eyes.interval(np.random.default_rng(0).uniform(size=100), ratios)
    assert low < 0.5 < high


def test_a_short_run(test_data: Path) -> None:
    if importlib.util.find_spec("dlib") is None:
        pytest.skip("dlib is not installed")
    if importlib.util.find_spec("face_recognition_models") is None:
        pytest.skip("the package face_recognition_models is not installed")
    ours, ratios = eyes.measured(40)
    assert len(ours) == len(ratios) >= 38
    assert (ratios > 0.05).all() and (ratios < 0.6).all()
    assert eyes.auc(ours, ratios) > 0.5
