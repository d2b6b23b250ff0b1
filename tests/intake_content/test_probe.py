"""Probing real and made files: what they are, what they say, and how bad ones are refused."""

from __future__ import annotations

import errno
import json
import os
import struct
import subprocess
import sys
import zlib
from pathlib import Path

import pytest
from PIL import Image, PngImagePlugin

from daemon.errors import BadFile, TryLater
from daemon.intake import contents
from daemon.intake.frames import read_picture
from daemon.intake.probe import probe


def test_a_real_photograph_tells_its_camera_time_and_settings(test_data, facts_of):
    facts = facts_of(os.fsencode(test_data / "photos" / "examples" / "img1.jpg"))
    assert (facts.kind, facts.mime, facts.width, facts.height) == (
        "image",
        "image/jpeg",
        1382,
        1868,
    )
    assert (facts.camera_make, facts.camera_model) == ("Canon", "Canon EOS 5D Mark IV")
    assert facts.lens == "EF300mm f/2.8L IS USM +1.4x"
    assert facts.taken_at_local == "2019-07-20T17:45:22.160"
    assert facts.taken_at == "2019-07-21T00:45:22.160Z"
    assert facts.orientation == 1
    assert facts.latitude is None
    assert facts.exif["FNumber"] == 4
    assert facts.exif["ExposureTime"] == 0.005
    assert "MakerNote" not in facts.exif


def test_every_real_photograph_is_probed_and_its_exif_is_json(test_data, facts_of):
    photographs = sorted((test_data / "photos" / "examples").iterdir())
    for path in photographs:
        facts = facts_of(os.fsencode(path))
        with Image.open(path) as image:
            assert (facts.width, facts.height) == image.size
        assert json.loads(json.dumps(facts.exif, allow_nan=False)) == facts.exif


def test_a_real_video_is_recognised(test_data, facts_of):
    facts = facts_of(os.fsencode(test_data / "video" / "short_hamilton_clip.mp4"))
    assert (facts.kind, facts.mime, facts.codec) == ("video", "video/mp4", "h264")


@pytest.mark.parametrize("sample", ["jpeg", "png", "webp", "tiff", "heic", "avif"])
def test_exif_is_found_in_every_container(make, facts_of, sample):
    facts = facts_of(make.file(make.samples()[sample]))
    assert (facts.camera_make, facts.camera_model, facts.lens) == ("Maker", "Model", "A lens")
    assert facts.taken_at_local == "2021-05-04T12:34:56"
    assert facts.orientation == 6
    assert facts.width < facts.height
    assert facts.latitude == pytest.approx(48.858194, abs=1e-6)
    assert facts.longitude == pytest.approx(2.2945, abs=1e-6)
    assert facts.altitude_m == 35
    assert facts.exif["ExposureTime"] == pytest.approx(0.005)


def test_brands_that_exifread_does_not_know_are_read_too(make, facts_of):
    content = make.samples()["heic"].replace(b"ftypheic", b"ftypheix", 1)
    assert facts_of(make.file(content)).camera_make == "Maker"


def test_a_picture_without_exif_says_nothing(make, facts_of):
    facts = facts_of(make.file(make.encoded(make.corners(), "JPEG")))
    assert facts.orientation == 1
    assert (facts.taken_at, facts.taken_at_local, facts.taken_at_source) == (None, None, None)
    assert (facts.camera_make, facts.camera_model, facts.lens, facts.exif) == (None, None, None, {})


@pytest.mark.parametrize("stated", [0, 9, 65535])
def test_an_orientation_that_does_not_exist_is_upright(make, facts_of, stated):
    exif = make.exif(base={0x0112: stated})
    facts = facts_of(make.file(make.encoded(make.corners(), "JPEG", exif=exif)))
    assert (facts.orientation, facts.width, facts.height) == (1, 96, 64)


def test_the_time_in_xmp_is_used_where_exif_has_none(make, facts_of):
    packet = b'<rdf:Description photoshop:DateCreated="2012-03-04T05:06:07+01:00"/>'
    facts = facts_of(make.file(make.encoded(make.corners(), "JPEG", xmp=packet)))
    assert facts.taken_at == "2012-03-04T04:06:07Z"
    assert facts.taken_at_source == "xmp photoshop:DateCreated"


NAMES = [
    pytest.param(b"with space.jpg", id="space"),
    pytest.param(b'quote\'s "double".jpg', id="quotes"),
    pytest.param(b"line\nbreak\r.jpg", id="newline"),
    pytest.param(b"not-utf8-\xff\xfe.jpg", id="not UTF-8"),
    pytest.param(b"-rf *", id="looks like an option"),
    pytest.param(b"text.txt", id="another extension"),
    pytest.param(b"x" * 255, id="as long as a name can be"),
]


@pytest.mark.parametrize("name", NAMES)
def test_any_file_name_will_do(make, facts_of, frame_of, name):
    path = make.file(make.encoded(make.corners(), "JPEG"), name)
    assert facts_of(path).mime == "image/jpeg"
    assert frame_of(path).picture.shape == (64, 96, 3)


def test_the_content_decides_and_not_the_name(make, facts_of):
    assert facts_of(make.file(make.encoded(make.corners(), "PNG"), "x.jpg")).mime == "image/png"
    with pytest.raises(BadFile, match=r"^not a picture or a video: it is plain text$"):
        facts_of(make.file(b"dear diary\n", "photo.jpg"))
    with pytest.raises(BadFile, match=r"^the file is empty$"):
        facts_of(make.file(b"", "photo.jpg"))


def png_header(width, height):
    def chunk(kind, body):
        return (
            struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        )

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


def test_a_picture_of_too_many_pixels_is_refused_by_its_header(make, facts_of):
    with pytest.raises(BadFile, match=r"30000 × 30000 is 900 megapixels") as caught:
        facts_of(make.file(png_header(30_000, 30_000)))
    assert "250" in str(caught.value)
    assert "intake.max_megapixels" in str(caught.value)


def test_pillows_own_limit_does_not_interfere(make):
    path = make.file(png_header(20_000, 12_000))
    assert probe(path, max_megapixels=250).width == 20_000


def test_a_long_text_in_a_png_is_no_reason_to_refuse_it(make, facts_of):
    texts = PngImagePlugin.PngInfo()
    texts.add_text("XML:com.adobe.xmp", "<x>" + "a" * 3_000_000, zip=True)
    path = make.file(make.encoded(make.corners(), "PNG", pnginfo=texts))
    assert facts_of(path).width == 96


def test_the_limit_is_inclusive(make):
    path = make.file(make.encoded(make.corners(100, 100), "PNG"))
    assert probe(path, max_megapixels=0.01).width == 100
    with pytest.raises(BadFile, match="too large"):
        probe(path, max_megapixels=0.0099)


def test_a_file_that_vanished_may_be_tried_later(make, facts_of):
    with pytest.raises(TryLater, match="vanished"):
        facts_of(bytes(make.folder) + b"/gone.jpg")


def test_a_folder_and_a_pipe_are_no_regular_files(make, facts_of):
    pipe = bytes(make.folder) + b"/pipe.jpg"
    os.mkfifo(pipe)
    for path in (pipe, bytes(make.folder)):
        with pytest.raises(BadFile, match="not a regular file"):
            facts_of(path)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_without_read_permission_may_be_tried_later(make, facts_of):
    path = make.file(b"x")
    Path(os.fsdecode(path)).chmod(0)
    with pytest.raises(TryLater, match="chmod"):
        facts_of(path)


def test_an_error_of_the_disk_never_condemns_the_file(make):
    path = make.file(b"x")
    with pytest.raises(TryLater, match="Input/output error"), contents.explained("picture", path):
        raise OSError(errno.EIO, os.strerror(errno.EIO))
    with pytest.raises(TryLater, match="not enough memory"), contents.explained("picture", path):
        raise MemoryError


def test_damage_counts_only_where_the_whole_file_can_be_read(make):
    path = make.file(b"x")
    with pytest.raises(BadFile) as caught, contents.explained("picture", path):
        raise struct.error("unpack requires 4 bytes")
    assert not isinstance(caught.value, TryLater)
    Path(os.fsdecode(path)).unlink()
    with pytest.raises(TryLater), contents.explained("picture", path):
        raise struct.error("unpack requires 4 bytes")


def test_a_file_that_changed_since_it_was_probed_is_tried_later(make, facts_of):
    path = make.file(make.encoded(make.corners(96, 64), "JPEG"))
    facts = facts_of(path)
    make.file(make.encoded(make.corners(64, 64), "JPEG"))
    with pytest.raises(TryLater, match="changed"):
        read_picture(path, facts, min_side_px=64)


def test_a_video_has_no_still_picture(make, test_data):
    path = bytes(test_data / "video" / "short_hamilton_clip.mp4")
    with pytest.raises(BadFile, match="video/mp4"):
        read_picture(path, probe(path, max_megapixels=100), min_side_px=64)


def test_importing_the_intake_loads_no_models():
    code = (
        "import sys; import daemon.intake.probe, daemon.intake.frames; "
        "print([m for m in ('tensorflow', 'deepface', 'onnxruntime') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
