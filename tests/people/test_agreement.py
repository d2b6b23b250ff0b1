"""Agreement of groups with people, against examples counted by hand."""

import numpy as np
import pytest

from daemon.people.agreement import bcubed, pairwise


def _labels(text):
    return np.array([ord(letter) for letter in text], np.int64)


@pytest.mark.parametrize(
    ("groups", "people", "precision", "recall"),
    [
        pytest.param("aabb", "xxyy", 1.0, 1.0, id="the_same"),
        # Each face alone: all right, but of each person's two faces one.
        pytest.param("abcd", "xxyy", 1.0, 0.5, id="everybody_alone"),
        # One group: half of it is each face's person.
        pytest.param("aaaa", "xxyy", 0.5, 1.0, id="all_together"),
        # Group a: two x (2/3 each) and one y (1/3); group b: one y (1). x whole (1, 1), y 1/2 each.
        pytest.param("aaab", "xxyy", (2 / 3 + 2 / 3 + 1 / 3 + 1) / 4, 3 / 4, id="one_astray"),
    ],
)
def test_bcubed_is_what_one_counts_by_hand(groups, people, precision, recall):
    scores = bcubed(_labels(groups), _labels(people))
    assert scores.precision == pytest.approx(precision)
    assert scores.recall == pytest.approx(recall)
    assert scores.f == pytest.approx(2 * precision * recall / (precision + recall))


@pytest.mark.parametrize(
    ("groups", "people", "precision", "recall"),
    [
        pytest.param("aabb", "xxyy", 1.0, 1.0, id="the_same"),
        pytest.param("abcd", "xxyy", 1.0, 0.0, id="everybody_alone"),
        pytest.param("aaaa", "xxyy", 2 / 6, 1.0, id="all_together"),
        pytest.param("aaab", "xxyy", 1 / 3, 1 / 2, id="one_astray"),
        pytest.param("abc", "xyz", 1.0, 1.0, id="no_pairs"),
    ],
)
def test_pairwise_is_what_one_counts_by_hand(groups, people, precision, recall):
    scores = pairwise(_labels(groups), _labels(people))
    assert (scores.precision, scores.recall) == pytest.approx((precision, recall))


def test_scores_do_not_depend_on_which_numbers_the_groups_have():
    draw = np.random.default_rng(4)
    labels, truth = draw.integers(0, 30, 400), draw.integers(0, 40, 400)
    renamed = draw.permutation(30)[labels] * 7 - 50
    assert bcubed(renamed, truth) == bcubed(labels, truth)
    assert pairwise(renamed, truth) == pairwise(labels, truth)


def test_counting_gives_what_comparing_every_pair_gives():
    draw = np.random.default_rng(5)
    labels, truth = draw.integers(0, 9, 120), draw.integers(0, 12, 120)
    together = labels[:, None] == labels[None, :]
    same = truth[:, None] == truth[None, :]
    both = together & same
    assert bcubed(labels, truth).precision == pytest.approx((both.sum(1) / together.sum(1)).mean())
    assert bcubed(labels, truth).recall == pytest.approx((both.sum(1) / same.sum(1)).mean())
    upper = np.triu_indices(120, 1)
    assert pairwise(labels, truth).precision == pytest.approx(
        both[upper].sum() / together[upper].sum()
    )
    assert pairwise(labels, truth).recall == pytest.approx(both[upper].sum() / same[upper].sum())


def test_nothing_agrees_with_nothing():
    nothing = np.empty(0, np.int64)
    assert bcubed(nothing, nothing).f == 1.0
    assert pairwise(nothing, nothing).f == 1.0


def test_labels_of_other_faces_are_refused():
    with pytest.raises(ValueError, match="2 labels for 3 faces"):
        bcubed(np.zeros(2, np.int64), np.zeros(3, np.int64))
