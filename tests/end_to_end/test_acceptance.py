"""The photographs that Rollcall must get right, from the command line to the rows."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from tests.end_to_end.conftest import Home

# Widest face first; "?" is somebody without a name.
EXPECTED = {
    "32bit.png": ["obama"],
    "alex-lacamoire.png": ["alex_lacamoire"],
    "alex_lacamoire1.jpg": ["alex_lacamoire"],
    "couple.jpg": ["?", "?"],
    "img1.jpg": ["?"],
    "img33.jpg": ["?"],
    "johnsnow_test1.jpg": ["kit_harington"],
    "kit_with_rose.jpg": ["kit_harington", "rose_leslie"],
    "lin-manuel-miranda.png": ["?"],
    "obama-1080p.jpg": ["obama"],
    "obama-240p.jpg": ["obama"],
    "obama1.jpg": ["obama"],
    "obama_and_biden.jpg": ["obama", "biden", "?"],
    "obama_partial_face.jpg": ["obama"],
    "obama_partial_face2.jpg": ["obama"],
    "selfie-many-people.jpg": ["?"] * 6,
    "two_people.jpg": ["obama", "biden"],
}
FRONTAL = (
    "obama1.jpg",
    "obama-1080p.jpg",
    "two_people.jpg",
    "obama_and_biden.jpg",
    "johnsnow_test1.jpg",
    "alex_lacamoire1.jpg",
)


@pytest.mark.parametrize("photo", EXPECTED)
def test_every_known_face_is_named_and_nobody_else(
    scanned: Home, examples: Path, photo: str
) -> None:
    assert scanned.who(examples)[photo] == EXPECTED[photo]


def test_every_photo_is_catalogued(scanned: Home, examples: Path) -> None:
    assert set(scanned.who(examples)) == set(EXPECTED)


def test_reference_pictures_are_in_no_count(scanned: Home, examples: Path) -> None:
    counted = dict(scanned.query("SELECT name, media_count FROM people_summary"))
    named = [name for names in EXPECTED.values() for name in names]
    assert {name: counted[name] for name in set(named) - {"?"}} == {
        name: named.count(name) for name in set(named) - {"?"}
    }


def test_every_reference_picture_is_used(scanned: Home) -> None:
    states = scanned.query("SELECT state, reason FROM exemplars")
    assert states == [("used", None)] * 9


def test_every_face_has_its_crop_vector_and_quality(scanned: Home) -> None:
    assert (
        scanned.value(
            """SELECT count(*) FROM faces LEFT JOIN embeddings ON embeddings.face_id = faces.id
               LEFT JOIN quality ON quality.face_id = faces.id
               WHERE vector IS NULL OR length(vector) <> 512 OR crop IS NULL
                  OR faces.quality IS NULL OR quality.sharpness IS NULL"""
        )
        == 0
    )


@pytest.fixture(scope="module")
def offline(
    tmp_path_factory: pytest.TempPathFactory, examples: Path, reference: Path
) -> tuple[Home, dict[str, list[str]], str]:
    """The same photographs with what packages carry: no weights folder, no download."""
    from tests.end_to_end.conftest import build_home

    home = build_home(
        tmp_path_factory.mktemp("offline") / "home",
        paths={"people": str(reference)},
        models={"download": False},
    )
    done = home.rollcall("scan", examples, timeout_s=280)
    assert done.returncode == 0, done.stderr
    return home, home.who(examples), done.stderr


@pytest.mark.parametrize("photo", FRONTAL)
def test_without_weights_and_network_frontal_faces_are_still_named(
    offline: tuple[Home, dict[str, list[str]], str], photo: str
) -> None:
    known = [name for name in EXPECTED[photo] if name != "?"]
    assert sorted(name for name in offline[1][photo] if name != "?") == sorted(known)


def test_without_weights_and_network_nobody_is_named_wrongly(
    offline: tuple[Home, dict[str, list[str]], str],
) -> None:
    wrong = {
        photo: names
        for photo, names in offline[1].items()
        if not set(names) - {"?"} <= set(EXPECTED[photo])
    }
    assert wrong == {}


def test_without_weights_and_network_status_says_which_models_it_runs_on(
    offline: tuple[Home, dict[str, list[str]], str],
) -> None:
    home, _, said = offline
    report = json.loads(home.rollcall("status", "--json").stdout)
    assert report["models"] == {"detector": ["mtcnn"], "recognizer": ["Dlib"]}
    assert any("yunet" in note and "mtcnn" in note for note in report["notes"]), report["notes"]
    text = home.rollcall("status").stdout
    assert "mtcnn" in text and report["notes"][0] in text
    assert report["notes"][0] in said


def test_the_names_in_doubt_waited_for_a_second_look(scanned: Home) -> None:
    looked = scanned.query(
        """SELECT DISTINCT files.path FROM embeddings JOIN embedders ON embedders.id = embedder_id
           JOIN faces ON faces.id = face_id JOIN files ON files.media_id = faces.media_id
           WHERE geometry LIKE '%+jitter8'"""
    )
    assert [path.rpartition("/")[2] for (path,) in looked] == ["alex-lacamoire.png"]
    assert scanned.query("SELECT DISTINCT state FROM jobs WHERE kind = 'look'") == [("done",)]
