"""The measures of grouping and identification, on people of whom the answer is known."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
import pytest

from benchmarks import arrival, grouping, identification, openset, people
from daemon.people.agreement import bcubed
from tests.makers import crowd, looks

if TYPE_CHECKING:
    from collections.abc import Iterator


def made_up(count: int, pictures: int, *, cosine: float = 0.985) -> people.Faces:
    vectors = [looks(it, pictures, i, cosine=cosine) for i, it in enumerate(crowd(count, seed=3))]
    return people.Faces(
        vectors=np.concatenate(vectors),
        qualities=np.full(count * pictures, 0.88),
        people=np.repeat(np.arange(count), pictures),
    )


@pytest.fixture
def lfw(monkeypatch: pytest.MonkeyPatch) -> Iterator[people.Faces]:
    faces = made_up(24, 6)
    monkeypatch.setattr(people, "read", lambda _limit: faces)
    return faces  # type: ignore[return-value]


def test_halves_share_nobody_and_come_each_way_round() -> None:
    faces = made_up(10, 3)
    pairs = list(people.halves(faces, 2))
    assert len(pairs) == 4
    for one, other in pairs:
        assert not set(one.people) & set(other.people)
        assert len(one) + len(other) == len(faces)
    assert np.array_equal(pairs[0][0].people, pairs[1][1].people)


def test_people_with_few_pictures_can_be_left_out() -> None:
    faces = made_up(4, 3).of(np.arange(12) > 1)
    assert faces.with_pictures(3).tolist() == [False] + [True] * 9


def test_the_interval_is_about_the_statistic() -> None:
    whose = np.repeat(np.arange(50), 4)
    hits = whose % 5 != 0
    low, high = people.interval(whose, lambda it: float(hits[it].mean()))
    assert 0.6 < low < 0.8 < high < 0.95


def test_bcubed_over_everybody_once_is_bcubed() -> None:
    draw = np.random.default_rng(1)
    labels, truth = draw.integers(0, 9, 80), draw.integers(0, 7, 80)
    drawn = grouping.bcubed_of_drawn(labels, truth)
    assert drawn(np.arange(80)) == pytest.approx(bcubed(labels, truth).f)


def test_grouping_tells_people_apart_and_no_order_matters(
    lfw: people.Faces, capsys: pytest.CaptureFixture[str]
) -> None:
    grouping.main(["--json", "--splits", "1", "--orders", "2"])
    result = json.loads(capsys.readouterr().out)
    assert result["ways"]["Rollcall"]["mean"][2] > 0.95
    assert set(result["ways"]) == set(grouping.WAYS)
    orders = result["orders"]
    assert orders["equal_after_repair"] == orders["pairs"] == 1
    assert orders["between"]["least"] > 0.9
    assert "any two orders" in arrival.as_text(orders)
    assert "average linkage" in grouping.as_text(result)


def test_the_open_set_knows_people_and_few_strangers(
    lfw: people.Faces, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(openset, "EXEMPLARS", (1, 3))
    openset.main(["--json", "--splits", "1"])
    result = json.loads(capsys.readouterr().out)
    three = result["identification"][1]
    assert three["counts"] == [12, 36, 72]
    assert three["rates"]["Rollcall"] > 0.95
    default = next(it for it in result["outcomes"] if it["pictures"] == 3 and it["people"] == 10)
    assert default["right"] > 0.9 and default["wrong"] == 0
    assert "strangers named" in openset.as_text(result)


def test_identification_is_measured_at_every_size(capsys: pytest.CaptureFixture[str]) -> None:
    identification.main(["--json", "--photos", "1", "--faces", "60", "200", "--whole"])
    sizes = json.loads(capsys.readouterr().out)["sizes"]
    assert [it["faces"] for it in sizes] == [60, 200]
    assert all(set(it["ms"]) == {"known people", "a stranger", "after a decision"} for it in sizes)
    assert all(it["repair_s"] > 0 for it in sizes)
    assert "ratio" in identification.as_text({"sizes": sizes})
