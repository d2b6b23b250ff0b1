"""The capture time: local, UTC where the offset is known, and its source."""

from __future__ import annotations

import json
from fractions import Fraction

import pytest
from hypothesis import given, seed, settings
from hypothesis import strategies as st

from daemon.intake.exif import Tags
from daemon.intake.taken import taken


def tags(**raw):
    return Tags(raw)


ORIGINAL = "2021:05:04 12:34:56"


def test_an_offset_beside_the_original_time_gives_utc():
    found = taken(tags(DateTimeOriginal=ORIGINAL, OffsetTimeOriginal="+02:00"))
    assert found.local == "2021-05-04T12:34:56"
    assert found.utc == "2021-05-04T10:34:56Z"
    assert found.source == "exif DateTimeOriginal + OffsetTimeOriginal"


def test_without_an_offset_there_is_no_utc():
    found = taken(tags(DateTimeOriginal=ORIGINAL))
    assert (found.local, found.utc) == ("2021-05-04T12:34:56", None)
    assert found.source == "exif DateTimeOriginal"


@pytest.mark.parametrize(
    ("present", "source"),
    [
        (("DateTimeOriginal", "DateTimeDigitized", "DateTime"), "exif DateTimeOriginal"),
        (("DateTimeDigitized", "DateTime"), "exif DateTimeDigitized"),
        (("DateTime",), "exif DateTime"),
    ],
)
def test_the_original_time_goes_before_the_digitized_before_the_changed(present, source):
    assert taken(tags(**dict.fromkeys(present, ORIGINAL))).source == source


@pytest.mark.parametrize(
    "blank",
    [
        "0000:00:00 00:00:00",
        "    :  :     :  :  ",
        "",
        "2021:02:30 10:00:00",
        "2021:13:01 10:00:00",
        "2021:05:04 25:00:00",
        "2021:05:04 10:61:00",
        "1825:12:31 23:59:59",
        "today",
        "٢٠٢١:٠٥:٠٤ 10:00:00x"[:4],
    ],
)
def test_a_blank_or_impossible_time_is_passed_over(blank):
    assert taken(tags(DateTimeOriginal=blank)).local is None
    assert taken(tags(DateTimeOriginal=blank, DateTime=ORIGINAL)).source == "exif DateTime"


@pytest.mark.parametrize(
    ("written", "local"),
    [
        ("2021:05:04 12:34:56", "2021-05-04T12:34:56"),
        ("2021-05-04 12:34:56", "2021-05-04T12:34:56"),
        ("2021/05/04 12:34", "2021-05-04T12:34:00"),
        ("2021:5:4 1:02:03", "2021-05-04T01:02:03"),
        ("2021:05:04", "2021-05-04T00:00:00"),
        ("2016:12:31 23:59:60", "2016-12-31T23:59:59"),
        ("2009:09:09 20:27:09.60:04:00", "2009-09-09T20:27:09.600"),
        ("1826:01:01 00:00:00", "1826-01-01T00:00:00"),
    ],
)
def test_the_spellings_that_cameras_use_are_read(written, local):
    assert taken(tags(DateTimeOriginal=written)).local == local


@pytest.mark.parametrize(
    ("fraction", "ending"),
    [("5", ".500"), ("16", ".160"), ("007", ".007"), ("123456789", ".123"), ("00", ".000")],
)
def test_fractions_of_a_second_are_kept_in_both_times(fraction, ending):
    found = taken(
        tags(
            DateTimeOriginal=ORIGINAL,
            SubSecTimeOriginal=fraction,
            OffsetTimeOriginal="Z",
        )
    )
    assert found.local == f"2021-05-04T12:34:56{ending}"
    assert found.utc == f"2021-05-04T12:34:56{ending}Z"


@pytest.mark.parametrize("nonsense", ["", "  ", "x", "-1", "²"])
def test_a_fraction_that_is_no_number_is_left_out(nonsense):
    found = taken(tags(DateTimeOriginal=ORIGINAL, SubSecTimeOriginal=nonsense))
    assert found.local == "2021-05-04T12:34:56"


@pytest.mark.parametrize("offset", ["   :  ", "+99:00", "-13:00", "+15:00", "+02:75", "02:00", "x"])
def test_an_offset_that_no_time_zone_has_is_unknown(offset):
    assert taken(tags(DateTimeOriginal=ORIGINAL, OffsetTimeOriginal=offset)).utc is None


@pytest.mark.parametrize(
    ("offset", "utc"),
    [
        ("-12:00", "2021-05-05T00:34:56Z"),
        ("+14:00", "2021-05-03T22:34:56Z"),
        ("+05:45", "2021-05-04T06:49:56Z"),
        ("-0330", "2021-05-04T16:04:56Z"),
        ("Z", "2021-05-04T12:34:56Z"),
    ],
)
def test_every_real_offset_is_applied(offset, utc):
    assert taken(tags(DateTimeOriginal=ORIGINAL, OffsetTimeOriginal=offset)).utc == utc


def test_another_tags_offset_counts_where_it_holds_the_same_reading():
    found = taken(tags(DateTimeOriginal=ORIGINAL, DateTime=ORIGINAL, OffsetTime="+02:00"))
    assert found.utc == "2021-05-04T10:34:56Z"
    assert found.source == "exif DateTimeOriginal + OffsetTime"


def test_the_offset_of_a_later_edit_does_not_count():
    edited = tags(DateTimeOriginal=ORIGINAL, DateTime="2022:01:01 08:00:00", OffsetTime="+09:00")
    assert taken(edited).utc is None


def fix(hours, minutes, seconds, day="2021:05:04"):
    return {"GPSDate": day, "GPSTimeStamp": [Fraction(hours), Fraction(minutes), Fraction(seconds)]}


@pytest.mark.parametrize(
    ("clock", "utc"),
    [
        pytest.param(fix(10, 34, 50), "2021-05-04T10:34:56Z", id="six seconds old"),
        pytest.param(fix(6, 49, 56), "2021-05-04T06:49:56Z", id="Nepal"),
        pytest.param(fix(23, 34, 56, "2021:05:03"), "2021-05-03T23:34:56Z", id="the day before"),
        pytest.param(fix(10, 34, 56, "2021:05:01"), None, id="three days old"),
    ],
)
def test_the_gps_clock_gives_the_offset_where_no_tag_does(clock, utc):
    found = taken(tags(DateTimeOriginal=ORIGINAL, **clock))
    assert found.utc == utc
    assert found.source == "exif DateTimeOriginal" + (" + GPS time" if utc else "")


def test_a_gps_time_alone_gives_utc_and_no_local_time():
    found = taken(tags(**fix(10, 34, 56)))
    assert (found.local, found.utc, found.source) == (None, "2021-05-04T10:34:56Z", "gps")


@pytest.mark.parametrize(
    "clock",
    [
        fix(25, 0, 0),
        fix(1, 60, 0),
        fix(1, 2, 3, day=""),
        fix(1, 2, 3, day="2021:02:30"),
        fix(0, 0, 0, day="0000:00:00"),
        {"GPSDate": "2021:05:04", "GPSTimeStamp": [Fraction(1), Fraction(2)]},
    ],
)
def test_an_unsound_gps_clock_says_nothing(clock):
    assert taken(tags(**clock)).utc is None


@pytest.mark.parametrize(
    ("packet", "local", "utc"),
    [
        (
            '<x exif:DateTimeOriginal="2019-01-02T03:04:05+01:00"/>',
            "2019-01-02T03:04:05",
            "2019-01-02T02:04:05Z",
        ),
        ("<photoshop:DateCreated>2019-01-02T03:04:05.25<", "2019-01-02T03:04:05.250", None),
        ("<xmp:CreateDate>2019-01-02</xmp:CreateDate>", "2019-01-02T00:00:00", None),
        ("<xmp:CreateDate></xmp:CreateDate>", None, None),
    ],
)
def test_xmp_is_asked_where_exif_is_silent(packet, local, utc):
    found = taken(Tags(), packet)
    assert (found.local, found.utc) == (local, utc)


def test_exif_goes_before_xmp():
    packet = '<x xmp:CreateDate="2019-01-02T03:04:05"/>'
    assert taken(tags(DateTimeOriginal=ORIGINAL), packet).source == "exif DateTimeOriginal"


def test_utc_beyond_the_calendar_is_left_out():
    found = taken(tags(DateTimeOriginal="9999:12:31 23:00:00", OffsetTimeOriginal="-05:00"))
    assert (found.local, found.utc) == ("9999-12-31T23:00:00", None)


anything = st.one_of(
    st.text(max_size=30),
    st.binary(max_size=30),
    st.from_regex(r"\d{4}:\d\d:\d\d \d\d:\d\d:\d\d(\.\d+)?([+-]\d\d:\d\d)?", fullmatch=True),
    st.lists(st.fractions() | st.integers() | st.floats(), max_size=4),
    st.none(),
)


@seed(20240504)
@settings(max_examples=120, database=None, deadline=None)
@given(
    st.dictionaries(
        st.sampled_from(
            [
                "DateTimeOriginal", "SubSecTimeOriginal", "OffsetTimeOriginal", "DateTime",
                "OffsetTime", "GPSDate", "GPSTimeStamp", "GPSLatitude", "GPSLatitudeRef",
            ]
        ),
        anything,
    ),
    st.text(max_size=60),
)  # fmt: skip
def test_no_tag_whatever_it_holds_raises(raw, packet):
    found = taken(Tags(raw), packet)
    json.dumps([found.local, found.utc, found.source], allow_nan=False)
    assert found.utc is None or found.utc.endswith("Z")
