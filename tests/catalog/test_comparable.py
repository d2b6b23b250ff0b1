"""What is said where new faces cannot be compared with those of the catalog."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from catalog.records import EmbedderRecord
from daemon import comparable
from daemon.faces.plan import Choice
from tests.makers import DLIB, crowd

if TYPE_CHECKING:
    from tests.makers import Maker

SFACE = EmbedderRecord(model="SFace", weights_sha256="s", geometry="s", dimensions=4)


def choice(name: str = DLIB.model, geometry: str = DLIB.geometry) -> Choice:
    return Choice(name=name, kind="recognizer", weights=None, geometry=geometry)


def test_nothing_is_said_of_an_empty_catalog(make: Maker) -> None:
    assert comparable.notes(make.connection, [choice()]) == []


def test_nothing_is_said_while_faces_are_compared_by_the_chosen_models(make: Maker) -> None:
    make.embedder(SFACE)
    assert comparable.notes(make.connection, [choice("SFace", "s")]) == []
    make.embedder(replace(SFACE, model="ArcFace"))
    both = [choice("ArcFace", "s"), choice("SFace", "s")]
    assert comparable.notes(make.connection, both) == []


@pytest.mark.parametrize(
    "chosen",
    [
        pytest.param([choice("ArcFace", "arcface112-v2")], id="another model"),
        pytest.param([choice(geometry="chip-v2")], id="another crop"),
    ],
)
def test_what_new_faces_may_lack_is_named_with_its_remedy(
    make: Maker, chosen: list[Choice]
) -> None:
    make.embedder()
    (note,) = comparable.notes(make.connection, chosen)
    assert "compared by Dlib (chip)" in note and "compared with nobody" in note
    assert "`rollcall recompute embed`" in note


def test_a_model_that_is_chosen_beside_is_not_compared_by_until_every_face_has_its_vector(
    make: Maker,
) -> None:
    make.embedder(SFACE)
    chosen = [choice("SFace", "s"), choice("ArcFace", "arcface112-v2")]
    (note,) = comparable.notes(make.connection, chosen)
    assert "ArcFace (arcface112-v2)" in note and "nobody" not in note


def test_a_model_that_is_no_longer_chosen_counts_until_the_change_is_made(make: Maker) -> None:
    make.embedder()
    make.embedder(SFACE)
    (note,) = comparable.notes(make.connection, [choice("SFace", "s")])
    assert "compared by Dlib (chip), SFace (s)" in note


def test_other_weights_are_another_model(make: Maker) -> None:
    make.embedder()
    (note,) = comparable.notes(make.connection, [choice()])
    assert "chooses Dlib (chip, other weights)" in note


def test_faces_without_a_vector_by_a_chosen_model_are_counted(make: Maker) -> None:
    one, two = crowd(2)
    make.photo(one, two, None)
    dlib = Choice(name="Dlib", kind="recognizer", weights=None, geometry=DLIB.geometry)
    assert comparable.count_lacking(make.connection, [choice("SFace", "s")]) == 3
    make.connection.execute("UPDATE embedders SET weights_sha256 = ?", [dlib.weights_sha256])
    assert comparable.count_lacking(make.connection, [dlib]) == 1
