"""Frames: upright, no larger than need be, of the right colours; previews small and plain."""

from __future__ import annotations

import io
import os

import numpy as np
import pytest
from PIL import Image, ImageOps

from daemon.errors import BadFile
from daemon.intake.frames import Frame, preview
from daemon.intake.orientation import upright
from tests.orientations import STORED

UPRIGHT = ("red", "green", "blue", "grey")
CONTAINERS = ["JPEG", "PNG", "HEIF", "TIFF", "WEBP", "AVIF"]


def stored(make, orientation, width=96, height=64):
    image = make.corners(width, height)
    turn = STORED[orientation]
    return image if turn is None else image.transpose(turn)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("container", CONTAINERS)
def test_every_orientation_of_every_container_comes_out_upright(
    make, facts_of, frame_of, corners_of, container, orientation
):
    exif = make.exif(base={0x0112: orientation})
    path = make.file(make.encoded(stored(make, orientation), container, exif=exif))
    facts, frame = facts_of(path), frame_of(path)
    assert (facts.width, facts.height, facts.orientation) == (96, 64, orientation)
    assert frame.picture.shape == (64, 96, 3)
    assert corners_of(frame) == UPRIGHT


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_compressed_tiff_is_turned_once(make, facts_of, frame_of, corners_of, orientation):
    content = make.encoded(
        stored(make, orientation), "TIFF", compression="tiff_lzw", tiffinfo={274: orientation}
    )
    path = make.file(content)
    assert (facts_of(path).width, facts_of(path).height) == (96, 64)
    assert corners_of(frame_of(path)) == UPRIGHT


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_jpeg_decoded_at_reduced_size_is_turned_too(make, frame_of, corners_of, orientation):
    exif = make.exif(base={0x0112: orientation})
    image = stored(make, orientation, 960, 640)
    frame = frame_of(make.file(make.encoded(image, "JPEG", exif=exif)), 240)
    assert (frame.picture.shape, frame.scale) == ((160, 240, 3), 4.0)
    assert corners_of(frame) == UPRIGHT


def test_turning_agrees_with_pillow_on_a_picture_without_symmetry():
    pixels = np.random.default_rng(3).integers(0, 256, (5, 7, 3), np.uint8)
    for orientation in range(1, 9):
        image = Image.fromarray(pixels)
        image.getexif()[0x0112] = orientation
        expected = np.asarray(ImageOps.exif_transpose(image))
        found = upright(pixels, orientation)
        assert np.array_equal(found, expected)
        assert found.flags.c_contiguous


def test_orientation_in_xmp_counts_where_exif_has_none(make, facts_of, frame_of, corners_of):
    packet = b'<rdf:Description tiff:Orientation="6"/>'
    path = make.file(make.encoded(stored(make, 6), "JPEG", xmp=packet))
    assert facts_of(path).orientation == 6
    assert corners_of(frame_of(path)) == UPRIGHT


def test_exif_behind_the_pixels_of_a_png_counts(make, facts_of, frame_of, corners_of):
    content = make.encoded(stored(make, 8), "PNG", exif=make.exif(base={0x0112: 8, 0x010F: "X"}))
    at = content.index(b"eXIf") - 4
    length = int.from_bytes(content[at : at + 4], "big") + 12
    end = content.index(b"IEND") - 4
    moved = content[:at] + content[at + length : end] + content[at : at + length] + content[end:]
    path = make.file(moved)
    facts = facts_of(path)
    assert (facts.orientation, facts.camera_make) == (8, "X")
    assert corners_of(frame_of(path)) == UPRIGHT


@pytest.mark.parametrize(
    ("size", "min_side_px", "scale"),
    [
        ((1600, 1200), 1601, 1),
        ((1600, 1200), 1600, 1),
        ((1600, 1200), 801, 1),
        ((1600, 1200), 800, 2),
        ((1200, 1600), 800, 2),
        ((1600, 1200), 400, 4),
        ((1600, 1200), 399, 4),
        ((1600, 1200), 200, 8),
        ((1600, 1200), 100, 16),
        ((1601, 1001), 801, 2),
        ((3000, 4), 100, 28),
        ((3000, 16), 700, 4),
    ],
)
def test_a_jpeg_is_decoded_no_larger_than_asked(make, frame_of, size, min_side_px, scale):
    frame = frame_of(make.file(make.encoded(make.corners(*size), "JPEG")), min_side_px)
    height, width = frame.picture.shape[:2]
    assert frame.scale == scale
    assert (width, height) == tuple(-(-side // scale) for side in size)
    assert max(width, height) >= min(min_side_px, max(size))


@pytest.mark.parametrize("container", ["PNG", "BMP", "GIF", "WEBP", "TIFF", "HEIF"])
@pytest.mark.parametrize(
    ("min_side_px", "scale"), [(1000, 1), (600, 1), (500, 2), (334, 2), (333, 3), (90, 11)]
)
def test_other_formats_are_averaged_down(make, frame_of, corners_of, container, min_side_px, scale):
    image = make.corners(1000, 600)
    content = make.encoded(image, container)
    frame = frame_of(make.file(content), min_side_px)
    assert frame.scale == scale
    assert frame.picture.shape == (-(-600 // scale), -(-1000 // scale), 3)
    assert corners_of(frame) == UPRIGHT


def test_averaging_keeps_places_and_means(make, frame_of):
    pixels = np.random.default_rng(1).integers(0, 256, (1050, 500, 3), np.uint8)
    frame = frame_of(make.file(make.encoded(Image.fromarray(pixels), "BMP")), 350)
    assert frame.scale == 3
    mean = pixels[:, :498].reshape(350, 3, 166, 3, 3).mean((1, 3))
    assert np.abs(frame.picture[:, :166] - mean).max() <= 1


def test_a_reduced_real_photograph_shows_what_the_whole_one_shows(test_data, frame_of):
    path = os.fsencode(test_data / "photos" / "examples" / "obama-1080p.jpg")
    whole, half = frame_of(path, 1920), frame_of(path, 960)
    assert (whole.scale, half.scale) == (1, 2)
    averaged = whole.picture.reshape(540, 2, 960, 2, 3).mean((1, 3))
    assert np.abs(averaged - half.picture).mean() < 2


def test_a_frame_is_contiguous_rgb_of_eight_bits(test_data, frame_of):
    for path in sorted((test_data / "photos" / "examples").iterdir()):
        picture = frame_of(os.fsencode(path), 400).picture
        assert (picture.dtype, picture.ndim, picture.shape[2]) == (np.uint8, 3, 3)
        assert picture.flags.c_contiguous


@pytest.mark.parametrize("size", [(1, 1), (1, 500), (500, 1), (3, 2)])
@pytest.mark.parametrize("container", ["JPEG", "PNG", "GIF"])
def test_tiny_pictures_are_pictures(make, frame_of, size, container):
    path = make.file(make.encoded(Image.new("RGB", size, "red"), container))
    for min_side_px in (1, 2, 2048):
        frame = frame_of(path, min_side_px)
        assert frame.picture.size
        small = preview(frame, size_px=64, quality=80)
        assert 1 <= min(small.width, small.height) <= max(small.width, small.height) <= 64


def test_the_first_frame_of_animations_and_the_first_page_count(make, frame_of, corners_of):
    first, second = make.corners(), Image.new("RGB", (96, 64), "white")
    for container in ("GIF", "WEBP", "PNG", "TIFF"):
        options = {} if container == "TIFF" else {"duration": 100}
        if container == "WEBP":
            options["lossless"] = True
        content = make.encoded(first, container, save_all=True, append_images=[second], **options)
        assert corners_of(frame_of(make.file(content))) == UPRIGHT


def test_a_stereo_jpeg_shows_its_first_picture(make, facts_of, frame_of, corners_of):
    second = Image.new("RGB", (960, 640), "white")
    content = make.encoded(make.corners(960, 640), "MPO", save_all=True, append_images=[second])
    path = make.file(content)
    assert (facts_of(path).mime, facts_of(path).width) == ("image/jpeg", 960)
    frame = frame_of(path, 240)
    assert (frame.picture.shape, frame.scale) == ((160, 240, 3), 4.0)
    assert corners_of(frame) == UPRIGHT


@pytest.mark.parametrize("progressive", [False, True], ids=["baseline", "progressive"])
@pytest.mark.parametrize("min_side_px", [300, 4000], ids=["reduced", "whole"])
def test_a_jpeg_cut_anywhere_is_refused(
    make, test_data, facts_of, frame_of, progressive, min_side_px
):
    with Image.open(test_data / "photos" / "examples" / "obama-1080p.jpg") as photograph:
        content = make.encoded(photograph.resize((960, 540)), "JPEG", progressive=progressive)
    for share in (0.1, 0.5, 0.9, 0.99, 0.9999):
        path = make.file(content[: int(len(content) * share)])
        assert facts_of(path).width == 960
        with pytest.raises(BadFile, match=r"^the file is cut short: the JPEG picture"):
            frame_of(path, min_side_px)


def test_a_preview_is_a_small_plain_jpeg(test_data, frame_of):
    path = os.fsencode(test_data / "photos" / "examples" / "img1.jpg")
    made = preview(frame_of(path), size_px=320, quality=80)
    assert (made.width, made.height) == (237, 320)
    assert len(made.jpeg) < 60_000
    with Image.open(io.BytesIO(made.jpeg)) as image:
        assert (image.format, image.mode, image.size) == ("JPEG", "RGB", (237, 320))
        assert not image.info.get("progressive")
        assert not {"exif", "icc_profile", "xmp", "comment"} & set(image.info)
        assert [layer[1:3] for layer in image.layer] == [(2, 2), (1, 1), (1, 1)]


def test_a_preview_is_never_larger_than_its_picture(make):
    frame = Frame(picture=np.zeros((30, 40, 3), np.uint8), scale=1.0)
    made = preview(frame, size_px=1024, quality=80)
    assert (made.width, made.height) == (40, 30)


def test_a_preview_keeps_the_colours(make, frame_of, corners_of):
    frame = frame_of(make.file(make.encoded(make.corners(960, 640), "PNG")))
    made = preview(frame, size_px=96, quality=90)
    with Image.open(io.BytesIO(made.jpeg)) as image:
        assert corners_of(Frame(picture=np.asarray(image), scale=10.0)) == UPRIGHT
