"""Which of many pictures somebody is known by."""

from __future__ import annotations

import numpy as np
import pytest

from daemon.people.exemplars import MOST, best_and_most_different
from tests.makers import crowd, looks

ROSA, CHILD = crowd(2, seed=4)


def test_few_are_all_kept() -> None:
    vectors = looks(ROSA, 5, 1)
    assert best_and_most_different(vectors, np.linspace(0, 1, 5)) == [0, 1, 2, 3, 4]


def test_of_many_the_best_and_those_that_are_like_no_other_are_kept() -> None:
    """Sixty pictures of a woman, three of the child that she was."""
    vectors = np.concatenate([looks(ROSA, 60, 1, cosine=0.995), looks(CHILD, 3, 2)])
    qualities = np.full(63, 0.8)
    qualities[17] = 0.9
    kept = best_and_most_different(vectors, qualities, most=6)
    assert len(kept) == 6
    assert 17 in kept
    assert {60, 61, 62} <= set(kept)


def test_a_poor_picture_is_kept_for_being_different_only_if_it_is_very_different() -> None:
    vectors = np.concatenate([looks(ROSA, 30, 1), looks(ROSA, 30, 2)])
    qualities = np.concatenate([np.full(30, 0.9), np.full(30, 0.1)])
    kept = best_and_most_different(vectors, qualities, most=10)
    assert max(kept) < 30


@pytest.mark.parametrize("count", [MOST, MOST + 1, 3 * MOST])
def test_there_is_an_end(count: int) -> None:
    kept = best_and_most_different(np.repeat(ROSA[None], count, axis=0), np.ones(count))
    assert len(kept) == len(set(kept)) == MOST
