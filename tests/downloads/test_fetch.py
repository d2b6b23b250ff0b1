"""The real yt-dlp against a server on this machine: what comes, what is refused, what is left."""

from __future__ import annotations

import json
import signal
import sqlite3
import time
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.downloads.conftest import Site
    from tests.end_to_end.conftest import Home


def fetched(home: Home, *addresses: str) -> list[dict[str, Any]]:
    done = home.rollcall("fetch", *addresses, "--json")
    assert done.returncode in (0, 1), done.stderr
    told: list[dict[str, Any]] = json.loads(done.stdout)["addresses"]
    return told


def inbox(home: Home) -> list[str]:
    return sorted(it.name for it in home.inbox.iterdir())


def test_a_direct_link_is_fetched_catalogued_and_remembered(home: Home, site: Site) -> None:
    (told,) = fetched(home, f"{site.address}/party.mp4")
    assert told["error"] is None and len(told["files"]) == 1
    assert inbox(home) == ["party [party].mp4"]
    assert home.query(
        """SELECT address, title, downloads.state, kind, media.state FROM downloads
           JOIN media ON media.id = media_id"""
    ) == [(f"{site.address}/party.mp4", "party", "done", "video", "done")]


def test_several_videos_of_one_address_are_several_files(home: Home, site: Site) -> None:
    home.configure(download={"max_items": 2})
    (told,) = fetched(home, f"{site.address}/feed.rss")
    assert told["error"] is None and len(told["files"]) == 2, told
    assert len(inbox(home)) == 2
    rows = home.query("SELECT state, media_id IS NOT NULL FROM downloads")
    # The same content twice is one media.
    assert rows == [("done", 1), ("done", 1)]


def test_the_videos_of_a_page_are_fetched_each(home: Home, site: Site) -> None:
    site.listed = ("first", "second")
    (told,) = fetched(home, f"{site.address}/gallery")
    assert told["error"] is None and len(told["files"]) == 2, told
    assert [it.startswith("Party") for it in inbox(home)] == [True, True]


def test_of_a_list_comes_what_can(home: Home, site: Site) -> None:
    home.configure(jobs={"max_attempts": 1})
    site.listed = ("one", "missing", "endless", "hanging", "large", "text", "two")
    address = f"{site.address}/feed.rss"
    done = home.rollcall("fetch", address, "--json")
    assert done.returncode == 1
    (told,) = json.loads(done.stdout)["addresses"]
    assert inbox(home) == ["one [one].mp4", "two [two].mp4"], told
    assert "5 of 7 did not come" in told["error"]
    reasons = dict(home.query("SELECT title, error FROM downloads WHERE state = 'failed'"))
    assert "404" in reasons["missing"]
    assert "larger than 2 MB" in reasons["endless"]
    assert "larger than 2 MB" in reasons["large"]
    assert "no video" in reasons["text"]
    assert home.query("SELECT error FROM downloads WHERE error LIKE 'next to nothing came%'")
    # Asked for again, what is there is not fetched again.
    site.hanging = False
    asked = len([it for it in site.asked if it.startswith("GET /one.mp4")])
    (told,) = fetched(home, address)
    assert len(told["files"]) == 3 and "4 of 7" in told["error"]
    assert inbox(home) == ["hanging [hanging].mp4", "one [one].mp4", "two [two].mp4"]
    # yt-dlp's look at what an address is.
    assert len([it for it in site.asked if it.startswith("GET /one.mp4")]) <= asked + 1


def test_asked_for_twice_it_is_there_once(home: Home, site: Site) -> None:
    first = fetched(home, f"{site.address}/party.mp4")
    assert fetched(home, f"{site.address}/party.mp4") == first
    assert inbox(home) == ["party [party].mp4"]
    (home.inbox / "another.txt").write_text("an inbox that is not empty")
    (home.inbox / "party [party].mp4").unlink()
    home.rollcall("scan", home.inbox)
    fetched(home, f"{site.address}/party.mp4")
    assert "party [party].mp4" in inbox(home), "who removed it wants it again"


def test_a_connection_that_breaks_off_is_gone_on_with(home: Home, site: Site) -> None:
    site.broken = 1
    with home.watching():
        fetched(home, f"{site.address}/reset.mp4")
        home.wait(lambda: inbox(home) == ["reset [reset].mp4"], timeout_s=40)
    assert (home.inbox / "reset [reset].mp4").read_bytes() == site.video


def test_a_crash_while_files_are_put_into_the_inbox(home: Home, site: Site) -> None:
    site.listed = ("one", "two", "three")
    address = f"{site.address}/feed.rss"
    fetched(home, address)
    with closing(sqlite3.connect(home.catalog)) as connection, connection:
        # One lies there already, of one the name is taken, of one not even that.
        connection.execute("UPDATE downloads SET state = 'running', media_id = NULL")
        connection.execute(
            """UPDATE jobs SET state = 'running', result = NULL, finished_at = NULL
               WHERE kind = 'download'"""
        )
    (home.inbox / "two [two].mp4").write_bytes(b"")
    (home.inbox / "three [three].mp4").unlink()
    with home.watching():
        home.wait(lambda: home.query("SELECT 1 FROM jobs WHERE kind='download' AND state='done'"))
    assert inbox(home) == ["one [one].mp4", "three [three].mp4", "two [two].mp4"]
    assert all((home.inbox / it).read_bytes() == site.video for it in inbox(home))
    assert home.query("SELECT DISTINCT state FROM downloads") == [("done",)]


def test_who_follows_learns_that_it_was_cancelled(home: Home, site: Site) -> None:
    home.configure(download={"timeout_s": 20.0})
    with home.watching():
        waiting = "SELECT id FROM jobs WHERE key LIKE '%party.mp4' AND state = 'waiting'"
        with home.started("fetch", f"{site.address}/hanging.mp4"):
            home.wait(lambda: any("hanging" in it for it in site.asked))
            with home.started("fetch", f"{site.address}/party.mp4") as second:
                ((job_id,),) = home.wait(lambda: home.query(waiting))
                home.rollcall("jobs", "cancel", str(job_id))
                home.wait(lambda: second.process.poll() == 1)


@pytest.mark.parametrize(
    ("path", "reason", "again"),
    [
        ("/missing.mp4", "404", False),
        ("/page", "nsupported", False),
        ("/endless.mp4", "larger than 2 MB", False),
        ("/hanging.mp4", "next to nothing came", True),
        ("/trickle.mp4", "next to nothing came", True),
        ("/large.mp4", "larger than 2 MB", False),
        ("/text.mp4", "no video", False),
        ("/away", "file", False),
    ],
)
def test_what_does_not_come_has_a_reason(
    home: Home, site: Site, path: str, reason: str, again: bool
) -> None:
    (told,) = fetched(home, f"{site.address}{path}")
    assert told["files"] == [] and reason in (told["error"] or "")
    assert "\n" not in told["error"]
    assert told["tried_again"] == again
    assert [it for it in inbox(home) if not it.startswith(".rollcall-")] == []
    if not told["tried_again"]:
        assert home.query("SELECT state FROM downloads") == [("failed",)]


def test_a_server_that_comes_back_is_asked_again(home: Home, site: Site) -> None:
    site.broken = 2
    with home.watching():
        (told,) = fetched(home, f"{site.address}/shaky.mp4")
        assert told["tried_again"] or told["files"]
        home.wait(lambda: inbox(home) == ["shaky [shaky].mp4"], timeout_s=40)
        home.wait(lambda: home.query("SELECT 1 FROM downloads WHERE media_id IS NOT NULL"))
    assert home.query("SELECT state, error FROM downloads WHERE state = 'done'") == [("done", None)]


def test_switched_off_nothing_leaves_the_machine(home: Home, site: Site) -> None:
    home.configure(download={"enabled": False})
    done = home.rollcall("fetch", f"{site.address}/party.mp4")
    assert done.returncode == 2 and done.stderr.count("\n") == 1
    assert "download.enabled = true" in done.stderr
    (home.inbox / "later.urls").write_text(f"{site.address}/party.mp4\n")
    with home.watching():
        state, reason = home.wait(lambda: home.query("SELECT state, reason FROM files"))[0]
    assert (state, "download.enabled = true" in reason) == ("ignored", True)
    assert site.asked == []
    # Switched on, it is taken at the next start.
    home.configure(download={"enabled": True})
    with home.watching():
        home.wait(lambda: home.query("SELECT 1 FROM downloads WHERE media_id IS NOT NULL"))
    assert "party [party].mp4" in inbox(home)


@pytest.mark.parametrize("address", ["ftp://example.org/a", "file:///etc/passwd", "nonsense"])
def test_what_is_no_address_is_refused_at_once(home: Home, address: str) -> None:
    done = home.rollcall("fetch", address)
    assert done.returncode == 2 and "http:// and https:// only" in done.stderr


def test_files_with_addresses_in_a_watched_inbox(home: Home, site: Site) -> None:
    with home.watching():
        (home.inbox / "one.url").write_text(f"[InternetShortcut]\nURL={site.address}/one.mp4\n")
        (home.inbox / "bad.urls").write_text("file:///etc/passwd\n")
        mixed = f"{site.address}/two.mp4\nnonsense\n"
        (home.inbox / "mixed.urls").write_text(mixed)
        home.wait(lambda: "two [two].mp4" in inbox(home))
        reason = home.value("SELECT reason FROM files WHERE path LIKE '%mixed.urls'")
        assert reason.startswith("1 of its lines") and "nonsense" in reason
        home.wait(lambda: "one [one].mp4" in inbox(home))
        home.wait(lambda: home.query("SELECT 1 FROM downloads WHERE media_id IS NOT NULL"))
        _state, reason = home.wait(
            lambda: home.query(
                """SELECT state, reason FROM files
                   WHERE path LIKE '%bad.urls' AND state = 'unreadable'"""
            )
        )[0]
        assert "http:// and https:// only" in reason
        home.wait(
            lambda: not home.query("SELECT 1 FROM jobs WHERE state IN ('waiting', 'running')")
        )
        asked = len(site.asked)
    with home.watching():
        time.sleep(2)
    assert len(site.asked) == asked, "what was fetched is not fetched again"


def test_killed_in_the_middle_it_goes_on_and_leaves_nothing_behind(home: Home, site: Site) -> None:
    home.configure(download={"timeout_s": 60.0})
    stale = home.inbox / ".rollcall-0123456789abcdef.part"
    with home.started("fetch", f"{site.address}/hanging.mp4") as process:
        home.wait(lambda: any("hanging" in it for it in site.asked))
        process.process.send_signal(signal.SIGKILL)
        process.process.wait()
    home.wait(lambda: not home.processes(), timeout_s=10)
    assert home.value("SELECT state FROM jobs WHERE kind = 'download'") == "running"
    stale.mkdir()
    site.hanging = False
    with home.watching():
        home.wait(lambda: home.query("SELECT 1 FROM downloads WHERE media_id IS NOT NULL"))
        home.wait(lambda: inbox(home) == ["hanging [hanging].mp4"])
    assert (home.inbox / "hanging [hanging].mp4").read_bytes() == site.video


def test_nothing_is_overwritten(home: Home, site: Site) -> None:
    (home.inbox / "party [party].mp4").write_bytes(b"mine")
    fetched(home, f"{site.address}/party.mp4")
    assert inbox(home) == ["party [party] (2).mp4", "party [party].mp4"]
    assert (home.inbox / "party [party].mp4").read_bytes() == b"mine"


def test_what_failed_is_not_asked_for_at_every_comparison(home: Home, site: Site) -> None:
    home.configure(intake={"rescan_minutes": 0.03})
    (home.inbox / "gone.urls").write_text(f"{site.address}/missing.mp4\n")
    (home.inbox / "bad.urls").write_text("file:///etc/passwd\n")
    with home.watching():
        home.wait(lambda: home.query("SELECT 1 FROM downloads WHERE state = 'failed'"))
        home.wait(lambda: home.query("SELECT 1 FROM files WHERE state = 'unreadable'"))
        asked = len(site.asked)
        time.sleep(4)
    assert len(site.asked) == asked
    assert home.value("SELECT count(*) FROM jobs WHERE kind = 'addresses'") == 2
    assert home.value("SELECT state FROM files WHERE path LIKE '%bad.urls'") == "unreadable"


def test_addresses_elsewhere_than_in_an_inbox_are_let_alone(home: Home, site: Site) -> None:
    bookmark = f"[InternetShortcut]\nURL={site.address}/private.mp4\n"
    for folder in (home.path / "documents", home.people / "Rosa"):
        folder.mkdir()
        (folder / "bookmark.url").write_text(bookmark)
    home.rollcall("scan", home.path / "documents")
    (home.inbox / "one.url").write_text(f"[InternetShortcut]\nURL={site.address}/one.mp4\n")
    with home.watching():
        home.wait(lambda: home.query("SELECT 1 FROM downloads WHERE media_id IS NOT NULL"))
        home.wait(
            lambda: home.value("SELECT count(*) FROM files WHERE path LIKE '%bookmark.url'") == 2
        )
    assert not [it for it in site.asked if "private" in it]
    reasons = home.query("SELECT DISTINCT state, reason FROM files WHERE path LIKE '%bookmark.url'")
    assert reasons == [("ignored", "an address; such files are taken in an inbox only")]
