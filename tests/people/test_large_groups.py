"""Somebody in very many photos is judged as one: what holds of a few faces holds of many."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import pytest

from daemon.people import identifier
from daemon.people.limits import DOUBT
from daemon.people.starting import published
from tests.makers import between, crowd, looks
from tests.people.conftest import SECTION

if TYPE_CHECKING:
    from tests.people.conftest import House

ROSA, ADA, EVE = crowd(3, seed=12)
NEAR = float(SECTION.group_threshold or 0) - math.log(DOUBT) / published("Dlib").curve.slope


@pytest.fixture(params=[2, 64], ids=["as one", "taken apart"])
def house_of_many(
    request: pytest.FixtureRequest, house: House, monkeypatch: pytest.MonkeyPatch
) -> House:
    """Rosa is in six photos, Ada in six others."""
    monkeypatch.setattr(identifier, "TAKEN_APART", request.param)
    for rosa, ada in zip(looks(ROSA, 6, 1), looks(ADA, 6, 2), strict=True):
        house.photo(rosa)
        house.photo(ada)
    return house


def rosa_of(house: House) -> int:
    return int(house.make.value("SELECT person_id FROM faces ORDER BY id LIMIT 1"))


def test_the_next_photo_joins_with_its_evidence(house_of_many: House) -> None:
    vector = looks(ROSA, 1, 9)[0]
    (face,) = house_of_many.photo(vector)
    assert house_of_many.known(face) == [rosa_of(house_of_many)]
    row = house_of_many.make.row(
        """SELECT similarity, margin, evidence_face_id FROM assignments
           WHERE face_id = ? AND ended_at IS NULL""",
        face,
    )
    assert row is not None
    exact = float((looks(ROSA, 6, 1) @ vector).mean())
    assert float(str(row[0])) == pytest.approx(exact, abs=1e-4)
    assert float(str(row[1])) == pytest.approx(exact - NEAR, abs=1e-4), (
        "nobody else is near, so it is the least that it can be"
    )
    best = int((looks(ROSA, 6, 1) @ vector).argmax())
    assert row[2] == 1 + 2 * best


def test_nobody_is_in_a_picture_twice(house_of_many: House) -> None:
    both = house_of_many.photo(looks(ROSA, 1, 20)[0], looks(ROSA, 1, 21)[0])
    known = house_of_many.known(*both)
    assert len(set(known)) == 2
    assert rosa_of(house_of_many) in known
    third = house_of_many.make.face(house_of_many.media_of(both[0]), looks(ROSA, 1, 22)[0])
    house_of_many.judge(house_of_many.media_of(third))
    assert len(set(house_of_many.known(*both, third))) == 3


def test_who_was_ruled_out_is_not_joined(house_of_many: House) -> None:
    media_id, (face,) = house_of_many.make.photo(looks(ROSA, 1, 9)[0])
    house_of_many.make.reject(face, rosa_of(house_of_many))
    house_of_many.judge(media_id)
    assert house_of_many.known(face)[0] not in (rosa_of(house_of_many), None)


def test_a_poor_face_joins_and_founds_nobody(house_of_many: House) -> None:
    (poor,) = house_of_many.photo(looks(ROSA, 1, 9)[0], quality=0.1)
    (stranger,) = house_of_many.photo(looks(EVE, 1, 9)[0], quality=0.1)
    assert house_of_many.known(poor, stranger) == [rosa_of(house_of_many), None]


def test_the_same_question_again_writes_nothing(house_of_many: House) -> None:
    media = [house_of_many.media_of(face) for face in range(1, 13)]
    assert house_of_many.judge(*media) == 0
    assert [house_of_many.judge(it) for it in media] == [0] * 12
    assert house_of_many.repair() == 0


def test_two_large_groups_are_not_one_by_one_new_face(house_of_many: House) -> None:
    """Whoever looks like both joins one of them; to put people together is for the repair pass."""
    rosa = rosa_of(house_of_many)
    before = house_of_many.make.value("SELECT count(DISTINCT person_id) FROM faces")
    (middle,) = house_of_many.photo(between(ROSA, ADA, 0.5))
    assert (
        house_of_many.make.value(
            "SELECT count(DISTINCT person_id) FROM faces WHERE id <> ?", middle
        )
        == before
    )
    assert house_of_many.known(1) == [rosa]
