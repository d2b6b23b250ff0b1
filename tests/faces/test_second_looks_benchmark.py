from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from benchmarks import second_looks
from tests.makers import crowd, looks

if TYPE_CHECKING:
    from benchmarks.verification import Vectors


def faces(cosine: float, seed: int) -> Vectors:
    """Forty people with six pictures each."""
    return {
        Path(f"{number:02}", f"{i}.jpg"): vector
        for number, centre in enumerate(crowd(40, 1, alike=0.97))
        for i, vector in enumerate(looks(centre, 6, seed + number, cosine=cosine))
    }


def test_looks_that_hold_more_of_the_person_tell_more_people_apart() -> None:
    result = second_looks.measured(faces(0.9, 0), faces(0.94, 100))
    first, second = (result["tar"][name]["1e-02"]["tar"] for name in ("first", "second"))
    assert second > first + 0.05
    # Of strangers who were just alike enough by chance hardly one is so again.
    doubt = result["doubt"]["balanced"]["strangers"]
    assert doubt["pairs"] > 0 and doubt["fall"] > 0.5


def test_the_same_looks_change_nothing() -> None:
    same = faces(0.97, 0)
    result = second_looks.measured(same, same)
    assert result["tar"]["first"] == result["tar"]["second"]
    for it in result["doubt"].values():
        assert it["threshold"] == it["second_threshold"]
        assert it["one_person"]["fall"] in (0, pytest.approx(np.nan, nan_ok=True))


def test_it_measures_photographs(test_data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert test_data.is_dir()
    second_looks.main(["--limit", "24"])
    said = capsys.readouterr().out
    assert "24 pictures, 8 looks" in said and "balanced" in said
