"""Small files of every kind, made here: pictures with telling corners, EXIF, raw containers."""

from __future__ import annotations

import io
import os
import struct
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pillow_heif
import pytest
from PIL import Image

from daemon.intake.frames import read_picture
from daemon.intake.probe import probe

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from catalog.records import MediaFacts
    from daemon.intake.frames import Frame

CORNERS = {"red": (220, 30, 30), "green": (30, 200, 30), "blue": (30, 30, 220), "grey": (128,) * 3}
MAX_MEGAPIXELS = 250.0

Entry = tuple[int, int, Any]


class Make:
    """Builders of files. Each picture is 96 × 64: red top left, green right, blue below, grey."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def file(self, content: bytes, name: str | bytes = "file") -> bytes:
        """`content` on disk; the path as bytes."""
        raw_name = name.encode() if isinstance(name, str) else name
        path = bytes(self.folder) + b"/" + raw_name
        Path(os.fsdecode(path)).write_bytes(content)
        return path

    def corners(self, width: int = 96, height: int = 64) -> Image.Image:
        pixels = np.empty((height, width, 3), np.uint8)
        top, bottom = slice(0, height // 2), slice(height // 2, height)
        left, right = slice(0, width // 2), slice(width // 2, width)
        pixels[top, left], pixels[top, right] = CORNERS["red"], CORNERS["green"]
        pixels[bottom, left], pixels[bottom, right] = CORNERS["blue"], CORNERS["grey"]
        return Image.fromarray(pixels)

    def encoded(self, image: Image.Image, kind: str, **options: Any) -> bytes:
        if kind == "HEIF":
            return self.heic(image, **options)
        buffer = io.BytesIO()
        image.save(buffer, kind, **options)
        return buffer.getvalue()

    def heic(self, image: Image.Image, **options: Any) -> bytes:
        buffer = io.BytesIO()
        pillow_heif.from_pillow(image).save(buffer, quality=90, **options)
        return buffer.getvalue()

    def exif(self, *, base: dict[int, Any] | None = None, **directories: dict[int, Any]) -> bytes:
        """An EXIF block: `base` tags, `exif` and `gps` tags by number."""
        block = Image.Exif()
        for tag, value in (base or {}).items():
            block[tag] = value
        for name, pointer in (("exif", 0x8769), ("gps", 0x8825)):
            if directories.get(name):
                block[pointer] = directories[name]
        return block.tobytes()

    def tiff(
        self,
        entries: Sequence[Entry],
        *,
        sub: Sequence[Sequence[Entry]] = (),
        streams: Sequence[bytes] = (),
        order: str = "<",
        head: bytes = b"",
    ) -> bytes:
        """A TIFF of one directory and its sub-directories.

        An entry is (tag, type, value); a value `("stream", n)` is where stream n lies, `("sub", 0)`
        where the sub-directories do.
        """
        start = 8 + len(head)
        places: dict[int, int] = {}
        data = b""
        for number, stream in enumerate(streams):
            places[number] = start + len(data)
            data += stream + b"\x00" * (len(stream) % 2)
        subs: list[int] = []
        for directory in sub:
            subs.append(start + len(data))
            data += self._directory(directory, subs[-1], places, [], order)
        main = start + len(data)
        data += self._directory(entries, main, places, subs, order)
        mark = b"II*\x00" if order == "<" else b"MM\x00*"
        return mark + struct.pack(order + "I", main) + head + data

    def _directory(
        self,
        entries: Sequence[Entry],
        at: int,
        places: dict[int, int],
        subs: list[int],
        order: str,
    ) -> bytes:
        table, extra = b"", b""
        beyond = at + 2 + 12 * len(entries) + 4
        for tag, kind, value in sorted(entries, key=lambda entry: entry[0]):
            if isinstance(value, tuple) and value[0] == "stream":
                value = [places[value[1]]]
            elif isinstance(value, tuple) and value[0] == "sub":
                value = subs
            letter = {1: "B", 3: "H", 4: "I"}.get(kind, "")
            values = value if isinstance(value, list) else [value]
            packed = (
                value if kind in (2, 7) else struct.pack(f"{order}{len(values)}{letter}", *values)
            )
            count = len(value) if kind in (2, 7) else len(values)
            if len(packed) > 4:
                where = beyond + len(extra)
                extra += packed + b"\x00" * (len(packed) % 2)
                packed = struct.pack(order + "I", where)
            table += struct.pack(order + "HHI", tag, kind, count) + packed.ljust(4, b"\x00")
        return struct.pack(order + "H", len(entries)) + table + bytes(4) + extra

    def raw_tiff(
        self, make: bytes, *, orientation: int = 1, dng: bool = False, preview: bytes | None = None
    ) -> bytes:
        """A raw photograph in TIFF: a thumbnail-like main directory, a preview and sensor data
        below.
        """
        jpeg = self.encoded(self.corners(), "JPEG", quality=95) if preview is None else preview
        main: list[Entry] = [
            (254, 4, 1),
            (271, 2, make + b"\x00"),
            (272, 2, b"Model 1\x00"),
            (274, 3, orientation),
            (330, 4, ("sub", 0)),
            (306, 2, b"2021:05:04 12:34:56\x00"),
        ]
        if dng:
            main.append((50706, 1, [1, 4, 0, 0]))
        with_preview: list[Entry] = [(254, 4, 1), (259, 3, 6), (513, 4, ("stream", 0))]
        with_preview.append((514, 4, len(jpeg)))
        sensor: list[Entry] = [(254, 4, 0), (256, 4, 4000), (257, 4, 3000), (262, 3, 32803)]
        sub = [with_preview, sensor] if jpeg else [sensor]
        return self.tiff(main, sub=sub, streams=[jpeg] if jpeg else [])

    def box(self, kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body) + 8) + kind + body

    def cr3(self, *, orientation: int = 1, preview: bytes | None = None) -> bytes:
        """A Canon CR3: metadata TIFFs in moov, a JPEG at the start of mdat, then sensor data."""
        jpeg = self.encoded(self.corners(), "JPEG", quality=95) if preview is None else preview
        main = self.tiff([(271, 2, b"Canon\x00"), (272, 2, b"EOS R6\x00"), (274, 3, orientation)])
        camera = self.tiff([(0x9003, 2, b"2021:05:04 12:34:56\x00"), (0x8827, 3, 400)])
        place = self.tiff([(1, 2, b"N\x00"), (3, 2, b"E\x00")])
        canon = bytes.fromhex("85c0b687820f11e08111f4ce462b6a48")
        blocks = self.box(b"CMT1", main) + self.box(b"CMT2", camera) + self.box(b"CMT4", place)
        movie = self.box(b"moov", self.box(b"uuid", canon + blocks))
        sensor = np.random.default_rng(7).integers(0, 256, 4096, np.uint8).tobytes()
        start = self.box(b"ftyp", b"crx \x00\x00\x00\x01crx isom")
        return start + movie + self.box(b"mdat", jpeg + sensor)

    def wide_profile(self) -> bytes:
        """An ICC v2 matrix profile: primaries far outside sRGB, gamma 2.2, D50 white."""
        white = np.array([0.9642, 1.0, 0.8249])
        primaries = [(0.70, 0.30), (0.20, 0.72), (0.13, 0.05)]
        columns = np.array([[x / y, 1.0, (1 - x - y) / y] for x, y in primaries]).T
        matrix = columns * np.linalg.solve(columns, white)

        def xyz(values: Any) -> bytes:
            return (
                b"XYZ " + bytes(4) + b"".join(struct.pack(">i", round(v * 65536)) for v in values)
            )

        curve = b"curv" + bytes(4) + struct.pack(">IH", 1, int(2.2 * 256)) + bytes(2)
        text = b"desc" + bytes(4) + struct.pack(">I", 5) + b"Wide" + bytes(80)
        tags = {b"desc": text, b"wtpt": xyz(white), b"cprt": b"text" + bytes(8)}
        tags |= {name: xyz(matrix[:, i]) for i, name in enumerate((b"rXYZ", b"gXYZ", b"bXYZ"))}
        tags |= dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), curve)
        body, table = b"", struct.pack(">I", len(tags))
        for name, data in tags.items():
            place = 128 + 4 + 12 * len(tags) + len(body)
            table += name + struct.pack(">II", place, len(data))
            body += data + bytes(-len(data) % 4)
        head = struct.pack(">I", 128 + len(table) + len(body)) + b"\0\0\0\0\x02\x10\0\0mntrRGB XYZ "
        return (
            (head + bytes(12) + b"acsp" + bytes(28) + xyz(white)[8:]).ljust(128, b"\0")
            + table
            + body
        )

    def samples(self) -> dict[str, bytes]:
        """One small sound file of every kind of still picture."""
        image, small = self.corners(), self.corners(24, 16)
        exif = self.exif(
            base={0x010F: "Maker", 0x0110: "Model", 0x0112: 6},
            exif={0x9003: "2021:05:04 12:34:56", 0x829A: 0.005, 0xA434: "A lens"},
            gps={1: "N", 2: (48.0, 51.0, 29.5), 3: "E", 4: (2.0, 17.0, 40.2), 5: b"\x00", 6: 35.0},
        )
        raw_preview = self.encoded(small, "JPEG")
        return {
            "jpeg": self.encoded(image, "JPEG", exif=exif),
            "progressive": self.encoded(image, "JPEG", progressive=True),
            "profiled": self.encoded(small, "JPEG", icc_profile=self.wide_profile()),
            "png": self.encoded(small, "PNG", exif=exif),
            "palette": self.encoded(small.quantize(8), "PNG"),
            "webp": self.encoded(image, "WEBP", exif=exif),
            "tiff": self.encoded(small, "TIFF", exif=exif),
            "lzw tiff": self.encoded(small, "TIFF", compression="tiff_lzw", tiffinfo={274: 6}),
            "bmp": self.encoded(small, "BMP"),
            "gif": self.encoded(small, "GIF"),
            "heic": self.heic(image, exif=exif),
            "avif": self.encoded(image, "AVIF", exif=exif),
            "dng": self.raw_tiff(b"Maker", dng=True, preview=raw_preview),
            "cr3": self.cr3(preview=raw_preview),
        }


@pytest.fixture
def make(tmp_path: Path) -> Make:
    return Make(tmp_path)


@pytest.fixture
def facts_of() -> Callable[[bytes], MediaFacts]:
    return lambda path: probe(path, max_megapixels=MAX_MEGAPIXELS)


@pytest.fixture
def frame_of() -> Callable[..., Frame]:
    def read(path: bytes, min_side_px: int = 2048) -> Frame:
        return read_picture(
            path, probe(path, max_megapixels=MAX_MEGAPIXELS), min_side_px=min_side_px
        )

    return read


@pytest.fixture
def corners_of() -> Callable[[Frame], tuple[str, str, str, str]]:
    """The names of the corners' colours: top left, top right, bottom left, bottom right."""

    def look(frame: Frame) -> tuple[str, str, str, str]:
        picture = frame.picture.astype(int)
        height, width = picture.shape[:2]
        y, x = height // 4, width // 4
        found = []
        for row, column in ((y, x), (y, -x), (-y, x), (-y, -x)):
            colour = picture[row, column]
            near = {name: np.abs(colour - value).max() for name, value in CORNERS.items()}
            name = min(near, key=lambda item: near[item])
            found.append(name if near[name] < 40 else f"{colour}")
        return tuple(found)

    return look
