"""Crops and previews by id: the right bytes, for whoever may see the row, and nothing else."""

from __future__ import annotations

import hashlib
import io
import threading
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest
from PIL import Image

from catalog.browse.site import PLUGIN
from catalog.connect import connect, crops_path, transaction

if TYPE_CHECKING:
    from pathlib import Path


def test_a_crop_is_the_very_bytes_that_are_stored(reader: Any) -> None:
    response = reader.get("/-/rollcall/crop/1")
    key = reader.rows("SELECT crop FROM faces WHERE id = 1")[0]["crop"]
    assert response.status_code == 200
    assert hashlib.sha256(response.content).hexdigest() == key
    assert response.headers["content-type"] == "image/jpeg"
    assert response.headers["x-content-type-options"] == "nosniff"
    assert response.headers["cross-origin-resource-policy"] == "same-origin"
    assert response.headers["etag"] == f'"{key}"'


def test_a_preview_is_a_small_picture_of_the_media(reader: Any) -> None:
    response = reader.get("/-/rollcall/preview/1")
    assert response.status_code == 200
    with Image.open(io.BytesIO(response.content)) as picture:
        assert picture.format == "JPEG"
        assert max(picture.size) == 1024


@pytest.mark.parametrize("path", ["crop/1", "preview/1"])
def test_a_browser_that_has_the_picture_gets_only_an_answer(reader: Any, path: str) -> None:
    first = reader.get(f"/-/rollcall/{path}")
    again = reader.get(
        f"/-/rollcall/{path}", headers={"If-None-Match": f'W/"old", {first.headers["etag"]}'}
    )
    assert again.status_code == 304
    assert again.content == b""
    assert again.headers["etag"] == first.headers["etag"]
    assert reader.get(
        f"/-/rollcall/{path}", headers={"If-None-Match": '"other"'}
    ).status_code == 200  # fmt: skip


@pytest.mark.parametrize("cookies", [None, {"left": "by another program"}])
def test_pictures_are_kept_by_the_browser_and_by_nobody_else(reader: Any, cookies: Any) -> None:
    bare = reader.get("/-/rollcall/crop/1", cookies=cookies).headers["cache-control"]
    named = reader.get("/-/rollcall/crop/1?v=abc", cookies=cookies).headers["cache-control"]
    assert bare == "private, max-age=60"
    assert named == "private, max-age=31536000, immutable"


@pytest.mark.parametrize(
    "path",
    [
        "crop/0",
        "crop/99",
        "crop/-1",
        "crop/abc",
        "crop/1e0",
        "crop/1.5",
        "crop/%31%30%30",
        "crop/99999999999999999999999999",
        "crop/\u0661",
        "crop/..",
        "crop/..%2f..%2fcatalog.db",
        "crop/%00",
        "crop/1'--",
        "crop/<script>alert(1)</script>",
        "preview/6",
        "preview/99",
        "preview/x",
        "preview/..%2Fcatalog.db",
    ],
)
def test_what_is_no_picture_is_a_404_with_a_sentence(reader: Any, path: str) -> None:
    response = reader.get(f"/-/rollcall/{path}")
    assert response.status_code in (404, 302)
    if response.status_code == 404 and response.headers["content-type"].startswith("text/plain"):
        assert response.text.startswith("No ")
        assert response.headers["x-content-type-options"] == "nosniff"
    assert b"SQLite format" not in response.content
    if not response.headers["content-type"].startswith("text/plain"):
        assert "alert(1)" not in response.text


def test_a_table_gets_a_box_for_a_missing_picture_and_keeps_it_not(reader: Any) -> None:
    response = reader.get("/-/rollcall/preview/6?blank=1")
    assert response.status_code == 200
    assert response.headers["content-type"] == "image/svg+xml"
    assert "cache-control" not in response.headers


def test_a_forgotten_face_has_no_picture(browser: Any, small_catalog: Path) -> None:
    with closing(connect(small_catalog)) as catalog, transaction(catalog):
        catalog.execute("UPDATE faces SET state = 'forgotten' WHERE id = 1")
    assert browser.get("/-/rollcall/crop/1").status_code == 404
    assert browser.get("/-/rollcall/crop/2").status_code == 200


def test_a_crop_whose_bytes_are_gone_is_a_404(browser: Any, small_catalog: Path) -> None:
    with closing(connect(crops_path(small_catalog))) as crops, transaction(crops):
        crops.execute("DELETE FROM crops")
    response = browser.get("/-/rollcall/crop/1")
    assert response.status_code == 404
    assert "rollcall verify" in response.text


def test_without_crops_the_pages_still_work(small_catalog: Path, open_browser: Any) -> None:
    for file in small_catalog.parent.glob("crops.db*"):
        file.unlink()
    browser = open_browser(small_catalog)
    assert browser.get("/-/rollcall/crop/1").status_code == 404
    assert browser.get("/catalog/faces").status_code == 200


def test_pictures_are_served_while_the_daemon_writes(browser: Any, small_catalog: Path) -> None:
    with closing(connect(crops_path(small_catalog))) as crops, closing(
        connect(small_catalog)
    ) as catalog:  # fmt: skip
        crops.execute("BEGIN IMMEDIATE")
        catalog.execute("BEGIN IMMEDIATE")
        crops.execute("INSERT INTO crops VALUES (?, x'00', '')", ["9" * 64])
        catalog.execute("UPDATE faces SET quality = 0")
        assert browser.get("/-/rollcall/crop/1").status_code == 200
        assert browser.get("/catalog/faces").status_code == 200
        crops.rollback()
        catalog.rollback()


def test_many_pictures_at_once_are_each_their_own(reader: Any) -> None:
    import asyncio

    async def everything() -> list[Any]:
        return await asyncio.gather(
            *(reader.datasette.client.get(f"/-/rollcall/crop/{n % 8 + 1}") for n in range(64))
        )

    before = threading.active_count()
    answers = reader.runner.run(everything())
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.content for answer in answers}) == 8
    assert threading.active_count() - before < 16


@pytest.mark.parametrize(
    ("metadata", "crop", "preview"),
    [
        pytest.param({"allow": False}, 403, 403, id="instance"),
        pytest.param({"databases": {"catalog": {"allow": False}}}, 403, 403, id="database"),
        pytest.param(
            {"databases": {"catalog": {"tables": {"faces": {"allow": False}}}}},
            403,
            200,
            id="faces",
        ),
        pytest.param(
            {"databases": {"catalog": {"tables": {"MEDIA": {"allow": False}}}}},
            200,
            403,
            id="media",
        ),
        pytest.param({"databases": {"catalog": {"allow": {"id": "me"}}}}, 403, 403, id="someone"),
    ],
)
def test_who_may_not_see_the_row_gets_no_picture(
    small_catalog: Path, open_browser: Any, metadata: Any, crop: int, preview: int
) -> None:
    browser = open_browser(small_catalog)
    browser.datasette._metadata_local.update(metadata)
    assert browser.get("/-/rollcall/crop/1").status_code == crop
    assert browser.get("/-/rollcall/preview/1").status_code == preview
    assert (
        browser.get("/-/rollcall/crop/99?blank=1").status_code == (404 if crop == 200 else 403)
        or crop == 200
    )


def test_the_one_who_may_see_it_gets_it(small_catalog: Path, open_browser: Any) -> None:
    browser = open_browser(small_catalog)
    browser.datasette._metadata_local["databases"] = {"catalog": {"allow": {"id": "me"}}}
    signed = browser.datasette.sign({"a": {"id": "me"}}, "actor")
    response = browser.get("/-/rollcall/crop/1", cookies={"ds_actor": signed})
    assert response.status_code == 200
    assert response.headers["cache-control"].startswith("private")
    assert browser.get("/-/rollcall/crop/1", cookies={"ds_actor": "x"}).status_code == 403


def test_the_crops_may_lie_elsewhere(
    small_catalog: Path, tmp_path: Path, open_browser: Any
) -> None:
    elsewhere = tmp_path / "elsewhere.db"
    crops_path(small_catalog).replace(elsewhere)
    browser = open_browser(small_catalog)
    browser.datasette._metadata_local["plugins"][PLUGIN]["crops"] = str(elsewhere)
    assert browser.get("/-/rollcall/crop/1").status_code == 200
