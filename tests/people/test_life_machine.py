"""The life of a catalog: photos, references, decisions, undos, repairs, restarts and kills in any
order, with the real identifier. What a person said holds at every step.
"""

from __future__ import annotations

import shutil
import tempfile
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from catalog import arrivals, assignments, decisions, jobs, undo
from catalog.connect import connect
from catalog.errors import RollcallError
from catalog.faces import replace_faces
from daemon.people import identifier
from daemon.settings import Paths, Settings
from daemon.tasks import Question
from tests.fixtures import NO_WAITING
from tests.makers import Maker, crowd, face_record, looks
from tests.people.conftest import SECTION

if TYPE_CHECKING:
    from collections.abc import Sequence

    from catalog.assignments import Verdict

CENTRES = crowd(5, seed=77, alike=0.85)
ME = {"actor": "me"}
WHO = st.lists(st.integers(0, 4), min_size=1, max_size=3)
SEED = st.integers(0, 10**6)
PICK = st.integers(0, 10**6)
NAMES = ["Rosa", "Ada", "Lise", "Eve"]


class Life(RuleBasedStateMachine):
    migrated: ClassVar[Path]

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        state = Path(self.folder.name)
        shutil.copytree(self.migrated.parent, state, dirs_exist_ok=True)
        self.settings = Settings(paths=Paths(state=state), identify=SECTION)
        self.connection = connect(self.settings.catalog)
        self.connection.execute(NO_WAITING)
        self.make = Maker(self.connection)
        self.make.embedder()
        identifier._gallery = None
        self.mended = False

    def teardown(self) -> None:
        self.drain()
        self.repair()
        assert self.ask(Question(whole=True)) == []
        self.connection.close()
        self.folder.cleanup()

    @initialize(seed=SEED)
    def an_album(self, seed: int) -> None:
        """Eight photos of five people, one of them a collage, judged one after the other."""
        rng = np.random.default_rng(seed)
        for number in range(8):
            who = rng.permutation(5)[: rng.integers(1, 4)].tolist()
            self.a_photo_comes(
                who=[*who, *who[:1]] if number == 3 else who, seed=number, quality=0.8
            )
            self.drain()

    # What the machine does.

    @rule(who=WHO, seed=SEED, quality=st.sampled_from([0.8, 0.8, 0.8, 0.2]))
    def a_photo_comes(self, who: list[int], seed: int, quality: float) -> None:
        """Of somebody, of several, or of one twice: a collage."""
        with self.as_a_machine():
            vectors = [
                looks(CENTRES[it], 1, seed + place, cosine=0.93 + 0.06 * (seed % 7) / 7)[0]
                for place, it in enumerate(who)
            ]
            media_id, _ = self.make.photo(*vectors, quality=quality)
            self.make.run(self.line_up, media_id)

    @rule(pick=PICK, keep=st.booleans(), seed=SEED)
    def a_photo_is_looked_at_again(self, pick: int, keep: bool, seed: int) -> None:
        """Every face where it was, give or take, or the last one gone."""
        media_id = self.some("SELECT id FROM media WHERE id IN (SELECT media_id FROM faces)", pick)
        if media_id is None:
            return
        rows = self.make.rows(
            """SELECT faces.id, x, y, w, h, vector FROM faces JOIN embeddings ON face_id = faces.id
               WHERE media_id = ? AND state IN ('active', 'hidden') ORDER BY faces.id""",
            media_id,
        )
        rows = rows if keep else rows[:-1]
        found = [
            face_record(
                (float(str(x)) + 3, float(str(y)), float(str(w)), float(str(h))),
                np.frombuffer(vector, "<f4"),  # type: ignore[arg-type]
            )
            for _, x, y, w, h, vector in rows
        ]
        with self.as_a_machine():
            ids = self.make.run(replace_faces, media_id, found)
            assert ids == [int(str(row[0])) for row in rows], "faces keep their ids"
            self.make.run(self.line_up, media_id)

    @rule(whose=st.integers(0, 2), seed=SEED)
    def a_reference_picture_comes(self, whose: int, seed: int) -> None:
        with self.as_a_machine():
            self.make.root(b"/people", "reference")
            media_id = self.make.media()
            self.make.face(media_id, looks(CENTRES[whose], 1, seed)[0])
            path = f"/people/Person {whose}/{seed}-{media_id}.jpg".encode()
            file_id = self.make.file(media_id, path, role="reference")
            from catalog import exemplars

            self.make.run(exemplars.enrol, file_id)

    @rule(pick=PICK)
    def a_reference_picture_goes(self, pick: int) -> None:
        path = self.some("SELECT path_bytes FROM files WHERE path LIKE '/people/%'", pick)
        if path is not None:
            with self.as_a_machine():
                self.make.run(arrivals.delete, path)

    @rule(chunks=st.integers(0, 3))
    def the_identifier_is_killed(self, chunks: int) -> None:
        """Some chunks of its answer are written, and the jobs wait as before."""
        with self.as_a_machine():
            verdicts = self.ask(self.question())
            for start in range(0, min(chunks, len(verdicts))):
                self.make.run(assignments.apply, verdicts[start : start + 1], {})
            identifier._gallery = None

    @rule()
    def the_identifier_does_what_waits(self) -> None:
        with self.as_a_machine():
            self.drain()

    @rule()
    def a_repair_pass(self) -> None:
        with self.as_a_machine():
            self.drain()
            self.repair()
            assert self.ask(Question(whole=True)) == [], "a second one changes nothing"
            self.nobody_is_in_a_picture_twice()

    @rule()
    def a_restart(self) -> None:
        identifier._gallery = None

    # What a person does, also while the identifier thinks.

    @rule(kind=st.integers(0, 11), a=PICK, b=PICK, whole=st.booleans())
    def a_decision_while_the_identifier_thinks(
        self,
        kind: int,
        a: int,
        b: int,
        whole: bool,
    ) -> None:
        verdicts = self.ask(Question(whole=True) if whole else self.question())
        self.decide(kind, a, b)
        with self.as_a_machine():
            self.make.run(assignments.apply, verdicts, {})

    @rule(kind=st.integers(0, 11), a=PICK, b=PICK)
    def a_decision(self, kind: int, a: int, b: int) -> None:
        self.decide(kind, a, b)

    @rule(kind=st.integers(0, 11), a=PICK, b=PICK)
    def a_decision_that_is_taken_back(self, kind: int, a: int, b: int) -> None:
        before = self.said()
        if self.decide(kind, a, b):
            with self.as_a_machine():
                self.drain()
            self.make.run(undo.undo, **ME)
            assert self.said() == before

    @rule(pick=PICK)
    def an_older_decision_is_taken_back(self, pick: int) -> None:
        change = self.some(
            "SELECT id FROM changes WHERE undone_at IS NULL AND action <> 'forget'", pick
        )
        if change is not None:
            with suppress(RollcallError):
                self.make.run(undo.undo, change, with_later=True, **ME)

    @rule()
    def one_is_carried_out_again(self) -> None:
        with suppress(RollcallError):
            self.make.run(undo.redo, **ME)

    # What always holds.

    @invariant()
    def nobody_overwrote_anybody(self) -> None:
        make = self.make
        assert (
            make.rows(
                """SELECT face_id FROM assignments AS own WHERE method = 'user' AND ended_at IS NULL
               AND state = 'assigned' AND EXISTS (SELECT 1 FROM assignments AS other
                   WHERE other.face_id = own.face_id AND other.model = 'all'
                     AND other.ended_at IS NULL AND other.id <> own.id)"""
            )
            == []
        ), "the machine says nothing of faces that a person spoke of"
        assert (
            make.rows(
                """SELECT assignments.face_id FROM assignments
               JOIN people ON people.id = assignments.person_id
               JOIN rejections ON rejections.face_id = assignments.face_id
               LEFT JOIN people AS barred ON barred.id = rejections.person_id
               WHERE ended_at IS NULL AND (barred.id IS NULL
                  OR ifnull(barred.merged_into, barred.id) = ifnull(people.merged_into, people.id))
            """
            )
            == []
        ), "nobody is whom a person ruled out"
        assert (
            make.rows(
                """SELECT faces.id FROM faces WHERE state <> 'superseded' AND person_id IS NOT
               (SELECT ifnull(people.merged_into, people.id) FROM assignments
                JOIN people ON people.id = assignments.person_id
                WHERE face_id = faces.id AND model = 'all' AND assignments.state = 'assigned'
                  AND ended_at IS NULL)"""
            )
            == []
        ), "the cache is the decision"
        assert (
            make.rows(
                """SELECT people.id FROM people JOIN people AS survivor
               ON survivor.id = people.merged_into WHERE survivor.merged_into IS NOT NULL"""
            )
            == []
        ), "a merge is one hop"
        names = Counter(
            str(name).casefold()
            for (name,) in make.rows(
                "SELECT name FROM people WHERE name IS NOT NULL AND merged_into IS NULL"
            )
        )
        assert max(names.values(), default=1) == 1, "nobody is two people"

    def nobody_is_in_a_picture_twice(self) -> None:
        """But where somebody said so of all of them but one."""
        seen: dict[tuple[object, object], list[object]] = {}
        for media_id, person_id, method in self.make.rows(
            """SELECT faces.media_id, faces.person_id, method FROM faces
               JOIN assignments ON face_id = faces.id AND model = 'all' AND ended_at IS NULL
                    AND assignments.state = 'assigned'
               WHERE faces.person_id IS NOT NULL"""
        ):
            seen.setdefault((media_id, person_id), []).append(method)
        for methods in seen.values():
            assert len(methods) == 1 or methods.count("user") == len(methods), methods

    # Helpers.

    def decide(self, kind: int, a: int, b: int) -> bool:
        """One decision; False where it makes no sense here."""
        face = self.some("SELECT id FROM faces WHERE state IN ('active', 'hidden')", a)
        other = self.some("SELECT id FROM faces WHERE state = 'active'", b)
        person = self.some("SELECT id FROM people WHERE merged_into IS NULL", a)
        second = self.some("SELECT id FROM people WHERE merged_into IS NULL", b)
        if None in (face, other, person, second):
            return False
        acts: list[tuple[Any, ...]] = [
            (decisions.name_person, person, NAMES[b % 4]),
            (decisions.merge, [person], second),
            (decisions.split, self.make.known_as(other) or 0, [other]),
            (decisions.split, self.make.known_as(other) or 0, [other], second),
            (decisions.confirm, [face], second),
            (decisions.confirm, [other], person),
            (decisions.confirm_all, person),
            (decisions.reject, [face], self.make.known_as(face) or second),
            (decisions.reject, [other], None),
            (decisions.hide_people, [person]),
            (decisions.hide_faces, [face]),
            (decisions.choose_cover, self.make.known_as(other) or 0, other),
        ]
        act, *arguments = acts[kind]
        if act is decisions.split and len(arguments) == 3:
            person_id, faces, to = arguments
            options: dict[str, Any] = {"to": to}
            arguments = [person_id, faces]
        else:
            options = {}
        try:
            self.make.run(act, *arguments, **options, **ME)
        except RollcallError:
            return False
        return True

    def said(self) -> dict[str, list[tuple[object, ...]]]:
        """Everything that a person said, and nothing that the machine did."""
        rows = self.make.rows
        return {
            "users": rows(
                """SELECT face_id, person_id FROM assignments WHERE method = 'user'
                   AND state = 'assigned' AND ended_at IS NULL ORDER BY 1"""
            ),
            "rejections": rows(
                "SELECT face_id, ifnull(person_id, 0) FROM rejections ORDER BY 1, 2"
            ),
            "people": rows(
                """SELECT id, name, hidden, cover_face_id, merged_into FROM people
                   WHERE name IS NOT NULL OR hidden OR cover_face_id OR merged_into ORDER BY id"""
            ),
            "hidden": rows("SELECT id FROM faces WHERE state = 'hidden' ORDER BY id"),
        }

    def as_a_machine(self) -> _Machine:
        """Whatever happens inside leaves what a person said."""
        return _Machine(self)

    def question(self) -> Question:
        """What waits, as the daemon asks it."""
        media = [int(key.split("/")[0]) for key in self.make.job_keys("identify")]
        people = [int(key) for key in self.make.job_keys("rejudge")]
        return Question(media_ids=tuple(media), people_ids=tuple(people))

    def drain(self) -> None:
        """All that waits is asked, one kind after the other, and closed."""
        question = self.question()
        for part in (
            Question(media_ids=question.media_ids),
            Question(people_ids=question.people_ids),
        ):
            if part.media_ids or part.people_ids:
                self.make.run(assignments.apply, self.ask(part), {})
        self.make.connection.execute("UPDATE jobs SET state = 'done' WHERE state = 'waiting'")

    def repair(self) -> None:
        self.make.run(assignments.apply, self.ask(Question(whole=True)), {})

    def ask(self, question: Question) -> list[Verdict]:
        return list(identifier.answer(question, self.settings).verdicts)

    def some(self, sql: str, pick: int) -> Any:
        found = self.make.rows(f"{sql} ORDER BY 1")
        return found[pick % len(found)][0] if found else None

    @staticmethod
    def line_up(connection: Any, media_id: int) -> None:
        jobs.enqueue(connection, "identify", f"{media_id}/0", media_id=media_id)


class _Machine:
    def __init__(self, life: Life) -> None:
        self._life = life

    def __enter__(self) -> None:
        self._before = self._life.said()
        self._named: Sequence[Any] = self._before["people"]

    def __exit__(self, kind: object, *_: object) -> None:
        if kind is not None:
            return
        after = self._life.said()
        known = {row[0] for row in self._named}
        # A folder proposes its name once: that is somebody new.
        after["people"] = [row for row in after["people"] if row[0] in known]
        assert after == self._before, "the machine changed what a person said"


def live(migrated: Path, **options: Any) -> None:
    class Lives(Life.TestCase):  # type: ignore[name-defined, misc]
        pass

    Life.migrated = migrated
    Lives.settings = settings(
        deadline=None, suppress_health_check=list(HealthCheck), database=None, **options
    )
    Lives().runTest()


def test_what_a_person_said_holds_through_a_catalogs_life(migrated: Path) -> None:
    live(migrated, max_examples=30, stateful_step_count=20, derandomize=True)


@pytest.mark.long
@pytest.mark.timeout(3600)
def test_it_holds_through_many_long_lives(migrated: Path) -> None:
    live(migrated, max_examples=600, stateful_step_count=60)
