"""`rollcall people merge … forget` and `rollcall changes`, as the command line calls them."""

from __future__ import annotations

import json
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest

from catalog.connect import connect
from daemon.commands import changes, people, search
from tests.backups import run_command
from tests.makers import Maker, crowd

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from click.testing import Result

    Run = Callable[..., Result]


@pytest.fixture
def make(catalog_path: Path) -> Iterator[Maker]:
    """Rosa (faces 1 and 2), Ada (face 3), somebody (face 4), and face 5 suggested to be Rosa."""
    with closing(connect(catalog_path)) as connection:
        make = Maker(connection)
        for vector in crowd(5):
            make.photo(vector)
        for face, person in ((1, 1), (2, 1), (3, 2), (4, 3)):
            if face != 2:
                make.person({1: "Rosa", 2: "Ada"}.get(person))
            make.assign(face, person, "group")
        make.assign(5, 1, "reference", state="suggested")
        yield make


@pytest.fixture
def run(make: Maker, catalog_path: Path) -> Run:
    del make

    def call(line: str, answer: str | None = None) -> Result:
        group, *arguments = line.split()
        command = {
            "people": people.command,
            "changes": changes.command,
            "search": search.command,
        }[group]
        return run_command(command, catalog_path, *arguments, answer=answer)

    return call


def said(run: Run, line: str, answer: str | None = None) -> Any:
    """What a command that must succeed prints as JSON."""
    done = run(f"{line} --json", answer)
    assert done.exit_code == 0, (done.output, done.exception)
    return json.loads(done.stdout)


def refused(run: Run, line: str, answer: str | None = None) -> str:
    """The one line with which a command ends with code 2."""
    done = run(line, answer)
    assert getattr(done.exception, "exit_code", done.exit_code) == 2, done.output
    line = str(done.exception)
    assert "\n" not in line
    return line


def state(make: Maker) -> list[list[tuple[object, ...]]]:
    """What the commands change."""
    return [
        make.rows("SELECT name, hidden, merged_into, cover_face_id FROM people WHERE id <= 3"),
        make.rows("SELECT id, person_id, state FROM faces"),
        make.rows("SELECT face_id, person_id FROM rejections"),
        make.rows("SELECT face_id, person_id FROM exemplars"),
    ]


@pytest.mark.parametrize(
    ("line", "answer", "effect"),
    [
        (
            "people name 3 Lise",
            {"person_id": 3, "name": "Lise"},
            "SELECT name = 'Lise' FROM people WHERE id = 3",
        ),
        (
            "people name Rosa --clear",
            {"person_id": 1, "name": None},
            "SELECT name IS NULL FROM people WHERE id = 1",
        ),
        (
            "people merge 3 --into Rosa",
            {"person_id": 1, "merged": [3]},
            "SELECT count(*) = 3 FROM faces WHERE person_id = 1",
        ),
        (
            "people merge Ada 3 --into rosa --yes",
            {"person_id": 1, "merged": [2, 3]},
            "SELECT count(*) = 4 FROM faces WHERE person_id = 1",
        ),
        (
            "people split Rosa 2",
            {"person_id": 4, "face_ids": [2]},
            "SELECT person_id = 4 FROM faces WHERE id = 2",
        ),
        (
            "people split Rosa 2 --to Ada",
            {"person_id": 2, "face_ids": [2]},
            "SELECT person_id = 2 FROM faces WHERE id = 2",
        ),
        (
            "people confirm 5",
            {"person_id": 1, "face_ids": [5]},
            "SELECT person_id = 1 FROM faces WHERE id = 5",
        ),
        (
            "people confirm 4 5 --person Ada",
            {"person_id": 2, "face_ids": [4, 5]},
            "SELECT count(*) = 3 FROM faces WHERE person_id = 2",
        ),
        (
            "people confirm --all --person Rosa",
            {"person_id": 1, "face_ids": []},
            "SELECT count(*) = 2 FROM exemplars WHERE state = 'used'",
        ),
        (
            "people reject 1 2",
            {"person_id": 1, "face_ids": [1, 2]},
            "SELECT count(*) = 2 FROM rejections WHERE person_id = 1",
        ),
        (
            "people reject 3 --person Rosa",
            {"person_id": 1, "face_ids": [3]},
            "SELECT face_id = 3 FROM rejections",
        ),
        (
            "people reject 4 --not-a-face",
            {"person_id": None, "face_ids": [4]},
            "SELECT state = 'hidden' FROM faces WHERE id = 4",
        ),
        ("people hide Rosa 3", {"person_ids": [1, 3]}, "SELECT sum(hidden) = 2 FROM people"),
        (
            "people hide --face 1 --face 2",
            {"face_ids": [1, 2]},
            "SELECT count(*) = 2 FROM faces WHERE state = 'hidden'",
        ),
        (
            "people cover Rosa 2",
            {"person_id": 1, "face_id": 2},
            "SELECT cover_face_id = 2 FROM people WHERE id = 1",
        ),
    ],
    ids=lambda it: it if isinstance(it, str) and it.startswith("people") else "",
)
def test_a_decision_is_made_told_and_taken_back(
    make: Maker, run: Run, line: str, answer: dict[str, object], effect: str
) -> None:
    before = state(make)
    assert said(run, line) == {"change_id": 1, **answer}
    assert make.value(effect) == 1
    assert said(run, "changes undo") == {"undone": [1]}
    assert state(make) == before
    assert said(run, "changes redo") == {"redone": 1}
    assert make.value(effect) == 1
    run("changes undo")
    text = run(line).output
    assert text.count("\n") == 1
    assert "change 2" in text or "called" in text or "no name now" in text


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("people name Rosa", "give a name, or --clear"),
        ("people name 3 Ada", "called 'Ada' already"),
        ("people merge 1 --into Rosa", "one already"),
        ("people merge 9 --into Rosa", "nobody is called '9'"),
        ("people split Rosa 3", "face 3 is not person 1"),
        ("people split Rosa 1 --to Rosa", "are person 1 already"),
        ("people confirm", "give the numbers of faces"),
        ("people confirm --all", "--all with --person"),
        ("people confirm --all --person Rosa 3", "--all with --person"),
        ("people confirm 1 3", "say which person"),
        ("people confirm 99", "face 99: there is no such face"),
        ("people reject 1 --not-a-face --person Rosa", "not both"),
        ("people hide", "give people, or faces"),
        ("people hide Rosa --face 1", "give people, or faces"),
        ("people show Rosa", "nothing to change"),
        ("people cover Rosa 3", "face 3 is not person 1"),
        ("people cover Rosa", "or --best"),
        ("people forget", "give a person, or faces"),
        ("changes undo", "nothing to undo"),
        ("changes undo 7", "there is no change 7"),
        ("changes redo", "nothing to redo"),
    ],
    ids=lambda it: it if it.startswith(("people", "changes")) else "",
)
def test_what_cannot_be_is_said_in_a_line_and_changes_nothing(
    make: Maker, run: Run, line: str, reason: str
) -> None:
    assert reason in refused(run, line)
    assert make.value("SELECT count(*) FROM changes") == 0


def test_two_names_become_one_only_after_asking(make: Maker, run: Run) -> None:
    assert "add --yes" in refused(run, "people merge Ada --into Rosa", "n\n")
    assert make.value("SELECT count(*) FROM changes") == 0
    done = run("people merge Ada --into Rosa", "y\n")
    assert "Rosa and Ada have names of their own" in done.output
    assert make.known_as(3) == 1


def test_undo_asks_before_it_takes_later_changes_with_it(make: Maker, run: Run) -> None:
    run("people name 3 Lise")
    run("people name 3 Lisa")
    assert "add --yes" in refused(run, "changes undo 1", "n\n")
    assert make.value("SELECT name FROM people WHERE id = 3") == "Lisa"
    assert said(run, "changes undo 1 --yes") == {"undone": [2, 1]}
    assert make.value("SELECT name FROM people WHERE id = 3") is None
    assert "redo that one first" in refused(run, "changes redo 2")
    assert "is undone already" in refused(run, "changes undo 1")
    assert said(run, "changes redo") == {"redone": 1}
    assert "is not undone" in refused(run, "changes redo 1")


def test_the_list_says_who_what_and_whether_it_holds(run: Run) -> None:
    assert run("changes list").output == "nobody decided anything yet\n"
    run("people reject 1 2")
    run("people name 3 Lise")
    run("changes undo")
    newest, oldest = run("changes list").output.splitlines()
    assert "name" in newest and "(undone)" in newest
    assert "reject" in oldest and "Rosa, 2 faces" in oldest and "undone" not in oldest
    rows = said(run, "changes list --limit 1")
    assert [row["people"] for row in rows] == [[{"person_id": 3, "name": None}]]


def test_hidden_people_are_marked_in_the_list(run: Run) -> None:
    run("people hide Rosa")
    assert "Rosa (hidden)" in run("people list").output
    run("people show Rosa")
    assert "hidden" not in run("people list").output


def test_a_person_is_forgotten_only_after_asking(make: Maker, run: Run) -> None:
    assert "add --yes" in refused(run, "people forget Rosa", "n\n")
    assert make.value("SELECT name FROM people WHERE id = 1") == "Rosa"
    done = run("people forget Rosa", "y\n")
    assert done.exit_code == 0
    assert "2 faces" in done.output and "Backups made before still hold" in done.output
    assert "Rosa" not in done.output
    assert make.rows("SELECT id FROM faces WHERE state = 'forgotten'") == [(1,), (2,)]


def test_forgetting_faces_says_what_went_as_json(make: Maker, run: Run) -> None:
    answer = said(run, "people forget --face 3 --yes")
    assert answer["erased"]["faces"] == 1 and answer["erased"]["vectors"] == 1
    assert isinstance(answer["log_emptied"], bool)
    assert make.value("SELECT name FROM people WHERE id = 2") == "Ada"


@pytest.mark.parametrize("command", ["people why", "search --face", "people reject"])
def test_a_number_that_no_catalog_holds_is_refused_in_a_line(run: Run, command: str) -> None:
    done = run(f"{command} 99999999999999999999")
    assert done.exit_code == 2
    assert "not in the range" in done.output
