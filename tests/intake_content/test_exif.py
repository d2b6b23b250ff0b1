"""EXIF made safe: plain values, no blobs, nothing unbounded, nothing raised."""

from __future__ import annotations

import io
import json
import struct
from fractions import Fraction

import pytest
from exifread.utils import Ratio
from hypothesis import given, seed, settings
from hypothesis import strategies as st

from daemon.intake import exif
from daemon.intake.camera import camera
from daemon.intake.exif import Tags, read_blob, read_tiff


def test_values_become_plain_numbers_and_text(make):
    block = make.exif(
        base={0x010F: "Canon\x00\x00", 0x011A: 72.0},
        exif={0x829A: 0.004, 0x829D: 2.8, 0x8827: 400, 0x9209: 16, 0xA432: (24.0, 70.0, 2.8, 2.8)},
    )
    clean = read_blob(block).clean
    assert clean["Make"] == "Canon"
    assert clean["ISOSpeedRatings"] == 400
    assert clean["FNumber"] == pytest.approx(2.8)
    assert clean["LensSpecification"] == pytest.approx([24, 70, 2.8, 2.8])
    assert clean["Flash"] == "Flash did not fire, compulsory flash mode"


def test_blobs_pointers_and_thumbnails_are_left_out(make):
    thumbnail = make.encoded(make.corners(16, 16), "JPEG")
    block = make.exif(base={0x010F: "X"}, exif={0x927C: b"\x01\x02" * 5000, 0xEA1C: bytes(2000)})
    clean = read_blob(block + thumbnail).clean
    assert clean == {"Make": "X"}


def test_a_zero_denominator_is_null_and_not_infinite():
    cleaned = exif._clean([Ratio(1, 0), Fraction(1, 2), (float("inf"),), (float("nan"),), (0.25,)])
    assert cleaned == [None, 0.5, None, None, 0.25]
    assert exif._clean([Ratio(0, 0)]) is None


@pytest.mark.parametrize(
    ("written", "text"),
    [
        pytest.param(b"  Caf\xc3\xa9 \x00junk", "Café", id="UTF-8 up to the NUL"),
        pytest.param(b"Caf\xe9", "Café", id="Latin-1"),
        pytest.param(b"a\x01\x1bb\tc", "ab c", id="control characters"),
        pytest.param(b"x" * 9000, "x" * exif.MAX_TEXT, id="endless"),
        pytest.param(b"\xed\xa0\x80ok", "í\xa0ok".replace("\xa0", " "), id="surrogate"),
    ],
)
def test_text_is_cleaned_and_bounded(written, text):
    assert exif._clean(written) == text


def test_long_lists_are_left_out_of_the_json():
    assert exif._clean(list(range(exif.MAX_VALUES + 1))) is None


def test_a_directory_crafted_to_take_for_ever_is_given_up(monkeypatch):
    # Every main directory is short and points to the next: a chain as long as the file.
    count = 200_000
    chain = b"".join(struct.pack("<HI", 0, 8 + 6 * (n + 1)) for n in range(count))
    monkeypatch.setattr(exif, "MAX_READS", 2000)
    assert read_tiff(io.BytesIO(b"II*\x00\x08\x00\x00\x00" + chain)).raw == {}


@seed(20240505)
@settings(max_examples=150, database=None, deadline=None)
@given(st.binary(max_size=200))
def test_random_blocks_never_raise(block):
    for head in (
        b"",
        b"Exif\x00\x00II*\x00\x08\x00\x00\x00\x02\x00",
        b"MM\x00*\x00\x00\x00\x08\x00\x03",
    ):
        json.dumps(read_blob(head + block).clean, allow_nan=False)


@pytest.mark.parametrize(
    ("raw", "lens"),
    [
        ({"LensModel": "EF85mm  f/1.2L USM\x00"}, "EF85mm f/1.2L USM"),
        ({"LensModel": "----"}, None),
        ({"LensModel": "0.0 mm f/0.0"}, "0.0 mm f/0.0"),
        ({}, None),
    ],
)
def test_the_lens_is_its_name(raw, lens):
    assert camera(Tags(raw)).lens == lens


@pytest.mark.parametrize(
    ("specification", "lens"),
    [
        ([24, 70, 2.8, 2.8], "24-70 mm f/2.8"),
        ([18, 55, 3.5, 5.6], "18-55 mm f/3.5-5.6"),
        ([50, 50, 1.8, 1.8], "50 mm f/1.8"),
        ([85, 85, None, None], "85 mm"),
        ([None, None, None, None], None),
        ([0, 0, 0, 0], None),
        ([1, 2], None),
        ("24-70", None),
    ],
)
def test_a_lens_without_a_name_is_described(specification, lens):
    assert camera(Tags({}, {"LensSpecification": specification})).lens == lens
