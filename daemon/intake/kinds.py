"""What a file is, told from its first bytes and never from its name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from daemon.errors import BadFile
from daemon.intake import tiff

if TYPE_CHECKING:
    from typing import BinaryIO

HEAD_BYTES = 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """A format that can be catalogued. `decoder` is Pillow's name for it, RAW, or empty for a
    video.
    """

    name: str
    mime: str
    decoder: str = ""

    @property
    def media(self) -> str:
        """`image` or `video`, as the catalog calls it."""
        return "image" if self.decoder else "video"


JPEG = Kind(name="JPEG", mime="image/jpeg", decoder="JPEG")
PNG = Kind(name="PNG", mime="image/png", decoder="PNG")
WEBP = Kind(name="WebP", mime="image/webp", decoder="WEBP")
TIFF = Kind(name="TIFF", mime="image/tiff", decoder="TIFF")
BMP = Kind(name="BMP", mime="image/bmp", decoder="BMP")
GIF = Kind(name="GIF", mime="image/gif", decoder="GIF")
HEIC = Kind(name="HEIC", mime="image/heic", decoder="HEIF")
HEIF = Kind(name="HEIF", mime="image/heif", decoder="HEIF")
AVIF = Kind(name="AVIF", mime="image/avif", decoder="AVIF")
DNG = Kind(name="DNG", mime="image/x-adobe-dng", decoder="RAW")
CR2 = Kind(name="CR2", mime="image/x-canon-cr2", decoder="RAW")
CR3 = Kind(name="CR3", mime="image/x-canon-cr3", decoder="RAW")
NEF = Kind(name="NEF", mime="image/x-nikon-nef", decoder="RAW")
ARW = Kind(name="ARW", mime="image/x-sony-arw", decoder="RAW")
RAW = Kind(name="raw", mime="image/x-raw", decoder="RAW")
MP4 = Kind(name="MP4", mime="video/mp4")
QUICKTIME = Kind(name="QuickTime", mime="video/quicktime")
THREE_GP = Kind(name="3GP", mime="video/3gpp")
MATROSKA = Kind(name="Matroska", mime="video/x-matroska")
WEBM = Kind(name="WebM", mime="video/webm")
AVI = Kind(name="AVI", mime="video/x-msvideo")
MPEG = Kind(name="MPEG", mime="video/mpeg")
MPEG_TS = Kind(name="MPEG-TS", mime="video/mp2t")
OGG = Kind(name="Ogg", mime="video/ogg")
ASF = Kind(name="Windows Media", mime="video/x-ms-asf")
FLV = Kind(name="Flash", mime="video/x-flv")

PICTURES = {
    kind.mime: kind
    for kind in (JPEG, PNG, WEBP, TIFF, BMP, GIF, HEIC, HEIF, AVIF, DNG, CR2, CR3, NEF, ARW, RAW)
}

_MAGIC = (
    (b"\xff\xd8\xff", JPEG),
    (b"\x89PNG\r\n\x1a\n", PNG),
    (b"GIF87a", GIF),
    (b"GIF89a", GIF),
    (b"FUJIFILMCCD-RAW ", RAW),
    (b"\x00\x00\x01\xba", MPEG),
    (b"\x00\x00\x01\xb3", MPEG),
    (b"OggS", OGG),
    (b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", ASF),
    (b"FLV\x01", FLV),
)
_FOREIGN = (
    (b"%PDF-", "a PDF document"),
    (b"PK\x03\x04", "a ZIP archive"),
    (b"Rar!\x1a\x07", "a RAR archive"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"8BPS", "a Photoshop document"),
    (b"SQLite format 3\x00", "an SQLite database"),
    (b"\xff\x0a", "a JPEG XL picture, which is not supported"),
    (b"\x00\x00\x00\x0cJXL ", "a JPEG XL picture, which is not supported"),
    (b"\x00\x00\x00\x0cjP  ", "a JPEG 2000 picture, which is not supported"),
    (b"ID3", "a sound recording"),
    (b"fLaC", "a sound recording"),
    (b"\x7fELF", "a program"),
    (b"MZ", "a program"),
)
_BMP_HEADERS = {12, 16, 40, 52, 56, 64, 108, 124}
_HEIC_BRANDS = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs"}
_STILL_BRANDS = {b"mif1", b"msf1", b"mif2", b"miaf"}
_AVIF_BRANDS = {b"avif", b"avis"}
_QUICKTIME_BOXES = {b"moov", b"mdat", b"wide", b"pnot"}
_RAW_MAKES = ((b"NIKON", NEF), (b"SONY", ARW))
_CFA, _LINEAR_RAW = 32803, 34892


def sniff(file: BinaryIO) -> Kind:
    """The kind of the open file. Raises BadFile, saying what it is instead, where it is no picture
    and no video.
    """
    file.seek(0)
    head = file.read(HEAD_BYTES)
    if not head:
        raise BadFile("the file is empty")
    kind = _by_magic(head) or _riff(head) or _iso_media(head) or _tiff(file, head) or _late(head)
    if kind is None:
        raise BadFile(f"not a picture or a video: it is {_foreign(head)}")
    return kind


def _by_magic(head: bytes) -> Kind | None:
    if head[:2] == b"BM" and int.from_bytes(head[14:18], "little") in _BMP_HEADERS:
        return BMP
    return next((kind for magic, kind in _MAGIC if head.startswith(magic)), None)


def _riff(head: bytes) -> Kind | None:
    if head[:4] != b"RIFF":
        return None
    return {b"WEBP": WEBP, b"AVI ": AVI}.get(head[8:12])


def _iso_media(head: bytes) -> Kind | None:
    """HEIF, AVIF, CR3 and the MP4 family: boxes of the ISO base media file format (ISO/IEC
    14496-12).
    """
    if head[4:8] in _QUICKTIME_BOXES:
        return QUICKTIME
    if head[4:8] != b"ftyp":
        return None
    size = min(int.from_bytes(head[:4], "big"), len(head))
    major, brands = head[8:12], {head[at : at + 4] for at in range(16, size - 3, 4)}
    if major == b"crx ":
        return CR3
    if major in _AVIF_BRANDS or (major in _STILL_BRANDS and brands & _AVIF_BRANDS):
        return AVIF
    if major in _HEIC_BRANDS or (major in _STILL_BRANDS and brands & _HEIC_BRANDS):
        return HEIC
    if major in _STILL_BRANDS:
        return HEIF
    return _film(major)


def _film(major: bytes) -> Kind:
    if major in (b"M4A ", b"M4B ", b"M4P "):
        raise BadFile("not a picture or a video: it is a sound recording")
    if major == b"qt  ":
        return QUICKTIME
    return THREE_GP if major[:2] == b"3g" else MP4


def _tiff(file: BinaryIO, head: bytes) -> Kind | None:
    """TIFF, and the raw photographs that are TIFF inside."""
    if not tiff.is_tiff(head):
        return None
    if head[8:11] == b"CR\x02":
        return CR2
    if head[2:4] not in tiff.PLAIN_MAGIC:
        return RAW
    directories = tiff.directories(file)
    first = directories[0] if directories else {}
    if tiff.DNG_VERSION in first:
        return DNG
    sensor = any(_is_sensor_data(directory) for directory in directories)
    # A TIFF exported from a raw photograph names the camera too, but it is a full picture itself.
    reduced = tiff.number(first, tiff.SUBFILE_TYPE) & 1 or not first.keys() & tiff.PIXELS
    make = tiff.text(first, tiff.MAKE).upper()
    for prefix, kind in _RAW_MAKES:
        if make.startswith(prefix) and (sensor or reduced):
            return kind
    return RAW if sensor else TIFF


def _is_sensor_data(directory: tiff.Directory) -> bool:
    return tiff.number(directory, tiff.PHOTOMETRIC) in (_CFA, _LINEAR_RAW)


def _late(head: bytes) -> Kind | None:
    """Videos whose marks lie further in."""
    if head[:4] == b"\x1a\x45\xdf\xa3":
        return WEBM if b"webm" in head[:64] else MATROSKA
    for start, packet in ((0, 188), (4, 192)):
        marks = head[start : start + 5 * packet : packet]
        if len(marks) >= 3 and set(marks) == {0x47}:
            return MPEG_TS
    return None


def _foreign(head: bytes) -> str:
    for magic, name in _FOREIGN:
        if head.startswith(magic):
            return name
    if not any(head):
        return "nothing but zero bytes (an interrupted copy?)"
    return "plain text" if _is_text(head) else "of an unknown kind"


def _is_text(head: bytes) -> bool:
    if head.startswith((b"\xff\xfe", b"\xfe\xff", b"\xef\xbb\xbf")):
        return True
    if any(byte < 32 and byte not in b"\t\n\r\f\x1b" for byte in head):
        return False
    try:
        head.decode("utf-8")
    except UnicodeDecodeError as error:
        # The head may end inside a character, and older texts are Latin-1: mostly ASCII is text
        # too.
        ascii_share = sum(byte < 128 for byte in head) / len(head)
        return error.start >= HEAD_BYTES - 3 or ascii_share > 0.9
    return True
