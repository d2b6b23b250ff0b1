"""The benchmarks of grouping and of identification: their measures on faces of which the answer is
known, and both to the end on photographs.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
import pytest

from benchmarks import arrival, grouping, likeness, openset, people
from daemon.people.agreement import bcubed, pairwise
from daemon.people.match import References
from tests.makers import crowd, looks

if TYPE_CHECKING:
    from pathlib import Path


def faces(persons: int, pictures: int, *, cosine: float = 0.975, seed: int = 5) -> people.Faces:
    """Made-up people of so many pictures each, of one quality."""
    vectors = [
        looks(centre, pictures, seed=person, cosine=cosine)
        for person, centre in enumerate(crowd(persons, seed=seed))
    ]
    return people.Faces(
        vectors=np.concatenate(vectors),
        qualities=np.full(persons * pictures, 0.85),
        people=np.repeat(np.arange(persons), pictures),
    )


def test_a_person_is_in_one_half_with_all_pictures() -> None:
    everyone = faces(11, 3)
    pairs = list(people.halves(everyone, 2))
    for one, other in pairs:
        assert (len(one), len(other)) == (15, 18)
        assert not set(one.people.tolist()) & set(other.people.tolist())
    assert set(pairs[0][0].people.tolist()) != set(pairs[1][0].people.tolist())


def test_scores_of_all_faces_are_what_agreement_counts() -> None:
    draw = np.random.default_rng(0)
    labels, truth = draw.integers(0, 9, 80), draw.integers(0, 12, 80)
    found = grouping.scores_of_drawn(labels, truth)(np.arange(80))
    one, other = bcubed(labels, truth), pairwise(labels, truth)
    expected = [one.precision, one.recall, one.f, other.precision, other.recall, other.f]
    assert found == pytest.approx(expected)
    # Everybody drawn twice is the same share of everything.
    again = grouping.scores_of_drawn(labels, truth)(np.tile(np.arange(80), 2))
    assert again == pytest.approx(expected)


def test_an_interval_is_over_people_and_not_over_faces() -> None:
    # One person of many pictures is all wrong: drawn or not, which faces alone would hardly show.
    persons = np.repeat(np.arange(10), [91, *[1] * 9])
    wrong = (persons == 0) * 1.0
    low, high = people.interval([wrong[it].mean() for it in people.drawn(persons)])
    assert low == 0 and high > 0.95


def test_parameters_of_one_half_are_seen_on_the_other() -> None:
    everyone = faces(24, 6)
    right = grouping.halved(everyone, grouping.WAYS["Rollcall"], 1)
    for rows in right["halves"].values():
        assert np.array(rows).shape == (2, len(grouping.SCORES))
        assert np.array(rows)[:, 2].min() > 0.9
    low, high = np.array(right["interval"]["everybody"])
    mean = np.array(right["halves"]["everybody"]).mean(axis=0)
    assert (low - 1e-9 <= mean).all() and (mean <= high + 1e-9).all()

    def by_half(some: people.Faces):
        """Right in the half of person 0, and there alone; one group in the other by the same."""
        here = 0 in some.people
        yield "here", some.people if here else np.zeros(len(some), np.int64)
        yield "there", np.zeros(len(some), np.int64) if here else some.people

    seen = np.array(grouping.halved(everyone, by_half, 1)["halves"]["everybody"])
    assert (seen[:, 0] < 0.2).all()  # precision: what was best for one half is bad for the other


def test_several_pictures_within_everybody_count_those_who_join_them() -> None:
    everyone = faces(4, 6)
    single = faces(4, 1, seed=6)
    both = people.Faces(
        vectors=np.concatenate([everyone.vectors, single.vectors]),
        qualities=np.concatenate([everyone.qualities, single.qualities]),
        people=np.concatenate([everyone.people, single.people + 4]),
    )

    def together(some: people.Faces):
        """Everybody right, but for the people of one picture, who are with somebody."""
        yield 1, np.where(some.people >= 4, some.people[0], some.people)

    found = grouping.halved(both, together, 3)["halves"]
    assert np.array(found["several"])[:, 2].min() == 1.0
    assert np.array(found["several_by_all"])[:, 2].min() == 1.0
    assert np.array(found["several_within"])[:, 0].min() < 1.0


@pytest.mark.parametrize("name", grouping.WAYS)
def test_every_way_groups_people_who_lie_apart(name: str) -> None:
    everyone = faces(10, 5, cosine=0.995)
    best = max(bcubed(it, everyone.people).f for _, it in grouping.WAYS[name](everyone))
    assert best == 1.0


def test_any_order_ends_as_all_at_once_after_the_repair() -> None:
    everyone = faces(12, 4, cosine=0.97)
    found = arrival.measured(everyone, 3)
    assert len(found["between"]) == 3 and min(found["between"]) > 0.9
    assert found["equal_pairs"] == found["equal_all_at_once"] == 3
    assert found["truth_all_at_once"] > 0.8
    assert "3 of 3 pairs" in arrival.as_text(found)


def test_who_is_in_a_group_is_compared_and_not_its_number() -> None:
    assert arrival._equal(np.array([7, 7, 3]), np.array([1, 1, 9]))
    assert not arrival._equal(np.array([7, 7, 3]), np.array([1, 9, 9]))


def test_the_bar_lets_no_more_strangers_pass_than_it_says() -> None:
    scores = np.linspace(0, 1, 250, dtype=np.float32)
    assert (scores > openset.bar(scores)).sum() == 2
    assert (np.ones(50, np.float32) > openset.bar(np.ones(50, np.float32))).sum() == 0


def test_nobody_known_is_a_stranger_and_no_exemplar_is_presented() -> None:
    everyone = faces(20, 4)
    for references, known, strangers in openset.worlds(everyone, 3, 2, 5):
        assert len(references.people) == 5 and len(references.vectors) == 15
        assert set(known.people.tolist()) == set(references.people.tolist())
        assert not set(strangers.people.tolist()) & set(references.people.tolist())
        assert len(known) == 5 and len(strangers) == 40
        assert (known.vectors @ references.vectors.T).max() < 0.9999


def test_too_few_pictures_are_said_and_not_divided_by() -> None:
    with pytest.raises(SystemExit, match="more than 3 pictures: raise --limit"):
        list(openset.worlds(faces(6, 3), 3, 1))


def test_people_who_lie_apart_are_all_found_and_strangers_are_not() -> None:
    everyone, allowed = faces(30, 6, cosine=0.995), openset.default_limits()
    found = openset.identified(everyone, 3, allowed, 2)
    assert all(rate == 1.0 for rate in found["rates"].values())
    assert found["interval"] == [1.0, 1.0]
    assert found["counts"] == [15, 45, 90]
    result = openset.outcomes(openset.worlds(everyone, 3, 2), allowed)
    assert result["right"] == 1.0 and result["strangers_named"] == 0.0
    assert result["counts"] == [90, 180]


def test_pictures_of_one_person_are_not_mistaken_for_another_in_any_way_to_compare() -> None:
    everyone, allowed = faces(6, 4, cosine=0.99), openset.default_limits()
    taken = np.array([0, 1, 4, 5, 8, 9])
    references = References(
        vectors=everyone.vectors[taken], person_ids=everyone.people[taken], face_ids=taken
    )
    for way in likeness.WAYS.values():
        scores = way(everyone.vectors[:12], references, allowed)
        assert scores.shape == (12, 3)
        assert (references.people[scores.argmax(axis=1)] == everyone.people[:12]).all()
    # By less attention what is like the face counts less, so a mean is less like it.
    apart = faces(1, 3, cosine=0.9)
    several = References(
        vectors=apart.vectors[:2], person_ids=np.array([1, 1]), face_ids=np.array([1, 2])
    )
    ours, half, twice = (
        likeness.WAYS[name](several.vectors[:1], several, allowed)[0, 0]
        for name in ("Rollcall", "half the attention", "twice")
    )
    assert half < ours < twice


def test_both_run_to_the_end_on_photographs(
    test_data: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("ROLLCALL_TEST_DATA", str(test_data))
    found = people.read(120)
    assert len(found) > 115 and found.qualities.min() > 0.3
    assert np.linalg.norm(found.vectors, axis=1) == pytest.approx(1.0, abs=1e-5)
    monkeypatch.setattr(people, "read", lambda _: found)
    grouping.main(["--splits", "1", "--orders", "1"])
    said = capsys.readouterr().out
    assert "Rollcall less average linkage" in said and "1 of 1 orders" in said
    monkeypatch.setattr(openset, "HOUSEHOLDS", (10,))
    monkeypatch.setattr(openset, "EXEMPLARS", (1, 3))
    openset.main(["--splits", "1", "--json"])
    answer = json.loads(capsys.readouterr().out)
    one, three, _ = answer["identification"]
    assert 0.5 < one["rates"]["Rollcall"] <= 1 and three["pictures"] == 3
    assert [it["exemplars"] for it in answer["strangers"]] == [1, 3]
    assert "lead of these odds" in openset.as_text(answer)
