"""Two workers, the identifier and two people who decide, all at once on one catalog."""

from __future__ import annotations

import random
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest

from catalog import arrivals, decisions, jobs, undo
from catalog.connect import connect, transaction
from catalog.errors import RollcallError
from catalog.files import FileStat
from catalog.media import commit_part
from catalog.records import PartRecord
from catalog.writer import Writer
from daemon import identification
from daemon.identification import Identification
from tests.makers import Maker, crowd, face_record, looks
from tests.people.album import PATIENCE, InPlace, content
from tests.people.invariants import MUST_BE_EMPTY, nobody_twice
from tests.people.said import Said

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.people.conftest import House

CENTRES = crowd(6, seed=81)
PHOTOS, REFERENCES, DECISIONS = 60, 8, 70
NAMES = ["Rosa", "Ada", "Lise", "Eve"]
WAIT_S = 60.0
Entry = tuple[str, tuple[Any, ...], int | list[int]]


@dataclass
class Household:
    """A catalog with its writer and its identification, and what people decided, in the order of
    their transactions.
    """

    path: Path
    writer: Writer
    identification: Identification
    entries: list[Entry] = field(default_factory=list)
    errors: list[Exception] = field(default_factory=list)

    def work(self, number: int) -> None:
        """A worker: its share of the files arrives; it reads whatever waits, also the other's."""
        for photo in range(number, PHOTOS + REFERENCES, 2):
            path = b"/inbox/%d.jpg" % photo
            if photo % 8 == 0:
                path = b"/people/%s/%d.jpg" % (NAMES[photo // 8 % 2].encode(), photo)
            stat = FileStat(bytes=photo + 1, mtime_ns=photo, inode=photo, device=1)
            self.writer.run(
                lambda it, path=path, stat=stat: arrivals.record(  # type: ignore[misc]
                    it, path, stat, content(stat.inode)
                )
            )
            for job in self.writer.run(lambda it: jobs.claim(it, "ingest", 2, owner="worker")):
                self.read(job)

    def read(self, job: jobs.Job) -> None:
        photo = next(it for it in range(PHOTOS + REFERENCES) if content(it) == job.key)
        who = [photo // 8 % 2] if photo % 8 == 0 else [photo % 6, (photo // 6 + photo + 1) % 6]
        faces = [
            face_record((200.0 * place, 0, 100, 120), looks(CENTRES[one], 1, 10 * photo + place)[0])
            for place, one in enumerate(who)
        ]
        record = PartRecord(sha256=job.key, faces=tuple(faces))
        state = self.writer.submit_with_crops(
            lambda catalog, crops: commit_part(catalog, crops, record, job, patience=PATIENCE)
        ).result()
        assert state == "done"
        self.identification.wake()

    def decide(self, seed: int) -> None:
        """A person in the browser or at the command line, on a connection of their own."""
        rng = random.Random(seed)
        with closing(connect(self.path)) as connection:
            make = Maker(connection)
            for _ in range(DECISIONS):
                faces = [row[0] for row in make.rows("SELECT id FROM faces ORDER BY id")]
                people = [row[0] for row in make.rows("SELECT id FROM people ORDER BY id")]
                if faces and people:
                    with suppress(RollcallError), transaction(connection):
                        self.entries.append(self.one(rng, connection, faces, people))
                self.identification.wake()
                time.sleep(0.01)

    def one(
        self, rng: random.Random, connection: Any, faces: list[Any], people: list[Any]
    ) -> Entry:
        """One decision; what it is in plain Python, and its number."""
        some, person = sorted(rng.sample(faces, min(2, len(faces)))), rng.choice(people)
        name, other = rng.choice(NAMES), rng.choice(people)
        me = {"actor": f"person {id(rng)}"}
        choices: list[tuple[str, tuple[Any, ...], Callable[..., int]]] = [
            ("confirm", (some, person), decisions.confirm),
            ("reject", (some, person), decisions.reject),
            ("reject", (some[:1], None), decisions.reject),
            ("name", (person, name), decisions.name_person),
            ("merge", ([person], other), decisions.merge),
        ]
        if rng.random() < 0.15:
            return "undo", (), undo.undo(connection, with_later=True, **me)
        what, args, work = rng.choices(choices, [4, 4, 1, 2, 0.5])[0]
        return what, args, work(connection, *args, **me)

    def said(self) -> Said:
        """What people said, by the decisions that were accepted."""
        said, deltas = Said(), {}
        for what, args, number in self.entries:
            if isinstance(number, list):
                for change in number:
                    said.take_back(deltas[change])
                continue
            before = Said(said)
            getattr(said, what)(*args)
            deltas[number] = said.since(before)
        return said

    def drained(self, make: Maker) -> None:
        """Wait until nothing is left to do."""
        end = time.monotonic() + WAIT_S
        while make.value("SELECT count(*) FROM jobs WHERE state IN ('waiting', 'running')"):
            assert time.monotonic() < end, make.rows("SELECT kind, key, state, error FROM jobs")
            assert not self.errors, self.errors
            self.identification.wake()
            time.sleep(0.02)

    def repaired(self, make: Maker) -> int:
        before = self.identification.changed
        self.writer.run(lambda it: jobs.enqueue(it, "repair", "whole"))
        self.drained(make)
        return self.identification.changed - before


@pytest.fixture
def household(house: House, monkeypatch: pytest.MonkeyPatch) -> Household:
    monkeypatch.setattr(identification, "CHUNK", 5)
    house.make.root(b"/inbox")
    house.make.root(b"/people", "reference")
    writer = Writer(house.settings.catalog)
    errors: list[Exception] = []
    loop = Identification(
        writer,
        InPlace(house.settings),  # type: ignore[arg-type]
        patience=PATIENCE,
        on_error=errors.append,
    )
    return Household(house.settings.catalog, writer, loop, errors=errors)


def test_nobody_is_overwritten_and_nobody_is_two(household: Household, make: Maker) -> None:
    household.writer.start()
    household.identification.start()
    try:
        with ThreadPoolExecutor(4) as pool:
            tasks = [pool.submit(household.work, number) for number in range(2)]
            tasks += [pool.submit(household.decide, seed) for seed in range(2)]
            for task in tasks:
                task.result()
        household.drained(make)
        household.repaired(make)
        assert household.repaired(make) == 0, "a second pass changes nothing"
    finally:
        household.identification.stop()
        household.writer.stop()
    assert household.errors == []
    assert make.value("SELECT count(*) FROM media WHERE state = 'done'") == PHOTOS + REFERENCES
    assert len(household.entries) > DECISIONS / 2, "people could decide beside the machine"
    said, expected = Said.of(make), household.said()
    # Their folders named these two, which the book of what people said does not know.
    for (person,) in make.rows("SELECT id FROM people WHERE folder = name"):
        said.pop(("name", person), None)
        expected.pop(("name", person), None)
    proposed = {key for key in said if key[0] == "name"} - expected.keys()
    assert {said[key] for key in proposed} <= {"Rosa", "Ada"}, "by merges with those two"
    for key in proposed:
        del said[key]
    assert said.since(expected) == {}
    folders = make.rows("SELECT folder FROM people WHERE folder IS NOT NULL ORDER BY folder")
    assert folders == [("Ada",), ("Rosa",)]
    for what, sql in MUST_BE_EMPTY.items():
        assert make.rows(sql) == [], what
    nobody_twice(make)
