"""The kind of a file is told from its content."""

from __future__ import annotations

import io

import pytest

from daemon.errors import BadFile
from daemon.intake.kinds import sniff


def ftyp(major: bytes, *compatible: bytes) -> bytes:
    body = major + b"\x00\x00\x00\x00" + b"".join(compatible)
    return (len(body) + 8).to_bytes(4, "big") + b"ftyp" + body + b"\x00" * 64


def mime(head: bytes) -> str:
    return sniff(io.BytesIO(head)).mime


@pytest.mark.parametrize(
    ("sample", "expected"),
    [
        ("jpeg", "image/jpeg"),
        ("png", "image/png"),
        ("webp", "image/webp"),
        ("tiff", "image/tiff"),
        ("lzw tiff", "image/tiff"),
        ("bmp", "image/bmp"),
        ("gif", "image/gif"),
        ("heic", "image/heic"),
        ("avif", "image/avif"),
        ("dng", "image/x-adobe-dng"),
        ("cr3", "image/x-canon-cr3"),
    ],
)
def test_every_encoders_output_is_recognised(make, sample, expected):
    assert mime(make.samples()[sample]) == expected


@pytest.mark.parametrize("brand", [b"heic", b"heix", b"hevc", b"heim", b"heis"])
def test_every_brand_of_heic_is_recognised(brand):
    assert mime(ftyp(brand)) == "image/heic"


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        pytest.param(ftyp(b"mif1", b"mif1", b"heic"), "image/heic", id="mif1 holding HEIC"),
        pytest.param(ftyp(b"msf1", b"hevc"), "image/heic", id="msf1 holding an image sequence"),
        pytest.param(ftyp(b"mif1", b"avif", b"miaf"), "image/avif", id="mif1 holding AVIF"),
        pytest.param(ftyp(b"mif1", b"mif1"), "image/heif", id="mif1 that says no more"),
        pytest.param(ftyp(b"avis", b"avif"), "image/avif", id="AVIF sequence"),
        pytest.param(ftyp(b"isom", b"mp41"), "video/mp4", id="MP4"),
        pytest.param(ftyp(b"qt  "), "video/quicktime", id="QuickTime"),
        pytest.param(b"\x00\x00\x00\x08wide" + bytes(64), "video/quicktime", id="old QuickTime"),
        pytest.param(ftyp(b"3gp4"), "video/3gpp", id="3GP"),
        pytest.param(b"\x1a\x45\xdf\xa3\x9fB\x82\x84webm" + bytes(9), "video/webm", id="WebM"),
        pytest.param(b"\x1a\x45\xdf\xa3\x9fB\x82\x88matroska", "video/x-matroska", id="MKV"),
        pytest.param(b"RIFF\x00\x10\x00\x00AVI LIST", "video/x-msvideo", id="AVI"),
        pytest.param(b"\x00\x00\x01\xba" + bytes(60), "video/mpeg", id="MPEG programme stream"),
        pytest.param((b"G" + bytes(187)) * 5, "video/mp2t", id="MPEG transport stream"),
        pytest.param((bytes(4) + b"G" + bytes(187)) * 5, "video/mp2t", id="AVCHD (MTS)"),
        pytest.param(
            b"II*\x00\x10\x00\x00\x00CR\x02\x00" + bytes(99), "image/x-canon-cr2", id="CR2"
        ),
        pytest.param(b"FUJIFILMCCD-RAW 0201" + bytes(99), "image/x-raw", id="RAF"),
        pytest.param(b"IIU\x00\x08\x00\x00\x00" + bytes(99), "image/x-raw", id="RW2"),
    ],
)
def test_containers_are_told_apart_by_their_marks(head, expected):
    assert mime(head) == expected


@pytest.mark.parametrize(
    ("maker", "expected"),
    [
        (b"NIKON CORPORATION", "image/x-nikon-nef"),
        (b"SONY", "image/x-sony-arw"),
        (b"PENTAX", "image/x-raw"),
    ],
)
def test_a_tiff_with_sensor_data_is_a_raw_photograph_of_its_maker(make, maker, expected):
    assert mime(make.raw_tiff(maker)) == expected


def test_a_tiff_exported_from_a_raw_photograph_stays_a_tiff(make):
    content = make.encoded(make.corners(), "TIFF", tiffinfo={271: "NIKON CORPORATION"})
    assert mime(content) == "image/tiff"


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        pytest.param(b"", "the file is empty", id="empty"),
        pytest.param(b"hello", "it is plain text", id="text"),
        pytest.param("grüße\n".encode() * 900, "it is plain text", id="UTF-8 cut in a letter"),
        pytest.param(
            "viele Grüße aus dem Norden".encode("latin-1"), "it is plain text", id="Latin-1"
        ),
        pytest.param("hello".encode("utf-16"), "it is plain text", id="UTF-16"),
        pytest.param(b"BMW is a make of car", "it is plain text", id="text that starts like BMP"),
        pytest.param(b"<svg xmlns='x'/>", "it is plain text", id="SVG"),
        pytest.param(b"%PDF-1.7\n\xe2\xe3", "it is a PDF document", id="PDF"),
        pytest.param(b"PK\x03\x04\x00\x01", "it is a ZIP archive", id="ZIP"),
        pytest.param(bytes(5000), "nothing but zero bytes", id="zeros"),
        pytest.param(bytes(range(256)), "of an unknown kind", id="garbage"),
        pytest.param(b"\x00", "zero bytes", id="one byte"),
        pytest.param(ftyp(b"M4A "), "a sound recording", id="sound in an MP4 box"),
        pytest.param(b"\xff\xd8", "of an unknown kind", id="the first two bytes of a JPEG"),
    ],
)
def test_what_is_no_picture_and_no_video_is_refused_by_name(content, reason):
    with pytest.raises(BadFile, match=reason):
        sniff(io.BytesIO(content))
