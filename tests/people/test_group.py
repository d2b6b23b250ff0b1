"""Grouping faces that no reference person explains."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.spatial.distance import pdist

from daemon.people import group as group_module
from daemon.people.group import Units, average_linkage, group, join, numbered
from tests.makers import crowd, looks, unit

SEEDS = st.integers(0, 10**6)


def partition(labels: np.ndarray) -> set[frozenset[int]]:
    return {frozenset(np.flatnonzero(labels == label).tolist()) for label in np.unique(labels)}


def apart(count: int) -> np.ndarray:
    """Every face in a picture of its own."""
    return np.arange(count)


def faces_of(people: int, pictures: int, seed: int, *, cosine: float = 0.98) -> np.ndarray:
    centres = crowd(people, seed)
    return np.concatenate(
        [looks(centre, pictures, seed + i, cosine=cosine) for i, centre in enumerate(centres)]
    )


def test_people_as_similar_as_dlib_sees_them_are_told_apart() -> None:
    labels = group(faces_of(8, 6, seed=3), apart(48), 0.9)
    assert partition(labels) == {frozenset(range(i, i + 6)) for i in range(0, 48, 6)}


@settings(derandomize=True, max_examples=40, deadline=None)
@given(seed=SEEDS, count=st.integers(2, 30), threshold=st.sampled_from([0.2, 0.5, 0.8, 0.95]))
def test_it_is_average_linkage(seed: int, count: int, threshold: float) -> None:
    rng = np.random.default_rng(seed)
    vectors = unit(rng.standard_normal((count, 3)))
    tree = linkage(pdist(vectors.astype(np.float64), "cosine"), "average")
    expected = fcluster(tree, 1 - threshold, "distance")
    assert partition(group(vectors, apart(count), threshold)) == partition(expected)


@settings(derandomize=True, max_examples=40, deadline=None)
@given(seed=SEEDS, count=st.integers(2, 40), pictures=st.integers(3, 40))
def test_the_order_of_the_faces_does_not_matter(seed: int, count: int, pictures: int) -> None:
    rng = np.random.default_rng(seed)
    vectors = unit(rng.standard_normal((count, 3)))
    where = rng.integers(0, pictures, count)
    turned = rng.permutation(count)
    one = partition(group(vectors, where, 0.7))
    other = group(vectors[turned], where[turned], 0.7)
    back = np.empty(count, np.int64)
    back[turned] = other
    assert partition(back) == one


@settings(derandomize=True, max_examples=40, deadline=None)
@given(seed=SEEDS, count=st.integers(2, 40), pictures=st.integers(1, 8))
def test_two_faces_of_one_picture_are_never_one_person(
    seed: int, count: int, pictures: int
) -> None:
    rng = np.random.default_rng(seed)
    vectors = unit(rng.standard_normal((count, 3)) + 2)
    where = rng.integers(0, pictures, count)
    labels = group(vectors, where, 0.5)
    assert len(set(zip(labels.tolist(), where.tolist(), strict=True))) == count


def test_of_rivals_in_a_picture_the_most_similar_stays() -> None:
    rosa = looks(crowd(1)[0], 40, seed=2, cosine=0.99)
    stranger = looks(crowd(1)[0], 1, seed=9, cosine=0.96)
    vectors = np.concatenate([rosa, stranger])
    where = np.append(np.arange(40), 0)
    labels = group(vectors, where, 0.9)
    assert len(set(labels[:40].tolist())) == 1
    assert labels[40] != labels[0]


@settings(derandomize=True, max_examples=40, deadline=None)
@given(seed=SEEDS, count=st.integers(2, 25))
def test_it_merges_what_merging_the_nearest_allowed_pair_again_and_again_does(
    seed: int, count: int
) -> None:
    """Weights, identities and pairs kept apart, against the plainest way to do it."""
    rng = np.random.default_rng(seed)
    vectors = unit(rng.standard_normal((count, 3)) + 1)
    weights = rng.uniform(0.1, 1, count).astype(np.float32)
    identities = rng.choice([0, 0, 0, 1, 2], count)
    guarded = np.where(identities == 1, 0.1, 0.0).astype(np.float32)
    apart_ = {tuple(sorted(it)) for it in rng.integers(0, count, (count, 2)) if it[0] != it[1]}
    units = Units(
        sums=vectors * weights[:, None],
        weights=weights,
        identities=identities,
        apart=apart_,
        guarded=guarded,
    )
    groups = [[i] for i in range(count)]

    def likeness(a: list[int], b: list[int]) -> float:
        known = {int(identities[i]) for i in (*a, *b)} - {0}
        if len(known) > 1 or any(tuple(sorted((i, j))) in apart_ for i in a for j in b):
            return -2.0
        both = np.outer(weights[a], weights[b])
        mean = float((both * (vectors[a] @ vectors[b].T)).sum() / both.sum())
        return mean - float(max(guarded[a].max(), guarded[b].max()))

    while len(groups) > 1:
        similarity, a, b = max(
            (likeness(a, b), a, b) for k, a in enumerate(groups) for b in groups[:k]
        )
        if similarity < 0.8:
            break
        groups = [it for it in groups if it not in (a, b)] + [a + b]
    assert partition(average_linkage(units, 0.8)) == {frozenset(it) for it in groups}


@pytest.mark.parametrize(("rows", "columns"), [(1, 1), (3, 7), (1000, 5)])
def test_blocks_do_not_change_it(monkeypatch: pytest.MonkeyPatch, rows: int, columns: int) -> None:
    vectors = unit(np.random.default_rng(4).standard_normal((60, 3)))
    where = np.arange(60) // 2
    expected = partition(group(vectors, where, 0.8))
    monkeypatch.setattr(group_module, "ROWS", rows)
    monkeypatch.setattr(group_module, "COLUMNS", columns)
    assert partition(group(vectors, where, 0.8)) == expected


@pytest.mark.parametrize("count", [0, 1])
def test_few_faces(count: int) -> None:
    vectors = np.ones((count, 1), np.float32)
    assert group(vectors, apart(count), 0.9).tolist() == [0] * count


def test_copies_of_one_face_are_one_person() -> None:
    vectors = np.repeat(crowd(1), 7, axis=0)
    assert group(vectors, apart(7), 0.99).tolist() == [0] * 7


@pytest.mark.parametrize("threshold", [-1.0, 1.0])
def test_thresholds_at_the_ends(threshold: float) -> None:
    vectors = faces_of(2, 3, seed=1)
    expected = 1 if threshold < 0 else 6
    assert len(partition(group(vectors, apart(6), threshold))) == expected


def test_groups_are_numbered_by_first_appearance() -> None:
    assert numbered(np.array([5, 2, 5, 9, 2, 0])).tolist() == [0, 1, 0, 2, 1, 3]
    assert numbered(np.array([], np.int64)).tolist() == []


class TestJoin:
    MEANS = np.stack(
        [faces_of(2, 3, seed=1)[:3].mean(axis=0), faces_of(2, 3, seed=1)[3:].mean(axis=0)]
    )

    def test_a_face_may_join_the_group_it_is_like(self) -> None:
        loose = np.concatenate([looks(crowd(2, 1)[1], 1, 9), looks(crowd(9, 77)[0], 1, 8)])
        ((face, label, similar),) = join(loose, self.MEANS, 0.9)
        assert (face, label) == (0, 1)
        assert similar[1] == pytest.approx(float(loose[0] @ self.MEANS[1]), abs=1e-6)

    def test_the_most_similar_come_first(self) -> None:
        found = join(faces_of(2, 4, seed=1, cosine=0.95), self.MEANS, 0.5)
        values = [similar[label] for _, label, similar in found]
        assert len(values) == 16
        assert values == sorted(values, reverse=True)

    def test_nothing_to_join_or_nobody_to_join_it(self) -> None:
        none = np.zeros((0, 128), np.float32)
        assert join(none, self.MEANS, 0.9) == []
        assert join(self.MEANS, none, 0.9) == []
