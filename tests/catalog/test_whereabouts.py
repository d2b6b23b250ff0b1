"""Where people are, by date."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from catalog import whereabouts
from catalog.whereabouts import Span

if TYPE_CHECKING:
    from tests.makers import Maker

OPEN = Span()
ROSA, ADA = 1, 2


@pytest.fixture(autouse=True)
def photos(make: Maker) -> None:
    """Five photos: with Rosa, with Ada, with both, with both without a date, of a reference."""
    for name in ("Rosa", "Ada"):
        make.person(name)
    for name, people, taken in (
        ("both", [ROSA, ADA], "2024-05-06T07:08:09"),
        ("rosa", [ROSA], "2023-12-31T23:59:59"),
        ("ada", [ADA], "2024-05-07T00:00:00"),
        ("undated", [ROSA, ADA], None),
    ):
        media_id = make.media(taken_at_local=taken)
        make.file(media_id, f"/inbox/{name}.jpg".encode())
        for person in people:
            make.assign(make.face(media_id), person)
    media_id = make.media(taken_at_local="2024-05-06T00:00:00")
    make.file(media_id, b"/people/Rosa/a.jpg", role="reference")
    make.assign(make.face(media_id), ROSA)


def found(make: Maker, *people: int, span: Span = OPEN, limit: int = 100) -> list[str]:
    """The names of the photos, in order."""
    _, rows = whereabouts.of_people(make.connection, people, span, limit)
    return [row["path"].removeprefix("/inbox/").removesuffix(".jpg") for row in rows]


def test_photos_come_by_date_and_those_without_one_last(make: Maker) -> None:
    assert found(make, ROSA) == ["rosa", "both", "undated"]


def test_with_means_that_all_of_them_are_in_the_photo(make: Maker) -> None:
    assert found(make, ROSA, ADA) == ["both", "undated"]


@pytest.mark.parametrize(
    ("first", "last", "expected"),
    [
        pytest.param("2024", None, ["both"], id="from a year"),
        pytest.param(None, "2023", ["rosa"], id="to a year, which is whole"),
        pytest.param("2023-12-31", "2023-12-31", ["rosa"], id="one day"),
        pytest.param("2024-05", "2024-05", ["both"], id="one month"),
        pytest.param("2024-05-07", None, [], id="a day too late"),
        pytest.param(None, "2024-05-06", ["rosa", "both"], id="to a day, which is whole"),
    ],
)
def test_a_span_includes_both_its_ends_and_nothing_without_a_date(
    make: Maker, first: str | None, last: str | None, expected: list[str]
) -> None:
    assert found(make, ROSA, span=Span(first=first, last=last)) == expected


def test_where_the_local_time_is_not_known_the_other_counts(make: Maker) -> None:
    make.connection.execute(
        "UPDATE media SET taken_at = '2022-01-01T00:00:00Z' WHERE taken_at_local IS NULL"
    )
    assert found(make, ADA) == ["undated", "both", "ada"]


def test_a_limit_still_counts_all(make: Maker) -> None:
    count, rows = whereabouts.of_people(make.connection, [ROSA], OPEN, 1)
    assert (count, len(rows)) == (3, 1)
    assert rows[0]["people"] == ["Rosa"]


def test_faces_that_do_not_count_show_nobody(make: Maker) -> None:
    make.connection.execute("UPDATE faces SET state = 'hidden' WHERE media_id = 2")
    assert found(make, ROSA) == ["both", "undated"]


def test_of_a_video_the_seconds_are_told(make: Maker) -> None:
    media_id = make.video(taken_at_local="2025-01-01T00:00:00")
    for start, end, continues in ((70.0, 72.0, None), (3.5, 60.0, None), (60.0, 62.0, 2)):
        _, leader, *_ = make.track(media_id, start, end, continues=continues)
        if continues is None:
            make.assign(leader, ADA, "group")
    _, rows = whereabouts.of_people(make.connection, [ADA], Span(first="2025"), 9)
    assert [row["seconds"] for row in rows] == [[[3.5, 62.0], [70.0, 72.0]]]
    assert rows[0]["people"] == ["Ada"]
