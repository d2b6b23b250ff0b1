"""Decisions, undos, redos and the machine's verdicts in any order: what a person said holds, and
can be taken back exactly.
"""

from __future__ import annotations

import shutil
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Any, ClassVar

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from catalog import assignments, changes, decisions, undo
from catalog.assignments import Verdict
from catalog.connect import connect
from catalog.errors import RollcallError
from catalog.faces import replace_faces
from tests.fixtures import NO_WAITING
from tests.machines import play
from tests.makers import Maker, face_record
from tests.people.invariants import DISOBEDIENT, SPEAKER

PHOTOS, IN_PHOTOS = 3, 6
# And a video: two who are seen together, one of them over a border, each with two faces a track.
FACES = IN_PHOTOS + 6
FACE = st.integers(1, FACES + 2)
SOME_FACES = st.lists(FACE, min_size=1, max_size=3, unique=True)
PERSON = st.integers(1, 5)
NAME = st.sampled_from(["Rosa", "Ada", "Lise"])
SURVIVOR = "(SELECT ifnull(merged_into, id) FROM people WHERE id = {})"
OPEN = "state = 'assigned' AND ended_at IS NULL"


def said(make: Maker) -> dict[str, Any]:
    """Everything that a person said; somebody who only was split off once is nobody."""
    return {
        "people": make.rows(
            """SELECT id, name, hidden, cover_face_id, merged_into FROM people
               WHERE name IS NOT NULL OR hidden OR cover_face_id OR merged_into ORDER BY id"""
        ),
        "assignments": make.rows(
            f"""SELECT face_id, person_id FROM assignments WHERE method = 'user' AND {OPEN}
                ORDER BY 1, 2"""
        ),
        "rejections": make.rows("SELECT face_id, person_id FROM rejections ORDER BY 1, 2"),
        "exemplars": make.rows(
            "SELECT face_id, person_id FROM exemplars WHERE state = 'used' ORDER BY 1, 2"
        ),
        "hidden": make.rows("SELECT id FROM faces WHERE state = 'hidden' ORDER BY id"),
    }


def everything(make: Maker) -> dict[str, Any]:
    """What a person said and what the machine said beside it."""
    return {
        **said(make),
        "open": make.rows(
            """SELECT face_id, person_id, model, state, method FROM assignments
               WHERE ended_at IS NULL ORDER BY face_id, model, state"""
        ),
        "faces": make.rows("SELECT id, person_id, state FROM faces ORDER BY id"),
    }


class Decisions(RuleBasedStateMachine):
    migrated: ClassVar[Path]

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        path = Path(self.folder.name) / "catalog.db"
        shutil.copy(self.migrated, path)
        self.connection = connect(path)
        self.connection.execute(NO_WAITING)
        self.make = Maker(self.connection)

    @initialize()
    def photos_with_faces_of_three_people(self) -> None:
        for _ in range(PHOTOS):
            self.make.photo(None, None)
        for name in (None, "Rosa", None):
            self.make.person(name)
        for face in range(1, IN_PHOTOS):
            self.make.assign(face, face % 3 + 1, "group")
        video = self.make.video()
        track, leader, _ = self.make.track(video, 50.0, 60.0, faces=2)
        self.make.track(video, 60.0, 70.0, faces=2, continues=track)
        self.make.track(video, 55.0, 65.0, faces=2)
        self.make.assign(leader, 2, "group")
        self.start = said(self.make)

    def decide(self, work: Any, *args: Any, **options: Any) -> None:
        """Decide, take it back, decide it again: exactly what was before, and what came of it."""
        before = everything(self.make)
        try:
            change = self.make.run(work, *args, actor="me", **options)
        except RollcallError:
            assert everything(self.make) == before
            return
        after = everything(self.make)
        assert after != before
        assert self.make.run(undo.undo, actor="me") == [change]
        assert everything(self.make) == before
        assert self.make.run(undo.redo, change, actor="me") == change
        assert everything(self.make) == after

    def who(self, face: int) -> Any:
        row = self.make.row("SELECT person_id FROM faces WHERE id = ?", face)
        return None if row is None else row[0]

    @rule(person=PERSON, name=NAME)
    def name(self, person: int, name: str) -> None:
        self.decide(decisions.name_person, person, name)

    @rule(person=PERSON)
    def clear_name(self, person: int) -> None:
        self.decide(decisions.clear_name, person)

    @rule(people=st.lists(PERSON, min_size=1, max_size=2), survivor=PERSON)
    def merge(self, people: list[int], survivor: int) -> None:
        self.decide(decisions.merge, people, survivor)

    @rule(faces=SOME_FACES, to=st.none() | PERSON)
    def split(self, faces: list[int], to: int | None) -> None:
        person = self.who(faces[0])
        if person is not None:
            its = [face for face in faces if self.who(face) == person]
            self.decide(decisions.split, person, its, to=to)

    @rule(faces=SOME_FACES, person=PERSON)
    def confirm(self, faces: list[int], person: int) -> None:
        self.decide(decisions.confirm, faces, person)

    @rule(person=PERSON)
    def confirm_all(self, person: int) -> None:
        self.decide(decisions.confirm_all, person)

    @rule(faces=SOME_FACES, person=st.none() | PERSON)
    def reject(self, faces: list[int], person: int | None) -> None:
        self.decide(decisions.reject, faces, person)

    @rule(face=FACE)
    def reject_who_it_is(self, face: int) -> None:
        self.decide(decisions.reject, [face], self.who(face))

    @rule(person=PERSON, hide=st.booleans())
    def hide_person(self, person: int, hide: bool) -> None:
        self.decide(decisions.hide_people if hide else decisions.show_people, [person])

    @rule(faces=SOME_FACES, hide=st.booleans())
    def hide_face(self, faces: list[int], hide: bool) -> None:
        self.decide(decisions.hide_faces if hide else decisions.show_faces, faces)

    @rule(face=FACE)
    def cover(self, face: int) -> None:
        person = self.who(face)
        if person is not None:
            self.decide(decisions.choose_cover, person, face)

    @rule(number=st.integers(1, 12))
    def undo_with_what_builds_on_it(self, number: int) -> None:
        with suppress(RollcallError):
            later = changes.later(self.connection, number)
            undone = self.make.run(undo.undo, number, actor="me", with_later=True)
            assert undone == [*later, number]

    @rule(number=st.none() | st.integers(1, 12))
    def redo(self, number: int | None) -> None:
        with suppress(RollcallError):
            self.make.run(undo.redo, number, actor="me")

    @rule(
        faces=SOME_FACES,
        person=st.none() | PERSON | st.integers(-2, -1),
        state=st.sampled_from(["assigned", "suggested"]),
        model=st.sampled_from(["all", "all", "Dlib"]),
    )
    def judge(self, faces: list[int], person: int | None, state: str, model: str) -> None:
        before = said(self.make)
        verdicts = [
            Verdict(face_id=face, person_id=person, state=state, model=model) for face in faces
        ]
        self.make.run(assignments.apply, verdicts, {})
        assert said(self.make) == before

    @rule(photo=st.integers(1, PHOTOS), found=st.sets(st.integers(0, 2)))
    def catalogue_again(self, photo: int, found: set[int]) -> None:
        """Another detector finds some of the faces, and perhaps one more."""
        before = said(self.make)
        records = [face_record((200.0 * place, 0.0, 100.0, 120.0)) for place in sorted(found)]
        self.make.run(replace_faces, photo, records)
        assert said(self.make) == before

    @invariant()
    def nobody_is_who_was_ruled_out(self) -> None:
        assert not self.make.rows(
            f"""SELECT * FROM assignments AS a JOIN rejections AS r USING (face_id)
                WHERE a.ended_at IS NULL AND (r.person_id IS NULL OR
                    {SURVIVOR.format("a.person_id")} = {SURVIVOR.format("r.person_id")})"""
        )

    @invariant()
    def the_cache_is_the_open_assignment_read_through_merges(self) -> None:
        assert not self.make.rows(
            f"""SELECT id FROM faces WHERE person_id IS NOT
                (SELECT {SURVIVOR.format("person_id")} FROM assignments
                 WHERE face_id = {SPEAKER} AND model = 'all' AND {OPEN})"""
        )

    @invariant()
    def tracks_follow_their_leaders(self) -> None:
        assert self.make.rows(DISOBEDIENT) == []

    @invariant()
    def merges_are_one_hop(self) -> None:
        assert not self.make.rows(
            "SELECT * FROM people AS p JOIN people AS q ON q.id = p.merged_into WHERE q.merged_into"
        )

    @invariant()
    def a_cover_is_a_face_of_theirs(self) -> None:
        assert not self.make.rows(
            """SELECT * FROM people_summary JOIN faces ON id = cover_face_id
               WHERE faces.person_id IS NOT people_summary.person_id OR state <> 'active'"""
        )

    @invariant()
    def nobody_has_anybody_elses_name(self) -> None:
        assert not self.make.rows(
            """SELECT name FROM people WHERE merged_into IS NULL AND name IS NOT NULL
               GROUP BY name HAVING count(*) > 1"""
        )

    def teardown(self) -> None:
        with suppress(changes.NoSuchChangeError):
            while True:
                self.make.run(undo.undo, actor="me")
        assert said(self.make) == self.start
        self.connection.close()
        self.folder.cleanup()


def test_any_sequence_of_decisions_holds_and_can_be_taken_back(migrated: Path) -> None:
    play(Decisions, migrated, max_examples=60, stateful_step_count=30, derandomize=True)


@pytest.mark.long
@pytest.mark.timeout(3600)
def test_a_thousand_sequences_hold_and_can_be_taken_back(migrated: Path) -> None:
    play(Decisions, migrated, max_examples=1000, stateful_step_count=50)
