"""Undo and redo: at once, after the machine, after later decisions, with others deciding too."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest

from catalog import assignments, changes, decisions, undo
from catalog.assignments import Verdict
from catalog.changes import NoSuchChangeError
from catalog.connect import connect, transaction
from catalog.decisions import DecisionError
from tests.deciding import ADA, ME, ROSA, exemplars, judge, rejections

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.makers import Maker


class TestUndo:
    def test_changes_about_something_else_stay(self, make: Maker, faces: list[int]) -> None:
        first = make.run(decisions.name_person, ROSA, "Rosi", **ME)
        make.run(decisions.confirm, [faces[1]], ADA, **ME)
        assert changes.later(make.connection, first) == []
        assert make.run(undo.undo, first, **ME) == [first]
        assert make.open_rows(faces[1]) == [(ADA, "assigned", "user")]

    def test_a_face_that_a_later_change_gave_to_somebody_stays_theirs(
        self, make: Maker, faces: list[int]
    ) -> None:
        first = make.run(decisions.reject, [faces[0]], ROSA, **ME)
        make.run(decisions.confirm, [faces[0]], ADA, **ME)
        make.run(undo.undo, first, **ME)
        assert make.open_rows(faces[0]) == [(ADA, "assigned", "user")]

    def test_the_machines_answer_does_not_come_back_where_it_was_ruled_out_since(
        self, make: Maker, faces: list[int]
    ) -> None:
        first = make.run(decisions.confirm, [faces[0]], ADA, **ME)
        make.run(decisions.reject, [faces[0]], ROSA, **ME)
        make.run(undo.undo, first, **ME)
        assert make.open_rows(faces[0]) == []
        assert make.job_keys("identify") == ["1/0"]

    @pytest.mark.parametrize("ended_at", ["2026-01-01T00:00:00.000Z", "at once"])
    def test_the_machines_answer_does_not_come_back_where_another_face_of_the_picture_is_it_since(
        self, make: Maker, faces: list[int], ended_at: str
    ) -> None:
        make.run(decisions.reject, [faces[0]], None, **ME)
        judge(make, faces[1], ROSA)
        make.connection.execute(
            """UPDATE assignments SET ended_at = iif(:at = 'at once', (SELECT decided_at
               FROM assignments WHERE face_id = :since AND ended_at IS NULL), :at)
               WHERE ended_at IS NOT NULL""",
            {"at": ended_at, "since": faces[1]},
        )
        make.run(undo.undo, **ME)
        assert make.open_rows(faces[0]) == []
        assert make.open_rows(faces[1]) == [(ROSA, "assigned", "group")]
        assert make.job_keys("identify") == ["1/0"]

    def test_a_name_that_somebody_took_meanwhile_is_not_given_twice(
        self, make: Maker, faces: list[int]
    ) -> None:
        first = make.run(decisions.name_person, ROSA, "Rosi", **ME)
        make.person("Rosa")
        with pytest.raises(DecisionError, match="person 3 is called 'Rosa' already"):
            make.run(undo.undo, first, **ME)
        assert make.value("SELECT name FROM people WHERE id = 1") == "Rosi"

    def test_who_took_a_name_that_a_change_made_free_builds_on_it(
        self, make: Maker, faces: list[int]
    ) -> None:
        first = make.run(decisions.name_person, ROSA, "Rosi", **ME)
        second = make.run(decisions.name_person, ADA, "ROSA", **ME)
        assert changes.later(make.connection, first) == [second]

    def test_what_the_machine_said_of_a_shown_face_ends_as_it_is_no_face_again(
        self, make: Maker, faces: list[int]
    ) -> None:
        make.run(decisions.reject, [faces[0]], None, **ME)
        make.run(decisions.show_faces, [faces[0]], **ME)
        judge(make, faces[0], ADA)
        make.run(undo.undo, **ME)
        assert make.open_rows(faces[0]) == []
        assert make.known_as(faces[0]) is None

    def test_an_undo_that_would_contradict_another_decision_names_that_one(
        self, make: Maker, faces: list[int]
    ) -> None:
        make.run(decisions.confirm, [faces[4]], ADA, **ME)
        second = make.run(decisions.confirm, [faces[4]], make.person(), **ME)
        out = make.run(decisions.reject, [faces[4]], ROSA, **ME)
        make.run(decisions.merge, [ADA], ROSA, **ME)
        with pytest.raises(DecisionError, match=rf"ruled out by another decision \(change {out}\)"):
            make.run(undo.undo, second, **ME)
        assert make.open_rows(faces[4]) == [(3, "assigned", "user")]
        make.run(undo.undo, out, **ME)
        make.run(undo.undo, second, **ME)
        assert make.known_as(faces[4]) == ROSA

    @pytest.mark.parametrize(
        "decide",
        [
            pytest.param(
                lambda make, faces: (
                    make.run(decisions.confirm, [faces[4]], ADA, **ME),
                    make.run(decisions.confirm, [faces[4]], ROSA, **ME),
                ),
                id="who a face is",
            ),
            pytest.param(
                lambda make, faces: (
                    make.run(decisions.name_person, ADA, "Adi", **ME),
                    make.run(decisions.merge, [ADA], ROSA, **ME),
                ),
                id="a name that a merge hides",
            ),
            pytest.param(
                lambda make, faces: (
                    make.run(decisions.merge, [ADA], ROSA, **ME),
                    make.run(decisions.name_person, make.person(), "Ada", **ME),
                ),
                id="a name that a merge makes free",
            ),
            pytest.param(
                lambda make, faces: (
                    make.run(decisions.merge, [ADA], ROSA, **ME),
                    make.run(decisions.choose_cover, ROSA, faces[1], **ME),
                ),
                id="a cover from a merge",
            ),
            pytest.param(
                lambda make, faces: (
                    make.run(decisions.hide_faces, [faces[0]], **ME),
                    make.run(decisions.show_faces, [faces[0]], **ME),
                ),
                id="whether a face is shown",
            ),
            pytest.param(
                lambda make, faces: (
                    make.run(decisions.hide_faces, [faces[0]], **ME),
                    make.run(decisions.reject, [faces[0]], None, **ME),
                ),
                id="a second reason not to show a face",
            ),
        ],
    )
    def test_what_touches_the_same_builds_on_it(
        self,
        make: Maker,
        faces: list[int],
        decide: Callable[[Maker, list[int]], tuple[int, int]],
    ) -> None:
        first, second = decide(make, faces)
        assert changes.later(make.connection, first) == [second]

    def test_a_face_that_is_gone_is_passed_over(self, make: Maker, faces: list[int]) -> None:
        change = make.run(decisions.confirm, [faces[0], faces[2]], ADA, **ME)
        make.connection.execute("UPDATE assignments SET method = 'group' WHERE method = 'user'")
        make.connection.execute("DELETE FROM exemplars")
        make.connection.execute("DELETE FROM media WHERE id = 1")
        make.run(undo.undo, change, **ME)
        assert make.known_as(faces[2]) == ROSA

    def test_redo_follows_undo_in_order(self, make: Maker, faces: list[int]) -> None:
        numbers = [make.run(decisions.name_person, ROSA, name, **ME) for name in ("Rosi", "Rose")]
        assert [make.run(undo.undo, **ME) for _ in numbers] == [[2], [1]]
        with pytest.raises(DecisionError, match="builds on change 1, which is undone or forgotten"):
            make.run(undo.redo, 2, **ME)
        assert [make.run(undo.redo, **ME) for _ in numbers] == numbers
        assert make.value("SELECT name FROM people WHERE id = 1") == "Rose"

    def test_redo_is_refused_where_something_newer_is_about_the_same(
        self, make: Maker, faces: list[int]
    ) -> None:
        make.run(decisions.name_person, ROSA, "Rosi", **ME)
        make.run(undo.undo, **ME)
        make.run(decisions.name_person, ROSA, "Rose", **ME)
        with pytest.raises(DecisionError, match="change 2, which is newer, is about the same"):
            make.run(undo.redo, 1, **ME)
        assert make.value("SELECT name FROM people WHERE id = 1") == "Rose"
        assert make.value("SELECT undone_at FROM changes WHERE id = 1")

    def test_who_undid_it_stands_in_the_log(self, make: Maker, faces: list[int]) -> None:
        make.run(decisions.hide_people, [ROSA], **ME)
        make.run(undo.undo, actor="somebody")
        details = json.loads(make.value("SELECT details FROM log WHERE event = 'undone'"))
        assert details == {"changes": [1], "actor": "somebody"}

    def test_nothing_to_undo_or_redo(self, make: Maker) -> None:
        for work in (undo.undo, undo.redo):
            with pytest.raises(NoSuchChangeError, match="nothing to"):
                make.run(work, **ME)


def test_a_decision_that_changes_nothing_is_refused_and_not_noted(
    make: Maker, faces: list[int]
) -> None:
    make.run(decisions.hide_people, [ROSA], **ME)
    with pytest.raises(DecisionError, match="says so already"):
        make.run(decisions.hide_people, [ROSA], **ME)
    assert make.value("SELECT count(*) FROM changes") == 1


def test_several_connections_decide_at_once(
    make: Maker, catalog_path: Path, faces: list[int]
) -> None:
    """Two people and the machine, each over its own connection: every decision is there, none is
    overwritten, and all can be taken back.
    """

    def work(steps: list[Callable[[Any], object]]) -> None:
        with closing(connect(catalog_path)) as connection:
            for step in steps:
                with transaction(connection):
                    step(connection)

    def machine(connection: Any) -> None:
        verdicts = [Verdict(face_id=face, person_id=ADA) for face in faces]
        assignments.apply(connection, verdicts, {})

    one = [lambda it, face=face: decisions.confirm(it, [face], ROSA, actor="one") for face in faces]
    two = [lambda it, face=face: decisions.reject(it, [face], ADA, actor="two") for face in faces]
    with ThreadPoolExecutor(3) as pool:
        list(pool.map(work, (one, two, [machine] * len(faces))))
    assert [make.open_rows(face) for face in faces] == [[(ROSA, "assigned", "user")]] * 5
    assert rejections(make) == [(face, ADA) for face in faces]
    with pytest.raises(NoSuchChangeError):
        while True:
            make.run(undo.undo, **ME)
    assert (rejections(make), exemplars(make)) == ([], [])
