"""Parts of videos: planned, resumed, settled, and told of."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from catalog import jobs, parts, status

if TYPE_CHECKING:
    import sqlite3

    from catalog.jobs import Job
    from tests.makers import Maker


def video(make: Maker, catalog: sqlite3.Connection) -> tuple[int, Job]:
    media_id, _ = make.photo()
    catalog.execute("UPDATE media SET kind = 'video', state = 'pending' WHERE id = ?", [media_id])
    sha256 = catalog.execute("SELECT sha256 FROM media WHERE id = ?", [media_id]).fetchone()[0]
    jobs.enqueue(catalog, "ingest", sha256, media_id=media_id, priority=3)
    (job,) = jobs.claim(catalog, "ingest", 1, owner="test")
    return media_id, job


def waiting(catalog: sqlite3.Connection) -> list[str]:
    rows = catalog.execute(
        "SELECT key FROM jobs WHERE kind = 'ingest' AND state = 'waiting' ORDER BY id"
    )
    return [row["key"].partition("/")[2] for row in rows]


@pytest.mark.parametrize(
    ("duration_s", "ends"),
    [
        (None, [0.0]),
        (0.04, [0.04]),
        (60.0, [60.0]),
        (60.5, [60.0, 60.5]),
        (185.0, [60.0, 120.0, 180.0, 185.0]),
    ],
)
def test_a_part_a_minute(
    make: Maker, catalog: sqlite3.Connection, duration_s: float | None, ends: list[float]
) -> None:
    media_id, job = video(make, catalog)
    parts.plan(catalog, media_id, duration_s, job)
    rows = catalog.execute("SELECT start_s, end_s, state FROM parts ORDER BY number").fetchall()
    assert [row["end_s"] for row in rows] == ends
    assert [row["start_s"] for row in rows] == [0.0, *ends[:-1]]
    assert waiting(catalog) == [str(number) for number in range(len(ends))]
    last = parts.find(catalog, media_id, len(ends) - 1)
    assert last is not None and last.is_last and last.of == len(ends)
    assert parts.find(catalog, media_id, len(ends)) is None


def test_what_is_read_is_not_lined_up_again_and_all_is_where_the_whole_is_read_again(
    make: Maker, catalog: sqlite3.Connection
) -> None:
    media_id, job = video(make, catalog)
    parts.plan(catalog, media_id, 150.0, job)
    catalog.execute("UPDATE jobs SET state = 'done' WHERE state = 'waiting'")
    catalog.execute("UPDATE parts SET state = 'done' WHERE number = 1")
    parts.plan(catalog, media_id, 150.0, job)
    assert waiting(catalog) == ["0", "2"]
    catalog.execute("UPDATE jobs SET state = 'done' WHERE state = 'waiting'")
    catalog.execute("UPDATE parts SET state = 'done'")
    catalog.execute("UPDATE media SET state = 'done'")
    parts.plan(catalog, media_id, 150.0, job)
    assert waiting(catalog) == ["0", "1", "2"]


@pytest.mark.parametrize(
    ("states", "state", "error"),
    [
        (["done", "done", "done"], "done", None),
        (["done", "pending", "failed"], "pending", None),
        (["done", "failed", "done"], "done", "1 of 3 minutes could not be read: noise"),
        (["failed", "failed", "failed"], "failed", "3 of 3 minutes could not be read: noise"),
        (["failed", "quarantined", "failed"], "quarantined", "3 of 3 minutes"),
    ],
)
def test_the_state_of_a_video(
    make: Maker, catalog: sqlite3.Connection, states: list[str], state: str, error: str | None
) -> None:
    media_id, job = video(make, catalog)
    parts.plan(catalog, media_id, 180.0, job)
    for number, it in enumerate(states):
        catalog.execute(
            "UPDATE parts SET state = ?, error = ? WHERE number = ?",
            [it, "noise" if it in ("failed", "quarantined") else None, number],
        )
    assert parts.settle(catalog, media_id) == state
    found = catalog.execute("SELECT state, error FROM media WHERE id = ?", [media_id]).fetchone()
    assert found["state"] == state
    assert found["error"] is None if error is None else found["error"].startswith(error)
    failures = catalog.execute("SELECT count(*) FROM failures").fetchone()[0]
    assert failures == (error is not None)


@pytest.mark.parametrize(
    ("skipped", "note", "error"),
    [
        ('{"still": 3}', None, None),
        ('{"damaged": 1}', None, "1 frame is damaged"),
        ('{"damaged": 1200}', None, "1,200 frames are damaged"),
        ("{}", "it ends early", "it ends early"),
        ('{"damaged": 2}', "it ends early", "2 frames are damaged; it ends early"),
    ],
)
def test_what_is_amiss_with_a_video_that_was_read(
    make: Maker, catalog: sqlite3.Connection, skipped: str, note: str | None, error: str | None
) -> None:
    media_id, job = video(make, catalog)
    parts.plan(catalog, media_id, 90.0, job, note=note)
    catalog.execute("UPDATE parts SET state = 'done', skipped = '{}'")
    catalog.execute("UPDATE parts SET skipped = ? WHERE number = 1", [skipped])
    assert parts.settle(catalog, media_id) == "done"
    assert catalog.execute("SELECT error FROM media").fetchone()["error"] == error
    assert [it["reason"] for it in catalog.execute("SELECT reason FROM failures")] == (
        [error] if error else []
    )
    parts.plan(catalog, media_id, 90.0, job)
    assert catalog.execute("SELECT max(note) FROM parts").fetchone()[0] is None


def test_a_video_whose_clock_jumps_is_one_part(make: Maker, catalog: sqlite3.Connection) -> None:
    media_id, job = video(make, catalog)
    parts.plan(catalog, media_id, 600.0, job, in_one_piece=True)
    part = parts.find(catalog, media_id, 0)
    assert part is not None and part.is_last and waiting(catalog) == ["0"]


def test_what_nobody_reads_any_more_is_not_in_hand(
    make: Maker, catalog: sqlite3.Connection
) -> None:
    media_id, job = video(make, catalog)
    parts.plan(catalog, media_id, 600.0, job)
    jobs.finish(catalog, job.id)
    assert len(status.videos_in_hand(catalog, workers=2)) == 1
    catalog.execute("UPDATE jobs SET state = 'cancelled'")
    assert status.videos_in_hand(catalog, workers=2) == []


def test_how_long_is_left(make: Maker, catalog: sqlite3.Connection) -> None:
    media_id, job = video(make, catalog)
    parts.plan(catalog, media_id, 600.0, job)
    (told,) = status.videos_in_hand(catalog, workers=2)
    assert (told["done"], told["parts"], told["left_s"]) == (0, 10, None)
    catalog.execute("DELETE FROM steps WHERE media_id = ?", [media_id])
    for number in range(4):
        catalog.execute("UPDATE parts SET state = 'done' WHERE number = ?", [number])
        catalog.execute(
            """INSERT INTO steps (media_id, part, step, fingerprint, parameters, state, seconds,
                                  started_at, device, model)
               VALUES (?, ?, 'frames', 'f', '{}', 'done', 5.0, '2026-01-01', 'cpu', '')""",
            [media_id, number],
        )
    (told,) = status.videos_in_hand(catalog, workers=2)
    assert (told["done"], told["left_s"]) == (4, 15)
    assert status.minutes_done(told) == "4 of 10 minutes, about 15 s left"
    assert status.videos_in_hand(catalog, workers=2, media_id=media_id) == [told]
    parts.tell_progress(catalog, media_id)
    waiting = "SELECT progress FROM jobs WHERE kind = 'ingest' AND state = 'waiting'"
    assert {row["progress"] for row in catalog.execute(waiting)} == {0.4}
    catalog.execute("UPDATE parts SET state = 'done'")
    assert status.videos_in_hand(catalog, workers=2) == []
