from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from benchmarks import crops
from daemon.faces.align import cut
from daemon.settings import Crops

if TYPE_CHECKING:
    from collections.abc import Callable

    from daemon.faces.values import Detection, Detector, Picture


@pytest.fixture
def picture(photo: Callable[[str], Picture]) -> Picture:
    return photo("obama-240p.jpg")


@pytest.fixture
def face(picture: Picture, yunet: Detector) -> Detection:
    return yunet.detect([picture])[0][0]


def test_a_narrowed_face_is_so_wide_and_lies_where_it_lay(
    picture: Picture, face: Detection, yunet: Detector
) -> None:
    smaller, moved = crops.narrowed(picture, face, face.w / 2)
    assert moved.w == pytest.approx(face.w / 2, rel=0.02)
    found = yunet.detect([smaller])[0][0]
    assert np.abs(found.landmarks - moved.landmarks).max() < 0.1 * moved.w


def test_a_face_that_is_no_wider_stays(picture: Picture, face: Detection) -> None:
    assert crops.narrowed(picture, face, face.w + 1) == (picture, face)
    assert crops.narrowed(picture, face, None)[0] is picture


def test_a_lossless_crop_holds_the_pictures_own_pixels(picture: Picture, face: Detection) -> None:
    crop = cut(picture, face, 1.0, Crops(size=1024))
    kept = crops.lossless(picture, crop)
    x, y = round(crop.x), round(crop.y)
    height, width = crop.picture.shape[:2]
    assert np.array_equal(kept.picture, picture[y : y + height, x : x + width])
    assert kept.jpeg.startswith(b"\x89PNG") and np.array_equal(kept.landmarks, crop.landmarks)


def test_a_lossless_crop_is_shrunk_as_the_stored_one(picture: Picture, face: Detection) -> None:
    crop = cut(picture, face, 1.0, Crops(size=112))
    assert crop.scale > 1
    kept = crops.lossless(picture, crop)
    assert kept.picture.shape == crop.picture.shape
    assert np.abs(kept.picture.astype(int) - crop.picture).mean() < 5


def test_tar_counts_what_lies_above_the_allowed_impostor() -> None:
    impostor = np.arange(1000) / 1000  # at 1e-2 ten may exceed the threshold 0.989, at 1e-3 one
    assert crops.acceptances(np.array([0.9895, 0.9985, 0.5, 1.0]), impostor) == [0.75, 0.5, 0.25]


def test_halves_hold_half_the_people_and_are_the_same_every_time() -> None:
    draw = np.random.default_rng(1)
    # Of every person two pictures; the first ten are alike, the others as strange as strangers.
    vectors = {}
    for number in range(20):
        one, two = draw.normal(size=(2, 64)).astype(np.float32)
        for at, vector in enumerate((one, one if number < 10 else two)):
            vectors[Path(f"{number:02d}", f"{at}.jpg")] = vector / np.linalg.norm(vector)
    found = crops.found_by_half(vectors, halves=6)
    assert found.shape == (6, 3)
    assert {round(10 * value, 6) % 1 for value in found[:, 1]} == {0}  # tenths: ten people
    assert found[:, 1].std() > 0 and 0.2 < found[:, 1].mean() < 0.8
    assert np.array_equal(found, crops.found_by_half(vectors, halves=6))


def test_a_quick_look_runs_to_the_end(
    test_data: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("ROLLCALL_TEST_DATA", str(test_data))
    crops.main(["--limit", "3", "--only", "quality", "--json"])
    answer = json.loads(capsys.readouterr().out)
    ways = answer["ways"]
    assert list(ways) == [
        *("as Rollcall cuts", "JPEG quality 95", "JPEG quality 85", "JPEG quality 75", "PNG")
    ]
    sizes = [ways[name]["bytes"] for name in ("PNG", "JPEG quality 95", "as Rollcall cuts")]
    assert sizes == sorted(sizes, reverse=True)
    assert set(ways["as Rollcall cuts"]["against_default"]["1e-03"]) == {0}
    assert all(it["accuracy"] >= 0.9 and it["tar"]["1e-02"][0] > 0.8 for it in ways.values())
    assert "PNG" in crops.as_text(answer)
