"""A photo that was tagged, turned, cropped or saved again in its place keeps its people."""

from __future__ import annotations

import shutil
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest
from PIL import Image

from catalog.connect import connect, transaction
from tests.end_to_end.conftest import build_home
from tests.makers import Maker

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.end_to_end.conftest import Home

ORIENTATION, ARTIST = 0x0112, 0x013B
Place = tuple[float, float]


def tagged(picture: Image.Image, path: Path) -> None:
    exif = picture.getexif()
    exif[ARTIST] = "Somebody"
    picture.save(path, quality="keep", exif=exif)


def shown_turned(picture: Image.Image, path: Path) -> None:
    exif = picture.getexif()
    exif[ORIENTATION] = 6
    picture.save(path, quality="keep", exif=exif)


def turned(picture: Image.Image, path: Path) -> None:
    picture.transpose(Image.Transpose.ROTATE_270).save(path, quality=92)


def cropped(picture: Image.Image, path: Path) -> None:
    left, top = picture.width * 0.05, picture.height * 0.04
    picture.crop((round(left), round(top), picture.width, picture.height)).save(path, quality=92)


def saved_again(picture: Image.Image, path: Path) -> None:
    picture.save(path, quality=60)


@dataclass(frozen=True, slots=True, kw_only=True)
class Edit:
    """What is done to a photograph, and where a place (shares of width and height) is then."""

    photo: str
    change: Callable[[Image.Image, Path], None]
    moved: Callable[[float, float], Place]


EDITS = {
    "its tags were rewritten": Edit(
        photo="two_people.jpg", change=tagged, moved=lambda x, y: (x, y)
    ),
    "it was turned": Edit(photo="kit_with_rose.jpg", change=turned, moved=lambda x, y: (1 - y, x)),
    "its tags say that it lies on its side": Edit(
        photo="couple.jpg", change=shown_turned, moved=lambda x, y: (1 - y, x)
    ),
    "it was cropped": Edit(
        photo="obama_and_biden.jpg",
        change=cropped,
        moved=lambda x, y: ((x - 0.05) / 0.95, (y - 0.04) / 0.96),
    ),
    "it was saved again": Edit(
        photo="selfie-many-people.jpg", change=saved_again, moved=lambda x, y: (x, y)
    ),
}
# Nobody decides on the faces of these: one is found by a reference picture, one founds a person.
UNDECIDED = ("obama1.jpg", "alex_lacamoire1.jpg")
PLACES = """
SELECT faces.id, (x + w / 2) / width, (y + h / 2) / height, person_id, media.id
FROM faces JOIN media ON media.id = faces.media_id JOIN files ON files.media_id = media.id
WHERE faces.state = 'active' AND files.path LIKE ? ORDER BY faces.id
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Edited:
    """A home before and after: of each photo its faces with place and person."""

    home: Home
    before: dict[str, list[tuple[int, float, float, int, int]]]
    after: dict[str, list[tuple[int, float, float, int, int]]]


def faces(home: Home) -> dict[str, list[tuple[int, float, float, int, int]]]:
    names = [*(edit.photo for edit in EDITS.values()), *UNDECIDED]
    return {name: home.query(PLACES, f"%/{name}") for name in names}


@pytest.fixture(scope="module")
def edited(
    tmp_path_factory: pytest.TempPathFactory, test_data: Path, examples: Path, reference: Path
) -> Edited:
    """Photographs, of which a person named every face but two, changed in place and scanned."""
    home = build_home(
        tmp_path_factory.mktemp("edited") / "home",
        models={"weights": str(test_data / "weights")},
    )
    shutil.copytree(reference / "obama", home.people / "obama")
    for name in (*(edit.photo for edit in EDITS.values()), *UNDECIDED):
        shutil.copy(examples / name, home.inbox / name)
    assert home.rollcall("scan", home.inbox).returncode == 0
    with closing(connect(home.catalog)) as connection:
        make = Maker(connection)
        with transaction(connection):
            for edit in EDITS.values():
                for face_id, *_ in home.query(PLACES, f"%/{edit.photo}"):
                    connection.execute(
                        "UPDATE assignments SET state = 'withdrawn', ended_at = decided_at "
                        "WHERE face_id = ? AND ended_at IS NULL",
                        [face_id],
                    )
                    make.assign(face_id, make.person(f"Person {face_id}", origin="user"))
    before = faces(home)
    for edit in EDITS.values():
        path = home.inbox / edit.photo
        with Image.open(examples / edit.photo) as picture:
            edit.change(picture, path)
    for name in UNDECIDED:
        with Image.open(examples / name) as picture:
            picture.convert("RGB").save(home.inbox / name, quality=70)
    done = home.rollcall("scan", home.inbox)
    assert done.returncode == 0, done.stderr
    home.assert_nothing_runs()
    return Edited(home=home, before=before, after=faces(home))


@pytest.mark.parametrize("edit", [pytest.param(edit, id=what) for what, edit in EDITS.items()])
def test_every_face_is_who_a_person_said_although(edit: Edit, edited: Edited) -> None:
    before, after = edited.before[edit.photo], edited.after[edit.photo]
    assert len(before) == len(after) > 1
    assert {media for *_, media in before}.isdisjoint({media for *_, media in after})
    for _, x, y, person, _ in before:
        there = edit.moved(x, y)
        nearest = min(after, key=lambda it: abs(it[1] - there[0]) + abs(it[2] - there[1]))
        assert (nearest[1], nearest[2]) == pytest.approx(there, abs=0.05)
        assert nearest[3] == person


@pytest.mark.parametrize("name", UNDECIDED)
def test_the_machine_finds_who_it_found_before(name: str, edited: Edited) -> None:
    ((_, _, _, before, _),) = edited.before[name]
    ((_, _, _, after, _),) = edited.after[name]
    assert before == after is not None


def test_the_old_version_keeps_its_decisions_and_is_in_no_count(edited: Edited) -> None:
    home = edited.home
    decided = home.value(
        """SELECT count(*) FROM assignments WHERE method = 'user' AND ended_at IS NULL
           AND evidence_face_id IS NULL"""
    )
    carried = home.value(
        """SELECT count(*) FROM assignments JOIN assignments AS old
           ON old.face_id = assignments.evidence_face_id AND old.person_id = assignments.person_id
           WHERE assignments.method = 'user' AND assignments.ended_at IS NULL
             AND old.ended_at IS NULL AND assignments.decided_by = old.decided_by"""
    )
    assert decided == carried == sum(len(edited.before[edit.photo]) for edit in EDITS.values())
    assert home.query("SELECT DISTINCT faces_count FROM people_summary WHERE origin = 'user'") == [
        (1,)
    ]
    assert home.rollcall("verify").returncode == 0
