"""What people said, in plain Python: decisions as changes of a dictionary, to hold the catalog
against.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from tests.makers import Maker

Key = tuple[Any, ...]
Delta = dict[Key, tuple[Any, Any]]
# One row each: a face's person, a ruling-out (0: not a face), and what people themselves are.
_ROWS = (
    """SELECT 'who', face_id, person_id FROM assignments WHERE method = 'user' AND model = 'all'
       AND state = 'assigned' AND ended_at IS NULL""",
    "SELECT 'not', face_id, ifnull(person_id, 0), 1 FROM rejections",
    """SELECT 'unseen', id, 1 FROM faces WHERE state = 'hidden' AND NOT EXISTS
       (SELECT 1 FROM tracks WHERE tracks.id = track_id AND best_face_id <> faces.id)""",
    "SELECT 'name', id, name FROM people WHERE name IS NOT NULL",
    "SELECT 'hidden', id, 1 FROM people WHERE hidden",
    "SELECT 'cover', id, cover_face_id FROM people WHERE cover_face_id IS NOT NULL",
    "SELECT 'merged', id, merged_into FROM people WHERE merged_into IS NOT NULL",
)
OF_FACES = ("who", "not", "unseen")


class Said(dict[Key, Any]):
    """By what it is about (`who` a face, `not` a face and a person, …), what a person said."""

    @classmethod
    def of(cls, make: Maker) -> Said:
        """What the catalog says that people said."""
        return cls({tuple(row[:-1]): row[-1] for sql in _ROWS for row in make.rows(sql)})

    def since(self, before: dict[Key, Any]) -> Delta:
        """What is otherwise than before."""
        return {
            key: (before.get(key), self.get(key))
            for key in before.keys() | self.keys()
            if before.get(key) != self.get(key)
        }

    def take_back(self, delta: Delta) -> None:
        """As it was before; a face is who, or what, was said since by what is not to be taken back
        any more.
        """
        for key, (before, after) in delta.items():
            if key[0] != "who" or self.get(key) == after:
                self._set(key, before)
        for key in [key for key in delta if key[0] == "unseen" and ("not", key[1], 0) in self]:
            self[key] = 1

    def without(self, faces: Collection[int], people: Collection[int]) -> None:
        """Nothing was ever said of these faces and people."""
        for key, value in list(self.items()):
            kind, number = key[:2]
            who = {value if kind in ("who", "merged") else 0, key[2] if kind == "not" else 0}
            own = number in (faces if kind in OF_FACES else people)
            if own or who & set(people) or (kind == "cover" and value in faces):
                del self[key]

    def survivor(self, person: int) -> int:
        return int(self.get(("merged", person), person))

    def family(self, person: int) -> set[int]:
        """Everybody who is this one, a survivor."""
        return {person} | {
            key[1] for key, into in self.items() if key[0] == "merged" and into == person
        }

    def name(self, person: int, name: str | None) -> None:
        self._set(("name", self.survivor(person)), name)

    def hide(self, person: int, hidden: bool) -> None:
        self._set(("hidden", self.survivor(person)), int(hidden) or None)

    def cover(self, person: int, face: int | None) -> None:
        self._set(("cover", self.survivor(person)), face)

    def see(self, faces: Iterable[int], hidden: bool) -> None:
        for face in faces:
            self._set(("unseen", face), int(hidden) or None)
            if not hidden:
                self._set(("not", face, 0), None)

    def merge(self, others: Sequence[int], survivor: int) -> None:
        survivor = self.survivor(survivor)
        ones = list(dict.fromkeys(map(self.survivor, others)))
        names = [self["name", one] for one in ones if ("name", one) in self]
        if names and ("name", survivor) not in self:
            self["name", survivor] = names[0]
        for member in {it for one in ones for it in self.family(one)}:
            self["merged", member] = survivor
        family = self.family(survivor)
        for key in [key for key in self if key[0] == "not" and key[2] in family]:
            if self.get(("who", key[1])) in family:
                del self[key]

    def confirm(self, faces: Iterable[int], person: int) -> None:
        person = self.survivor(person)
        family = self.family(person)
        for face in faces:
            if self.get(("who", face)) not in family:
                if ("not", face, 0) in self:
                    self.see([face], False)
                self._rule_in(face, family)
                self["who", face] = person

    def split(self, faces: Sequence[int], old: int, new: int) -> None:
        self.reject(faces, old)
        new = self.survivor(new)
        for face in faces:
            self._rule_in(face, self.family(new))
            self["who", face] = new

    def reject(self, faces: Iterable[int], person: int | None) -> None:
        person = person and self.survivor(person)
        for face in faces:
            if person is None:
                self.see([face], True)
            if person is None or self.get(("who", face)) in self.family(person):
                self._set(("who", face), None)
            self["not", face, person or 0] = 1

    def _rule_in(self, face: int, family: Collection[int]) -> None:
        for one in family:
            self._set(("not", face, one), None)

    def _set(self, key: Key, value: object) -> None:
        if value is None:
            self.pop(key, None)
        else:
            self[key] = value
