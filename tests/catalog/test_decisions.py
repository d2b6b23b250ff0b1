"""What a person decides: a row in the undo log and its effect."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from catalog import decisions
from catalog.decisions import DecisionError
from catalog.people import NoSuchPersonError

if TYPE_CHECKING:
    from tests.makers import Maker


def test_a_name_is_given_and_noted(make: Maker) -> None:
    person = make.person()
    change = make.run(decisions.name_person, person, "  Rosa \n Luxemburg ", actor="me")
    assert make.value("SELECT name FROM people") == "Rosa Luxemburg"
    row = make.row("SELECT id, actor, action, forward, inverse, undone_at FROM changes")
    assert row is not None
    assert (row[0], row[1], row[2], row[5]) == (change, "me", "name", None)
    assert json.loads(str(row[3])) == {"person_id": person, "name": "Rosa Luxemburg"}
    assert json.loads(str(row[4])) == {"people": [[person, "name", None]], "builds_on": []}
    assert make.rows(
        "SELECT change_id, kind, subject_id FROM change_subjects WHERE kind <> 'name'"
    ) == [
        (change, "person", person),
        (change, "person:name", person),
    ]


def test_another_name_remembers_the_first(make: Maker) -> None:
    person = make.person("Rosa")
    make.run(decisions.name_person, person, "Ada", actor="me")
    inverse = json.loads(make.value("SELECT inverse FROM changes"))
    assert inverse["people"] == [[person, "name", "Rosa"]]


def test_to_name_who_was_merged_names_the_survivor(make: Maker) -> None:
    one, two = make.person(), make.person()
    make.merge(one, two)
    make.run(decisions.name_person, one, "Rosa", actor="me")
    assert make.rows("SELECT id FROM people WHERE name = 'Rosa'") == [(two,)]
    assert make.rows("SELECT DISTINCT subject_id FROM change_subjects WHERE kind = 'person'") == [
        (two,)
    ]


@pytest.mark.parametrize(
    "name", ["O'Brien; DROP TABLE people", "李小龍", "<b>", "🙂", "R2", "x" * 200]
)
def test_any_text_is_a_name(make: Maker, name: str) -> None:
    person = make.person()
    make.run(decisions.name_person, person, name, actor="me")
    assert make.value("SELECT name FROM people") == name


@pytest.mark.parametrize(
    "name",
    [
        pytest.param("", id="empty"),
        pytest.param(" \t\n", id="blank"),
        pytest.param("42", id="a number"),
        pytest.param("x" * 201, id="too long"),
        pytest.param("Ros\udce9", id="not text"),
    ],
)
def test_what_is_no_name_is_refused_and_nothing_written(make: Maker, name: str) -> None:
    person = make.person("Rosa")
    with pytest.raises(DecisionError, match="not a name") as refused:
        make.run(decisions.name_person, person, name, actor="me")
    assert refused.value.exit_code == 2
    assert make.value("SELECT name FROM people") == "Rosa"
    assert make.value("SELECT count(*) FROM changes") == 0


@pytest.mark.parametrize("name", ["Ada", "ADA", " ada ", "A\u0064a"])
def test_a_name_that_somebody_else_has_is_refused(make: Maker, name: str) -> None:
    make.person("Ada")
    person = make.person("Rosa")
    with pytest.raises(DecisionError, match="person 1 is called"):
        make.run(decisions.name_person, person, name, actor="me")
    assert make.value("SELECT count(*) FROM changes") == 0


def test_ones_own_name_may_be_written_otherwise(make: Maker) -> None:
    person = make.person("rosa")
    make.run(decisions.name_person, person, "Rosa", actor="me")
    assert make.value("SELECT name FROM people") == "Rosa"


def test_a_name_of_somebody_who_was_merged_is_free(make: Maker) -> None:
    one, two, three = make.person("Rosi"), make.person("Rosa"), make.person()
    make.merge(one, two)
    make.run(decisions.name_person, three, "Rosi", actor="me")
    assert make.value("SELECT name FROM people WHERE id = ?", three) == "Rosi"


def test_nobody_cannot_be_named(make: Maker) -> None:
    with pytest.raises(NoSuchPersonError):
        make.run(decisions.name_person, 7, "Rosa", actor="me")
