"""Damaged files end as BadFile or TryLater, or are read; nothing else ever leaves the intake."""

from __future__ import annotations

import random

import pytest
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st

from daemon.errors import BadFile
from daemon.intake.frames import preview, read_picture
from daemon.intake.probe import probe

SAMPLES = [
    "jpeg", "progressive", "profiled", "png", "palette", "webp", "tiff", "lzw tiff", "bmp", "gif",
    "heic", "avif", "dng", "cr3",
]  # fmt: skip
HEADER_BYTES = 600


def outcome(path):
    """`read`, or the reason against it. Anything but the errors of the contract fails the test."""
    try:
        facts = probe(path, max_megapixels=2)
        if facts.kind == "video":
            return "read"
        preview(read_picture(path, facts, min_side_px=40), size_px=16, quality=50)
    except BadFile as error:
        assert "\n" not in str(error)
        assert len(str(error)) < 400
        return str(error)
    return "read"


@pytest.mark.parametrize("sample", SAMPLES)
def test_a_file_cut_at_any_length_is_a_bad_file_or_still_whole(make, sample):
    content = make.samples()[sample]
    assert outcome(make.file(content)) == "read"
    step = max(1, len(content) // 150)
    reasons = [outcome(make.file(content[:length])) for length in range(0, len(content), step)]
    assert reasons[0] == "the file is empty"
    assert any(reason != "read" for reason in reasons[1:])


@pytest.mark.parametrize("sample", SAMPLES)
def test_flipped_bits_are_read_or_refused(make, sample):
    content = make.samples()[sample]
    chance = random.Random(sample)
    for _ in range(150):
        damaged = bytearray(content)
        for _ in range(chance.choice((1, 2, 8))):
            reach = len(content) if chance.random() < 0.4 else min(len(content), HEADER_BYTES)
            damaged[chance.randrange(reach)] ^= 1 << chance.randrange(8)
        outcome(make.file(bytes(damaged)))


HEADS = [
    b"",
    b"\xff\xd8\xff\xe1\x00\x40Exif\x00\x00II*\x00",
    b"\x89PNG\r\n\x1a\n\x00\x00\x00\x0dIHDR",
    b"II*\x00\x08\x00\x00\x00",
    b"MM\x00+\x00\x08\x00\x00",
    b"IIU\x00\x08\x00\x00\x00",
    b"GIF89a",
    b"RIFF\x40\x00\x00\x00WEBPVP8X",
    b"BM\x40\x00\x00\x00\x00\x00\x00\x00\x36\x00\x00\x00\x28\x00\x00\x00",
    b"\x00\x00\x00\x18ftypheic",
    b"\x00\x00\x00\x18ftypavif",
    b"\x00\x00\x00\x18ftypcrx ",
]


@seed(20240506)
@settings(
    max_examples=300,
    database=None,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(head=st.sampled_from(HEADS), body=st.binary(max_size=300))
def test_any_bytes_behind_any_magic_are_read_or_refused(make, head, body):
    outcome(make.file(head + body))


def test_damaged_tags_do_not_lose_the_picture(make):
    content = make.samples()["webp"].replace(b"MM\x00*", b"MM\x80*", 1)
    assert outcome(make.file(content)) == "read"
