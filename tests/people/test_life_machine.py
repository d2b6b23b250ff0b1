"""A catalog's whole life in any order: photos that come, change and go, the identifier killed and
asked again, people deciding meanwhile, taking back and forgetting.
"""

from __future__ import annotations

import shutil
import tempfile
from contextlib import closing, suppress
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, precondition, rule

from catalog import decisions, forget, media
from catalog.connect import connect, crops_path
from catalog.errors import RollcallError
from daemon import identification
from daemon.settings import Paths, Settings
from tests.fixtures import NO_WAITING
from tests.machines import play
from tests.makers import Maker, between, crowd, looks
from tests.people.album import Album, Judges, Shown, content
from tests.people.conftest import SECTION, House
from tests.people.deciding import ANY, ME, NAMES, Deciding
from tests.people.invariants import BESIDE_SAID, MUST_BE_EMPTY, nobody_twice
from tests.people.said import OF_FACES, Delta, Said

if TYPE_CHECKING:
    from daemon.tasks import Answer

PEOPLE = crowd(6, seed=71)
CENTRES = [*PEOPLE, between(PEOPLE[0], PEOPLE[1], 0.48), between(PEOPLE[2], PEOPLE[4], 0.5)]
# The last two are between two of the others.
WHO = st.lists(st.integers(0, 7), min_size=1, max_size=3)
CLOSE = st.sampled_from([0.99, 0.98, 0.97, 0.955, 0.94])
GOOD = st.sampled_from([0.8, 0.8, 0.8, 0.1])
MOST_PHOTOS, MOST_VIDEOS = 16, 3
# Who, from which second on, for how many.
SEEN = st.lists(
    st.tuples(st.integers(0, 7), st.integers(0, 6), st.integers(0, 4)), min_size=1, max_size=6
)
Seen = tuple[float, float, Any, float]


def look(who: int, number: int, cosine: float) -> Any:
    """A picture of one of the people; no two are the same."""
    return looks(CENTRES[who], 1, number, cosine=cosine)[0]


def at(shown: Shown, moved: float) -> Shown:
    """The same face, so far beside its place."""
    return replace(shown, x=round(shown.x / 200) * 200 + moved)


def show(make: Maker, sha256: str, tracks: list[Seen]) -> None:
    """A video with these tracks of two faces each is there to be judged."""
    media_id = make.video(b"/inbox/%s.mp4" % sha256.encode(), sha256=sha256)
    for start_s, end_s, vector, quality in tracks:
        make.track(media_id, start_s, end_s, vector, faces=2, quality=quality)
    make.run(media.judge, media_id)


class Life(Deciding):
    migrated: ClassVar[Path]

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.numbers = count(1)
        self.album, self.judges = self.catalog("life")
        self.make = self.album.make
        self.said = Said()
        self.log: dict[int, tuple[str, tuple[Any, ...], Delta]] = {}
        self.videos: dict[str, list[Seen]] = {}

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

    @precondition(lambda self: len(self.videos) < MOST_VIDEOS)
    @rule(seen=SEEN, cosine=CLOSE, quality=GOOD)
    def video(self, seen: list[tuple[int, int, int]], cosine: float, quality: float) -> None:
        """People who come and go, some at one time; whoever comes back begins another track."""
        number = next(self.numbers)
        tracks = [
            (float(start), float(start + lasts), look(who, 10 * number + place, cosine), quality)
            for place, (who, start, lasts) in enumerate(seen)
        ]
        self.videos[content(number)] = tracks
        show(self.make, content(number), tracks)

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
        if kill is None:
            assert self.make.rows(BESIDE_SAID) == [], "who was confirmed is nobody beside it too"

    @rule(which=ANY, person=ANY, kind=st.sampled_from(["no", "else", "beside", "no face", "merge"]))
    def judge_while_somebody_decides(self, which: int, person: int, kind: str) -> None:
        """What was decided while the identifier thought, of a face that its answer is about, wins
        over the answer.
        """
        self.judges.meanwhile = lambda it: self.contradict(it, which, person, kind)
        self.judges.drain()

    def contradict(self, answer: Answer, which: int, person: int, kind: str) -> None:
        known = [it for it in answer.verdicts if it.person_id is not None and it.person_id > 0]
        if not known:
            return
        verdict = known[which % len(known)]
        face, who, other = [verdict.face_id], verdict.person_id, self.somebody(person)
        if kind == "no":
            self.decide("reject", decisions.reject, (face, who), face, who)
        elif kind == "else":
            self.decide("confirm", decisions.confirm, (face, other), face, other)
        elif kind == "beside":
            rows = self.make.rows(
                """SELECT id FROM faces WHERE state = 'active' AND id <> ?1 AND media_id =
                   (SELECT media_id FROM faces WHERE id = ?1)""",
                face[0],
            )
            for beside in [[row[0]] for row in rows[:1]]:
                self.decide("confirm", decisions.confirm, (beside, who), beside, who)
        elif kind == "no face":
            self.decide("reject", decisions.reject, (face, None), face, None)
        else:
            self.decide("merge", decisions.merge, ([who], other), [who], other)

    @rule()
    def look_again(self) -> None:
        self.judges.look_again()

    @rule()
    def restart(self) -> None:
        self.judges.restart()

    @rule()
    def repair(self) -> None:
        self.judges.come_to_rest()
        self.judges.repair()
        nobody_twice(self.make)
        assert self.judges.repair() == 0, "a second pass changes nothing"

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
                everything = [*sorted(self.album.photos), *sorted(self.videos)]
                for number, path in enumerate(everything[::order]):
                    if isinstance(path, str):
                        show(album.make, path, self.videos[path])
                    else:
                        album.arrive(path, *self.album.photos[path])
                    if number % 3 != 1:
                        judges.drain()
                judges.come_to_rest()
                judges.repair()
                found.append(House(album.make, judges.settings).people())
                assert judges.repair() == 0
        assert found[0] == found[1]


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Verdicts are written three at a time, so that there is something between to be killed at."""
    monkeypatch.setattr(identification, "CHUNK", 3)


def test_a_life_in_any_order_keeps_what_people_said(migrated: Path) -> None:
    play(Life, migrated, max_examples=40, stateful_step_count=40, derandomize=True)


@pytest.mark.long
@pytest.mark.timeout(3600)
def test_hundreds_of_lives_keep_what_people_said(migrated: Path) -> None:
    play(Life, migrated, max_examples=600, stateful_step_count=80)
