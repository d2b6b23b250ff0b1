"""A fresh catalog for each test, a maker of rows, and the identifier with its writer beside it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from catalog import assignments
from daemon.people import identifier
from daemon.people.starting import published
from daemon.settings import Identify, Paths, Settings
from daemon.tasks import Question
from tests.fixtures import catalog, catalog_path, crops, make, migrated

if TYPE_CHECKING:
    from pathlib import Path

    from catalog.assignments import Verdict
    from tests.makers import Maker, Vectors

__all__ = ["catalog", "catalog_path", "crops", "make", "migrated"]

# What a lead of 0.02 is in odds, by the curve of a Dlib of unknown weights.
LEAD = math.exp(0.02 * published("Dlib").curve.slope)
SECTION = Identify(threshold=0.9, lead=LEAD, group_threshold=0.9, found_quality=0.3)


@dataclass
class House:
    """A catalog whose photos are judged as the daemon judges them."""

    make: Maker
    settings: Settings
    changed: int = 0

    def answer(
        self, *media_ids: int, people: tuple[int, ...] = (), whole: bool = False
    ) -> list[Verdict]:
        """What the identifier says; nothing is written."""
        question = Question(media_ids=media_ids, people_ids=people, whole=whole)
        return list(identifier.answer(question, self.settings).verdicts)

    def judge(self, *media_ids: int, people: tuple[int, ...] = (), whole: bool = False) -> int:
        """Ask, and write the answer; returns how many faces changed hands."""
        verdicts = self.answer(*media_ids, people=people, whole=whole)
        changed: int = self.make.run(assignments.apply, verdicts, {})
        return changed

    def repair(self) -> int:
        """The repair pass; returns how many faces changed hands."""
        return self.judge(whole=True)

    def photo(self, *vectors: Vectors, quality: float = 0.8) -> list[int]:
        """A photo that comes in and is judged at once; returns its faces."""
        media_id, faces = self.make.photo(*vectors, quality=quality)
        self.judge(media_id)
        return faces

    def media_of(self, face_id: int) -> int:
        """The photo that this face is in."""
        return int(self.make.value("SELECT media_id FROM faces WHERE id = ?", face_id))

    def known(self, *faces: int) -> list[int | None]:
        """Who these faces are."""
        return [self.make.known_as(face) for face in faces]

    def people(self) -> set[frozenset[tuple[str, float]]]:
        """Who is one person, by content: the same whatever anybody's number is."""
        found: dict[int, set[tuple[str, float]]] = {}
        for person, sha256, x in self.make.rows(
            """SELECT person_id, sha256, x FROM faces JOIN media ON media.id = media_id
               WHERE person_id IS NOT NULL AND faces.state = 'active'"""
        ):
            found.setdefault(int(str(person)), set()).add((str(sha256), float(str(x))))
        return {frozenset(faces) for faces in found.values()}


@pytest.fixture
def house(make: Maker, catalog_path: Path, monkeypatch: pytest.MonkeyPatch) -> House:
    """An empty house, and an identifier that remembers nobody."""
    monkeypatch.setattr(identifier, "_gallery", None)
    settings = Settings(paths=Paths(state=catalog_path.parent), identify=SECTION)
    return House(make, settings)
