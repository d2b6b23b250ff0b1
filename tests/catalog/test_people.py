"""People: found by number or name, followed through merges, listed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from catalog import people
from catalog.people import NoSuchPersonError

if TYPE_CHECKING:
    from tests.makers import Maker


def test_ids_are_never_used_again(make: Maker) -> None:
    first = make.run(people.create, origin="group")
    make.connection.execute("DELETE FROM people")
    assert make.run(people.create, origin="group") > first


def test_a_folder_has_one_person(make: Maker) -> None:
    rosa = make.run(people.for_folder, "Rosa")
    assert make.run(people.for_folder, "Rosa") == rosa
    assert make.run(people.for_folder, "Ada") != rosa
    row = make.row("SELECT name, origin, folder FROM people WHERE id = ?", rosa)
    assert row == ("Rosa", "reference", "Rosa")


def test_the_survivor_of_merges_is_one_hop_away(make: Maker) -> None:
    one, two = make.person(), make.person("Rosa")
    make.merge(one, two)
    assert people.survivor(make.connection, one) == two
    assert people.survivor(make.connection, two) == two
    with pytest.raises(NoSuchPersonError, match="there is no person 99"):
        people.survivor(make.connection, 99)


class TestFind:
    @pytest.mark.parametrize(
        ("name", "text"),
        [
            pytest.param("Rosa", "rosa", id="capitals"),
            pytest.param("JOSÉ", "josé", id="accented capitals"),
            pytest.param("Jose\u0301", "Jos\u00e9", id="accents in two characters"),
            pytest.param("Straße", "STRASSE", id="sharp s"),
            pytest.param("Анна", "анна", id="Cyrillic"),
            pytest.param("100% Rosa_", "100% rosa_", id="wildcards are letters"),
        ],
    )
    def test_by_name_however_it_is_written(self, make: Maker, name: str, text: str) -> None:
        person = make.person(name)
        make.person("Somebody else")
        make.person(None)
        assert people.find(make.connection, text) == person

    def test_by_number(self, make: Maker) -> None:
        one, two = make.person(), make.person("Rosa")
        assert people.find(make.connection, str(one)) == one
        make.merge(one, two)
        assert people.find(make.connection, str(one)) == two

    def test_a_name_that_is_a_number_is_found_where_no_number_is(self, make: Maker) -> None:
        person = make.person("2019")
        assert people.find(make.connection, "2019") == person
        assert people.find(make.connection, str(person)) == person

    @pytest.mark.parametrize("text", ["99", "9" * 30, "9" * 5000, "²", "", "%", "Ros", "'"])
    def test_nobody_is_said_in_one_line(self, make: Maker, text: str) -> None:
        make.person("Rosa")
        with pytest.raises(NoSuchPersonError, match="nobody is called") as refused:
            people.find(make.connection, text)
        assert refused.value.exit_code == 2

    def test_two_of_a_name_are_told_apart_by_number(self, make: Maker) -> None:
        make.person("Rosa")
        make.person("ROSA")
        with pytest.raises(NoSuchPersonError, match="say which by number: 1, 2"):
            people.find(make.connection, "rosa")

    def test_who_was_merged_is_not_found_by_name(self, make: Maker) -> None:
        one, two = make.person("Rosi"), make.person("Rosa")
        make.merge(one, two)
        with pytest.raises(NoSuchPersonError):
            people.find(make.connection, "Rosi")


def test_the_summary_lists_the_named_and_then_the_often_seen(make: Maker) -> None:
    rosa, seldom, often, _empty = make.person("Rosa"), make.person(), make.person(), make.person()
    for person, times in ((seldom, 1), (often, 2)):
        for _ in range(times):
            _, (face,) = make.photo(None)
            make.assign(face, person, "group")

    def listed(*, unknown: bool | None = None) -> list[tuple[int, int]]:
        rows = people.summary(make.connection, unknown=unknown)
        return [(row["person_id"], row["faces_count"]) for row in rows]

    assert listed() == [(rosa, 0), (often, 2), (seldom, 1)]
    assert listed(unknown=True) == [(often, 2), (seldom, 1)]
    assert listed(unknown=False) == [(rosa, 0)]
