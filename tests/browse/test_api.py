"""The API: decisions, uploads, ranges of files, live state, and hostile input."""

from __future__ import annotations

import asyncio
import json
import re
import threading
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from catalog import clock, jobs, log
from catalog.browse.addresses import API
from catalog.connect import connect, crops_path, transaction
from catalog.crops import store_still
from catalog.records import StillRecord

if TYPE_CHECKING:
    from collections.abc import Callable

SQL = "1; DROP TABLE faces --"
MARKUP = "<img src=x onerror=alert(1)>"


@pytest.fixture
def inbox(tmp_path: Path) -> Path:
    folder = tmp_path / "inbox"
    folder.mkdir()
    return folder


@pytest.fixture
def open_one(small_catalog: Path, inbox: Path, open_browser: Callable[..., Any]) -> Any:
    return open_browser(
        small_catalog,
        is_open=True,
        inbox=inbox,
        temporary=small_catalog.parent,
        upload_mb=1,
        downloads=True,
        running=lambda: True,
    )


def done(answer: Any, status: int = 200) -> dict[str, Any]:
    assert answer.status_code == status, answer.text
    found: dict[str, Any] = answer.json()
    return found


def faces_of(browser: Any, person: int) -> list[int]:
    return sorted(it["face_id"] for it in done(browser.get(f"/api/people/{person}"))["faces"])


class TestDecisions:
    def test_name_and_undo(self, open_one: Any) -> None:
        change = done(open_one.change("/api/people/4/name", {"name": "  Rosa  Parks "}))["change"]
        assert done(open_one.get("/api/people/4"))["name"] == "Rosa Parks"
        assert done(open_one.change("/api/changes/undo", {"change": change}))["undone"] == [change]
        assert done(open_one.get("/api/people/4"))["name"] is None
        assert done(open_one.change("/api/changes/redo"))["change"] == change
        assert done(open_one.get("/api/people/4"))["name"] == "Rosa Parks"

    def test_a_name_that_somebody_has_asks_whether_they_are_one(self, open_one: Any) -> None:
        answer = done(open_one.change("/api/people/4/name", {"name": "joe biden"}), 409)
        assert answer["same"] == [2] and "already" in answer["error"]
        done(open_one.change("/api/people/merge", {"people": [4], "into": 2}))
        assert done(open_one.get("/api/people/4"))["person_id"] == 2

    def test_split_to_a_new_name(self, open_one: Any) -> None:
        faces = faces_of(open_one, 1)
        answer = done(open_one.change("/api/people/1/split", {"faces": faces[:1], "name": "Ada"}))
        assert faces_of(open_one, answer["person"]) == faces[:1]
        assert done(open_one.get(f"/api/people/{answer['person']}"))["name"] == "Ada"
        assert faces_of(open_one, 1) == faces[1:]

    def test_confirm_reject_hide_cover(self, open_one: Any) -> None:
        (face,) = faces_of(open_one, 2)
        done(open_one.change("/api/faces/confirm", {"faces": [face], "person": 2}))
        done(open_one.change("/api/people/2/cover", {"face": face}))
        done(open_one.change("/api/people/2/hide"))
        assert [
            it["person_id"] for it in done(open_one.get("/api/people?kind=hidden"))["people"]
        ] == [2]
        done(open_one.change("/api/people/2/show"))
        done(open_one.change("/api/faces/reject", {"faces": [face], "person": 2}))
        assert faces_of(open_one, 2) == []
        done(open_one.change("/api/faces/reject", {"faces": [face]}))
        told = done(open_one.get(f"/api/faces/{face}"))
        assert told["state"] == "hidden" and "not a face" in " ".join(told["why"])
        assert len(done(open_one.get("/api/changes"))["changes"]) == 6

    def test_what_is_left_to_confirm_is_counted(self, open_one: Any) -> None:
        def left(person: int) -> int:
            count: int = done(open_one.get(f"/api/people/{person}"))["unconfirmed_count"]
            return count

        assert (left(1), left(2)) == (3, 1)
        face = faces_of(open_one, 1)[0]
        change = done(open_one.change("/api/faces/confirm", {"faces": [face], "person": 1}))
        assert left(1) == 2
        done(open_one.change("/api/changes/undo", {"change": change["change"]}))
        assert left(1) == 3
        done(open_one.change("/api/people/1/confirm_all"))
        assert left(1) == 0
        done(open_one.change("/api/people/merge", {"people": [1], "into": 2}))
        assert left(2) == 1, "those of whom they were merged with stay confirmed"
        assert "Confirm the face" in open_one.get("/people/2").text
        done(open_one.change("/api/people/2/confirm_all"))
        assert left(2) == 0 and 'data-action="confirm-all"' not in open_one.get("/people/2").text

    def test_several_are_hidden_and_shown_in_one_change(self, open_one: Any) -> None:
        def hidden() -> set[int]:
            found = done(open_one.get("/api/people?kind=hidden"))["people"]
            return {it["person_id"] for it in found}

        change = done(open_one.change("/api/people/hide", {"people": [1, 2, 4]}))["change"]
        assert hidden() == {1, 2, 4}
        done(open_one.change("/api/changes/undo", {"change": change}))
        assert hidden() == set()
        done(open_one.change("/api/changes/redo", {"change": change}))
        done(open_one.change("/api/people/show", {"people": [1, 4]}))
        assert hidden() == {2}

    def test_confirm_by_a_new_name_makes_a_person(self, open_one: Any) -> None:
        answer = done(open_one.change("/api/faces/confirm", {"faces": [7], "name": "New One"}))
        assert done(open_one.get(f"/api/people/{answer['person']}"))["name"] == "New One"
        again = done(open_one.change("/api/faces/confirm", {"faces": [8], "name": "new one"}))
        assert again["person"] == answer["person"]

    def test_later_changes_are_listed_before_they_are_undone_too(self, open_one: Any) -> None:
        first = done(open_one.change("/api/people/4/name", {"name": "A"}))["change"]
        second = done(open_one.change("/api/people/4/name", {"name": "B"}))["change"]
        answer = done(open_one.change("/api/changes/undo", {"change": first}), 409)
        assert answer["later"] == [second]
        body = {"change": first, "with_later": True}
        assert done(open_one.change("/api/changes/undo", body))["undone"] == [second, first]


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/api/people/4/name", {"name": 5}),
        ("/api/people/4/name", {"name": "x" * 201}),
        ("/api/people/4/name", {"name": "123"}),
        ("/api/people/4/name", {}),
        ("/api/people/999/name", {"name": "x"}),
        ("/api/people/0/name", {"name": "x"}),
        ("/api/people/..%2f4/name", {"name": "x"}),
        ("/api/people/4%00/name", {"name": "x"}),
        ("/api/people/99999999999999999999/name", {"name": "x"}),
        ("/api/people/merge", {"people": [], "into": 1}),
        ("/api/people/merge", {"people": "2", "into": 1}),
        ("/api/people/merge", {"people": [2], "into": [1]}),
        ("/api/people/merge", {"people": [True], "into": 1}),
        ("/api/people/merge", {"people": [1], "into": 1}),
        ("/api/people/merge", {"people": [998], "into": 999}),
        ("/api/faces/confirm", {"faces": [1]}),
        ("/api/faces/confirm", {"faces": [SQL], "person": 1}),
        ("/api/faces/confirm", {"faces": [1.5], "person": 1}),
        ("/api/faces/confirm", {"faces": list(range(1, 10_050)), "person": 1}),
        ("/api/faces/confirm", {"faces": [999], "person": 1}),
        ("/api/faces/reject", {"faces": [1], "person": "1"}),
        ("/api/changes/undo", {"change": 12345}),
        ("/api/changes/undo", {}),
        ("/api/jobs/retry", {"jobs": "all"}),
        ("/api/process_url", {"url": "file:///etc/passwd"}),
        ("/api/process_url", {"url": 5}),
        ("/api/process_url", {"url": "http://a b"}),
        ("/api/process_urls", {"urls": []}),
        ("/api/process_urls", {"urls": ["javascript:alert(1)"]}),
    ],
)
def test_what_makes_no_sense_is_refused_with_a_sentence(
    open_one: Any, path: str, body: dict[str, Any]
) -> None:
    answer = open_one.change(path, body)
    assert answer.status_code in (400, 404, 409), answer.text
    assert len(answer.json()["error"]) > 10
    assert open_one.get("/api/changes").json() == {"changes": []}


@pytest.mark.parametrize("content", [b"", b"[]", b"not json", b"{" * 100_000, b'{"a":1'])
def test_bodies_that_are_no_json_objects(open_one: Any, content: bytes) -> None:
    answer = open_one.change("/api/faces/confirm", content=content)
    assert answer.status_code == 400 and answer.json()["error"]


def test_an_endless_body_ends_early(open_one: Any) -> None:
    answer = open_one.change("/api/faces/confirm", content=b'{"a": "' + b"x" * (2 << 20) + b'"}')
    assert answer.status_code == 413


@pytest.mark.parametrize(
    "hostile", [SQL, "' OR 1=1 --", "../../etc/passwd", MARKUP, "%00", "-1", "9" * 40, "é", "1e9"]
)
def test_hostile_parameters_are_answers_or_sentences(open_one: Any, hostile: str) -> None:
    names = (
        "page", "size", "kind", "name", "person", "since", "until", "camera", "folder", "quality",
        "faceless", "order", "after", "after_person", "nearest", "limit", "beginning",
    )  # fmt: skip
    for path in ("people", "media", "suggestions", "clusters", "changes", "names", "faces/1"):
        for name in names:
            answer = open_one.get(f"/api/{path}", params={name: hostile})
            assert answer.status_code in (200, 400, 409), (path, name, answer.text)
    for path in API:
        if "(?P<id>" in path:
            shown = re.sub(r"\(\?P<id>[^)]+\)", "{}", path).format(hostile.replace("/", "%2f"))
            assert open_one.get(f"/api/{shown}").status_code in (400, 404, 405, 200), path
    for page in ("/people", "/media", "/people/1", "/faces/1", "/media/1"):
        for name in names:
            text = open_one.get(page, params={name: hostile}).text
            assert MARKUP not in text.replace("&lt;", "")
    assert open_one.rows("SELECT count(*) AS n FROM faces") == [{"n": 8}]


class TestUploads:
    def test_a_file_comes_into_the_inbox_under_its_name(self, open_one: Any, inbox: Path) -> None:
        content = b"\xff\xd8\xff" + bytes(range(256)) * 1000
        answer = done(open_one.change("/api/upload?name=party.jpg", content=content), 201)
        assert (inbox / "party.jpg").read_bytes() == content
        assert answer["bytes"] == len(content)
        again = done(open_one.change("/api/upload_video?name=party.jpg", content=b"new"), 201)
        assert again["path"].endswith("party (2).jpg")
        assert (inbox / "party.jpg").read_bytes() == content
        assert sorted(it.name for it in inbox.iterdir()) == ["party (2).jpg", "party.jpg"]

    def test_folders_are_kept_below_the_inbox(self, open_one: Any, inbox: Path) -> None:
        done(open_one.change("/api/upload?name=a.jpg&folder=2024/Summer", content=b"x"), 201)
        assert (inbox / "2024" / "Summer" / "a.jpg").is_file()

    @pytest.mark.parametrize(
        "name",
        ["../../escape.jpg", "/etc/cron.d/x", "..", ".", "", "%2e%2e%2fescape", "a\x00b.jpg",
         "..\\..\\escape.jpg", ".hidden.jpg", "x" * 5000 + ".jpg", "\u202egpj.exe", "a/b/c.jpg"],
    )  # fmt: skip
    @pytest.mark.parametrize("where", ["name", "folder"])
    def test_no_name_leaves_the_inbox(
        self, open_one: Any, inbox: Path, name: str, where: str
    ) -> None:
        params = {"name": "ok.jpg", where: name}
        answer = open_one.change("/api/upload", content=b"x", params=params)
        assert answer.status_code in (201, 400), answer.text
        outside = [it for it in inbox.parent.rglob("*") if it.is_file() and "ok.jpg" in it.name]
        assert all(inbox in it.parents for it in outside)
        assert not (inbox.parent / "escape.jpg").exists()
        if answer.status_code == 201:
            path = answer.json()["path"]
            assert path.startswith(f"{inbox}/") and ".." not in path.split("/")
            assert not path.rsplit("/", 1)[1].startswith(".")

    def test_what_is_too_large_leaves_nothing_behind(self, open_one: Any, inbox: Path) -> None:
        async def endless() -> Any:
            for _ in range(100):
                yield bytes(1 << 16)

        for content in (bytes(2 << 20), endless()):
            answer = open_one.change("/api/upload?name=a.jpg", content=content)
            assert answer.status_code == 413 and "MB" in answer.json()["error"]
            assert list(inbox.iterdir()) == []

    def test_an_empty_file_is_none(self, open_one: Any, inbox: Path) -> None:
        answer = open_one.change("/api/upload?name=a.jpg", content=b"")
        assert answer.status_code == 400 and list(inbox.iterdir()) == []


class TestOriginals:
    @pytest.fixture
    def browser(self, open_one: Any, small_catalog: Path, inbox: Path) -> Any:
        """One whose first media is a file of 1,000 bytes."""
        file = inbox / "film.mp4"
        file.write_bytes(bytes(number % 251 for number in range(1000)))
        with closing(connect(small_catalog)) as connection:
            connection.execute("DELETE FROM files WHERE media_id = 1")
            connection.execute(
                """UPDATE files SET media_id = 1, path_bytes = ?, path = ?, bytes = 1000,
                          state = 'present' WHERE path = '/a/locked.jpg'""",
                [bytes(file), str(file)],
            )
            connection.execute("UPDATE media SET mime = 'video/mp4', kind = 'video' WHERE id = 1")
        return open_one

    def test_whole(self, browser: Any, inbox: Path) -> None:
        answer = browser.get("/-/rollcall/original/1")
        assert answer.status_code == 200 and answer.headers["accept-ranges"] == "bytes"
        assert answer.headers["content-type"] == "video/mp4"
        assert answer.content == (inbox / "film.mp4").read_bytes()

    @pytest.mark.parametrize(
        ("given", "first", "last"),
        [("bytes=0-99", 0, 99), ("bytes=900-", 900, 999), ("bytes=-10", 990, 999),
         ("bytes=500-5000", 500, 999), ("bytes=0-0", 0, 0), ("bytes=-5000", 0, 999)],
    )  # fmt: skip
    def test_parts(self, browser: Any, inbox: Path, given: str, first: int, last: int) -> None:
        answer = browser.get("/-/rollcall/original/1", headers={"range": given})
        assert answer.status_code == 206
        assert answer.headers["content-range"] == f"bytes {first}-{last}/1000"
        assert answer.content == (inbox / "film.mp4").read_bytes()[first : last + 1]

    @pytest.mark.parametrize("given", ["bytes=2000-", "bytes=1000-1001", "bytes=9-3"])
    def test_parts_that_are_not_there(self, browser: Any, given: str) -> None:
        answer = browser.get("/-/rollcall/original/1", headers={"range": given})
        assert answer.status_code == 416

    @pytest.mark.parametrize("given", ["bytes=a-b", "lines=1-2", "bytes=0-1,5-6", "bytes=-"])
    def test_ranges_that_make_no_sense_are_the_whole(self, browser: Any, given: str) -> None:
        answer = browser.get("/-/rollcall/original/1", headers={"range": given})
        assert answer.status_code == 200 and len(answer.content) == 1000

    def test_a_file_that_changed_is_not_shown(self, browser: Any, inbox: Path) -> None:
        with (inbox / "film.mp4").open("ab") as file:
            file.write(b"more")
        assert browser.get("/-/rollcall/original/1").status_code == 404
        (inbox / "film.mp4").unlink()
        assert browser.get("/-/rollcall/original/1").status_code == 404

    @pytest.mark.parametrize("number", ["0", "..", "1%2f..%2f..", "%2fetc%2fpasswd", "99"])
    def test_nothing_is_served_by_path(self, browser: Any, number: str) -> None:
        assert browser.get(f"/-/rollcall/original/{number}").status_code == 404


def test_a_search_leaves_nothing_behind(open_one: Any, small_catalog: Path) -> None:
    """The daemon's part is played: it looks at the file and answers."""

    async def both() -> Any:
        asking = asyncio.ensure_future(
            open_one.datasette.client.post(
                "/api/search", content=b"a picture", cookies=cookies, headers=headers
            )
        )
        for _ in range(100):
            await asyncio.sleep(0.05)
            with closing(connect(small_catalog)) as connection, transaction(connection):
                for job in jobs.claim(connection, "search", 1, owner="test"):
                    path = bytes.fromhex(job.payload["path"]).decode()
                    seen.append((Path(path).read_bytes(), path))
                    jobs.finish(connection, job.id, result={"faces": []})
            if seen:
                break
        return await asking

    seen: list[tuple[bytes, str]] = []
    cookies = open_one.cookies()
    headers = {"x-csrftoken": cookies["ds_csrftoken"]}
    answer = open_one.runner.run(both())
    assert answer.status_code == 200 and answer.json() == {"faces": []}
    ((content, path),) = seen
    assert content == b"a picture"
    assert not [it for it in small_catalog.parent.iterdir() if it.name.startswith(".search")], path
    assert open_one.rows("SELECT count(*) AS n FROM jobs WHERE kind = 'search'") == [{"n": 0}]


def test_addresses_become_jobs(open_one: Any) -> None:
    urls = ["https://example.org/a.mp4", "https://example.org/b.mp4"]
    numbers = done(open_one.change("/api/process_urls", {"urls": urls}), 202)["jobs"]
    told = done(open_one.get(f"/api/job_status/{numbers[0]}"))
    assert (told["kind"], told["state"]) == ("download", "waiting")
    assert done(open_one.change("/api/process_url", {"url": urls[0]}), 202)["jobs"] == numbers[:1]


def test_judging_everybody_again_is_a_job(open_one: Any) -> None:
    number = done(open_one.change("/api/cluster_faces"), 202)["job"]
    assert done(open_one.get(f"/api/job_status/{number}"))["kind"] == "repair"


def test_the_live_state_is_told_when_it_changes(open_one: Any, small_catalog: Path) -> None:
    async def listen() -> list[Any]:
        told: list[Any] = []
        sent: asyncio.Queue[Any] = asyncio.Queue()
        ended = asyncio.Event()

        async def receive() -> dict[str, Any]:
            if not told:
                told.append(None)
                return {"type": "http.request", "body": b""}
            await ended.wait()
            return {"type": "http.disconnect"}

        scope = {"type": "http", "method": "GET", "path": "/api/events", "raw_path": b"/api/events",
                 "query_string": b"", "headers": [(b"host", b"localhost")], "http_version": "1.1",
                 "scheme": "http"}  # fmt: skip
        task = asyncio.ensure_future(open_one.datasette.app()(scope, receive, sent.put))
        start = await asyncio.wait_for(sent.get(), 10)
        assert dict(start["headers"])[b"content-type"].startswith(b"text/event-stream")
        first = await asyncio.wait_for(sent.get(), 10)
        with closing(connect(small_catalog)) as connection, transaction(connection):
            jobs.enqueue(connection, "ingest", "new")
        second = await asyncio.wait_for(sent.get(), 10)
        ended.set()
        await asyncio.wait_for(task, 10)
        return [json.loads(it["body"].decode().removeprefix("data: ")) for it in (first, second)]

    first, second = open_one.runner.run(listen())
    assert second["waiting"] == first["waiting"] + 1


def test_the_frame_of_a_video_in_hand_is_shown_with_its_boxes(
    open_one: Any, small_catalog: Path
) -> None:
    """The log says what came last; of a video the frame that was looked at last is kept."""
    sha256 = "ab" * 32
    still = StillRecord(
        jpeg=b"\xff\xd8 a frame", time_s=75.5, width=640, height=360, boxes=((1.0, 2.0, 3.0, 4.0),)
    )
    with closing(connect(small_catalog)) as connection, transaction(connection):
        connection.execute(
            "INSERT INTO media (id, sha256, kind, mime, bytes, width, height, state, added_at) "
            "VALUES (90, ?, 'video', 'video/mp4', 1, 640, 360, 'pending', ?)",
            [sha256, clock.now()],
        )
        log.write(connection, "catalogued", media_id=90, part=1)
    before = done(open_one.get("/api/live"))["latest"]
    assert (before["media_id"], before["faces"], before.get("version")) == (90, [], None)
    assert open_one.get("/-/rollcall/still/90").status_code == 404
    with closing(connect(crops_path(small_catalog))) as crops, transaction(crops):
        store_still(crops, sha256, still)
    latest = done(open_one.get("/api/live"))["latest"]
    assert (latest["media_id"], latest["time_s"]) == (90, 75.5)
    assert latest["faces"] == [{"x": 1, "y": 2, "w": 3, "h": 4}]
    shown = open_one.get(f"/-/rollcall/still/90?v={latest['version']}")
    assert shown.content == still.jpeg and shown.headers["content-type"] == "image/jpeg"
    assert "immutable" in shown.headers["cache-control"]
    assert open_one.get("/-/rollcall/still/1").status_code == 404


def test_metrics_are_prometheus_text(open_one: Any) -> None:
    text = open_one.get("/-/metrics").text
    for line in text.splitlines():
        assert re.fullmatch(r"#.*|rollcall_[a-z_]+(\{[^}]*\})? [0-9.e+]+", line), line
    assert 'rollcall_catalogued{what="faces"} 8' in text
    assert "rollcall_failures 2" in text and "rollcall_daemon_running 1" in text


def test_the_health_of_a_catalog_without_a_daemon(
    small_catalog: Path, open_browser: Callable[..., Any]
) -> None:
    browser = open_browser(small_catalog, running=lambda: False)
    answer = browser.get("/-/health")
    assert answer.status_code == 503 and answer.json()["daemon"] is False


class TestQuestions:
    @pytest.fixture
    def asked(self, open_one: Any, small_catalog: Path) -> Any:
        """Whether face 7 is Joe Biden, and face 3 as well."""
        with closing(connect(small_catalog)) as connection, transaction(connection):
            for face in (7, 3):
                connection.execute(
                    """INSERT INTO assignments (face_id, person_id, model, state, method,
                                                similarity, confidence, decided_at, decided_by)
                       VALUES (?, 2, 'all', 'suggested', 'reference', 0.9, 0.6, ?, 'identifier')""",
                    [face, clock.now()],
                )
        return open_one

    def test_those_about_a_person_are_counted_alone(self, asked: Any) -> None:
        assert "<span data-total>2</span>" in asked.get("/review").text
        assert "Is this Joe Biden?" in asked.get("/review?person=2").text
        assert "<span data-total>0</span>" in asked.get("/review?person=1").text
        assert done(asked.get("/api/suggestions?person=1"))["total"] == 0
        assert asked.get("/review?person=99").status_code == 404

    def test_a_face_is_asked_about_on_its_own_page(self, asked: Any) -> None:
        page = asked.get("/faces/7").text
        assert 'data-answer="yes"' in page and "Joe Biden" in page
        done(asked.change("/api/faces/reject", {"faces": [7], "person": 2}))
        assert 'data-answer="yes"' not in asked.get("/faces/7").text


class TestTrouble:
    def test_what_failed_can_be_tried_again_from_its_page(
        self, open_one: Any, small_catalog: Path
    ) -> None:
        with closing(connect(small_catalog)) as connection, transaction(connection):
            connection.execute(
                """INSERT INTO jobs (kind, key, media_id, state, error, created_at)
                   VALUES ('ingest', 'f', 6, 'quarantined', 'not a picture', ?)""",
                [clock.now()],
            )
        page = open_one.get("/media/6").text
        (jobs_,) = re.findall(r'data-action="retry" data-jobs="([\d ]+)"', page)
        assert "Not a picture" in page and "/-/rollcall/preview/6" not in page
        body = {"jobs": [int(it) for it in jobs_.split()]}
        assert done(open_one.change("/api/jobs/retry", body))["waiting"] == body["jobs"]
        assert 'data-action="retry"' not in open_one.get("/media/6").text

    @pytest.mark.parametrize(
        "path", ["/nowhere", "/catalog/nothing", "/catalog/faces/999", "/people/999", "/media/999"]
    )
    def test_what_is_not_here_is_told_with_the_way_back(self, open_one: Any, path: str) -> None:
        answer = open_one.get(path)
        assert answer.status_code == 404
        assert "That is not here" in answer.text and 'href="/people"' in answer.text
        assert "rollcall.css" in answer.text

    def test_the_tables_lead_back_to_the_pages(self, open_one: Any) -> None:
        for path in ("/catalog", "/catalog/faces", "/catalog/faces/1"):
            assert '<a href="/people">People</a>' in open_one.get(path).text

    def test_pages_past_the_end_say_which_is_the_last(self, open_one: Any) -> None:
        for path in ("/people", "/media"):
            page = open_one.get(f"{path}?page=9").text
            assert "There is no page 9" in page and f'href="{path}?page=1"' in page
        assert "There are no more" in open_one.get("/people/1?page=9").text


def test_the_first_page_shows_who_came_last(open_one: Any) -> None:
    face = faces_of(open_one, 1)[0]
    new = done(open_one.change("/api/people/1/split", {"faces": [face], "name": "Came Last"}))
    newest = open_one.get("/").text.partition("Newest people")[2]
    order = [int(it) for it in re.findall(r'href="/people/(\d+)"', newest)]
    assert order == sorted(order, reverse=True) and order[0] == new["person"]
    done(open_one.change(f"/api/people/{new['person']}/hide"))
    assert f'href="/people/{new["person"]}"' not in open_one.get("/").text


def test_the_map_follows_what_is_decided(open_one: Any) -> None:
    def shown() -> tuple[set[int], int]:
        points = done(open_one.get("/api/map"))
        return set(points["faces"]), points["of"]

    before = shown()
    face = min(before[0])
    change = done(open_one.change("/api/faces/reject", {"faces": [face]}))["change"]
    assert shown() == (before[0] - {face}, before[1] - 1)
    done(open_one.change("/api/changes/undo", {"change": change}))
    assert shown() == before


def test_tiles_come_from_where_they_are_configured_to_and_on_the_map_only(
    small_catalog: Path, open_browser: Callable[..., Any]
) -> None:
    without = open_browser(small_catalog, is_open=True).get("/places")
    assert without.status_code == 200 and "data-tiles" not in without.text
    assert "img-src 'self'" in without.headers["content-security-policy"]
    tiles = "https://tiles.example.org:8443/{z}/{x}/{y}.png?key=a&b"
    browser = open_browser(small_catalog, is_open=True, tiles=tiles, tiles_credit="<b>Them</b>")
    page = browser.get("/places?person=1")
    policy = page.headers["content-security-policy"]
    assert "img-src https://tiles.example.org:8443 'self'" in policy and "unsafe" not in policy
    assert "&lt;b&gt;Them&lt;/b&gt;" in page.text and "Barack Obama" in page.text
    for path in ("/", "/media/1", "/map", "/catalog/media"):
        assert "example.org" not in browser.get(path).headers["content-security-policy"]


@pytest.mark.parametrize("area", ["1,2,3", "a,b,c,d", "1,2,3,nan", "91,0,92,0", SQL, "1;2;3;4"])
def test_what_is_no_area_is_refused_with_a_sentence(open_one: Any, area: str) -> None:
    for path in ("/api/media", "/api/places", "/places", "/media"):
        answer = open_one.get(path, params={"area": area})
        assert answer.status_code in (400, 409), path
        assert "area is" in answer.text.lower()


def test_many_readers_at_once_while_a_scan_writes(open_one: Any, small_catalog: Path) -> None:
    """No answer is wrong, and no commit waits in vain."""
    paths = ("/", "/people", "/people/1", "/media", "/media/1", "/faces/1", "/api/live",
             "/api/suggestions", "/catalog/faces", "/-/metrics", "/map", "/api/map")  # fmt: skip
    stop, written = threading.Event(), []

    def write() -> None:
        with closing(connect(small_catalog)) as connection:
            while not stop.is_set():
                with transaction(connection):
                    jobs.enqueue(connection, "ingest", f"{len(written)}")
                    connection.execute("UPDATE faces SET quality = quality + 0.0001")
                written.append(None)

    async def everything() -> list[Any]:
        return await asyncio.gather(
            *(open_one.datasette.client.get(paths[it % len(paths)]) for it in range(96))
        )

    writer = threading.Thread(target=write)
    writer.start()
    try:
        answers = open_one.runner.run(everything())
    finally:
        stop.set()
        writer.join()
    assert {it.status_code for it in answers} == {200}
    assert len(written) > 10
