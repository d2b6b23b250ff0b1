"""Every pixel format ends as the same 8-bit sRGB colours."""

from __future__ import annotations

import io

import cv2
import numpy as np
import pytest
from PIL import Image, ImageCms

from daemon.intake import colour

UPRIGHT = ("red", "green", "blue", "grey")


def ramp(dtype, low, high, size=(64, 256)):
    row = np.linspace(low, high, size[1])
    return np.tile(row, (size[0], 1)).astype(dtype)


def grey_error(frame, expected=None):
    expected = ramp(np.float64, 0, 255) if expected is None else expected
    assert frame.picture.shape == (*expected.shape, 3)
    return np.abs(frame.picture - expected[..., None]).max()


@pytest.mark.parametrize(
    ("mode", "container"),
    [
        ("P", "PNG"),
        ("P", "GIF"),
        ("RGBA", "PNG"),
        ("RGBA", "WEBP"),
        ("RGBA", "TIFF"),
        ("RGBA", "HEIF"),
        ("RGBA", "AVIF"),
        ("RGBX", "TIFF"),
        ("YCbCr", "JPEG"),
        ("YCbCr", "TIFF"),
        ("LAB", "TIFF"),
        ("CMYK", "TIFF"),
        ("CMYK", "JPEG"),
        ("HSV", "PNG"),
    ],
)
def test_colours_survive_every_pixel_format(make, frame_of, corners_of, mode, container):
    image = make.corners()
    if mode == "LAB":
        srgb, lab = ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB")
        image = ImageCms.profileToProfile(image, srgb, lab, outputMode="LAB")
    elif mode == "HSV":  # no container holds it; saved as RGB it must be the same
        image = image.convert("HSV").convert("RGB")
    else:
        image = image.quantize(16) if mode == "P" else image.convert(mode)
    options = {"lossless": True} if container == "WEBP" else {}
    assert corners_of(frame_of(make.file(make.encoded(image, container, **options)))) == UPRIGHT


@pytest.mark.parametrize("bits", [1, 2, 4, 8])
def test_greys_of_few_bits(make, frame_of, bits):
    levels = 2**bits
    values = np.repeat(np.arange(levels) * 255 // (levels - 1), 256 // levels)
    expected = np.tile(values, (32, 1)).astype(np.uint8)
    image = Image.fromarray(expected)
    if bits == 1:
        image = image.convert("1")
    content = make.encoded(image, "PNG", bits=bits) if bits < 8 else make.encoded(image, "PNG")
    assert grey_error(frame_of(make.file(content)), expected) == 0


def test_grey_jpeg_and_grey_with_alpha(make, frame_of):
    grey = Image.fromarray(ramp(np.uint8, 0, 255))
    assert grey_error(frame_of(make.file(make.encoded(grey, "JPEG", quality=95)))) <= 4
    assert grey_error(frame_of(make.file(make.encoded(grey.convert("LA"), "PNG")))) <= 1


@pytest.mark.parametrize("container", ["PNG", "TIFF"])
def test_sixteen_bit_greys_keep_their_scale(make, frame_of, container):
    image = Image.fromarray(ramp(np.uint16, 0, 65535))
    assert image.mode == "I;16"
    assert grey_error(frame_of(make.file(make.encoded(image, container)))) <= 1
    dark = Image.fromarray(ramp(np.uint16, 0, 32767))
    half = ramp(np.float64, 0, 127.5)
    assert grey_error(frame_of(make.file(make.encoded(dark, container))), half) <= 1


@pytest.mark.parametrize("extension", [".png", ".tiff"])
def test_sixteen_bit_colours(make, frame_of, corners_of, extension):
    wide = np.asarray(make.corners())[..., ::-1].astype(np.uint16) * 257
    assert corners_of(frame_of(make.file(cv2.imencode(extension, wide)[1].tobytes()))) == UPRIGHT


@pytest.mark.parametrize("high", [1.0, 255.0, 65535.0])
def test_float_greys_are_scaled_by_their_custom(make, frame_of, high):
    content = make.encoded(Image.fromarray(ramp(np.float32, 0, high)), "TIFF")
    assert grey_error(frame_of(make.file(content))) <= 1


def test_floats_out_of_every_custom_are_stretched(make, frame_of):
    content = make.encoded(Image.fromarray(ramp(np.float32, -3, 1e6)), "TIFF")
    assert grey_error(frame_of(make.file(content))) <= 1


def test_floats_that_are_no_numbers_are_black_or_white(make, frame_of):
    pixels = np.full((8, 8), 0.5, np.float32)
    pixels[0, 0], pixels[0, 1], pixels[0, 2] = np.nan, np.inf, -np.inf
    picture = frame_of(make.file(make.encoded(Image.fromarray(pixels), "TIFF"))).picture
    assert picture[0, :4, 0].tolist() == [0, 255, 0, 128]
    nothing = Image.fromarray(np.full((8, 8), np.nan, np.float32))
    assert not frame_of(make.file(make.encoded(nothing, "TIFF"))).picture.any()


def test_whole_numbers_of_thirty_two_bits(make, frame_of):
    for high in (255, 65535, 2_000_000_000):
        content = make.encoded(Image.fromarray(ramp(np.int32, 0, high)), "TIFF")
        assert grey_error(frame_of(make.file(content))) <= 1


def test_transparency_is_laid_on_white(make, frame_of):
    image = make.corners().convert("RGBA")
    image.putalpha(Image.fromarray(ramp(np.uint8, 0, 255, (64, 96))))
    for container in ("PNG", "TIFF"):
        picture = frame_of(make.file(make.encoded(image, container))).picture
        assert picture[5, 0].tolist() == [255, 255, 255]
        assert picture[5, 48 - 1].tolist() == pytest.approx([238, 144, 144], abs=4)
        assert picture[5, 95].tolist() == [30, 200, 30]


def test_a_transparent_palette_entry_is_white(make, frame_of):
    image = make.corners().quantize(8)
    corner = image.getpixel((2, 2))
    for container in ("PNG", "GIF"):
        content = make.encoded(image, container, transparency=corner)
        picture = frame_of(make.file(content)).picture
        assert picture[2, 2].tolist() == [255, 255, 255]
        assert picture[2, 90].tolist() == pytest.approx([30, 200, 30], abs=2)


@pytest.mark.parametrize("container", ["JPEG", "PNG", "TIFF", "WEBP", "HEIF"])
def test_a_wide_gamut_profile_is_converted(make, frame_of, container):
    muted = Image.new("RGB", (64, 64), (170, 100, 90))
    plain = frame_of(make.file(make.encoded(muted, container))).picture
    wide = frame_of(
        make.file(make.encoded(muted, container, icc_profile=make.wide_profile()))
    ).picture
    assert plain[32, 32].tolist() == pytest.approx([170, 100, 90], abs=4)
    assert int(wide[32, 32, 0]) - 15 > int(plain[32, 32, 0])
    expected = ImageCms.profileToProfile(
        muted,
        ImageCms.ImageCmsProfile(io.BytesIO(make.wide_profile())),
        ImageCms.createProfile("sRGB"),
        1,
    )
    assert wide[32, 32].tolist() == pytest.approx(expected.getpixel((0, 0)), abs=5)


def test_a_wide_gamut_profile_is_converted_under_transparency_and_palettes(make, frame_of):
    muted = Image.new("RGB", (64, 64), (170, 100, 90))
    for image in (muted.convert("RGBA"), muted.quantize(4)):
        picture = frame_of(
            make.file(make.encoded(image, "PNG", icc_profile=make.wide_profile()))
        ).picture
        assert picture[32, 32, 0] > 185


@pytest.mark.parametrize(
    "broken",
    [
        pytest.param(lambda _: b"", id="empty"),
        pytest.param(lambda _: b"x", id="one byte"),
        pytest.param(lambda _: bytes(200), id="zeros"),
        pytest.param(lambda wide: wide[:150], id="cut"),
        pytest.param(lambda wide: wide.replace(b"RGB XYZ ", b"CMYKXYZ "), id="of another space"),
        pytest.param(lambda wide: wide.replace(b"RGB XYZ ", b"Lab XYZ "), id="Lab"),
    ],
)
def test_a_broken_profile_is_ignored(make, frame_of, corners_of, broken):
    content = make.encoded(make.corners(), "JPEG", icc_profile=broken(make.wide_profile()))
    assert corners_of(frame_of(make.file(content))) == UPRIGHT


def test_an_srgb_profile_changes_nothing(make, frame_of):
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    image = Image.fromarray(np.random.default_rng(2).integers(0, 256, (40, 50, 3), np.uint8))
    with_profile = frame_of(make.file(make.encoded(image, "PNG", icc_profile=srgb))).picture
    assert np.array_equal(with_profile, np.asarray(image))


def test_a_grey_profile_on_a_colour_picture_is_ignored(make, frame_of, corners_of):
    grey = make.wide_profile().replace(b"RGB XYZ ", b"GRAYXYZ ")
    content = make.encoded(make.corners(), "JPEG", icc_profile=grey)
    assert corners_of(frame_of(make.file(content))) == UPRIGHT


def test_strips_join_without_a_seam(make, frame_of):
    wide = np.random.default_rng(5).integers(0, 256, (1300, 1700, 3), np.uint8)
    picture = frame_of(make.file(make.encoded(Image.fromarray(wide), "BMP"))).picture
    assert np.array_equal(picture, wide)


def test_an_alpha_channel_that_hides_nothing_changes_nothing() -> None:
    rng = np.random.default_rng(2)
    plain = Image.fromarray(rng.integers(0, 256, (90, 70, 3), np.uint8))
    opaque = plain.copy()
    opaque.putalpha(255)
    hiding = plain.copy()
    hiding.putalpha(Image.linear_gradient("L").resize(plain.size))
    assert np.array_equal(colour.to_rgb(opaque), np.asarray(plain))
    assert not np.array_equal(colour.to_rgb(hiding), np.asarray(plain))
