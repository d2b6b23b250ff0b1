"""Photos and videos for the pages: what comes before and after, filters, and what is shown."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from catalog import library
from catalog.library import Filter

if TYPE_CHECKING:
    import sqlite3

    from tests.makers import Maker

# With the dates of two the same, and of two none; and how many faces.
DATES = ("2020-05-01", None, "2019-01-01", "2020-05-01", None)
FACES = (1, 0, 3, 1, 0)


@pytest.fixture
def shelf(make: Maker, catalog: sqlite3.Connection) -> list[int]:
    found = []
    for date, faces in zip(DATES, FACES, strict=True):
        media_id = make.media(taken_at_local=date and f"{date}T10:00:00", faces_count=faces)
        make.file(media_id)
        found.append(media_id)
    return found


@pytest.mark.parametrize("order", library.ORDERS)
@pytest.mark.parametrize("kind", ["", "photo"])
def test_before_and_after_go_through_the_whole_list(
    shelf: list[int], catalog: sqlite3.Connection, order: str, kind: str
) -> None:
    wanted = Filter(order=order, kind=kind)
    listed = [it["media_id"] for it in library.listed(catalog, wanted).rows]
    assert sorted(listed) == shelf
    around = [library.neighbours(catalog, it, wanted) for it in listed]
    assert [before for before, _ in around] == [None, *listed[:-1]]
    assert [after for _, after in around] == [*listed[1:], None]


def test_what_does_not_fit_is_passed_over(shelf: list[int], catalog: sqlite3.Connection) -> None:
    assert library.neighbours(catalog, shelf[1], Filter(since="2020")) == (shelf[0], None)
    assert library.neighbours(catalog, 99, Filter()) == (None, None)


def test_a_folder_is_found_without_what_is_before_it(
    make: Maker, catalog: sqlite3.Connection
) -> None:
    summer, other, elsewhere = make.media(), make.media(), make.media()
    make.file(summer, b"/inbox/2024/summer/a.jpg")
    make.file(other, b"/inbox/2024/summertime/a.jpg")
    make.file(elsewhere, b"/scanned/2024/summer/b.jpg", role="scanned")

    def ids(folder: str) -> list[int]:
        return sorted(it["media_id"] for it in library.listed(catalog, Filter(folder=folder)).rows)

    assert ids("2024/summer") == ids("2024/summer/") == [summer, elsewhere]
    assert ids("/inbox/2024/summer") == [summer]
    assert ids("2024") == [summer, other, elsewhere]
    assert ids("summer") == []


@pytest.mark.parametrize(
    ("camera", "name"),
    [
        ("Canon Canon EOS 5D", "Canon EOS 5D"),
        ("NIKON CORPORATION NIKON D90", "NIKON CORPORATION NIKON D90"),
        ("Apple iPhone 12", "Apple iPhone 12"),
        ("Canon CanonScan", "Canon CanonScan"),
        ("Canon", "Canon"),
        ("", ""),
    ],
)
def test_a_maker_is_told_once(camera: str, name: str) -> None:
    assert library.camera_name(camera) == name
