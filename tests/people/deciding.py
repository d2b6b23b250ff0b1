"""What people decide, as rules of a state machine; catalog and plain Python are told the same."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule

from catalog import decisions, undo
from catalog.errors import RollcallError
from tests.people.invariants import SPEAKER
from tests.people.said import Said

if TYPE_CHECKING:
    from tests.makers import Maker
    from tests.people.said import Delta

NAMES = ["Rosa", "Ada", "Lise", "Eve"]
ANY = st.integers(0, 60)
SOME = st.lists(ANY, min_size=1, max_size=3, unique=True)
ME = {"actor": "me"}


class Deciding(RuleBasedStateMachine):
    """`said` is what the catalog in `make` should say that people said; `log` has each change with
    what it was and what it changed in that.
    """

    make: Maker
    said: Said
    log: dict[int, tuple[str, tuple[Any, ...], Delta]]

    def some_faces(self, numbers: list[int]) -> list[int]:
        rows = self.make.rows("SELECT id FROM faces WHERE state IN ('active', 'hidden')")
        return [int(str(rows[number % len(rows)][0])) for number in numbers] if rows else []

    def speakers(self, faces: list[int]) -> list[int]:
        """The faces that are meant: of a track its leader, whichever of its faces was named."""
        sql = f"SELECT {SPEAKER} FROM faces WHERE id = ?"
        return sorted({int(self.make.value(sql, face)) for face in faces})

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
        args = self.meant(model, args)
        getattr(self.said, model)(*args)
        self.log[change] = (model, args, self.said.since(before))

    def meant(self, model: str, args: tuple[Any, ...]) -> tuple[Any, ...]:
        """Who the people are that it is about, at this moment: a redo means the same ones."""
        who = self.said.survivor
        if model in ("name", "hide", "cover"):
            return who(args[0]), args[1]
        if model in ("confirm", "reject"):
            return self.speakers(args[0]), args[1] and who(args[1])
        if model == "see":
            return self.speakers(args[0]), args[1]
        return ([who(it) for it in args[0]], who(args[1])) if model == "merge" else args

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
        new = self.said.survivor(new)
        its = self.speakers(its)
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
        self.undo(which, with_later=with_later)

    def undo(self, which: int | None, *, with_later: bool) -> None:
        number = None if which is None or not self.log else sorted(self.log)[which % len(self.log)]
        with suppress(RollcallError):
            for change in self.make.run(undo.undo, number, with_later=with_later, **ME):
                self.said.take_back(self.log[change][2])
        for (face,) in self.make.rows("SELECT id FROM faces WHERE state = 'superseded'"):
            self.said.pop(("unseen", face), None)  # shown, and then found no more

    @rule()
    def take_back_the_newest(self) -> None:
        self.undo(None, with_later=False)

    @rule(which=st.none() | ANY)
    def redo(self, which: int | None) -> None:
        number = None if which is None or not self.log else sorted(self.log)[which % len(self.log)]
        with suppress(RollcallError):
            change = self.make.run(undo.redo, number, **ME)
            model, args, _ = self.log[change]
            before = Said(self.said)
            getattr(self.said, model)(*args)
            self.log[change] = (model, args, self.said.since(before))
