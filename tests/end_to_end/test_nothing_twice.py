"""A file is its content: what was computed for it is never computed again, wherever it goes."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from typing import Any

    from tests.end_to_end.conftest import Home

PHOTOS = ("obama1.jpg", "two_people.jpg", "couple.jpg", "32bit.png")
COMPUTED = ("media", "faces", "quality", "embeddings", "embedders", "steps", "people", "exemplars",
            "assignments", "jobs")  # fmt: skip
# LocalPool says so at this level whenever it starts processes.
WORKERS = "starting 1 workers"


def tables(home: Home) -> dict[str, list[tuple[Any, ...]]]:
    """Everything that work leaves behind, and the pictures beside it."""
    found = {name: home.query(f"SELECT * FROM {name}") for name in COMPUTED}
    found["log"] = home.query("SELECT * FROM log WHERE event <> 'started'")
    return found


@pytest.fixture(scope="module")
def once(tmp_path_factory: pytest.TempPathFactory, test_data: Path, examples: Path) -> Home:
    """Four photographs and one reference person, scanned."""
    from tests.end_to_end.conftest import build_home

    home = build_home(
        tmp_path_factory.mktemp("once") / "home",
        models={"weights": str(test_data / "weights")},
        log={"level": "debug"},
    )
    photos = home.path / "photos"
    photos.mkdir()
    for name in PHOTOS:
        shutil.copyfile(examples / name, photos / name)
    shutil.copytree(test_data / "reference" / "obama", home.people / "obama")
    done = home.rollcall("scan", photos)
    assert done.returncode == 0, done.stderr
    assert WORKERS in done.stderr
    return home


def nothing(home: Home) -> None:
    """Only time has gone by."""


def rename_touch_and_protect(home: Home) -> None:
    folder = home.path / "photos" / "2009"
    folder.mkdir()
    for number, photo in enumerate(sorted((home.path / "photos").glob("*.*"))):
        os.utime(photo, ns=(1, 1))
        photo.chmod(0o400)
        photo.rename(folder / f"new name {number}{photo.suffix.upper()}")
    folder.rename(folder.with_name("summer"))


def copy_and_rewrite(home: Home) -> None:
    """As a tool does that restores a backup: the same bytes in a new file of the same name."""
    for photo in list((home.path / "photos").rglob("*.*")):
        content = photo.read_bytes()
        photo.with_name(f"copy of {photo.name}").write_bytes(content)
        photo.unlink()
        photo.write_bytes(content)


def move_to_another_root(home: Home) -> None:
    for photo in list((home.path / "photos").rglob("*.*")):
        photo.rename(home.inbox / photo.name)


def remove(home: Home) -> None:
    for photo in list(home.inbox.iterdir()):
        photo.rename(home.path / "empty" / photo.name)


def put_back(home: Home) -> None:
    for photo in list((home.path / "empty").iterdir()):
        photo.rename(home.inbox / photo.name)


# In this order: each starts from what the one before it left.
@pytest.mark.parametrize(
    "happening",
    [nothing, rename_touch_and_protect, copy_and_rewrite, move_to_another_root, remove, put_back],
    ids=lambda it: it.__name__,
)
def test_scanning_again_computes_nothing(once: Home, happening: Callable[[Home], None]) -> None:
    before = tables(once)
    happening(once)
    done = once.rollcall("scan", once.path / "photos", once.inbox)
    assert done.returncode == 0, done.stderr
    assert WORKERS not in done.stderr, done.stderr
    assert tables(once) == before
    files = [it for folder in (once.path / "photos", once.inbox) for it in folder.rglob("*.*")]
    present = once.query(
        """SELECT files.path FROM files JOIN roots ON roots.id = root_id
           WHERE role <> 'reference' AND files.state = 'present'"""
    )
    assert {path for (path,) in present} == {str(file) for file in files}


def test_a_watching_daemon_computes_nothing_either(once: Home) -> None:
    before = tables(once)
    with once.watching() as daemon:
        photo = next(once.inbox.iterdir())
        photo.rename(once.inbox / "renamed while watched.jpg")
        shutil.copyfile(once.inbox / "renamed while watched.jpg", once.inbox / "copied.jpg")
        once.wait(lambda: once.query("SELECT 1 FROM files WHERE path LIKE '%/copied.jpg'"))
        assert once.query("SELECT 1 FROM files WHERE path LIKE '%/renamed while watched.jpg'")
        assert daemon.workers() == {}
    assert WORKERS not in daemon.said()
    assert tables(once) == before
