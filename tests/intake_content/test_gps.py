"""Where a picture was taken; anything doubtful is no position."""

from __future__ import annotations

from fractions import Fraction

import pytest
from exifread.utils import Ratio

from daemon.intake.exif import Tags
from daemon.intake.gps import position

PARIS = {
    "GPSLatitude": [Fraction(48), Fraction(51), Fraction(2953, 100)],
    "GPSLatitudeRef": "N",
    "GPSLongitude": [Fraction(2), Fraction(17), Fraction(402, 10)],
    "GPSLongitudeRef": "E",
}


def at(**changes):
    return position(Tags({**PARIS, **changes}))


def test_degrees_minutes_and_seconds_become_degrees():
    assert (at().latitude, at().longitude) == (48.85820278, 2.29450000)


@pytest.mark.parametrize(
    ("references", "signs"),
    [(("N", "W"), (1, -1)), (("S", "E"), (-1, 1)), (("s ", "west"), (-1, -1))],
)
def test_references_give_the_signs(references, signs):
    found = at(GPSLatitudeRef=references[0], GPSLongitudeRef=references[1])
    assert (found.latitude, found.longitude) == (signs[0] * 48.85820278, signs[1] * 2.2945)


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"GPSLatitude": [Ratio(48, 0), Ratio(1, 1), Ratio(1, 1)]}, id="zero below"),
        pytest.param({"GPSLongitude": [Ratio(0, 0)] * 3}, id="nothing over nothing"),
        pytest.param({"GPSLatitudeRef": ""}, id="no reference"),
        pytest.param({"GPSLongitudeRef": "N"}, id="a reference of the other axis"),
        pytest.param({"GPSLatitudeRef": [78]}, id="a reference that is no text"),
        pytest.param({"GPSLatitude": [Fraction(91)]}, id="latitude beyond the pole"),
        pytest.param({"GPSLongitude": [Fraction(181)]}, id="longitude beyond the date line"),
        pytest.param({"GPSLatitude": [Fraction(10), Fraction(75)]}, id="75 minutes"),
        pytest.param({"GPSLatitude": [Fraction(-10)]}, id="negative degrees"),
        pytest.param({"GPSLatitude": []}, id="empty"),
        pytest.param({"GPSLatitude": [Fraction(1)] * 4}, id="four parts"),
        pytest.param({"GPSLatitude": "48.8"}, id="text"),
        pytest.param({"GPSLatitude": [(float("nan"),)]}, id="not a number"),
        pytest.param(
            {"GPSLatitude": [Fraction(0)] * 3, "GPSLongitude": [Fraction(0)] * 3}, id="(0, 0)"
        ),
    ],
)
def test_a_doubtful_position_is_none(changes):
    assert (at(**changes).latitude, at(**changes).longitude) == (None, None)


def test_the_equator_away_from_null_island_is_a_place():
    assert at(GPSLatitude=[Fraction(0)] * 3).latitude == 0


@pytest.mark.parametrize(
    ("height", "reference", "metres"),
    [
        (Fraction(355, 10), [0], 35.5),
        (Fraction(430), [1], -430.0),
        (Fraction(430), [3], -430.0),
        (Fraction(12), None, 12.0),
        (Ratio(1, 0), [0], None),
        (Fraction(2_000_000), [0], None),
        (Fraction(50_000), [1], None),
    ],
)
def test_altitude_takes_its_sign_from_its_reference(height, reference, metres):
    tags = {"GPSAltitude": [height]} | ({"GPSAltitudeRef": reference} if reference else {})
    assert position(Tags(tags)).altitude_m == metres
