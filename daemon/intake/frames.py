"""Still pictures as the upright RGB frames that faces are looked for in, and the small previews
for the pages.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import TYPE_CHECKING

from PIL import Image

from catalog.records import PreviewRecord
from daemon.errors import BadFile, TryLater
from daemon.faces.views import shrunk
from daemon.intake import colour, contents, kinds, pictures

if TYPE_CHECKING:
    from catalog.records import MediaFacts
    from daemon.faces.values import Picture

DCT_SCALES = (8, 4, 2)
"""By how much libjpeg can shrink a JPEG while it decodes it, leaving out most of the work."""


# A tile is 160 px wide; sixty of twice that, for fine screens, weigh less than a megabyte.
_TILE_PX, _TILE_QUALITY = 320, 70


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Frame:
    """An upright picture: height × width × 3 uint8 RGB, C-contiguous. `scale`: full-size pixels
    per pixel, ≥ 1.
    """

    picture: Picture
    scale: float

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the picture."""
        height, width = self.picture.shape[:2]
        return width, height


def read_picture(path: bytes, facts: MediaFacts, *, min_side_px: int) -> Frame:
    """The picture at `path`, upright, no larger than it need be; `facts` are what `probe` said of
    the file.

    A JPEG is decoded at 1/2, 1/4 or 1/8 as long as its longest side keeps `min_side_px`; others are
    decoded whole and averaged down by a whole number likewise. Of an animation the first frame, of
    a multi-page TIFF the first page, of a raw photograph the largest preview inside. Raises
    BadFile, TryLater.
    """
    kind = kinds.PICTURES.get(facts.mime)
    if kind is None:
        raise BadFile(f"not a still picture but {facts.mime}")
    with contents.opened(path) as file, pictures.opened_picture(path, file, kind) as opened:
        if opened.upright_size != (facts.width, facts.height):
            raise TryLater("the file changed while it was being read")
        full_px = max(opened.image.size)
        shrunk = _shrink_while_decoding(opened.image, min_side_px)
        opened.image.load()
        _check_decoded(opened.image, full_px, shrunk)
        reduction = max(1, max(opened.image.size) // max(1, min_side_px))
        picture = colour.to_rgb(opened.image, reduction=reduction, turn=opened.still_to_turn)
    return Frame(picture=picture, scale=float(shrunk * reduction))


def preview(frame: Frame, *, size_px: int, quality: int) -> PreviewRecord:
    """The whole picture as a small baseline JPEG (4:2:0, no metadata), its longest side `size_px`
    at most; and once more for a tile.
    """
    small = shrunk(frame.picture, size_px).picture
    height, width = small.shape[:2]
    return PreviewRecord(
        jpeg=_jpeg(small, quality),
        width=width,
        height=height,
        tile=_jpeg(shrunk(small, _TILE_PX).picture, _TILE_QUALITY),
    )


def _jpeg(picture: Picture, quality: int) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(picture).save(
        buffer, "JPEG", quality=quality, subsampling="4:2:0", progressive=False
    )
    return buffer.getvalue()


def _shrink_while_decoding(image: Image.Image, min_side_px: int) -> int:
    """Tell a JPEG decoder to leave pixels out, and return how many to one; 1 for every other
    format.
    """
    if image.format not in ("JPEG", "MPO"):
        return 1
    width, height = image.size
    for scale in DCT_SCALES:
        if -(-max(width, height) // scale) >= min_side_px and min(width, height) >= scale:
            image.draft(None, (width // scale, height // scale))
            return round(max(width, height) / max(image.size))
    return 1


def _check_decoded(image: Image.Image, full_px: int, shrunk: int) -> None:
    if max(image.size) != -(-full_px // shrunk):
        raise BadFile(
            f"the picture's header promises {full_px} pixels, its content has {max(image.size)}"
        )
