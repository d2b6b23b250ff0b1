"""Grouping faces that no reference person explains."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.spatial.distance import pdist

from daemon.people import group as group_module
from daemon.people.group import group, join, numbered
from tests.makers import between, crowd, looks, unit

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


class TestComponents:
    @pytest.mark.parametrize("block", [3, 7, 1000])
    @pytest.mark.parametrize("held", [0, 5, 10**6], ids=["none held", "few held", "all held"])
    def test_blocks_do_not_change_them(
        self, monkeypatch: pytest.MonkeyPatch, block: int, held: int
    ) -> None:
        vectors = unit(np.random.default_rng(4).standard_normal((60, 3)))
        expected = partition(group(vectors, apart(60), 0.9))
        monkeypatch.setattr(group_module, "BLOCK", block)
        monkeypatch.setattr(group_module, "PAIRS_HELD", held)
        found = group_module._connected(vectors, 0.9)
        assert sorted(np.concatenate(found).tolist()) == list(range(60))
        similar = vectors @ vectors.T >= 0.9
        for members in found:
            others = np.setdiff1d(np.arange(60), members)
            assert not similar[np.ix_(members, others)].any()
        assert partition(group(vectors, apart(60), 0.9)) == expected

    def test_a_chain_is_one_component_and_several_people(self) -> None:
        angles = np.arange(40) * 0.3
        chain = np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)[:20]
        assert len(group_module._connected(chain, 0.95)) == 1
        assert len(partition(group(chain, apart(20), 0.95))) > 5

    def test_to_break_one_that_is_too_large_does_not_change_who_is_who(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        rosa, ada = crowd(2, seed=5)
        vectors = np.concatenate(
            [looks(rosa, 20, 1), looks(ada, 20, 2), looks(between(rosa, ada, 0.45), 1, 3)]
        )
        assert len(group_module._connected(vectors, 0.9)) == 1
        expected = {frozenset([*range(20), 40]), frozenset(range(20, 40))}
        assert partition(group(vectors, apart(41), 0.9)) == expected
        monkeypatch.setattr(group_module, "LARGEST_COMPONENT", 15)
        assert len(group_module._pieces(vectors, apart(41))) > 2
        assert partition(group(vectors, apart(41), 0.9)) == expected

    @pytest.mark.parametrize("seed", range(4))
    def test_one_person_in_too_many_photos_stays_one_person(
        self, monkeypatch: pytest.MonkeyPatch, seed: int
    ) -> None:
        vectors = faces_of(2, 60, seed=seed, cosine=0.975)
        expected = {frozenset(range(60)), frozenset(range(60, 120))}
        assert partition(group(vectors, apart(120), 0.9)) == expected
        monkeypatch.setattr(group_module, "LARGEST_COMPONENT", 25)
        assert partition(group(vectors, apart(120), 0.9)) == expected
        turned = np.random.default_rng(seed).permutation(120)
        again = group(vectors[turned], apart(120), 0.9)
        assert {frozenset(turned[list(rows)].tolist()) for rows in partition(again)} == expected

    def test_one_that_cannot_be_broken_is_taken_whole(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(group_module, "LARGEST_COMPONENT", 3)
        vectors = np.repeat(crowd(1), 6, axis=0)
        assert group(vectors, apart(6), 0.9).tolist() == [0] * 6


class TestJoin:
    GROUPS = faces_of(2, 3, seed=1)
    LABELS = np.array([0, 0, 0, 1, 1, 1])

    def test_a_face_joins_the_group_it_is_like(self) -> None:
        loose = np.concatenate([looks(crowd(2, 1)[1], 1, 9), looks(crowd(9, 77)[0], 1, 8)])
        labels, similarity = join(loose, self.GROUPS, self.LABELS, 0.9)
        assert labels.tolist() == [1, -1]
        exact = (loose[0] @ self.GROUPS[3:].T).mean()
        assert similarity[0] == pytest.approx(float(exact), abs=1e-6)

    def test_the_order_does_not_matter(self) -> None:
        loose = faces_of(2, 4, seed=1, cosine=0.95)
        labels, _ = join(loose, self.GROUPS, self.LABELS, 0.9)
        turned, _ = join(loose[::-1], self.GROUPS, self.LABELS, 0.9)
        assert turned[::-1].tolist() == labels.tolist()

    def test_nothing_to_join_or_nobody_to_join_it(self) -> None:
        none = np.zeros((0, 128), np.float32)
        assert join(none, self.GROUPS, self.LABELS, 0.9)[0].tolist() == []
        assert join(self.GROUPS, none, np.zeros(0, np.int64), 0.9)[0].tolist() == [-1] * 6
