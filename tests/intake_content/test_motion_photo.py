"""Videos inside and beside pictures."""

from __future__ import annotations

import io

import pytest

from daemon.intake import motion_photo
from tests import films

GOOGLE_1 = '<x GCamera:MicroVideo="1" GCamera:MicroVideoOffset="{n}"/>'
GOOGLE_2 = (
    '<Container:Item Item:Mime="image/jpeg" Item:Semantic="Primary" Item:Length="0"/>'
    '<Container:Item Item:Mime="video/mp4" Item:Semantic="MotionPhoto" Item:Length="{n}"/>'
)


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("clip") / "a.mp4"
    return films.write(path, films.numbered(10), fps=10).read_bytes()


@pytest.mark.parametrize("xmp", [GOOGLE_1, GOOGLE_2])
def test_a_video_behind_the_picture_is_found(clip: bytes, xmp: str) -> None:
    file = io.BytesIO(b"\xff\xd8picture\xff\xd9" + clip)
    assert motion_photo.find(file, xmp.format(n=len(clip))) == {"offset": 11, "bytes": len(clip)}


def test_samsungs_trailer(clip: bytes) -> None:
    data = b"\xff\xd8picture\xff\xd9" + b"MotionPhoto_Data" + clip + b"SEFHxxxxSEFT"
    found = motion_photo.find(io.BytesIO(data), "")
    assert found is not None and found["offset"] == 27


@pytest.mark.parametrize("xmp", ["", GOOGLE_1.format(n=5), GOOGLE_1.format(n=10**9), GOOGLE_2])
def test_what_is_only_said_is_not_there(xmp: str) -> None:
    assert motion_photo.find(io.BytesIO(b"\xff\xd8" + bytes(5000)), xmp) is None
