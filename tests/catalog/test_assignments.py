"""The machine's verdicts, applied under what people decided."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from catalog import assignments
from catalog.assignments import Verdict

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.makers import Maker

    Judge = Callable[..., int]


@pytest.fixture
def face(make: Maker) -> int:
    _, (face_id,) = make.photo(None)
    return face_id


@pytest.fixture
def judge(make: Maker) -> Judge:
    def apply(*verdicts: Verdict, founded: dict[int, int] | None = None) -> int:
        answer: int = make.run(assignments.apply, verdicts, {} if founded is None else founded)
        return answer

    return apply


def test_an_answer_is_written_with_its_reasons(make: Maker, judge: Judge, face: int) -> None:
    _, (evidence,) = make.photo(None)
    person = make.person("Rosa")
    verdict = Verdict(
        face_id=face, person_id=person, method="reference", similarity=0.95, margin=0.1,
        confidence=0.9, evidence_face_id=evidence,
    )  # fmt: skip
    assert judge(verdict) == 1
    assert make.row(
        """SELECT model, state, method, similarity, margin, confidence, evidence_face_id,
                  decided_by, ended_at FROM assignments"""
    ) == ("all", "assigned", "reference", 0.95, 0.1, 0.9, evidence, "identifier", None)
    assert make.known_as(face) == person


def test_an_equal_answer_writes_nothing(make: Maker, judge: Judge, face: int) -> None:
    person = make.person()
    verdict = Verdict(face_id=face, person_id=person)
    judge(verdict)
    before = make.rows("SELECT * FROM assignments"), make.connection.total_changes
    assert judge(verdict) == 0
    assert judge(Verdict(face_id=face, person_id=person, similarity=0.5)) == 0
    assert (make.rows("SELECT * FROM assignments"), make.connection.total_changes) == before


def test_nobody_is_an_equal_answer_where_nobody_was_known(
    make: Maker, judge: Judge, face: int
) -> None:
    assert judge(Verdict(face_id=face, person_id=None)) == 0
    assert make.value("SELECT count(*) FROM assignments") == 0


def test_another_answer_ends_the_old_one_and_keeps_it(make: Maker, judge: Judge, face: int) -> None:
    one, two = make.person(), make.person()
    judge(Verdict(face_id=face, person_id=one))
    assert judge(Verdict(face_id=face, person_id=two)) == 1
    rows = make.rows("SELECT person_id, state, ended_at IS NULL FROM assignments ORDER BY id")
    assert rows == [(one, "withdrawn", 0), (two, "assigned", 1)]
    assert make.known_as(face) == two


def test_nobody_ends_what_was_said(make: Maker, judge: Judge, face: int) -> None:
    judge(Verdict(face_id=face, person_id=make.person()))
    assert judge(Verdict(face_id=face, person_id=None)) == 1
    assert make.open_rows(face) == []
    assert make.known_as(face) is None


def test_a_suggestion_names_nobody(make: Maker, judge: Judge, face: int) -> None:
    one, two = make.person(), make.person()
    judge(Verdict(face_id=face, person_id=one))
    judge(Verdict(face_id=face, person_id=two, state="suggested", method="reference"))
    assert make.open_rows(face) == [(two, "suggested", "reference")]
    assert make.known_as(face) is None
    judge(Verdict(face_id=face, person_id=two))
    assert make.open_rows(face) == [(two, "assigned", "group")]
    assert make.known_as(face) == two


def test_what_other_models_think_is_left_alone(make: Maker, judge: Judge, face: int) -> None:
    one, two = make.person(), make.person()
    make.insert(
        "assignments", face_id=face, person_id=one, model="Dlib", state="assigned",
        method="group", decided_at="x", decided_by="x",
    )  # fmt: skip
    judge(Verdict(face_id=face, person_id=two))
    assert [row[0] for row in make.open_rows(face)] == [one, two]


class TestPeopleDecide:
    @pytest.mark.parametrize("answer", ["somebody", "nobody", "new"])
    def test_a_name_that_a_person_gave_stays(
        self, make: Maker, judge: Judge, face: int, answer: str
    ) -> None:
        mine = make.person("Rosa")
        make.assign(face, mine, "user")
        person = {"somebody": make.person(), "nobody": None, "new": -1}[answer]
        people = make.value("SELECT count(*) FROM people")
        assert judge(Verdict(face_id=face, person_id=person)) == 0
        assert make.open_rows(face) == [(mine, "assigned", "user")]
        assert make.known_as(face) == mine
        assert make.value("SELECT count(*) FROM people") == people, "nobody is founded in vain"

    def test_a_name_that_was_taken_back_does_not(
        self, make: Maker, judge: Judge, face: int
    ) -> None:
        make.assign(face, make.person("Rosa"), "user", ended_at="2026-01-01T00:00:00.000Z")
        other = make.person()
        assert judge(Verdict(face_id=face, person_id=other)) == 1
        assert make.known_as(face) == other

    def test_who_was_ruled_out_is_not_assigned(self, make: Maker, judge: Judge, face: int) -> None:
        out, other = make.person(), make.person()
        make.reject(face, out)
        assert judge(Verdict(face_id=face, person_id=out)) == 0
        assert judge(Verdict(face_id=face, person_id=out, state="suggested")) == 0
        assert judge(Verdict(face_id=face, person_id=other)) == 1

    @pytest.mark.parametrize("about", ["survivor", "merged"])
    @pytest.mark.parametrize("verdict", ["survivor", "merged", "sibling"])
    def test_ruling_out_holds_through_merges(
        self, make: Maker, judge: Judge, face: int, about: str, verdict: str
    ) -> None:
        """Whoever of those that are one now was ruled out, and whoever of them is found."""
        people = {name: make.person() for name in ("survivor", "merged", "sibling")}
        make.reject(face, people[about])
        make.merge(people["merged"], people["survivor"])
        make.merge(people["sibling"], people["survivor"])
        assert judge(Verdict(face_id=face, person_id=people[verdict])) == 0
        assert make.known_as(face) is None

    def test_what_is_no_face_is_nobody_and_founds_nobody(
        self, make: Maker, judge: Judge, face: int
    ) -> None:
        make.assign(face, make.person(), "group")
        make.reject(face, None)
        assert judge(Verdict(face_id=face, person_id=-1)) == 0
        assert make.value("SELECT count(*) FROM people") == 1
        assert judge(Verdict(face_id=face, person_id=None)) == 1
        assert make.known_as(face) is None

    def test_people_who_were_merged_meanwhile_are_read_through(
        self, make: Maker, judge: Judge, face: int
    ) -> None:
        found, survivor = make.person(), make.person("Rosa")
        make.merge(found, survivor)
        judge(Verdict(face_id=face, person_id=found))
        assert make.open_rows(face) == [(found, "assigned", "group")], "who it was, for the undo"
        assert make.known_as(face) == survivor

    def test_a_merge_does_not_make_an_answer_another(
        self, make: Maker, judge: Judge, face: int
    ) -> None:
        found, survivor = make.person(), make.person("Rosa")
        judge(Verdict(face_id=face, person_id=found))
        make.merge(found, survivor)
        assert judge(Verdict(face_id=face, person_id=survivor)) == 0
        assert judge(Verdict(face_id=face, person_id=found)) == 0
        assert make.open_rows(face) == [(found, "assigned", "group")]


@pytest.mark.parametrize("state", ["superseded", "forgotten"])
def test_a_face_that_is_gone_is_not_judged(
    make: Maker, judge: Judge, face: int, state: str
) -> None:
    make.connection.execute("UPDATE faces SET state = ?", [state])
    assert judge(Verdict(face_id=face, person_id=make.person())) == 0
    assert judge(Verdict(face_id=face + 1, person_id=-1)) == 0
    assert make.value("SELECT count(*) FROM people") == 1


def test_a_person_who_is_gone_is_nobody(make: Maker, judge: Judge, face: int) -> None:
    assert judge(Verdict(face_id=face, person_id=999)) == 0
    assert make.open_rows(face) == []


def test_people_founded_in_one_answer_are_the_same_in_every_chunk(
    make: Maker, judge: Judge
) -> None:
    _, faces = make.photo(*[None] * 4)
    founded: dict[int, int] = {}
    verdicts = [
        Verdict(face_id=face, person_id=person_id)
        for face, person_id in zip(faces, (-1, -2, -1, -3), strict=True)
    ]
    judge(*verdicts[:2], founded=founded)
    judge(*verdicts[2:], founded=founded)
    known = [make.known_as(face) for face in faces]
    assert known[0] == known[2]
    assert len(set(known)) == 3
    assert make.rows("SELECT DISTINCT origin, name FROM people") == [("group", None)]
    judge(Verdict(face_id=faces[0], person_id=-1))
    assert make.known_as(faces[0]) not in known, "another answer, another person"


class TestOnePicture:
    def test_whoever_leaves_somebody_comes_before_whoever_takes_the_place(
        self, make: Maker, judge: Judge
    ) -> None:
        _, (one, other) = make.photo(None, None)
        rosa, ada = make.person("Rosa"), make.person("Ada")
        make.assign(other, rosa, "group")
        comes = Verdict(face_id=one, person_id=rosa)
        assert judge(comes, Verdict(face_id=other, person_id=ada)) == 2
        assert (make.known_as(one), make.known_as(other)) == (rosa, ada)
        swap = [Verdict(face_id=one, person_id=ada), Verdict(face_id=other, person_id=rosa)]
        assert judge(*swap) == 2
        assert (make.known_as(one), make.known_as(other)) == (ada, rosa)

    @pytest.mark.parametrize("method", ["group", "user"])
    def test_a_place_that_is_not_left_is_not_taken(
        self, make: Maker, judge: Judge, method: str
    ) -> None:
        _, (one, other) = make.photo(None, None)
        rosa, ada = make.person("Rosa"), make.person("Ada")
        make.assign(other, rosa, method)
        make.insert("rejections", face_id=other, person_id=ada)
        assert (
            judge(Verdict(face_id=one, person_id=rosa), Verdict(face_id=other, person_id=ada)) == 0
        )
        assert make.known_as(one) is None
        twin = make.person(merged_into=rosa)
        assert judge(Verdict(face_id=one, person_id=twin)) == 0

    def test_who_stays_is_in_nobodys_way(self, make: Maker, judge: Judge) -> None:
        """Of faces that a person made one, one may be found to be that person otherwise."""
        _, (one, other) = make.photo(None, None)
        rosa = make.person("Rosa")
        make.assign(one, rosa, "group")
        make.assign(other, rosa, "user")
        judge(Verdict(face_id=one, person_id=rosa, method="reference"))
        assert make.open_rows(one) == [(rosa, "assigned", "reference")]

    def test_verdicts_on_one_picture_are_never_apart(self, make: Maker) -> None:
        _, (first,) = make.photo(None)
        _, rest = make.photo(None, None, None)
        verdicts = [Verdict(face_id=it, person_id=None) for it in (rest[0], first, *rest[1:])]
        parts = make.run(assignments.batches, verdicts, 2)
        assert [[it.face_id for it in part] for part in parts] == [rest, [first]]
        assert make.run(assignments.batches, [], 2) == [[]]
