"""A short run of the table of which way measures go."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks import quality_moves
from benchmarks.degradations import EVERY
from catalog.measures import MEASURES

if TYPE_CHECKING:
    from pathlib import Path


def test_a_short_run_finds_measures_that_go_the_right_way(test_data: Path) -> None:
    result = quality_moves.measured(4)
    shares = {(kind, name): share for kind, name, share in result["moves"]}
    assert shares.keys() == quality_moves.MOVES.keys()
    assert {kind for kind, _ in shares} <= EVERY.keys()
    assert {name for _, name in shares} <= MEASURES.keys()
    sure = [("defocus", "blur"), ("dark", "brightness"), ("noise", "noise"), ("far", "size_px")]
    assert all(shares[it] == 1 for it in sure)
    assert len(quality_moves.as_text(result).splitlines()) == 2 + len(shares) + len(result["stays"])
