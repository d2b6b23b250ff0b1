"""A still picture opened by the right decoder, not yet decoded: its size, its orientation, its
metadata blocks.
"""

from __future__ import annotations

import io
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from PIL import ExifTags, Image, PngImagePlugin

from daemon.errors import BadFile
from daemon.intake import contents, cr3, png, raw, tiff
from daemon.intake.kinds import CR3

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import BinaryIO

    from daemon.intake.kinds import Kind

_DEVELOPED = "developed"
_PNG_EXIF = {"exif", "Raw profile type exif"}
MAX_PREVIEW_BYTES = 64 << 20
MAX_TEXT_BYTES = 32 << 20
TURNED_BY_DECODER = ("TIFF", "HEIF")
"""Pillow turns a TIFF when it loads it, libheif a HEIF by its own boxes; both give the size after
turning.
"""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Opened:
    """`image` is lazy: its `load()` decodes. `orientation` 1-8 is the file's, `still_to_turn` what
    decoding leaves of it.
    """

    image: Image.Image
    orientation: int
    still_to_turn: int

    @property
    def upright_size(self) -> tuple[int, int]:
        """Width and height of the whole picture, upright."""
        width, height = self.image.size
        return (height, width) if self.still_to_turn >= 5 else (width, height)


@contextmanager
def opened_picture(path: bytes, file: BinaryIO, kind: Kind) -> Iterator[Opened]:
    """The picture in the open `file` at `path`; of a raw photograph its largest preview, by the
    raw's orientation.

    Everything that decoding raises inside the block leaves it as BadFile or TryLater.
    """
    with contents.explained(f"{kind.name} picture", path):
        if kind.decoder == "RAW":
            with _preview(file, kind) as image:
                turn = _raw_orientation(file, image, kind)
                yield Opened(image=image, orientation=turn, still_to_turn=turn)
            return
        with _open(file, kind.decoder) as image:
            turn = orientation(image)
            turned = kind.decoder in TURNED_BY_DECODER
            yield Opened(image=image, orientation=turn, still_to_turn=1 if turned else turn)


def orientation(image: Image.Image) -> int:
    """The EXIF (or XMP) orientation 1-8 that the file states, 1 where it states none that
    exists.
    """
    # pillow_heif has reset the tag by now, so that nobody turns the picture a second time.
    stated = image.info.get("original_orientation")
    with suppress(*contents.DAMAGE):  # damaged tags are no reason to lose the picture
        stated = stated or image.getexif().get(ExifTags.Base.Orientation)
    return stated if isinstance(stated, int) and 1 <= stated <= 8 else 1


def _open(file: BinaryIO, decoder: str) -> Image.Image:
    file.seek(0)
    if decoder == "HEIF":
        import pillow_heif  # libheif is large, and most files need none of it

        image: Image.Image = pillow_heif.HeifImageFile(file)  # type: ignore[no-untyped-call]
        return image
    # Pillow's own limits warn at 89 megapixels and refuse at 179, and refuse Photoshop's PNGs whose
    # XMP passes 1 MB. Ours is `intake.max_megapixels`. Not put back: other threads may be decoding.
    Image.MAX_IMAGE_PIXELS = None
    PngImagePlugin.MAX_TEXT_CHUNK = MAX_TEXT_BYTES
    # Only the decoder that the content calls for: a crafted file must not choose a rarer one.
    image = Image.open(file, formats=[decoder])
    if decoder == "PNG" and not _PNG_EXIF & image.info.keys():
        # Pillow's getexif() decodes a PNG that has no EXIF yet, to see whether some follows.
        image.info["exif"] = png.exif_chunk(file)
    return image


def _preview(file: BinaryIO, kind: Kind) -> Image.Image:
    preview = raw.largest_preview(file)
    if preview is None:
        return _developed(file, kind)
    file.seek(preview.offset)
    return _open(io.BytesIO(file.read(min(preview.length, MAX_PREVIEW_BYTES))), "JPEG")


def _developed(file: BinaryIO, kind: Kind) -> Image.Image:
    """The raw photograph developed by rawpy, an optional extra; rawpy turns it upright itself."""
    try:
        import rawpy
    except ImportError:
        raise BadFile(
            f"no preview inside this {kind.name} photograph; install the raw extra "
            "(pip install 'rollcall-catalog[raw]')"
        ) from None
    file.seek(0)
    try:
        with rawpy.imread(file) as photograph:
            image = Image.fromarray(photograph.postprocess(use_camera_wb=True, output_bps=8))
    except rawpy.LibRawError as error:
        raise BadFile(
            f"no preview inside this {kind.name} photograph, and it cannot be developed ({error})"
        ) from None
    image.info[_DEVELOPED] = True
    return image


def _raw_orientation(file: BinaryIO, image: Image.Image, kind: Kind) -> int:
    """The raw's own orientation. Where the container has none (RAF) the preview's own tag
    counts.
    """
    if image.info.get(_DEVELOPED):
        return 1
    container = file
    if kind is CR3:
        container = io.BytesIO(cr3.metadata(file).get(b"CMT1", b""))
    return tiff.orientation(container) or orientation(image)
