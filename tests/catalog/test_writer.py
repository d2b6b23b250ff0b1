"""The one thread that writes."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import threading
import time
from concurrent.futures import CancelledError
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from catalog import writer as writer_module
from catalog.connect import connect, crops_path, transaction
from catalog.errors import CatalogError
from catalog.writer import Writer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

SOON_S = 10.0


def add(event: str) -> Callable[[sqlite3.Connection], int | None]:
    def work(connection: sqlite3.Connection) -> int | None:
        return connection.execute(
            "INSERT INTO log (at, level, event) VALUES ('x', 'info', ?)", [event]
        ).lastrowid

    return work


def events(path: Path) -> list[str]:
    with closing(connect(path)) as connection:
        return [row[0] for row in connection.execute("SELECT event FROM log ORDER BY id")]


@pytest.fixture
def writer(catalog_path: Path) -> Iterator[Writer]:
    opened = Writer(catalog_path)
    opened.start()
    yield opened
    opened.stop()


def test_work_is_done_in_the_order_it_came(writer: Writer, catalog_path: Path) -> None:
    futures = [writer.submit(add(str(number))) for number in range(50)]
    assert [future.result(SOON_S) for future in futures] == list(range(1, 51))
    assert events(catalog_path) == [str(number) for number in range(50)]


def test_what_is_answered_is_on_disk(writer: Writer, catalog_path: Path) -> None:
    assert writer.run(add("one")) == 1
    assert events(catalog_path) == ["one"]


def test_work_that_raises_leaves_nothing_and_the_next_goes_on(
    writer: Writer, catalog_path: Path
) -> None:
    def fails(connection: sqlite3.Connection) -> None:
        add("half")(connection)
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        writer.run(fails)
    writer.run(add("whole"))
    assert events(catalog_path) == ["whole"]


def test_work_over_both_leaves_nothing_in_either_when_it_raises(
    writer: Writer, catalog_path: Path
) -> None:
    def fails(catalog: sqlite3.Connection, crops: sqlite3.Connection) -> None:
        add("half")(catalog)
        crops.execute("INSERT INTO crops VALUES (?, x'', 'x')", ["a" * 64])
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        writer.submit_with_crops(fails).result(SOON_S)
    assert events(catalog_path) == []
    with closing(connect(crops_path(catalog_path))) as crops:
        assert crops.execute("SELECT count(*) FROM crops").fetchone()[0] == 0


def test_crops_commit_before_the_catalog(writer: Writer, catalog_path: Path) -> None:
    """A catalog that cannot commit leaves an orphaned crop; a face without its crop never is."""

    def work(catalog: sqlite3.Connection, crops: sqlite3.Connection) -> None:
        crops.execute("INSERT INTO crops VALUES (?, x'', 'x')", ["a" * 64])
        catalog.execute("CREATE TABLE top (id INTEGER PRIMARY KEY)")
        catalog.execute("CREATE TABLE low (top REFERENCES top(id) DEFERRABLE INITIALLY DEFERRED)")
        catalog.execute("INSERT INTO low VALUES (7)")

    with pytest.raises(sqlite3.IntegrityError):
        writer.submit_with_crops(work).result(SOON_S)
    with closing(connect(crops_path(catalog_path))) as crops:
        assert crops.execute("SELECT count(*) FROM crops").fetchone()[0] == 1
    writer.run(add("next"))
    assert events(catalog_path) == ["next"]


def test_stop_finishes_what_is_queued(catalog_path: Path) -> None:
    writer = Writer(catalog_path)
    writer.start()
    gate = threading.Event()
    writer.submit(lambda _: gate.wait(SOON_S))
    futures = [writer.submit(add(str(number))) for number in range(20)]
    stopper = threading.Thread(target=writer.stop)
    stopper.start()
    gate.set()
    stopper.join(SOON_S)
    assert not stopper.is_alive()
    assert all(future.done() for future in futures)
    assert len(events(catalog_path)) == 20


def test_work_that_comes_after_stop_is_cancelled_and_nobody_waits_for_ever(
    catalog_path: Path,
) -> None:
    writer = Writer(catalog_path)
    writer.start()
    writer.stop()
    with pytest.raises(CancelledError):
        writer.submit(add("late")).result(SOON_S)
    with pytest.raises(CancelledError):
        writer.submit_with_crops(lambda *_: None).result(SOON_S)
    writer.stop()


def test_cancelled_work_is_left_out(writer: Writer, catalog_path: Path) -> None:
    gate = threading.Event()
    writer.submit(lambda _: gate.wait(SOON_S))
    unwanted = writer.submit(add("unwanted"))
    wanted = writer.submit(add("wanted"))
    assert unwanted.cancel()
    gate.set()
    wanted.result(SOON_S)
    assert events(catalog_path) == ["wanted"]


def test_a_bad_catalog_stops_the_start(catalog_path: Path) -> None:
    crops_path(catalog_path).write_text("not a database" * 100)
    writer = Writer(catalog_path)
    with pytest.raises(CatalogError, match=r"crops\.db"):
        writer.start()


ELSEWHERE = """
import sys
from pathlib import Path
from catalog.connect import connect, transaction
connection = connect(Path(sys.argv[1]))
with transaction(connection):
    connection.execute("INSERT INTO log (at, level, event) VALUES ('x', 'info', 'theirs')")
"""


def test_a_change_by_another_process_is_noticed_and_ones_own_is_not(catalog_path: Path) -> None:
    noticed = threading.Semaphore(0)
    writer = Writer(catalog_path, on_foreign_change=noticed.release)
    writer.start()
    try:
        writer.run(add("ours"))
        assert not noticed.acquire(timeout=1.2)
        subprocess.run([sys.executable, "-c", ELSEWHERE, str(catalog_path)], check=True)
        assert noticed.acquire(timeout=SOON_S)
        assert not noticed.acquire(timeout=0.7)
    finally:
        writer.stop()


def test_a_change_is_noticed_while_the_writer_is_busy(
    catalog_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer_module, "POLL_S", 0.1)
    noticed = threading.Event()
    writer = Writer(catalog_path, on_foreign_change=noticed.set)
    writer.start()
    enough = threading.Event()

    def again(_: object = None) -> None:
        if not enough.is_set():  # runs in the writer's thread, between two transactions
            time.sleep(0.02)
            writer.submit(lambda _: None).add_done_callback(again)

    try:
        again()
        with closing(connect(catalog_path)) as other, transaction(other):
            add("theirs")(other)
        assert noticed.wait(SOON_S)
    finally:
        enough.set()
        writer.stop()


def test_a_listener_that_fails_does_not_end_the_writer(
    catalog_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(writer_module, "POLL_S", 0.05)
    heard = threading.Event()

    def fails() -> None:
        heard.set()
        raise ValueError("no")

    writer = Writer(catalog_path, on_foreign_change=fails)
    writer.start()
    try:
        with closing(connect(catalog_path)) as other, transaction(other):
            add("theirs")(other)
        assert heard.wait(SOON_S)
        assert writer.submit(add("ours")).result(SOON_S) == 2
    finally:
        writer.stop()
    assert "another process" in caplog.text
