"""Pictures of strange shapes, pixel formats and orientations, from the file to the record."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image

from daemon.pipeline import Stages, catalogue
from daemon.tasks import PhotoTask
from tests.orientations import STORED

if TYPE_CHECKING:
    from pathlib import Path

    from catalog.records import PartRecord
    from daemon.settings import Settings

SIZE = (2400, 1792)


@pytest.fixture(scope="module")
def stages(face_settings: Settings) -> Stages:
    return Stages.load(face_settings)


@pytest.fixture(scope="module")
def portrait(test_data: Path) -> Image.Image:
    with Image.open(test_data / "reference" / "obama" / "obama.jpg") as image:
        return image.convert("RGB")


def catalogued(path: Path, stages: Stages) -> PartRecord:
    stat = path.stat()
    task = PhotoTask(
        sha256="0" * 64, path=bytes(path), bytes=stat.st_size, mtime_ns=stat.st_mtime_ns
    )
    return catalogue([task], stages)[0]


@pytest.mark.parametrize("suffix", [".jpg", ".png"])
@pytest.mark.parametrize("shape", [(1, 1), (1, 5000), (5000, 1), (17, 17), (40, 4000)], ids=str)
def test_a_strange_shape_is_a_picture_without_faces(
    shape: tuple[int, int], suffix: str, stages: Stages, tmp_path: Path
) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (*shape, 3), dtype=np.uint8)
    path = tmp_path / f"odd{suffix}"
    Image.fromarray(noise).save(path)
    record = catalogued(path, stages)
    assert (record.error, record.faces) == (None, ())
    assert record.preview is not None


@pytest.mark.parametrize("mode", ["L", "CMYK", "I;16"])
def test_a_face_is_found_in_every_pixel_format(
    mode: str, portrait: Image.Image, stages: Stages, tmp_path: Path
) -> None:
    portrait = portrait.resize((455, 568))
    if mode == "I;16":
        path, grey = tmp_path / "photo.png", np.asarray(portrait.convert("L")).astype(np.uint16)
        Image.fromarray(grey * 257).save(path)
    else:
        path = tmp_path / "photo.jpg"
        portrait.convert(mode).save(path)
    assert len(catalogued(path, stages).faces) == 1


@pytest.mark.parametrize("zoom", [1.0, 0.6])
@pytest.mark.parametrize("longest", [500, 3000])
def test_a_face_as_large_as_its_picture_or_larger_is_found(
    zoom: float, longest: int, portrait: Image.Image, stages: Stages, tmp_path: Path
) -> None:
    path = tmp_path / "photo.jpg"
    portrait.save(path)
    (face,) = catalogued(path, stages).faces
    x, y = face.x + face.w / 2, face.y + face.h / 2
    half = face.w * zoom / 2, face.h * zoom / 2
    close = portrait.crop(
        (round(x - half[0]), round(y - half[1]), round(x + half[0]), round(y + half[1]))
    )
    scale = longest / close.height
    close.resize((round(close.width * scale), longest)).save(path)
    (found,) = catalogued(path, stages).faces
    assert found.w > 0.8 * close.width * scale and np.isfinite(found.landmarks).all()


@pytest.mark.parametrize("width", [60, 500], ids=["decoded again", "decoded small"])
def test_every_orientation_gives_the_same_faces_of_the_upright_photo(
    width: int, portrait: Image.Image, stages: Stages, tmp_path: Path
) -> None:
    upright = Image.new("RGB", SIZE, "grey")
    side = round(width * 910 / 240)  # of the whole portrait, whose face is 240 of 910 px wide
    upright.paste(portrait.resize((side, side * 1137 // 910)), (300, 100))
    rows = []
    for orientation, turn in STORED.items():
        stored = upright if turn is None else upright.transpose(turn)
        exif = Image.Exif()
        exif[0x0112] = orientation
        path = tmp_path / f"{orientation}.jpg"
        stored.save(path, quality=95, exif=exif)
        (face,) = catalogued(path, stages).faces
        rows.append([face.x, face.y, face.w, face.h, *np.ravel(face.landmarks)])
        assert (face.crop.scale == 1) == (width == 60)
    apart = np.abs(np.array(rows) - rows[0]).max()
    assert 0.7 * width < rows[0][2] < 1.3 * width
    assert apart < 0.03 * rows[0][2]
