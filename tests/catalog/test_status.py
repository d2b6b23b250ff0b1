"""What `status` tells."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING

import pytest

from catalog import jobs, status, steps
from catalog.records import StepRecord
from tests.makers import NOW

if TYPE_CHECKING:
    from tests.makers import Maker


def test_an_empty_catalog_counts_nothing(make: Maker) -> None:
    assert set(status.counts(make.connection).values()) == {0}


def test_everything_that_people_ask_for_is_counted(make: Maker) -> None:
    rosa, unknown = make.person("Rosa"), make.person()
    make.merge(make.person("Rosi"), rosa)
    make.person()
    _, (first, second, third, old) = make.photo(*[None] * 4)
    make.assign(first, rosa)
    make.assign(second, unknown, "group")
    make.assign(third, rosa, "reference", state="suggested")
    make.connection.execute("UPDATE faces SET state = 'superseded' WHERE id = ?", [old])
    make.file(make.media(state="pending"))
    make.file(make.media(state="failed", error="no"))
    make.file(None, state="unreadable", reason="no permission")
    media_id = make.media()
    make.connection.execute("UPDATE media SET kind = 'video' WHERE id = ?", [media_id])
    assert status.counts(make.connection) == {
        "photos": 1, "videos": 1, "faces": 3, "named_people": 1, "unnamed_people": 1,
        "pending": 1, "failures": 2, "suggestions": 1,
    }  # fmt: skip


def test_the_queue_shows_what_is_open_or_in_trouble(make: Maker) -> None:
    for key, state in (("a", "done"), ("b", "failed"), ("c", "cancelled"), ("d", None)):
        job_id = make.run(jobs.enqueue, "ingest", key)
        if state:
            make.run(jobs.finish, job_id, state=state)
    assert [(row["state"], row["jobs"]) for row in status.queue(make.connection)] == [
        ("failed", 1), ("waiting", 1),
    ]  # fmt: skip


def test_what_the_daemon_says_of_itself_is_read_back(make: Maker) -> None:
    assert status.daemon(make.connection)["pid"] is None
    make.run(status.say, pid=7, started_at=NOW, models={"detector": ["yunet"]}, notes=["no GPU"])
    make.run(status.say, workers={"count": 2})
    assert status.daemon(make.connection) == {
        "pid": 7, "started_at": NOW, "models": {"detector": ["yunet"]}, "hardware": None,
        "workers": {"count": 2}, "notes": ["no GPU"],
    }  # fmt: skip
    make.run(status.say, workers=None)
    assert status.daemon(make.connection)["workers"] is None


def test_there_is_one_row_for_the_daemon(make: Maker) -> None:
    with pytest.raises(sqlite3.IntegrityError):
        make.insert("daemon", id=2)


def test_folders_are_listed_with_the_files_that_are_there(make: Maker) -> None:
    for state in ("present", "present", "missing", "ignored"):
        make.file(make.media(), state=state)
    make.root(b"/people", "reference")
    make.insert("roots", path_bytes=b"/old", path="/old", role="inbox", state="retired")
    rows = [(row["path"], row["files"]) for row in status.roots_state(make.connection)]
    assert rows == [("/inbox", 2), ("/people", 0)]


def test_it_says_what_was_made_with_other_settings(make: Maker) -> None:
    old = StepRecord(step="probe", fingerprint="old", started_at=NOW, seconds=1)
    make.run(steps.record, make.media(), 0, [old])
    assert status.outdated(make.connection, {("probe", ""): ["new"]}) == {"probe": 1}
    assert status.outdated(make.connection, {("probe", ""): ["old"]}) == {}
