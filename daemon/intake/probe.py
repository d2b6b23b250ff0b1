"""What a file is and what it says about itself, told from its content without decoding the
picture.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from catalog.records import MediaFacts
from daemon.errors import BadFile
from daemon.intake import contents, cr3, exif, film, gps, kinds, motion_photo, pictures
from daemon.intake.camera import camera
from daemon.intake.taken import taken

if TYPE_CHECKING:
    from typing import BinaryIO

    from PIL import Image

    from daemon.intake.kinds import Kind

MAX_XMP_BYTES = 1 << 20
# Pillow's names of the formats behind whose picture phones put a video.
_WITH_VIDEO = ("JPEG", "HEIF")


def probe(path: bytes, *, max_megapixels: float) -> MediaFacts:
    """The facts of the photo or video at `path` (bytes: names need not be UTF-8).

    `width` and `height` are of the upright full-size picture. Of a raw photograph they are those of
    the preview that is used, so that boxes fit what is shown.

    Raises BadFile with one clear reason for what cannot be catalogued, TryLater where reading
    failed.
    """
    with contents.opened(path) as file:
        with contents.explained("file", path):
            kind = kinds.sniff(file)
        if kind.media == "video":
            with contents.explained("video", path):
                facts = film.probe_film(file, kind)
            _check_size(facts.width or 0, facts.height or 0, max_megapixels)
            return facts
        with pictures.opened_picture(path, file, kind) as opened:
            width, height = opened.upright_size
            _check_size(width, height, max_megapixels)
            tags = _tags(file, kind, opened.image)
            xmp = _xmp(opened.image)
            turned = opened.orientation
        inside = motion_photo.find(file, xmp) if kind.decoder in _WITH_VIDEO else None
    return _facts(kind, (width, height), turned, tags, xmp, inside)


def _facts(
    kind: Kind,
    size: tuple[int, int],
    orientation: int,
    tags: exif.Tags,
    xmp: str,
    inside: dict[str, int] | None,
) -> MediaFacts:
    when, where, by = taken(tags, xmp), gps.position(tags), camera(tags)
    return MediaFacts(
        kind="image",
        mime=kind.mime,
        width=size[0],
        height=size[1],
        taken_at=when.utc,
        taken_at_local=when.local,
        taken_at_source=when.source,
        camera_make=by.make,
        camera_model=by.model,
        lens=by.lens,
        orientation=orientation,
        latitude=where.latitude,
        longitude=where.longitude,
        altitude_m=where.altitude_m,
        exif=tags.clean if inside is None else {**tags.clean, "MotionPhoto": inside},
    )


def _check_size(width: int, height: int, max_megapixels: float) -> None:
    if width < 1 or height < 1:
        raise BadFile("the picture has no pixels")
    megapixels = width * height / 1e6
    if megapixels > max_megapixels:
        raise BadFile(
            f"the picture is too large: {width} × {height} is {megapixels:.0f} megapixels, the "
            f"limit is {max_megapixels:g}; raise intake.max_megapixels to catalogue it"
        )


def _tags(file: BinaryIO, kind: Kind, image: Image.Image) -> exif.Tags:
    """The EXIF tags from wherever this kind of file keeps them."""
    if kind is kinds.CR3:
        return exif.merged([exif.read_blob(block) for block in cr3.as_tiffs(cr3.metadata(file))])
    if kind.decoder in ("TIFF", "RAW"):
        found = exif.read_tiff(file)
        if found.raw:
            return found
    blob = image.info.get("exif") or _png_text_profile(image)
    return exif.read_blob(blob) if isinstance(blob, bytes) and blob else exif.Tags()


def _png_text_profile(image: Image.Image) -> bytes:
    """EXIF as ImageMagick wrote it into PNG before there was an eXIf chunk: hexadecimal text."""
    text = image.info.get("Raw profile type exif")
    if not isinstance(text, str):
        return b""
    try:
        return bytes.fromhex("".join(text.split("\n")[3:]))
    except ValueError:
        return b""


def _xmp(image: Image.Image) -> str:
    packet = image.info.get("xmp") or image.info.get("XML:com.adobe.xmp") or b""
    if isinstance(packet, bytes):
        return packet[:MAX_XMP_BYTES].decode("utf-8", "replace")
    return packet[:MAX_XMP_BYTES] if isinstance(packet, str) else ""
