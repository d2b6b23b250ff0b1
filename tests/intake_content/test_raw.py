"""Raw photographs: the largest preview, by the raw's own orientation."""

from __future__ import annotations

import io
import struct
import sys
import types

import numpy as np
import pytest
from PIL import Image

from daemon.errors import BadFile
from daemon.intake import raw
from daemon.intake.raw import jpeg_size, largest_preview

UPRIGHT = ("red", "green", "blue", "grey")
TURNS = {
    1: None,
    3: Image.Transpose.ROTATE_180,
    6: Image.Transpose.ROTATE_90,
    8: Image.Transpose.ROTATE_270,
}


def turned(make, orientation):
    turn = TURNS[orientation]
    image = make.corners() if turn is None else make.corners().transpose(turn)
    return make.encoded(image, "JPEG", quality=95)


def nef(make, orientation, jpeg):
    return make.raw_tiff(b"NIKON CORPORATION", orientation=orientation, preview=jpeg)


def arw(make, orientation, jpeg):
    return make.raw_tiff(b"SONY", orientation=orientation, preview=jpeg)


def dng(make, orientation, jpeg):
    return make.raw_tiff(b"Apple", orientation=orientation, preview=jpeg, dng=True)


def dng_with_strip(make, orientation, jpeg):
    """As Adobe's converter writes it: the preview is a strip, the sensor data lossless JPEG."""
    lossless = jpeg.replace(b"\xff\xc0", b"\xff\xc3", 1)
    preview = [(254, 4, 1), (259, 3, 7), (262, 3, 6), (273, 4, ("stream", 0)), (279, 4, len(jpeg))]
    sensor = [
        (254, 4, 0), (259, 3, 7), (262, 3, 32803), (273, 4, ("stream", 1)), (279, 4, len(lossless)),
    ]  # fmt: skip
    main = [(254, 4, 1), (271, 2, b"Leica\x00"), (274, 3, orientation), (330, 4, ("sub", 0))]
    main.append((50706, 1, [1, 4, 0, 0]))
    return make.tiff(main, sub=[preview, sensor], streams=[jpeg, lossless], order=">")


def cr2(make, orientation, jpeg):
    """Canon: the large preview is the strip of the main directory, marked by CR in the header."""
    main = [
        (259, 3, 6), (271, 2, b"Canon\x00"), (273, 4, ("stream", 0)), (274, 3, orientation),
        (279, 4, len(jpeg)), (306, 2, b"2021:05:04 12:34:56\x00"),
    ]  # fmt: skip
    return make.tiff(main, streams=[jpeg], head=b"CR\x02\x00\x00\x00\x00\x00")


def cr3(make, orientation, jpeg):
    return make.cr3(orientation=orientation, preview=jpeg)


RAWS = {
    "image/x-nikon-nef": nef,
    "image/x-sony-arw": arw,
    "image/x-adobe-dng": dng,
    "image/x-canon-cr2": cr2,
    "image/x-canon-cr3": cr3,
}


@pytest.mark.parametrize("orientation", TURNS)
@pytest.mark.parametrize("mime", RAWS)
def test_a_raw_photograph_shows_its_preview_upright(
    make, facts_of, frame_of, corners_of, mime, orientation
):
    path = make.file(RAWS[mime](make, orientation, turned(make, orientation)))
    facts = facts_of(path)
    assert (facts.mime, facts.orientation) == (mime, orientation)
    assert (facts.width, facts.height) == (96, 64)
    assert facts.camera_make
    assert corners_of(frame_of(path)) == UPRIGHT


def test_sensor_data_in_lossless_jpeg_is_no_preview(make, facts_of, frame_of, corners_of):
    path = make.file(dng_with_strip(make, 6, turned(make, 6)))
    assert facts_of(path).mime == "image/x-adobe-dng"
    assert corners_of(frame_of(path)) == UPRIGHT


def test_the_previews_own_orientation_does_not_turn_it_twice(make, frame_of, corners_of):
    exif = make.exif(base={0x0112: 6})
    jpeg = make.encoded(make.corners().transpose(TURNS[6]), "JPEG", exif=exif)
    assert corners_of(frame_of(make.file(nef(make, 6, jpeg)))) == UPRIGHT


def test_the_previews_orientation_counts_where_the_raw_has_none(make, frame_of, corners_of):
    exif = make.exif(base={0x0112: 6})
    jpeg = make.encoded(make.corners().transpose(TURNS[6]), "JPEG", exif=exif)
    raf = b"FUJIFILMCCD-RAW 0201FF383501X-T3".ljust(160, b"\0") + jpeg + bytes(500)
    assert corners_of(frame_of(make.file(raf))) == UPRIGHT


def test_a_cr3_tells_its_metadata(make, facts_of):
    facts = facts_of(make.file(make.cr3()))
    assert (facts.camera_make, facts.camera_model) == ("Canon", "EOS R6")
    assert facts.taken_at_local == "2021-05-04T12:34:56"
    assert facts.exif["ISOSpeedRatings"] == 400
    assert facts.exif["GPSLatitudeRef"] == "N"


def test_the_largest_of_several_previews_is_taken(make):
    small, large = (make.encoded(make.corners(*size), "JPEG") for size in ((40, 30), (400, 300)))
    content = make.cr3(preview=small + bytes(64) + large + bytes(64) + small)
    found = largest_preview(io.BytesIO(content))
    assert (found.width, found.height) == (400, 300)


def test_a_useful_preview_in_the_directories_spares_the_search(make, monkeypatch):
    monkeypatch.setattr(raw, "_by_scanning", lambda _file: pytest.fail("searched"))
    jpeg = make.encoded(make.corners(1200, 900), "JPEG")
    assert largest_preview(io.BytesIO(nef(make, 1, jpeg))).width == 1200


def test_a_thumbnail_in_the_directories_does_not_hide_a_larger_stream(make):
    large = make.encoded(make.corners(1200, 900), "JPEG")
    content = nef(make, 1, make.encoded(make.corners(160, 120), "JPEG")) + bytes(99) + large
    assert largest_preview(io.BytesIO(content)).width == 1200


def test_a_stream_across_two_chunks_is_found(make, monkeypatch):
    monkeypatch.setattr(raw, "_CHUNK_BYTES", 64)
    jpeg = make.encoded(make.corners(), "JPEG")
    for shift in range(60, 68):
        assert largest_preview(io.BytesIO(bytes(shift) + jpeg)).offset == shift


def test_the_search_is_bounded(make, monkeypatch):
    jpeg = make.encoded(make.corners(), "JPEG")
    monkeypatch.setattr(raw, "SCAN_BYTES", 1 << 20)
    assert largest_preview(io.BytesIO(bytes(8 << 20) + jpeg)) is None
    monkeypatch.setattr(raw, "SCAN_STREAMS", 10)
    assert largest_preview(io.BytesIO(b"\xff\xd8\xff" * 20 + jpeg)) is None


@pytest.mark.parametrize("mime", RAWS)
def test_a_raw_photograph_without_a_preview_names_the_remedy(make, facts_of, monkeypatch, mime):
    monkeypatch.setitem(sys.modules, "rawpy", None)
    path = make.file(RAWS[mime](make, 1, b""))
    with pytest.raises(BadFile, match=r"no preview inside .*install the raw extra"):
        facts_of(path)


class FakeRawpy(types.ModuleType):
    """Stands in for the optional rawpy: develops every raw photograph into the same picture."""

    class LibRawError(Exception):
        pass

    def __init__(self, pixels):
        super().__init__("rawpy")
        self.pixels = pixels

    def imread(self, file):
        if self.pixels is None:
            raise self.LibRawError("Unsupported file format or not RAW file")
        assert file.tell() == 0
        return self

    def __enter__(self):
        return self

    def __exit__(self, *_):
        return None

    def postprocess(self, **_):
        return self.pixels


def test_where_rawpy_is_installed_it_develops_what_has_no_preview(
    make, facts_of, frame_of, corners_of, monkeypatch
):
    monkeypatch.setitem(sys.modules, "rawpy", FakeRawpy(np.asarray(make.corners())))
    path = make.file(make.raw_tiff(b"SONY", orientation=6, preview=b""))
    assert (facts_of(path).width, facts_of(path).height) == (96, 64)
    assert corners_of(frame_of(path)) == UPRIGHT


def test_a_raw_photograph_that_rawpy_does_not_know_is_refused(make, facts_of, monkeypatch):
    monkeypatch.setitem(sys.modules, "rawpy", FakeRawpy(None))
    with pytest.raises(BadFile, match="cannot be developed"):
        facts_of(make.file(make.raw_tiff(b"SONY", preview=b"")))


def test_only_streams_that_can_be_shown_have_a_size(make):
    jpeg = make.encoded(make.corners(), "JPEG")
    lossless = jpeg.replace(b"\xff\xc0", b"\xff\xc3", 1)
    twelve_bits = jpeg.replace(b"\xff\xc0\x00\x11\x08", b"\xff\xc0\x00\x11\x0c", 1)
    assert jpeg_size(io.BytesIO(jpeg), 0) == (96, 64)
    for unfit in (lossless, twelve_bits, jpeg[:100], b"\xff\xd8\xff" + bytes(50), b""):
        assert jpeg_size(io.BytesIO(unfit), 0) is None


def test_directories_that_point_in_circles_end(make, facts_of):
    loop = b"II*\x00\x08\x00\x00\x00" + struct.pack("<H", 1)
    loop += struct.pack("<HHII", 330, 4, 1, 8) + struct.pack("<I", 8)
    with pytest.raises(BadFile):
        facts_of(make.file(loop))
