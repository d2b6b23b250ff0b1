"""Somebody is forgotten while the daemon runs, and does not come back with the same pictures."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.end_to_end.conftest import Home

NAME = "Quuxbert Obama"


def test_a_forgotten_person_stays_forgotten(home: Home, copy: Callable[..., Path]) -> None:
    with home.watching():
        copy("obama/obama.jpg", home.people / NAME / "a.jpg")
        photo = copy("obama1.jpg", home.inbox)
        home.wait(lambda: home.who(home.inbox) == {"obama1.jpg": [NAME]} and home.settled())
        vectors = [row[0] for row in home.query("SELECT vector FROM embeddings")]
        assert len(vectors) == 2

        refused = home.rollcall("people", "forget", NAME, "--yes")
        assert refused.returncode == 2
        assert "a.jpg; remove them first" in refused.stderr

        shutil.rmtree(home.people / NAME)
        home.wait(lambda: home.query("SELECT 1 FROM exemplars WHERE state = 'withdrawn'"))
        home.wait(home.settled)
        # Without the reference it is somebody without a name; a person says who.
        person = home.value("SELECT person_id FROM faces WHERE person_id IS NOT NULL")
        home.rollcall("people", "merge", str(person), "--into", NAME)
        done = home.rollcall("people", "forget", NAME, "--yes", "--json")
        assert done.returncode == 0, done.stderr
        erased = json.loads(done.stdout)["erased"]
        assert (erased["faces"], erased["vectors"], erased["crops"]) == (2, 2, 2)
        home.wait(home.settled)
        left = b"".join(path.read_bytes() for path in home.catalog.parent.glob("*.db*"))
        assert NAME.encode() not in left
        assert [vector for vector in vectors if vector in left] == []

        shutil.copyfile(photo, home.inbox / "again.jpg")
        with photo.open("ab") as file:  # another content, the same picture
            file.write(b"a tag editor was here")
        home.wait(lambda: home.value("SELECT count(*) FROM media WHERE state = 'done'") == 3)
        home.wait(home.settled)
        assert home.value("SELECT count(*) FROM files WHERE state = 'present'") == 2
    assert home.query("SELECT DISTINCT state FROM faces") == [("forgotten",)]
    assert home.query("SELECT * FROM embeddings") == home.query("SELECT * FROM people") == []
