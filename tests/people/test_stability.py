"""What people said of some faces does not make the others somebody else."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from catalog import decisions
from tests.makers import between, crowd, looks

if TYPE_CHECKING:
    from tests.people.conftest import House

ROSA, ADA, EVE, *OTHERS = crowd(60, seed=51)
ME = {"actor": "me"}


@pytest.fixture
def album(house: House) -> list[int]:
    """Ten photos of Rosa, whom somebody named."""
    faces = [house.photo(vector)[0] for vector in looks(ROSA, 10, 1)]
    (person,) = set(house.known(*faces))
    assert person is not None
    house.make.run(decisions.name_person, person, "Rosa", **ME)
    return faces


def judged(house: House, person: int) -> None:
    """As the daemon does after a decision, and at night."""
    house.judge(people=(person,))
    house.repair()


def test_to_confirm_one_face_leaves_the_others(house: House, album: list[int]) -> None:
    (rosa, *_) = house.known(album[0])
    assert rosa is not None
    house.make.run(decisions.confirm, [album[0]], rosa, **ME)
    judged(house, rosa)
    assert house.known(*album) == [rosa] * 10


def test_to_confirm_a_face_that_is_unlike_the_others_leaves_them(
    house: House, album: list[int]
) -> None:
    """A child's picture, say: it is like none of the woman's."""
    (rosa,) = house.known(album[0])
    assert rosa is not None
    (child,) = house.photo(looks(ADA, 1, 7)[0])
    house.make.run(decisions.confirm, [child], rosa, **ME)
    judged(house, rosa)
    assert house.known(child, *album) == [rosa] * 11
    (grown,) = house.photo(looks(ROSA, 1, 77)[0])
    (young,) = house.photo(looks(ADA, 1, 78)[0])
    assert house.known(grown, young) == [rosa, rosa]
    house.repair()
    assert house.known(child, grown, young, *album) == [rosa] * 13


def test_a_rival_makes_no_question_of_faces_that_people_named(
    house: House, album: list[int]
) -> None:
    (rosa,) = house.known(album[0])
    assert rosa is not None
    house.make.run(decisions.confirm, [album[0]], rosa, **ME)
    sister = house.make.person("Ruth", origin="reference")
    house.make.reference(sister, [between(looks(ROSA, 10, 1)[3], EVE, 0.02)])
    judged(house, sister)
    known = house.known(*album)
    assert known.count(rosa) >= 9, "her sister has at most the picture that she is known by"


def test_to_join_somebody_known_by_pictures_needs_what_a_name_needs(house: House) -> None:
    """Of sixty people known by pictures, strangers that are like one on average are many."""
    section = house.settings.identify.model_copy(update={"threshold": None})
    house.settings = house.settings.model_copy(update={"identify": section})
    people = [house.make.person(f"Person {i}", origin="reference") for i in range(len(OTHERS))]
    for person, centre in zip(people, OTHERS, strict=True):
        house.make.reference(person, [centre])
    first = people[0]
    (sure,) = house.photo(looks(OTHERS[0], 1, 1, cosine=0.99)[0])
    assert house.known(sure) == [first]
    allowed = house.settings.identify.group_threshold
    assert allowed == 0.9
    vector = looks(looks(OTHERS[0], 1, 1, cosine=0.99)[0], 1, 2, cosine=0.91)[0]
    (face,) = house.photo(vector)
    assert house.known(face)[0] != first
    house.repair()
    assert house.known(face)[0] != first


def test_splitting_a_few_faces_off_keeps_them_apart_for_good(
    house: House, album: list[int]
) -> None:
    (rosa,) = house.known(album[0])
    assert rosa is not None
    house.make.run(decisions.split, rosa, album[:3], **ME)
    judged(house, rosa)
    (other,) = set(house.known(*album[:3]))
    assert other not in (rosa, None)
    assert house.known(*album[3:]) == [rosa] * 7
    house.photo(looks(ROSA, 1, 60)[0])
    house.repair()
    assert house.known(*album[:3]) == [other] * 3


def test_what_is_undone_is_as_it_was(house: House, album: list[int]) -> None:
    from catalog import undo

    (rosa,) = house.known(album[0])
    assert rosa is not None
    house.make.run(decisions.reject, album[:2], rosa, **ME)
    judged(house, rosa)
    assert rosa not in house.known(*album[:2])
    house.make.run(undo.undo, **ME)
    judged(house, rosa)
    assert house.known(*album) == [rosa] * 10
