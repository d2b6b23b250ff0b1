"""How large a photograph is decoded, and that a small face gets the pixels it needs."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image

from catalog.records import MediaFacts
from daemon import pipeline
from daemon.faces.resolution import ENOUGH_PX, finer_side_px, first_side_px
from daemon.faces.values import Detection
from daemon.intake.frames import DCT_SCALES, Frame
from daemon.pipeline import Stages, catalogue
from daemon.settings import Detect
from daemon.tasks import PhotoTask

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from daemon.faces.values import Picture
    from daemon.settings import Settings


def face(width: float) -> Detection:
    return Detection(
        x=0, y=0, w=width, h=width, landmarks=np.zeros((5, 2), np.float32), confidence=0.9
    )


def frame(longest: int, scale: float) -> Frame:
    return Frame(picture=np.zeros((longest * 3 // 4, longest, 3), np.uint8), scale=scale)


@pytest.mark.parametrize(
    ("widths", "longest", "scale", "expected"),
    [
        pytest.param([], 1008, 4, None, id="nobody there"),
        pytest.param([ENOUGH_PX, 300], 1008, 4, None, id="faces are large"),
        pytest.param([0.9 * ENOUGH_PX], 1008, 4, None, id="faces are nearly large enough"),
        pytest.param([20, 300], 1008, 1, None, id="the frame is the whole picture"),
        pytest.param([40, 300], 1008, 4, 2016, id="twice the size is enough"),
        pytest.param([10], 1008, 4, 4032, id="no more than there is"),
        pytest.param([4], 1500, 8, 4096, id="no more than memory bears"),
    ],
)
def test_a_picture_is_decoded_again_where_its_faces_profit(
    widths: list[float], longest: int, scale: float, expected: int | None
) -> None:
    assert finer_side_px([face(width) for width in widths], frame(longest, scale)) == expected


def facts(width: int, height: int, mime: str = "image/jpeg") -> MediaFacts:
    return MediaFacts(kind="image", mime=mime, width=width, height=height)


def test_what_cannot_be_decoded_small_is_decoded_once() -> None:
    section = Detect()
    assert first_side_px(section, "yunet", facts(4032, 3024)) < section.size
    assert first_side_px(section, "yunet", facts(4032, 3024, "image/png")) >= section.size
    assert first_side_px(section, "mtcnn", facts(4032, 3024)) == section.wanted_side_px


@pytest.mark.parametrize(
    ("width", "height", "decoded"),
    [
        pytest.param(1600, 1200, 1600, id="2 megapixels"),
        pytest.param(3264, 2448, 1632, id="8 megapixels"),
        pytest.param(4032, 3024, 1008, id="12 megapixels"),
        pytest.param(6000, 4000, 1500, id="24 megapixels"),
        pytest.param(8064, 6048, 1008, id="48 megapixels"),
        pytest.param(10000, 1000, 5000, id="a panorama, whose shorter side would vanish"),
        pytest.param(200, 20000, 10000, id="a strip"),
    ],
)
def test_the_first_decode_keeps_as_much_as_the_first_look_shows(
    width: int, height: int, decoded: int
) -> None:
    asked = first_side_px(Detect(), "yunet", facts(width, height))
    longest = max(width, height)
    sides = [longest // it for it in (*DCT_SCALES, 1)]
    assert next((side for side in sides if side >= asked), longest) == decoded


@pytest.fixture
def portrait(test_data: Path) -> Image.Image:
    with Image.open(test_data / "reference" / "obama" / "obama.jpg") as image:
        return image.convert("RGB")


def catalogued(image: Image.Image, settings: Settings, folder: Path):
    path = folder / "photo.jpg"
    image.save(path, "JPEG", quality=92)
    stat = path.stat()
    task = PhotoTask(
        sha256="0" * 64, path=bytes(path), bytes=stat.st_size, mtime_ns=stat.st_mtime_ns
    )
    return catalogue([task], Stages.load(settings))[0]


def test_a_small_face_of_a_large_photo_is_cut_from_all_its_pixels(
    portrait: Image.Image, face_settings: Settings, tmp_path: Path
) -> None:
    canvas = Image.new("RGB", (4032, 3024), "grey")
    portrait.thumbnail((300, 300))
    canvas.paste(portrait, (2000, 1000))
    record = catalogued(canvas, face_settings, tmp_path)
    (found,) = record.faces
    assert 2000 < found.x < 2300 and 60 < found.w < 160
    assert found.crop.scale == 1
    assert sorted(step.step for step in record.steps) == sorted(
        ["probe", "frames", "detect", "align", "quality", "embed"]
    )


def test_a_face_a_hundredth_of_a_photo_wide_is_found_alone_and_cut_from_all_its_pixels(
    portrait: Image.Image, photo: Callable[[str], Picture], face_settings: Settings, tmp_path: Path
) -> None:
    scene = Image.fromarray(photo("obama1.jpg")[600:])  # two suits
    canvas = scene.resize((4032, 3024), Image.Resampling.BICUBIC)
    portrait.thumbnail((190, 190))
    canvas.paste(portrait, (3015, 716))
    (found,) = catalogued(canvas, face_settings, tmp_path).faces
    assert 3015 < found.x < 3150 and 716 < found.y < 860 and 30 < found.w < 50
    assert found.crop.scale == 1


def test_a_face_of_a_long_panorama_is_found(
    portrait: Image.Image, face_settings: Settings, tmp_path: Path
) -> None:
    canvas = Image.new("RGB", (12000, 1000), "grey")
    portrait.thumbnail((200, 200))
    canvas.paste(portrait, (7000, 300))
    (found,) = catalogued(canvas, face_settings, tmp_path).faces
    assert 7000 < found.x < 7200 and 30 < found.w < 60


def test_a_large_face_is_cut_from_the_first_look(
    portrait: Image.Image,
    face_settings: Settings,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked = []
    real = pipeline.read_picture

    def read(path, facts, *, min_side_px):
        asked.append(min_side_px)
        return real(path, facts, min_side_px=min_side_px)

    monkeypatch.setattr(pipeline, "read_picture", read)
    record = catalogued(portrait.resize((2400, 3000)), face_settings, tmp_path)
    (found,) = record.faces
    assert asked == [first_side_px(face_settings.detect, "yunet", facts(2400, 3000))]
    assert found.w > 500 and found.crop.scale > 2
    with Image.open(io.BytesIO(found.crop.jpeg)) as crop:
        assert max(crop.size) == face_settings.crops.size
