"""A catalog's whole life in any order: photos that come, change and go, the identifier killed and
asked again, people deciding meanwhile, taking back and forgetting.
"""

from __future__ import annotations

import shutil
import tempfile
from contextlib import closing, suppress
from dataclasses import replace
from itertools import combinations, count
from pathlib import Path
from typing import Any, ClassVar

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from catalog import decisions, forget, undo
from catalog.connect import connect, crops_path
from catalog.errors import RollcallError
from daemon import identification
from daemon.settings import Paths, Settings
from tests.fixtures import NO_WAITING
from tests.machines import play
from tests.makers import Maker, crowd, looks
from tests.people.album import Album, Judges, Shown, content
from tests.people.conftest import SECTION, House
from tests.people.said import OF_FACES, Delta, Said

CENTRES = crowd(6, seed=71)
NAMES = ["Rosa", "Ada", "Lise", "Eve"]
ANY = st.integers(0, 60)
SOME = st.lists(ANY, min_size=1, max_size=3, unique=True)
WHO = st.lists(st.integers(0, 5), min_size=1, max_size=3)
CLOSE = st.sampled_from([0.99, 0.98, 0.97, 0.955])
GOOD = st.sampled_from([0.8, 0.8, 0.8, 0.1])
ME = {"actor": "me"}
MOST_PHOTOS = 16
SURVIVOR = "(SELECT ifnull(merged_into, id) FROM people WHERE id = {})"
OPEN = "model = 'all' AND ended_at IS NULL"
MUST_BE_EMPTY = {
    "the machine finds nobody twice in a picture": f"""
        SELECT f.media_id, a.person_id FROM assignments AS a JOIN faces AS f ON f.id = a.face_id
        WHERE a.state = 'assigned' AND a.method <> 'user' AND {OPEN}
          AND f.media_id IN (SELECT media_id FROM files)
        GROUP BY 1, 2 HAVING count(*) > 1""",
    "whose a face is follows from its open row": f"""
        SELECT id, person_id FROM faces WHERE person_id IS NOT
        (SELECT {SURVIVOR.format("person_id")} FROM assignments
         WHERE face_id = faces.id AND state = 'assigned' AND {OPEN})""",
    "nobody is who was ruled out": f"""
        SELECT face_id, a.person_id FROM assignments AS a JOIN rejections AS r USING (face_id)
        WHERE a.ended_at IS NULL AND (r.person_id IS NULL OR
              {SURVIVOR.format("a.person_id")} = {SURVIVOR.format("r.person_id")})""",
    "the machine says nothing where a person did": """
        SELECT a.face_id FROM assignments AS a JOIN assignments AS u USING (face_id)
        WHERE a.model = 'all' AND a.ended_at IS NULL AND a.method <> 'user'
          AND u.method = 'user' AND u.model = 'all' AND u.ended_at IS NULL""",
    "merges are one hop": """
        SELECT p.id FROM people AS p JOIN people AS q ON q.id = p.merged_into
        WHERE q.merged_into IS NOT NULL""",
    # A folder of reference pictures is somebody of its own, even where another has its name.
    "nobody was given anybody else's name": """
        SELECT name FROM people WHERE merged_into IS NULL AND name IS NOT NULL
          AND (folder IS NULL OR folder <> name)
        GROUP BY name HAVING count(*) > 1""",
    "what is no face is out of sight": """
        SELECT face_id FROM rejections JOIN faces ON faces.id = face_id
        WHERE rejections.person_id IS NULL AND (state = 'active' OR faces.person_id IS NOT NULL)""",
    "who was confirmed is known by it": f"""
        SELECT face_id, person_id FROM exemplars WHERE source = 'user' AND state = 'used'
        EXCEPT SELECT face_id, person_id FROM assignments WHERE method = 'user' AND {OPEN}""",
    "who is known by it was confirmed": f"""
        SELECT face_id, person_id FROM assignments WHERE method = 'user' AND {OPEN}
        EXCEPT SELECT face_id, person_id FROM exemplars
        WHERE source = 'user' AND state = 'used'""",
}


def nobody_twice(make: Maker) -> None:
    """Two faces of one picture are one person only where somebody said so of both."""
    rows = make.rows(
        f"""SELECT media_id, faces.person_id, method = 'user', faces.id
            FROM faces JOIN assignments ON face_id = faces.id
            WHERE assignments.state = 'assigned' AND {OPEN}
              AND media_id IN (SELECT media_id FROM files) ORDER BY 1, 2, 4"""
    )
    for one, other in combinations(rows, 2):
        assert one[:2] != other[:2] or (one[2] and other[2]), (one, other)


def look(who: int, number: int, cosine: float) -> Any:
    """A picture of one of the people; no two are the same."""
    return looks(CENTRES[who], 1, number, cosine=cosine)[0]


def at(shown: Shown, moved: float) -> Shown:
    """The same face, so far beside its place."""
    return replace(shown, x=round(shown.x / 200) * 200 + moved)


class Life(RuleBasedStateMachine):
    migrated: ClassVar[Path]

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.numbers = count(1)
        self.album, self.judges = self.catalog("life")
        self.make = self.album.make
        self.said = Said()
        self.log: dict[int, tuple[str, tuple[Any, ...], Delta]] = {}

    def catalog(self, name: str) -> tuple[Album, Judges]:
        state = Path(self.folder.name) / name
        shutil.copytree(self.migrated.parent, state)
        path = state / self.migrated.name
        connections = connect(path), connect(crops_path(path))
        for connection in connections:
            connection.execute(NO_WAITING)
        make = Maker(connections[0])
        make.root(b"/inbox")
        make.root(b"/people", "reference")
        catalog_settings = Settings(paths=Paths(state=state), identify=SECTION)
        return Album(make, connections[1]), Judges(make, catalog_settings)

    # What happens to files

    def unchanged_but(self, before: Said, allowed: set[str]) -> None:
        """No file changes what was said; some things of some kinds may be said besides."""
        now = Said.of(self.make)
        for key, (was, _) in now.since(before).items():
            assert key[0] in allowed, (key, was)
            assert was is None or key[0] == "cover", (key, was)
        self.said = now

    def photos(self) -> list[bytes]:
        return sorted(path for path in self.album.photos if path.startswith(b"/inbox"))

    @initialize(who=st.lists(WHO, min_size=3, max_size=6))
    def begin(self, who: list[list[int]]) -> None:
        for some in who:
            self.photo(some, 0.98, 0.8)
        self.judges.drain()

    @precondition(lambda self: len(self.photos()) < MOST_PHOTOS)
    @rule(who=WHO, cosine=CLOSE, quality=GOOD)
    def photo(self, who: list[int], cosine: float, quality: float) -> None:
        number = next(self.numbers)
        shown = [
            Shown(x=200.0 * place, vector=look(one, 10 * number + place, cosine), quality=quality)
            for place, one in enumerate(who)
        ]
        self.album.arrive(b"/inbox/%d.jpg" % number, content(number), shown)

    @rule(who=st.integers(0, 3), cosine=CLOSE)
    def reference(self, who: int, cosine: float) -> None:
        number = next(self.numbers)
        path = b"/people/%s/%d.jpg" % (NAMES[who].encode(), number)
        shown = Shown(x=0.0, vector=look(who, 10 * number, cosine))
        before = Said.of(self.make)
        self.album.arrive(path, content(number), [shown])
        self.unchanged_but(before, {"name"})

    @rule(which=ANY)
    def reference_goes(self, which: int) -> None:
        there = sorted(path for path in self.album.photos if path.startswith(b"/people"))
        if there:
            self.album.go(there[which % len(there)])

    @rule(which=ANY, missed=st.none() | st.integers(0, 2), moved=st.sampled_from([0.0, 12.0]))
    def detected_again(self, which: int, missed: int | None, moved: float) -> None:
        """By another detector, which may miss a face: ids stay, and what people decided on."""
        path = self.photos()[which % len(self.photos())]
        sha256, shown = self.album.photos[path]
        before = self.album.faces(path)
        decided = {key[1] for key in self.said if key[0] in ("who", "not", "unseen")}
        kept = [at(it, moved) for place, it in enumerate(shown) if place != missed]
        self.album.photos[path] = (sha256, kept)
        self.album.read(path)
        now = self.album.faces(path)
        assert decided.intersection(before) <= set(now)
        if len(kept) == len(shown) == len(before):
            assert now == before, "ids stay"

    @rule(which=ANY, moved=st.sampled_from([0.0, 30.0]))
    def new_version(self, which: int, moved: float) -> None:
        """Its tags were rewritten, or it was cropped: other content at the same path."""
        path = self.photos()[which % len(self.photos())]
        _, shown = self.album.photos[path]
        before, old = Said.of(self.make), self.album.faces(path)
        kept = [at(it, moved) for it in shown]
        self.album.arrive(path, content(next(self.numbers)), kept)
        self.unchanged_but(before, {*OF_FACES, "cover"})
        if len(old) != len(shown) or len(old) != len(self.album.faces(path)):
            return  # some are there that were not found any more, or were forgotten
        for one, other in zip(old, self.album.faces(path), strict=True):
            for key, value in before.items():
                if key[1] == one and key[0] in OF_FACES:
                    assert self.said.get((key[0], other, *key[2:])) == value, "decisions come along"

    # The machine

    @rule(kill=st.none() | st.integers(0, 6))
    def judge(self, kill: int | None) -> None:
        self.judges.drain(killed_after=kill)

    @rule(faces=SOME, person=ANY, kind=st.sampled_from(["confirm", "reject", "no face", "merge"]))
    def judge_while_somebody_decides(self, faces: list[int], person: int, kind: str) -> None:
        work = {
            "confirm": lambda: self.confirm(faces, person),
            "reject": lambda: self.reject(faces, person),
            "no face": lambda: self.no_face(faces),
            "merge": lambda: self.merge(faces[:1], person),
        }[kind]
        self.judges.meanwhile = work
        self.judges.drain()

    @rule()
    def restart(self) -> None:
        self.judges.restart()

    @rule()
    def repair(self) -> None:
        self.judges.repair()
        nobody_twice(self.make)
        assert self.judges.repair() == 0, "a second pass changes nothing"

    # What people decide

    def some_faces(self, numbers: list[int]) -> list[int]:
        rows = self.make.rows("SELECT id FROM faces WHERE state IN ('active', 'hidden')")
        return [int(str(rows[number % len(rows)][0])) for number in numbers] if rows else []

    def somebody(self, number: int) -> int:
        rows = self.make.rows("SELECT id FROM people ORDER BY id")
        return int(str(rows[number % len(rows)][0])) if rows else 1

    def decide(
        self, model: str, work: Any, args: tuple[Any, ...], *given: Any, **options: Any
    ) -> None:
        """Decide: the catalog says what plain Python says, or refuses and says what it said."""
        try:
            change = self.make.run(work, *given, **options, **ME)
        except RollcallError:
            return
        before = Said(self.said)
        getattr(self.said, model)(*args)
        self.log[change] = (model, args, self.said.since(before))

    @rule(person=ANY, name=st.sampled_from([*NAMES, None]))
    def name(self, person: int, name: str | None) -> None:
        person = self.somebody(person)
        if name is None:
            self.decide("name", decisions.clear_name, (person, None), person)
        else:
            self.decide("name", decisions.name_person, (person, name), person, name)

    @rule(people=st.lists(ANY, min_size=1, max_size=2), survivor=ANY)
    def merge(self, people: list[int], survivor: int) -> None:
        given = [self.somebody(it) for it in people], self.somebody(survivor)
        self.decide("merge", decisions.merge, given, *given)

    @rule(faces=SOME, to=st.none() | ANY)
    def split(self, faces: list[int], to: int | None) -> None:
        some = self.some_faces(faces)
        old = self.make.known_as(some[0]) if some else None
        if old is None:
            return
        its = sorted({face for face in some if self.make.known_as(face) == old})
        new = None if to is None else self.somebody(to)
        last = self.make.value("SELECT ifnull(max(id), 0) FROM people")
        try:
            change = self.make.run(decisions.split, old, its, to=new, **ME)
        except RollcallError:
            return
        if new is None:
            new = self.make.value("SELECT max(id) FROM people")
            assert new > last
        before = Said(self.said)
        self.said.split(its, old, new)
        self.log[change] = ("split", (its, old, new), self.said.since(before))

    @rule(faces=SOME, person=ANY)
    def confirm(self, faces: list[int], person: int) -> None:
        given = sorted(set(self.some_faces(faces))), self.somebody(person)
        self.decide("confirm", decisions.confirm, given, *given)

    @rule(faces=SOME, person=ANY)
    def reject(self, faces: list[int], person: int) -> None:
        given = sorted(set(self.some_faces(faces))), self.somebody(person)
        self.decide("reject", decisions.reject, given, *given)

    @rule(face=ANY)
    def not_her(self, face: int) -> None:
        for one in self.some_faces([face]):
            who = self.make.known_as(one)
            if who is not None:
                self.decide("reject", decisions.reject, ([one], who), [one], who)

    @rule(faces=SOME)
    def no_face(self, faces: list[int]) -> None:
        given = sorted(set(self.some_faces(faces))), None
        self.decide("reject", decisions.reject, given, *given)

    @rule(person=ANY, hide=st.booleans())
    def hide_person(self, person: int, hide: bool) -> None:
        who = self.somebody(person)
        work = decisions.hide_people if hide else decisions.show_people
        self.decide("hide", work, (who, hide), [who])

    @rule(faces=SOME, hide=st.booleans())
    def hide_faces(self, faces: list[int], hide: bool) -> None:
        some = sorted(set(self.some_faces(faces)))
        work = decisions.hide_faces if hide else decisions.show_faces
        self.decide("see", work, (some, hide), some)

    @rule(face=ANY)
    def cover(self, face: int) -> None:
        for one in self.some_faces([face]):
            who = self.make.known_as(one)
            if who is not None:
                self.decide("cover", decisions.choose_cover, (who, one), who, one)

    @rule(which=st.none() | ANY, with_later=st.booleans())
    def take_back(self, which: int | None, with_later: bool) -> None:
        number = None if which is None or not self.log else sorted(self.log)[which % len(self.log)]
        with suppress(RollcallError):
            for change in self.make.run(undo.undo, number, with_later=with_later, **ME):
                self.said.take_back(self.log[change][2])

    @rule(which=st.none() | ANY)
    def redo(self, which: int | None) -> None:
        number = None if which is None or not self.log else sorted(self.log)[which % len(self.log)]
        with suppress(RollcallError):
            change = self.make.run(undo.redo, number, **ME)
            model, args, _ = self.log[change]
            before = Said(self.said)
            getattr(self.said, model)(*args)
            self.log[change] = (model, args, self.said.since(before))

    @rule(person=ANY, sure=st.integers(0, 3))
    def forget(self, person: int, sure: int) -> None:
        if sure:
            return
        survivor = self.said.survivor(self.somebody(person))
        family = self.said.family(survivor)
        with suppress(RollcallError):
            forget.forget_person(self.make.connection, self.album.crops, survivor, **ME)
            rows = self.make.rows("SELECT id FROM faces WHERE state = 'forgotten'")
            faces = {int(str(face)) for (face,) in rows}
            self.said.without(faces, family)
            for number, (model, args, delta) in self.log.items():
                before, after = Said(), Said()
                before.update({key: it[0] for key, it in delta.items()})
                after.update({key: it[1] for key, it in delta.items()})
                before.without(faces, family)
                after.without(faces, family)
                left = {key: (before.get(key), after.get(key)) for key in before.keys() | after}
                self.log[number] = (model, args, left)

    # What must hold after every step

    @invariant()
    def what_people_said_stands(self) -> None:
        said = Said.of(self.make)
        assert said.since(self.said) == {}

    @invariant()
    def the_machine_keeps_to_it(self) -> None:
        for what, sql in MUST_BE_EMPTY.items():
            assert self.make.rows(sql) == [], what

    def teardown(self) -> None:
        try:
            self.order_does_not_matter()
        finally:
            self.make.connection.close()
            self.album.crops.close()
            self.folder.cleanup()

    def order_does_not_matter(self) -> None:
        """The same files with nothing decided give the same people, whatever came first."""
        found = []
        for order in (1, -1):
            album, judges = self.catalog(f"order {order}")
            with closing(album.make.connection), closing(album.crops):
                for number, path in enumerate(sorted(self.album.photos)[::order]):
                    album.arrive(path, *self.album.photos[path])
                    if number % 3 != 1:
                        judges.drain()
                judges.repair()
                found.append(House(album.make, judges.settings).people())
                assert judges.repair() == 0
        assert found[0] == found[1]


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Verdicts are written three at a time, so that there is something between to be killed at."""
    monkeypatch.setattr(identification, "CHUNK", 3)


def test_a_life_in_any_order_keeps_what_people_said(migrated: Path) -> None:
    play(Life, migrated, max_examples=20, stateful_step_count=30, derandomize=True)


@pytest.mark.long
@pytest.mark.timeout(3600)
def test_hundreds_of_lives_keep_what_people_said(migrated: Path) -> None:
    play(Life, migrated, max_examples=300, stateful_step_count=70)
