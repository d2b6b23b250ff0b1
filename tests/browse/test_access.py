"""Who may look and who may change, and that nobody else is asked."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import pytest

from catalog.browse import credentials, guard, login
from catalog.browse.addresses import API, PAGES
from catalog.browse.credentials import CredentialError, Secrets, fits, hashed
from catalog.browse.options import Options

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

PASSWORD = "correct horse battery"
CHANGES = {
    "/api/people/1/name": {"name": "Nobody"},
    "/api/people/merge": {"people": [2], "into": 1},
    "/api/faces/confirm": {"faces": [1], "person": 1},
    "/api/changes/undo": {},
    "/api/cluster_faces": {},
    "/api/process_url": {"url": "http://example.org/a.mp4"},
    "/api/upload?name=a.jpg": {},
    "/api/search": {},
}


@pytest.fixture(scope="module")
def kept() -> str:
    return hashed(PASSWORD)


@pytest.fixture(autouse=True)
def _no_brake() -> None:
    login._brake.right()


@pytest.fixture
def locked(small_catalog: Path, open_browser: Callable[..., Any], kept: str) -> Any:
    secrets = small_catalog.parent / "web.json"
    return open_browser(small_catalog, password=kept, is_open=True, secrets=secrets)


def logged_in(browser: Any) -> dict[str, str]:
    cookies = browser.cookies()
    form = {"password": PASSWORD, "csrftoken": cookies["ds_csrftoken"], "next": "/people"}
    answer = browser.ask("POST", "/-/login", data=form, cookies=cookies)
    assert answer.status_code == 302 and answer.headers["location"] == "/people"
    assert "HttpOnly" in answer.headers["set-cookie"]
    return {**cookies, "ds_actor": answer.cookies["ds_actor"]}


def test_a_password_is_kept_as_a_hash_that_only_it_fits(kept: str) -> None:
    assert PASSWORD not in kept and kept != hashed(PASSWORD)
    assert fits(PASSWORD, kept)
    assert not fits(PASSWORD + " ", kept) and not fits("", kept)
    assert not fits("x" * 10_000_000, kept), "no time is spent on what is no password"
    for wrong in (
        "",
        "plain",
        "scrypt$1$8$1$$",
        "scrypt$16384$8$1$?$?",
        "scrypt$99999999$8$1$AA==$AA==",
    ):
        with pytest.raises(CredentialError):
            credentials.check_hash(wrong)
    with pytest.raises(CredentialError, match="8 characters"):
        hashed("short")


def test_tokens_are_kept_as_hashes_in_a_file_of_the_owner(tmp_path: Path) -> None:
    path = tmp_path / "state" / "web.json"
    kept = Secrets(path)
    key = kept.signing_key()
    token = kept.add_token("script", may_change=False)
    assert path.stat().st_mode & 0o077 == 0
    assert token not in path.read_text(encoding="utf-8")
    again = Secrets(path)
    assert again.signing_key() == key
    found = again.token(token)
    assert found is not None and (found.name, found.may_change) == ("script", False)
    assert again.token(token[:-1]) is None and again.token("") is None
    assert again.remove_token("script") == 1 and again.token(token) is None


@pytest.mark.parametrize("path", ["/", *(f"/{it}" for it in PAGES if "(" not in it), "/catalog"])
def test_without_the_password_pages_ask_for_it(locked: Any, path: str) -> None:
    answer = locked.get(path)
    assert answer.status_code == 302, answer.text
    assert answer.headers["location"].startswith("/-/login")


@pytest.mark.parametrize(
    "path",
    ["/api/people", "/api/media/1", "/api/events", "/-/metrics", "/api/faces/1"],
)
def test_without_the_password_the_api_is_refused_with_a_sentence(locked: Any, path: str) -> None:
    answer = locked.get(path)
    assert answer.status_code == 403 and answer.json()["error"]


@pytest.mark.parametrize(
    "path",
    [
        "/-/rollcall/crop/1",
        "/-/rollcall/preview/1",
        "/-/rollcall/still/1",
        "/-/rollcall/original/1",
    ],
)
def test_without_the_password_there_are_no_pictures(locked: Any, path: str) -> None:
    assert locked.get(path).status_code in (302, 403)


def test_with_the_password_everything_is_there(locked: Any) -> None:
    cookies = logged_in(locked)
    for path in ("/", "/people", "/api/people/1", "/-/rollcall/crop/1", "/catalog?sql=select+1"):
        assert locked.get(path, cookies=cookies).status_code == 200, path
    answer = locked.change("/api/people/4/name", {"name": "Rosa"}, cookies=cookies)
    assert answer.status_code == 200, answer.text
    (change,) = locked.get("/api/changes", cookies=cookies).json()["changes"]
    assert change["actor"] == "web: owner"


def test_another_password_ends_every_login(
    locked: Any, small_catalog: Path, open_browser: Callable[..., Any]
) -> None:
    cookies = logged_in(locked)
    secrets = small_catalog.parent / "web.json"
    other = hashed("another good password")
    browser = open_browser(small_catalog, password=other, is_open=True, secrets=secrets)
    assert locked.get("/people", cookies=cookies).status_code == 200
    answer = browser.get("/people", cookies=cookies)
    assert answer.status_code == 302 and answer.headers["location"].startswith("/-/login")
    assert browser.get("/api/people", cookies=cookies).status_code == 403


def test_monitors_need_no_password_and_learn_little(locked: Any) -> None:
    answer = locked.get("/-/health")
    assert answer.status_code == 200
    assert answer.json() == {"catalog": "readable", "daemon": None}


def test_guests_look_and_change_nothing(
    small_catalog: Path, open_browser: Callable[..., Any], kept: str
) -> None:
    browser = open_browser(small_catalog, password=kept, guests=True, is_open=True)
    assert browser.get("/people/1").status_code == 200
    assert "data-form=" not in browser.get("/people/1").text
    assert browser.change("/api/people/4/name", {"name": "Rosa"}).status_code == 403
    assert browser.get("/catalog/faces").status_code == 200
    # SQL of one's own reads past what hides the vectors.
    assert browser.get("/catalog?sql=select+1").headers["location"].startswith("/-/login")
    assert browser.get("/catalog.json?sql=select+1&_shape=array").status_code == 403


@pytest.mark.parametrize(("view", "status"), [(True, 403), (False, 200)])
def test_a_token_may_what_it_was_made_for(locked: Any, view: bool, status: int) -> None:
    secrets = locked.datasette.rollcall_options.secrets
    token = Secrets(secrets).add_token("script", may_change=not view)
    headers = {"authorization": f"Bearer {token}"}
    assert locked.get("/api/people", headers=headers).status_code == 200
    answer = locked.ask("POST", "/api/people/4/name", json={"name": "Rosa"}, headers=headers)
    assert answer.status_code == status, answer.text
    for wrong in (token[:-2], "x", ""):
        given = {"authorization": f"Bearer {wrong}"}
        assert locked.get("/api/people", headers=given).status_code == 403


@pytest.mark.parametrize("path", CHANGES)
@pytest.mark.parametrize(
    ("cookies", "headers"),
    [
        pytest.param({}, {}, id="another site, without cookies"),
        pytest.param({"ds_csrftoken": "x"}, {}, id="no header"),
        pytest.param({}, {"x-csrftoken": "x"}, id="no cookie"),
        pytest.param({"ds_csrftoken": "x"}, {"x-csrftoken": "y"}, id="another token"),
        pytest.param({}, {"authorization": "Bearer rct_made-up"}, id="no token"),
    ],
)
def test_what_changes_something_needs_a_token(
    small_catalog: Path,
    open_browser: Callable[..., Any],
    path: str,
    cookies: dict[str, str],
    headers: dict[str, str],
) -> None:
    browser = open_browser(small_catalog, is_open=True)
    answer = browser.ask("POST", path, json=CHANGES[path], cookies=cookies, headers=headers)
    assert answer.status_code == 403, answer.text
    assert browser.get("/api/changes").json() == {"changes": []}


def test_in_a_datasette_of_somebody_else_nothing_is_changed(
    small_catalog: Path, open_browser: Callable[..., Any]
) -> None:
    browser = open_browser(small_catalog)
    answer = browser.change("/api/people/4/name", {"name": "Rosa"})
    assert answer.status_code == 403 and "look but not change" in answer.json()["error"]


def test_every_address_of_the_api_answers_its_own_method_only(
    small_catalog: Path, open_browser: Callable[..., Any]
) -> None:
    browser = open_browser(small_catalog, is_open=True)
    for path in API:
        shown = "/api/" + path.replace("(?P<id>[^/]+)", "1").replace("\\", "")
        for method in ("GET", "PUT", "DELETE", "PATCH"):
            if path in ("events",) and method == "GET":
                continue
            answer = browser.ask(method, shown)
            assert answer.status_code in (200, 404, 405, 403), (method, shown, answer.text)
            if answer.status_code != 200:
                assert answer.json()["error"], (method, shown)


@pytest.mark.parametrize(
    ("host", "options", "known"),
    [
        ("localhost:8001", {}, True),
        ("127.0.0.1", {}, True),
        ("[::1]:8001", {}, True),
        ("evil.example", {}, False),
        ("evil.example:8001", {}, False),
        ("", {}, False),
        ("192.168.1.5:8001", {}, False),
        ("192.168.1.5:8001", {"is_local": False}, True),
        ("evil.example", {"is_local": False}, False),
        ("photos.example.org", {"hosts": ("Photos.example.org",)}, True),
        ("localhost.evil.example", {}, False),
        ("127.0.0.1.evil.example", {"is_local": False}, False),
    ],
)
def test_only_names_of_this_machine_are_answered(
    host: str, options: dict[str, Any], known: bool
) -> None:
    assert guard.is_known(host, Options(**options)) is known


def test_a_forged_host_header_is_refused_everywhere(browser: Any) -> None:
    for path in ("/", "/people", "/api/people", "/-/rollcall/crop/1", "/catalog", "/-/metrics"):
        answer = browser.get(path, headers={"host": "evil.example"})
        assert answer.status_code == 421 and "[web] hosts" in answer.text


def test_answers_keep_a_browser_from_doing_more_with_them(browser: Any) -> None:
    for path in ("/", "/people/1", "/api/people", "/catalog", "/-/rollcall/crop/1"):
        headers = browser.get(path).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"
        assert "content-security-policy" in headers
    policy = browser.get("/people/1").headers["content-security-policy"]
    assert "unsafe" not in policy and policy.startswith("default-src 'none'")


def test_wrong_passwords_take_longer_each_time(locked: Any) -> None:
    cookies = locked.cookies()

    def tried(password: str) -> str:
        form = {"password": password, "csrftoken": cookies["ds_csrftoken"]}
        answer = locked.ask("POST", "/-/login", data=form, cookies=cookies)
        assert answer.status_code == (302 if password == PASSWORD else 403) or (
            "Too many" in answer.text
        )
        return answer.text

    assert "not the password" in tried("wrong password")
    assert "Too many wrong passwords" in tried(PASSWORD), "also the right one waits"
    time.sleep(0.6)
    assert "Too many" not in tried(PASSWORD)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("/people?kind=named", "/people?kind=named"),
        ("https://evil.example/", "/"),
        ("//evil.example/", "/"),
        ("/\\evil.example", "/"),
        ("javascript:alert(1)", "/"),
        ("", "/"),
        (None, "/"),
    ],
)
def test_after_the_login_nobody_is_sent_elsewhere(given: str | None, expected: str) -> None:
    assert login._back(given) == expected


def test_no_page_shows_the_hash(locked: Any, kept: str) -> None:
    cookies = logged_in(locked)
    for path in ("/-/metadata.json", "/-/settings.json", "/-/plugins.json", "/-/config.json"):
        assert kept not in json.dumps(locked.get(path, cookies=cookies).text)
