"""Where photos were taken: what is near is one place, every photo counts once, filters hold."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from catalog.library import Filter, FilterError, listed
from catalog.places import places

if TYPE_CHECKING:
    import sqlite3

    from tests.makers import Maker

BERLIN, HARBOUR, FIJI = (52.5163, 13.3777), (-33.8568, 151.2153), (-17.8, 179.95)


@pytest.fixture
def travelled(make: Maker, catalog: sqlite3.Connection) -> sqlite3.Connection:
    """Three photos at one gate, one at a harbour, one near the 180th meridian, one of no place."""
    for latitude, longitude in (BERLIN, BERLIN, (52.51635, 13.37765), HARBOUR, FIJI):
        make.file(make.media(latitude=latitude, longitude=longitude))
    make.file(make.media())
    make.file(make.media(state="failed", latitude=1.0, longitude=1.0))
    return catalog


def ids(catalog: sqlite3.Connection, area: tuple[float, float, float, float]) -> list[int]:
    return sorted(it["media_id"] for it in listed(catalog, Filter(area=area)).rows)


def test_what_is_near_each_other_is_one_place(travelled: sqlite3.Connection) -> None:
    found = places(travelled, Filter())
    assert found["total"] == 5 == sum(found["counts"])
    gate = found["counts"].index(3)
    assert (found["latitude"][gate], found["longitude"][gate]) == pytest.approx(BERLIN, abs=1e-4)
    assert found["media"][gate] == 3
    assert len(found["counts"]) == 3 and found["step"] == 0.001


def test_too_many_places_are_taken_together_and_none_is_lost(
    make: Maker, catalog: sqlite3.Connection
) -> None:
    for number in range(40):
        make.file(make.media(latitude=10 + number * 0.002, longitude=20.0))
    found = places(catalog, Filter(), most=5)
    assert len(found["counts"]) <= 5 and found["total"] == 40
    assert found["step"] > 0.001


def test_an_area_is_a_filter(travelled: sqlite3.Connection) -> None:
    assert ids(travelled, (52, 13, 53, 14)) == [1, 2, 3]
    assert ids(travelled, (-90, -180, 90, 180)) == [1, 2, 3, 4, 5]
    assert ids(travelled, (-20, 179, -10, -179)) == [5], "over the 180th meridian"
    assert ids(travelled, (-20, -179, -10, 179)) == []
    assert places(travelled, Filter(area=(-40, 150, -30, 152)))["total"] == 1


@pytest.mark.parametrize(
    "area", [(53, 13, 52, 14), (-91, 0, 0, 0), (0, -181, 0, 0), (float("nan"), 0, 0, 0)]
)
def test_what_is_no_area_is_refused(area: tuple[float, float, float, float]) -> None:
    with pytest.raises(FilterError):
        Filter(area=area)
