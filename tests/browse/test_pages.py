"""What tables, rows and questions look like, and that no data becomes markup."""

from __future__ import annotations

import json
import re
from contextlib import closing
from html.parser import HTMLParser
from typing import TYPE_CHECKING, Any

import pytest

from catalog.browse import cells
from catalog.browse.queries import queries
from catalog.connect import connect, transaction

if TYPE_CHECKING:
    from pathlib import Path

PARAMETERS = {"media_id": "2", "person": "Barack Obama", "other": "Joe Biden", "face_id": "1"}


class Page(HTMLParser):
    """The tags of a page with their attributes, and its text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data

    def images(self) -> list[dict[str, str | None]]:
        return [attributes for tag, attributes in self.tags if tag == "img"]


def address(query: str) -> str:
    given = "&".join(f"{name}={PARAMETERS[name]}" for name in queries()[query].get("params", []))
    return f"/catalog/{query}?{given}"


ALL_PAGES = [
    "/",
    "/catalog",
    *(
        f"/catalog/{table}"
        for table in (
            "media", "files", "faces", "people", "assignments", "embeddings", "jobs", "roots",
            "quality", "daemon", "appearances", "media_people", "people_summary",
            "unknown_people", "failures", "duplicates", "progress",
        )
    ),
    "/catalog/media/1", "/catalog/media/6", "/catalog/faces/1", "/catalog/people/3",
    "/catalog/people/4", "/catalog/jobs/1", "/catalog/files/1",
    *(address(name) for name in queries()),
]  # fmt: skip


@pytest.mark.parametrize("path", ALL_PAGES)
def test_every_page_shows_and_no_data_becomes_markup(reader: Any, path: str) -> None:
    response = reader.get(path)
    assert response.status_code == 200, response.text
    page = Page(response.text)
    for tag, attributes in page.tags:
        assert not any(name.startswith("on") for name in attributes), (tag, attributes)
    for image in page.images():
        assert re.fullmatch(
            r"/-/rollcall/(crop|preview)/\d+\?(v=[0-9a-f]{16}&|tile=1&)?blank=1", image["src"] or ""
        )
        assert {image["loading"], image["decoding"]} == {"lazy", "async"}
        assert image["alt"] is not None  # empty beside its name in words
        assert int(image["width"] or 0) > 0
        assert int(image["height"] or 0) > 0
    assert any("rollcall.css" in (attributes.get("href") or "") for _tag, attributes in page.tags)


def test_the_stylesheet_is_there(reader: Any) -> None:
    page = Page(reader.get("/").text)
    (link,) = (
        attributes["href"] for tag, attributes in page.tags if "rollcall.css" in str(attributes)
    )
    response = reader.get(link)
    assert response.status_code == 200
    assert response.headers["content-type"].startswith("text/css")
    assert "prefers-color-scheme: dark" in response.text


@pytest.mark.parametrize(
    ("path", "pictures"),
    [
        pytest.param("/catalog/faces", {"crop": 8, "preview": 8}, id="faces"),
        pytest.param("/catalog/media", {"preview": 6}, id="media"),
        pytest.param("/catalog/faces/1", {"crop": 2, "preview": 1}, id="one face"),
        pytest.param("/catalog/media/1", {"preview": 2}, id="one media"),
        pytest.param("/catalog/assignments", {"crop": 14}, id="face and evidence"),
        pytest.param("/catalog/people_summary", {"crop": 4}, id="view"),
        pytest.param(address("who-is-in"), {"crop": 6}, id="question"),
        pytest.param("/catalog?sql=select+id+as+face_id+from+faces", {"crop": 8}, id="own SQL"),
        pytest.param("/catalog?sql=select+id+from+faces", {}, id="own SQL without a face's column"),
    ],
)
def test_ids_of_faces_and_media_show_as_pictures(
    reader: Any, path: str, pictures: dict[str, int]
) -> None:
    found: dict[str, int] = {}
    for image in Page(reader.get(path).text).images():
        kind = (image["src"] or "").split("/")[3]
        found[kind] = found.get(kind, 0) + 1
    assert found == pictures


def test_a_picture_leads_to_its_row(reader: Any) -> None:
    links = [
        attributes["href"]
        for tag, attributes in Page(reader.get(address("who-is-in")).text).tags
        if tag == "a" and attributes.get("class") == "rollcall-picture"
    ]
    assert {"/catalog/faces/2", "/catalog/faces/3", "/catalog/faces/4"} <= set(links)


@pytest.mark.parametrize(
    "value", ["'x'", "-1", "0", "1.5", "x'ff'", "'<b>1</b>'", "99999999999999999999", "NULL"]
)
def test_what_is_no_id_shows_as_it_is(reader: Any, value: str) -> None:
    page = Page(reader.get("/catalog", params={"sql": f"select {value} as face_id"}).text)
    assert page.images() == []
    assert "b" not in {tag for tag, _ in page.tags}


def test_showing_pictures_asks_the_database_nothing_per_row(browser: Any) -> None:
    asked: list[Any] = []
    browser.get("/-/rollcall/crop/1")
    for database in (browser.datasette.databases["catalog"], browser.datasette.rollcall_site.crops):
        execute = database.execute_fn

        async def counting(function: Any, execute: Any = execute) -> Any:
            asked.append(function)
            return await execute(function)

        database.execute_fn = counting
    counts = []
    for size in (2, 2, 7):
        asked.clear()
        browser.get(f"/catalog/faces?_size={size}")
        counts.append(len(asked))
    assert counts[1] == counts[2] > 0


@pytest.mark.parametrize(
    ("column", "value", "shown"),
    [
        pytest.param("similarity", 0.95123456, '<span title="0.95123456">0.951</span>', id="short"),
        pytest.param("quality", 1.0, '<span title="1.0">1.000</span>', id="whole"),
        pytest.param("quality", float("inf"), '<span title="inf">inf</span>', id="infinite"),
        pytest.param("quality", 1, None, id="integer"),
        pytest.param("quality", "<b>", None, id="text"),
        pytest.param("landmarks", "[1, 2]", "<code>[1, 2]</code>", id="short JSON"),
        pytest.param("details", "<b>not json", None, id="no JSON"),
        pytest.param("details", "[" * 100_000, None, id="bottomless JSON"),
        pytest.param(
            "paths", '["/a", "<b>"]',
            '<ul class="rollcall-list"><li>/a</li><li>&lt;b&gt;</li></ul>',
            id="list",
        ),
        pytest.param("path_bytes", b"/a/\xff<b>", "/a/\ufffd&lt;b&gt;", id="bytes of a path"),
        pytest.param("vector", b"\x00", None, id="other bytes"),
        pytest.param("height", 3.3, None, id="other column"),
    ],
)  # fmt: skip
def test_a_cell_shows(reader: Any, column: str, value: Any, shown: str | None) -> None:
    assert cells.render(reader.datasette, {column: value}, column, None, value) == shown


def test_long_json_is_folded_and_bounded(reader: Any) -> None:
    text = json.dumps({str(number): "<b>" for number in range(20_000)})
    shown = str(cells.render(reader.datasette, {}, "exif", "media", text))
    assert shown.startswith('<details class="rollcall-json"><summary>20,000 keys</summary>')
    assert "<b>" not in shown
    assert len(shown) < 60_000


def test_people_show_by_name_and_without_one_by_number(reader: Any) -> None:
    page = reader.get("/catalog/faces?_sort=id").text
    assert '<a href="/catalog/people/1">Barack Obama</a>' in page
    assert '<a href="/catalog/people/3">&lt;img src=x onerror=alert(1)&gt;</a>' in page
    assert '<a href="/catalog/people/4">person&nbsp;4</a>' in page
    assert ">None<" not in page


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        pytest.param("who-is-in?media_id=2", [("face_id", [3, 2, 4])], id="who is in"),
        pytest.param("photos-of?person=Barack Obama", [("media_id", [3, 2, 1])], id="by name"),
        pytest.param("photos-of?person=barack obama", [("media_id", [3, 2, 1])], id="any case"),
        pytest.param("photos-of?person=1", [("media_id", [3, 2, 1])], id="by id"),
        pytest.param("photos-of?person=1x", [], id="no id"),
        pytest.param("photos-of?person=", [], id="nobody"),
        pytest.param("photos-with-both?person=1&other=Joe Biden", [("media_id", [2])], id="both"),
        pytest.param("unknown-people", [("person_id", [4]), ("faces_count", [2])], id="unknown"),
        pytest.param("without-faces", [("media_id", [5])], id="without"),
        pytest.param(
            "files-that-failed", [("reason", [("not a picture <img src=x "
                "onerror=alert(1)>"), "no permission"])],
            id="failures",
        ),
        pytest.param("same-content", [("media_id", [1]), ("copies", [2])], id="duplicates"),
        pytest.param(
            "by-camera", [("camera_model", ["EOS 5D", None]), ("media_count", [5, 1])], id="camera"
        ),
        pytest.param("by-day", [("day", ["2024-05-06"]), ("media_id", [2])], id="day"),
        pytest.param("similar-faces?face_id=x", [], id="like nobody"),
    ],
)  # fmt: skip
def test_questions_are_answered(reader: Any, query: str, expected: Any) -> None:
    name, _, given = query.partition("?")
    response = reader.get(f"/catalog/{name}.json?_shape=array&{given}")
    assert response.status_code == 200
    rows = response.json()
    if not expected:
        assert rows == []
    for column, values in expected:
        assert [row[column] for row in rows] == values


def test_the_cover_of_somebody_unknown_counts_while_it_is_a_face_of_theirs(
    browser: Any, small_catalog: Path
) -> None:
    def covers() -> list[int]:
        pages = ("unknown-people.json?_shape=array", "unknown_people.json?_shape=array")
        return [browser.get(f"/catalog/{page}").json()[0]["cover_face_id"] for page in pages]

    with closing(connect(small_catalog)) as catalog, transaction(catalog):
        faces = [row[0] for row in catalog.execute(
            "SELECT id FROM faces WHERE person_id = 4 ORDER BY quality DESC")]  # fmt: skip
        catalog.execute("UPDATE people SET cover_face_id = ? WHERE id = 4", [faces[-1]])
    assert covers() == [faces[-1]] * 2
    with closing(connect(small_catalog)) as catalog, transaction(catalog):
        catalog.execute("UPDATE faces SET state = 'hidden' WHERE id = ?", [faces[-1]])
    assert covers() == [faces[0]] * 2


def test_a_replaced_version_is_in_no_answer(browser: Any, small_catalog: Path) -> None:
    def counted() -> tuple[int, str]:
        cameras = browser.get("/catalog/by-camera.json?_shape=array").json()
        text = re.sub(r"\s+", " ", Page(browser.get("/").text).text)
        return sum(camera["media_count"] for camera in cameras), text[text.index(" photos") - 2 :][
            :9
        ]

    before = counted()
    with closing(connect(small_catalog)) as catalog, transaction(catalog):
        (new,) = catalog.execute(
            """INSERT INTO media (sha256, kind, bytes, state, added_at, replaces_media_id)
               SELECT 'x' || substr(sha256, 2), kind, bytes, 'done', added_at, id FROM media
               WHERE id = 5 RETURNING id"""
        ).fetchone()
        catalog.execute("UPDATE files SET media_id = ? WHERE media_id = 5", [new])
    rows = browser.get("/catalog/without-faces.json?_shape=array").json()
    assert [row["media_id"] for row in rows] == [new]
    assert counted() == before


def test_reference_pictures_are_in_no_answer(browser: Any, small_catalog: Path) -> None:
    with closing(connect(small_catalog)) as catalog, transaction(catalog):
        catalog.execute(
            "INSERT INTO roots (path_bytes, path, role) VALUES (x'2f62', '/b', 'reference')"
        )
        catalog.execute("UPDATE files SET root_id = 2 WHERE media_id IN (2, 5)")
    for name, expected in (
        ("photos-of.json?_shape=array&person=1", [3, 1]),
        ("without-faces.json?_shape=array", []),
        ("photos-with-both.json?_shape=array&person=1&other=2", []),
    ):
        assert [row["media_id"] for row in browser.get(f"/catalog/{name}").json()] == expected
    (day,) = browser.get("/catalog/by-day.json?_shape=array").json()
    assert day["media_count"] == 3
    text = re.sub(r"\s+", " ", Page(browser.get("/").text).text)
    assert "3 photos" in text
    assert "5 faces" in text
    cameras = browser.get("/catalog/by-camera.json?_shape=array").json()
    assert [camera["media_count"] for camera in cameras] == [3, 1]


def test_the_first_page_counts_and_links(reader: Any) -> None:
    page = reader.get("/").text
    text = re.sub(r"\s+", " ", Page(page).text)
    for figure in (
        "5 photos",
        "8 faces",
        "3 people with a name",
        "1 person without",
        "1 file waiting",
        "2 files could not be catalogued",
    ):
        assert figure in text, figure
    for link in re.findall(r'<a href="([^"]+)"><strong>', page):
        assert reader.get(link.replace("&amp;", "&")).status_code == 200


def test_an_empty_catalog_says_what_to_do(catalog_path: Path, open_browser: Any) -> None:
    browser = open_browser(catalog_path)
    assert "Put photos or videos into a watched folder" in browser.get("/").text
    for name in queries():
        assert browser.get(f"/catalog/{name}").status_code == 200


def test_who_may_not_see_the_catalog_sees_no_numbers(
    small_catalog: Path, open_browser: Any
) -> None:
    browser = open_browser(small_catalog)
    browser.datasette._metadata_local["databases"] = {"catalog": {"allow": False}}
    page = browser.get("/").text
    assert "rollcall-figures" not in page
    assert browser.get("/catalog/who-is-in?media_id=1").status_code == 403


def test_pages_work_under_another_base_address(small_catalog: Path, open_browser: Any) -> None:
    browser = open_browser(small_catalog)
    browser.datasette._settings["base_url"] = "/photos/"
    page = Page(browser.get("/catalog/faces").text)
    for image in page.images():
        assert (image["src"] or "").startswith("/photos/-/rollcall/")
        assert browser.get(
            (image["src"] or "").removeprefix("/photos")
        ).headers["cache-control"].startswith("private")  # fmt: skip
