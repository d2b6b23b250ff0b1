"""Reference pictures as people keep them: good and useless ones, renamed, copied and moved
folders.
"""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import cv2
import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.end_to_end.conftest import Home

# More than the daemon follows in one transaction.
MANY = 230


def exemplars(home: Home) -> dict[str, tuple[str, str]]:
    """State and reason of each reference file that is there, by folder and name."""
    rows = home.query(
        """SELECT path, exemplars.state, ifnull(exemplars.reason, '') FROM exemplars
           JOIN files ON files.id = exemplars.file_id AND files.state = 'present'"""
    )
    return {"/".join(path.split("/")[-2:]): (state, reason) for path, state, reason in rows}


def scan(home: Home) -> None:
    """A lone scan, which reads the references first."""
    done = home.rollcall("scan", home.inbox)
    assert done.returncode == 0, done.stderr


def changed(
    origin: Path, target: Path, *, blur: float = 0, scale: float = 1, border: int = 0
) -> None:
    """The picture blurred, made smaller, or with room around it."""
    picture = cv2.imread(str(origin))
    picture = cv2.GaussianBlur(picture, (0, 0), blur) if blur else picture
    picture = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    picture = cv2.copyMakeBorder(picture, *(border,) * 4, cv2.BORDER_REPLICATE)
    target.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(target), picture)


def test_each_reference_picture_says_what_became_of_it(
    home: Home, copy: Callable[..., Path], reference: Path
) -> None:
    obama = reference / "obama" / "obama.jpg"
    copy("obama/obama.jpg", home.people / "Obama" / "good.jpg")
    copy("two_people.jpg", home.people / "Obama" / "two.jpg")
    changed(obama, home.people / "Obama" / "blurred.png", blur=20)
    (home.people / "Obama" / "sky.png").write_bytes(
        cv2.imencode(".png", cv2.imread(str(obama))[:60, :60] * 0 + 200)[1].tobytes()
    )
    copy("biden/biden.jpg", home.people / "Biden" / "good.jpg")
    copy("biden/biden.jpg", home.people / "Obama" / "biden.jpg")
    changed(reference / "biden" / "biden.jpg", home.people / "Joe" / "small.jpg", scale=0.8)
    copy("obama1.jpg", home.inbox)
    scan(home)
    found = exemplars(home)
    assert {name: state for name, (state, _) in found.items()} == {
        "Obama/good.jpg": "used",
        "Obama/two.jpg": "several",
        "Obama/blurred.png": "poor",
        "Obama/sky.png": "no_face",
        "Obama/biden.jpg": "conflict",
        "Biden/good.jpg": "conflict",
        "Joe/small.jpg": "conflict",
    }
    assert "2 faces of similar size" in found["Obama/two.jpg"][1]
    assert "blurred" in found["Obama/blurred.png"][1]
    for rival in ("Obama/biden.jpg", "Joe/small.jpg"):
        assert rival in found["Biden/good.jpg"][1]
    assert home.who(home.inbox)["obama1.jpg"] == ["Obama"]
    (home.people / "Obama" / "biden.jpg").unlink()
    shutil.rmtree(home.people / "Joe")
    scan(home)
    assert exemplars(home)["Biden/good.jpg"] == ("used", "")


@pytest.mark.parametrize("how", ["renamed", "copied and deleted"])
def test_a_large_folder_that_gets_another_name_while_nobody_looks_keeps_its_person(
    home: Home, copy: Callable[..., Path], how: str
) -> None:
    portrait = copy("obama/obama.jpg", home.people / "Obama" / "0.jpg")
    if how == "renamed":
        for number in range(1, MANY):
            shutil.copyfile(portrait, home.people / "Obama" / f"{number}.jpg")
    copy("obama1.jpg", home.inbox)
    scan(home)
    (face, person) = home.query("SELECT id, person_id FROM faces WHERE person_id IS NOT NULL")[0]
    assert home.rollcall("people", "name", "Obama", "Barack").returncode == 0
    if how == "renamed":
        (home.people / "Obama").rename(home.people / "The president")
    else:
        shutil.copytree(home.people / "Obama", home.people / "The president")
        shutil.rmtree(home.people / "Obama")
    scan(home)
    assert home.query("SELECT id, name, folder FROM people WHERE folder IS NOT NULL") == [
        (person, "Barack", "The president")
    ]
    assert home.value("SELECT person_id FROM faces WHERE id = ?", face) == person
    assert {state for state, _ in exemplars(home).values()} == {"used"}
    assert all(name.startswith("The president/") for name in exemplars(home))


def test_folders_that_change_while_the_daemon_looks_keep_their_people(
    home: Home, copy: Callable[..., Path]
) -> None:
    photo = copy("obama_and_biden.jpg", home.inbox)
    with home.watching():
        portrait = copy("obama/obama.jpg", home.people / "Obama" / "a.jpg")
        copy("biden/biden.jpg", home.people / "Biden" / "b.jpg")
        home.wait(lambda: sorted(home.who().get(photo.name, []))[1:] == ["Biden", "Obama"])
        obama = home.value("SELECT id FROM people WHERE name = 'Obama'")
        portrait.parent.rename(home.people / "Barack")
        home.wait(lambda: home.value("SELECT folder FROM people WHERE id = ?", obama) == "Barack")
        assert home.value("SELECT name FROM people WHERE id = ?", obama) == "Obama"
        # A wrong picture in a folder makes a conflict at once, and its removal ends it at once.
        wrong = copy("biden/biden.jpg", home.people / "Barack" / "wrong.jpg")
        home.wait(lambda: exemplars(home).get("Biden/b.jpg", "")[0] == "conflict")
        home.wait(lambda: "Biden" not in home.who()[photo.name])
        wrong.unlink()
        home.wait(lambda: "Biden" in home.who()[photo.name])
        # Another picture in its place, and the old one again.
        copy("alex_lacamoire/img1.jpg", home.people / "Barack" / "a.jpg")
        home.wait(lambda: "Obama" not in home.who()[photo.name])
        copy("obama/obama.jpg", home.people / "Barack" / "a.jpg")
        home.wait(lambda: "Obama" in home.who()[photo.name])
        # Two folders become one by moving their files.
        (home.people / "Barack" / "a.jpg").rename(home.people / "Biden" / "a.jpg")
        home.wait(lambda: "Obama" not in home.who()[photo.name] and home.settled())
        assert home.who()[photo.name].count("Biden") == 1, "nobody is in a picture twice"
        assert home.value("SELECT count(*) FROM people WHERE name IS NOT NULL") == 2
