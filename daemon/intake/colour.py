"""Decoded pictures of any pixel format as 8-bit sRGB arrays, strip by strip, so that no second
full copy is made.
"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image, ImageCms

from daemon.intake import orientation

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from daemon.faces.values import Picture

# A strip and its copies fit the second-level cache: half the time of strips eight times as large.
STRIP_PIXELS = 1 << 17
# A profile's own colour space (ICC.1, 7.2.6) and the Pillow mode whose pixels it describes.
_PROFILED = {"RGB ": "RGB", "GRAY": "L", "CMYK": "CMYK"}
_WIDE = ("I", "F")
_LAYERED = ("RGBA", "LA", "PA", "RGBa", "La")


def to_rgb(image: Image.Image, *, reduction: int = 1, turn: int = 1) -> Picture:
    """The loaded image as upright height × width × 3 uint8 sRGB, C-contiguous.

    Each side is divided by `reduction` (mean of the squares), `turn` is the orientation 1-8
    still to be applied. 16-bit and float greys are scaled to 8 bits, transparency is laid on
    white, an embedded ICC profile is applied.
    """
    width, height = image.size
    levels = _levels(image)
    transform = _transform(image)
    if image.mode == "RGB" and transform is None and reduction == 1 and turn == 1:
        return np.asarray(image)  # as most photographs come: nothing to do strip by strip
    shape = orientation.upright_shape(-(-height // reduction), -(-width // reduction), turn)
    picture = np.empty((*shape, 3), np.uint8)
    rows = max(1, STRIP_PIXELS // (width * reduction)) * reduction
    for top in range(0, height, rows):
        strip = image.crop((0, top, width, min(top + rows, height)))
        plain = _plain(strip if levels is None else _grey(strip, levels))
        if reduction > 1:
            plain = plain.reduce(reduction)
        plain = plain.convert("RGB") if transform is None else transform(plain)
        at = top // reduction
        place = orientation.place_of_rows(picture, at, at + plain.height, turn)
        place[:] = orientation.upright(np.asarray(plain), turn)
    return picture


def _levels(image: Image.Image) -> tuple[float, float] | None:
    """The values that become black and white; None where the image has 8 bits already.

    Whole numbers keep the scale of their type; floats are 0-1 by custom. What does not fit is
    stretched to its range.
    """
    if image.mode.startswith("I;16"):
        return 0.0, 65535.0
    if image.mode not in _WIDE:
        return None
    low, high = _finite_range(image)
    scales = (1.0, 255.0, 65535.0) if image.mode == "F" else (255.0, 65535.0)
    fitting = [scale for scale in scales if low >= 0 and high <= scale]
    return (0.0, fitting[0]) if fitting else (low, high)


def _finite_range(image: Image.Image) -> tuple[float, float]:
    low, high = np.inf, -np.inf
    for top in range(0, image.height, rows := max(1, STRIP_PIXELS // image.width)):
        values = np.asarray(image.crop((0, top, image.width, min(top + rows, image.height))))
        finite = values[np.isfinite(values)]
        if finite.size:
            low, high = min(low, float(finite.min())), max(high, float(finite.max()))
    return (low, high) if low <= high else (0.0, 1.0)


def _grey(strip: Image.Image, levels: tuple[float, float]) -> Image.Image:
    low, high = levels
    exact = np.float64 if strip.mode == "I" else np.float32
    values: NDArray[Any] = np.asarray(strip).astype(exact)
    scaled = (np.nan_to_num(values, nan=low, posinf=high, neginf=low) - low) * (
        255 / max(high - low, 1e-12)
    )
    return Image.fromarray(np.clip(scaled + 0.5, 0, 255).astype(np.uint8))


def _plain(strip: Image.Image) -> Image.Image:
    """The strip in a mode that can be averaged and profiled, transparency laid on white."""
    if "transparency" in strip.info or strip.mode in _LAYERED:
        layered = (strip.convert("LA") if strip.mode == "La" else strip).convert("RGBA")
        if layered.getchannel("A").getextrema() == (255, 255):
            return layered.convert("RGB")  # as most pictures with an alpha channel: a quarter of it
        strip = Image.new("RGB", layered.size, "white")
        strip.paste(layered, mask=layered.getchannel("A"))
    return strip if strip.mode in _PROFILED.values() else strip.convert("RGB")


def _transform(image: Image.Image) -> Callable[[Image.Image], Image.Image] | None:
    """What brings the image's own colours to sRGB; None where they are, or where its profile does
    not apply.
    """
    data = image.info.get("icc_profile")
    if not data or _says_srgb(data):
        return None
    try:
        profile = ImageCms.ImageCmsProfile(io.BytesIO(data))
        mode = _PROFILED.get(profile.profile.xcolor_space.ljust(4))
        if mode is None or not _fits(image.mode, mode):
            return None
        made = ImageCms.buildTransform(
            profile,
            ImageCms.createProfile("sRGB"),
            mode,
            "RGB",
            ImageCms.Intent.RELATIVE_COLORIMETRIC,
        )
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        return None  # a broken profile is no reason to lose the picture

    def apply(strip: Image.Image) -> Image.Image:
        fitting = strip if strip.mode == mode else strip.convert(mode)
        return made.apply(fitting)

    return apply


def _says_srgb(profile: bytes) -> bool:
    """Whether the profile's description names sRGB, as text or as UTF-16: parsing it would cost
    more than the answer.
    """
    head = profile[:4096]
    return head[16:20] == b"RGB " and (b"sRGB" in head or "sRGB".encode("utf-16-be") in head)


def _fits(image_mode: str, profile_mode: str) -> bool:
    if profile_mode == "CMYK":
        return image_mode == "CMYK"
    if profile_mode == "L":
        return image_mode in ("1", "L", "LA", "La", "I", "F") or image_mode.startswith("I;16")
    return image_mode in ("RGB", "RGBA", "RGBa", "RGBX", "P", "PA", "YCbCr")
