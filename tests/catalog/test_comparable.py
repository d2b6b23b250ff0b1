"""What is said where new faces cannot be compared with those of the catalog."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from catalog.records import EmbedderRecord
from daemon import comparable
from daemon.faces.plan import Choice
from tests.makers import DLIB

if TYPE_CHECKING:
    from tests.makers import Maker


def choice(name: str = DLIB.model, geometry: str = DLIB.geometry) -> Choice:
    return Choice(name=name, kind="recognizer", weights=None, geometry=geometry)


def test_nothing_is_said_of_an_empty_catalog(make: Maker) -> None:
    assert comparable.notes(make.connection, [choice()]) == []


def test_nothing_is_said_while_new_faces_get_the_vector_that_counts(make: Maker) -> None:
    sface = EmbedderRecord(model="SFace", weights_sha256="s", geometry="chip", dimensions=4)
    make.embedder(sface)
    assert comparable.notes(make.connection, [choice("ArcFace"), choice("SFace")]) == []


@pytest.mark.parametrize(
    "chosen",
    [
        pytest.param([choice("ArcFace", "arcface112-v2")], id="another model"),
        pytest.param([choice(geometry="chip-v2")], id="another crop"),
    ],
)
def test_what_new_faces_lack_is_named(make: Maker, chosen: list[Choice]) -> None:
    make.embedder()
    (note,) = comparable.notes(make.connection, chosen)
    assert "compared by Dlib (chip)" in note and "compared with nobody" in note
