"""A name in doubt waits for a second look, and what is not quite a name is a question."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from daemon.people import identifier
from daemon.people.curve import Curve
from daemon.people.limits import HOUSEHOLD, Limits
from daemon.people.limits import limits as limits_of
from daemon.people.starting import starting
from daemon.settings import Identify
from daemon.tasks import Question
from tests.makers import crowd, looks

if TYPE_CHECKING:
    from daemon.faces.values import Vectors
    from tests.people.conftest import House

ROSA, ADA = crowd(2, seed=31)
# By the tests' settings a name needs 0.9, and is in doubt up to 0.9105.
IN_DOUBT, SURE, NOT_QUITE = 0.905, 0.92, 0.895


def seen(cosine: float) -> Vectors:
    return looks(ROSA, 1, 1, cosine=cosine)[0]


def doubtful(house: House, face: int) -> tuple[int, ...]:
    question = Question(media_ids=(house.media_of(face),))
    return identifier.answer(question, house.settings).doubtful


@pytest.fixture
def rosa(house: House) -> int:
    person = house.make.person("Rosa")
    house.make.reference(person, [ROSA])
    return person


def test_a_sure_name_needs_no_second_look(house: House, rosa: int) -> None:
    (face,) = house.photo(seen(SURE))
    assert house.known(face) == [rosa]
    assert doubtful(house, face) == ()


def test_a_name_in_doubt_is_a_question_until_the_second_look(house: House, rosa: int) -> None:
    (face,) = house.photo(seen(IN_DOUBT))
    assert doubtful(house, face) == (face,)
    assert house.known(face)[0] not in (rosa, None), "in a group of its own"
    assert (rosa, "suggested", "reference") in house.make.open_rows(face)
    house.make.second_look(face, seen(0.93))
    house.judge(house.media_of(face))
    assert house.make.open_rows(face) == [(rosa, "assigned", "reference")]
    assert doubtful(house, face) == ()


@pytest.mark.parametrize("again", [0.9005, 0.85], ids=["below its own threshold", "far below"])
def test_a_second_look_that_does_not_agree_leaves_the_question(
    house: House, rosa: int, again: float
) -> None:
    (face,) = house.photo(seen(IN_DOUBT))
    house.make.second_look(face, seen(again))
    house.judge(house.media_of(face))
    assert house.known(face)[0] != rosa
    assert (rosa, "suggested", "reference") in house.make.open_rows(face)
    assert doubtful(house, face) == ()


def test_the_repair_pass_judges_by_second_looks_as_well(house: House, rosa: int) -> None:
    (face,) = house.photo(seen(IN_DOUBT))
    house.make.second_look(face, seen(0.93))
    house.repair()
    assert house.known(face) == [rosa]
    assert house.judge(house.media_of(face)) == 0


def test_who_has_the_name_keeps_it_until_the_second_look(house: House, rosa: int) -> None:
    (face,) = house.photo(seen(SURE))
    house.make.connection.execute(
        "UPDATE embeddings SET vector = ? WHERE face_id = ?", [seen(IN_DOUBT).tobytes(), face]
    )
    assert doubtful(house, face) == (face,)
    house.judge(house.media_of(face))
    assert house.known(face) == [rosa]


def test_what_is_not_quite_similar_enough_is_asked_beside_the_group(
    house: House, rosa: int
) -> None:
    (face,) = house.photo(seen(NOT_QUITE))
    (group,) = house.known(face)
    assert group not in (rosa, None)
    assert house.make.open_rows(face) == [
        (group, "assigned", "group"),
        (rosa, "suggested", "reference"),
    ]
    assert house.judge(house.media_of(face)) == 0
    assert house.repair() == 0
    # A photo of the same group that is not Rosa's leaves the question open, and its evidence.
    rows = "SELECT * FROM assignments WHERE face_id = ? AND state = 'suggested'"
    before = house.make.rows(rows, face)
    house.photo(looks(seen(NOT_QUITE), 1, 8)[0])
    assert (rosa, "suggested", "reference") in house.make.open_rows(face)
    assert house.make.rows(rows, face) == before


def test_what_was_asked_about_somebody_who_is_known_no_more_is_asked_no_more(
    house: House, rosa: int
) -> None:
    (face,) = house.photo(seen(NOT_QUITE))
    house.make.connection.execute("UPDATE exemplars SET state = 'withdrawn'")
    house.judge(people=(rosa,))
    assert [state for _, state, _ in house.make.open_rows(face)] == ["assigned"]


def test_a_face_that_is_too_poor_for_a_name_is_asked_about(house: House, rosa: int) -> None:
    least = house.settings.identify.named_quality
    poor, good = (house.photo(seen(SURE), quality=quality)[0] for quality in (least - 0.01, least))
    assert house.known(good) == [rosa]
    assert house.known(poor) != [rosa]
    assert (rosa, "suggested", "reference") in house.make.open_rows(poor)
    assert house.repair() == 0


def test_more_people_known_want_more_similarity() -> None:
    measured = starting("Dlib", "", "")
    by_rate = limits_of(Identify(), measured)
    rates = measured.thresholds
    assert by_rate.named_from(1) == by_rate.named_from(HOUSEHOLD) == rates["balanced"]
    assert by_rate.named_from(10 * HOUSEHOLD) == pytest.approx(rates["strict"])
    assert by_rate.named_from(100 * HOUSEHOLD) > rates["strict"]
    given = limits_of(Identify(threshold=0.7), measured)
    assert given.named_from(1000) == 0.7


def test_odds_are_similarities_by_the_curve() -> None:
    curve = Curve(slope=100.0, intercept=-90.0)
    found = Limits(threshold=0.9, margin=0.0, group_threshold=0.9, found_quality=0.5, curve=curve)
    assert curve.log_odds(0.9 + found.doubt) - curve.log_odds(0.9) == pytest.approx(np.log(6))
    assert found.for_second_looks.threshold == pytest.approx(0.9 + np.log(1.5) / 100)
    assert found.typical == pytest.approx(0.9836)
