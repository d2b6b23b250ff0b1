"""Two workers, an identifier and a person who decides, all at once: nobody overwrites the person,
and nobody becomes two people.
"""

from __future__ import annotations

import time
from contextlib import closing, suppress
from typing import TYPE_CHECKING

from PIL import Image, ImageEnhance

from catalog import decisions, undo
from catalog.connect import connect, transaction
from catalog.errors import RollcallError

if TYPE_CHECKING:
    import sqlite3
    from pathlib import Path

    from tests.end_to_end.conftest import Home

PHOTOS = (
    "obama1.jpg",
    "two_people.jpg",
    "couple.jpg",
    "obama_and_biden.jpg",
    "alex_lacamoire1.jpg",
    "img1.jpg",
    "selfie-many-people.jpg",
)
ROUNDS = 5
ME = {"actor": "ann"}
DONE = "SELECT count(*) FROM media WHERE state = 'done'"


def another(picture: Path, target: Path, number: int) -> None:
    """The photo once more, a little brighter: another content with the same people."""
    with Image.open(picture) as image:
        brighter = ImageEnhance.Brightness(image.convert("RGB")).enhance(1.0 + 0.03 * number)
        brighter.save(target, quality=92)


def a_few_decisions(connection: sqlite3.Connection, number: int) -> None:
    """On whoever is there at this moment."""
    faces = [
        (row["id"], row["person_id"])
        for row in connection.execute(
            "SELECT id, person_id FROM faces WHERE state = 'active' ORDER BY id"
        )
    ]
    people = [
        row["id"]
        for row in connection.execute("SELECT id FROM people WHERE merged_into IS NULL ORDER BY id")
    ]
    if len(faces) < 3 or len(people) < 3:
        return
    face, person = faces[number % len(faces)]
    other = people[(7 * number) % len(people)]
    acts = [
        lambda: decisions.name_person(connection, other, f"Name {number % 4}", **ME),
        lambda: decisions.confirm(connection, [face], person or other, **ME),
        lambda: decisions.reject(connection, [face], person or other, **ME),
        lambda: decisions.split(connection, person or other, [face], **ME),
        lambda: decisions.merge(connection, [other], people[number % len(people)], **ME),
        lambda: undo.undo(connection, **ME),
    ]
    with suppress(RollcallError), transaction(connection):
        acts[number % len(acts)]()


def said(connection: sqlite3.Connection) -> list[list[tuple[object, ...]]]:
    """What the person said."""
    return [
        [tuple(row) for row in connection.execute(sql)]
        for sql in (
            """SELECT face_id, person_id FROM assignments WHERE method = 'user'
               AND state = 'assigned' AND ended_at IS NULL ORDER BY 1""",
            "SELECT face_id, person_id FROM rejections ORDER BY 1, 2",
            """SELECT id, name, merged_into FROM people
               WHERE name IS NOT NULL OR merged_into ORDER BY 1""",
        )
    ]


def test_nobody_overwrites_the_person_and_nobody_becomes_two_people(
    home: Home, examples: Path
) -> None:
    home.configure(workers={"count": 2})
    number = 0
    with home.watching():
        home.wait(home.catalog.exists)
        with closing(connect(home.catalog)) as own:
            for round_ in range(ROUNDS):
                for name in PHOTOS:
                    another(examples / name, home.inbox / f"{round_}-{name}", round_)
                    for _ in range(4):
                        number += 1
                        a_few_decisions(own, number)
                    time.sleep(0.1)  # so that decisions and verdicts come between each other
            home.wait(lambda: home.value(DONE) == ROUNDS * len(PHOTOS), timeout_s=120)
            last = said(own)
            assert last[0] and last[1], "there was something to overwrite"
            home.wait(home.settled, timeout_s=120)
            assert said(own) == last
    assert (
        home.query(
            """SELECT own.face_id FROM assignments AS own JOIN assignments AS other
               ON other.face_id = own.face_id AND other.id <> own.id AND other.ended_at IS NULL
               WHERE own.method = 'user' AND own.ended_at IS NULL AND own.state = 'assigned'"""
        )
        == []
    )
    assert (
        home.query(
            """SELECT assignments.face_id FROM assignments
               JOIN people ON people.id = assignments.person_id
               JOIN rejections ON rejections.face_id = assignments.face_id
               JOIN people AS barred ON barred.id = rejections.person_id
               WHERE ended_at IS NULL AND ifnull(barred.merged_into, barred.id)
                     = ifnull(people.merged_into, people.id)"""
        )
        == []
    )
    names = home.query("SELECT name FROM people WHERE name IS NOT NULL AND merged_into IS NULL")
    assert len(names) == len(set(names))
    assert home.query("SELECT id FROM jobs WHERE state IN ('failed', 'quarantined')") == []
