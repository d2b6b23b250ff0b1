"""Names of exported folders and files that any file system takes."""

from __future__ import annotations

import unicodedata
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalog.exports import Likeness
from daemon.export.names import (
    FOLDER_BYTES,
    FORBIDDEN,
    clock_text,
    crop_name,
    folders,
    key,
    safe,
)

FACE = Likeness(
    person_id=1, face_id=17, media_id=3, quality=0.9, crop="c", time_s=None,
    taken="2024-05-06T12:34:56.789",
)  # fmt: skip


@pytest.mark.parametrize(
    ("text", "name"),
    [
        pytest.param("Rosa", "Rosa", id="plain"),
        pytest.param("Åse Ødegård 李明 🌹", "Åse Ødegård 李明 🌹", id="unicode"),
        pytest.param("Zoe\u0308", "Zoë", id="composed"),
        pytest.param('a/b\\c:d*e?f"g<h>i|j', "a_b_c_d_e_f_g_h_i_j", id="forbidden"),
        pytest.param("line\nbreak\x00\x7f", "line_break__", id="control"),
        pytest.param("\u202egpj.exe", "_gpj.exe", id="right-to-left"),
        pytest.param("\U0001f468\u200d\U0001f469", "\U0001f468\u200d\U0001f469", id="joined"),
        pytest.param("..", "", id="dots"),
        pytest.param("../../etc", "_._.._etc", id="climbing"),
        pytest.param(".hidden", "_hidden", id="hidden"),
        pytest.param("Dr. J. ", "Dr. J", id="trailing"),
        pytest.param("con", "_con", id="device"),
        pytest.param("Aux.jpg", "_Aux.jpg", id="device-with-ending"),
        pytest.param("Connie", "Connie", id="no-device"),
        pytest.param("   ", "", id="blank"),
    ],
)
def test_a_name_is_safe_and_still_legible(text: str, name: str) -> None:
    assert safe(text, FOLDER_BYTES) == name


@pytest.mark.parametrize("letter", ["a", "é", "李", "🌹"])
def test_a_long_name_is_cut_between_characters(letter: str) -> None:
    name = safe(letter * 200, FOLDER_BYTES)
    assert FOLDER_BYTES - 4 < len(name.encode()) <= FOLDER_BYTES
    assert set(name) == {letter}


@given(st.text(max_size=150))
def test_whatever_the_name_it_is_one_name(text: str) -> None:
    name = safe(text, FOLDER_BYTES)
    assert len(name.encode()) <= FOLDER_BYTES + 1
    assert not set(name) & FORBIDDEN
    assert not name.startswith((".", " "))
    assert not name.endswith((".", " "))
    assert not any(unicodedata.category(it) in ("Cc", "Cs", "Zl", "Zp") for it in name)
    assert safe(name, FOLDER_BYTES + 1) == name


def test_folders_are_called_as_the_people_are() -> None:
    assert folders([(1, "Rosa"), (2, None), (3, "?"), (4, "...")]) == {
        1: "Rosa",
        2: "person 2",
        3: "_",
        4: "person 4",
    }


@pytest.mark.parametrize(
    ("first", "second"),
    [
        pytest.param("Rosa", "ROSA", id="capitals"),
        pytest.param("A/B", "A:B", id="made-safe"),
        pytest.param("person 2", None, id="like-somebody-without-a-name"),
        pytest.param("STRASSE", "straße", id="sharp-s"),
        pytest.param("Sinan", "Sınan", id="dotless-i"),
        pytest.param("ab", "a\u200db", id="joiner"),
        pytest.param("x" * 300, "x" * 301, id="cut"),
    ],
)
def test_what_some_file_system_takes_for_one_folder_is_two(first: str, second: str | None) -> None:
    found = folders([(1, first), (2, second)])
    assert key(found[1]) != key(found[2])
    assert found[2].endswith(" (2)")
    assert folders([(1, first)])[1] == found[1]


def test_no_folder_is_called_as_a_file_of_the_export() -> None:
    besides = (".rollcall-export.json", "people.csv", "people.json")
    people = [(1, "people.csv"), (2, "PEOPLE.JSON"), (3, "people")]
    found = folders(people, besides=besides)
    assert found == {1: "people.csv (1)", 2: "PEOPLE.JSON (2)", 3: "people"}


@given(st.lists(st.one_of(st.none(), st.text("aA/ (1)2person ıI", max_size=14)), max_size=12))
def test_no_two_people_share_a_folder(people: list[str | None]) -> None:
    found = folders(enumerate(people, 1))
    assert len({key(it) for it in found.values()}) == len(people)


@pytest.mark.parametrize(
    ("face", "path", "name"),
    [
        pytest.param(FACE, "/a/IMG 1.png", "02 IMG 1 2024-05-06 12.34.56 face 17.jpg", id="photo"),
        pytest.param(
            replace(FACE, time_s=3725.0625), "/v/party.mp4", "02 party 01.02.05.062 face 17.jpg",
            id="video",
        ),
        pytest.param(replace(FACE, taken=None), "/a/x.png", "02 x face 17.jpg", id="no-date"),
        pytest.param(FACE, None, "02 media 3 2024-05-06 12.34.56 face 17.jpg", id="no-file"),
    ],
)  # fmt: skip
def test_a_picture_says_of_what_it_is(face: Likeness, path: str | None, name: str) -> None:
    assert crop_name(face, 2, 2, path) == name


def test_a_picture_of_a_long_name_fits_the_narrowest_file_system() -> None:
    face = replace(FACE, face_id=2**40)
    name = crop_name(face, 1000, 4, "/x/" + "李" * 200 + ".jpg")
    assert len(f".rollcall-{name}.part".encode()) <= 143


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.0, "00:00:00.000"),
        (59.9996, "00:01:00.000"),
        (3661.5, "01:01:01.500"),
        (360_000.0, "100:00:00.000"),
    ],
)
def test_seconds_become_a_clock(seconds: float, text: str) -> None:
    assert clock_text(seconds) == text
