"""A photo and the short video that was taken with it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from catalog import pairs

if TYPE_CHECKING:
    from tests.makers import Maker


def media(make: Maker, path: bytes, kind: str, **values: object) -> int:
    media_id = make.media()
    make.file(media_id, path)
    make.connection.execute("UPDATE media SET kind = ? WHERE id = ?", [kind, media_id])
    for name, value in values.items():
        make.connection.execute(f"UPDATE media SET {name} = ? WHERE id = ?", [value, media_id])
    return media_id


def paired(make: Maker, media_id: int) -> int | None:
    return make.value("SELECT paired_media_id FROM media WHERE id = ?", media_id)


@pytest.mark.parametrize("first", ["photo", "video"])
def test_of_one_name_in_one_folder(make: Maker, first: str) -> None:
    photo = media(make, b"/inbox/IMG_1.HEIC", "image")
    video = media(make, b"/inbox/IMG_1.MOV", "video", duration_s=2.9)
    pairs.pair(make.connection, photo if first == "photo" else video)
    assert (paired(make, photo), paired(make, video)) == (video, photo)


@pytest.mark.parametrize(
    ("path", "values"),
    [
        (b"/inbox/IMG_2.MOV", {"duration_s": 2.9}),
        (b"/inbox/more/IMG_1.MOV", {"duration_s": 2.9}),
        (b"/inbox/IMG_1.extra/a.MOV", {"duration_s": 2.9}),
        (b"/inbox/IMG_1.MOV", {"duration_s": 60.0}),
        (b"/inbox/IMG_1.MOV", {"duration_s": 2.9, "taken_at": "2024-01-01T12:00:30Z"}),
    ],
)
def test_others_are_not(make: Maker, path: bytes, values: dict[str, object]) -> None:
    photo = media(make, b"/inbox/IMG_1.HEIC", "image", taken_at="2024-01-01T12:00:00Z")
    media(make, path, "video", **values)
    pairs.pair(make.connection, photo)
    assert paired(make, photo) is None
