"""What is to do: claimed once, tried again with growing pauses, never lost."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from catalog import clock, jobs
from catalog.jobs import Job, Patience

if TYPE_CHECKING:
    import sqlite3
    from pathlib import Path

    from tests.makers import Maker

PATIENT = Patience(max_attempts=4, retry_s=60)


class FakeClock:
    """The catalog's clock, moved by hand."""

    def __init__(self) -> None:
        self.moment = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)

    def now(self) -> str:
        return clock.utc_text(self.moment)

    def later(self, seconds: float) -> str:
        return clock.utc_text(self.moment + timedelta(seconds=seconds))

    def advance(self, seconds: float) -> None:
        self.moment += timedelta(seconds=seconds)


@pytest.fixture
def time(monkeypatch: pytest.MonkeyPatch) -> FakeClock:
    fake = FakeClock()
    monkeypatch.setattr(jobs, "clock", fake)
    return fake


def ask(catalog: sqlite3.Connection, key: str = "a", kind: str = "ingest", **values: object) -> int:
    return jobs.enqueue(catalog, kind, key, **values)  # type: ignore[arg-type]


def take(catalog: sqlite3.Connection, limit: int = 1, kind: str = "ingest") -> list[Job]:
    return jobs.claim(catalog, kind, limit, owner="worker")


def state(catalog: sqlite3.Connection, job_id: int) -> str:
    return str(catalog.execute("SELECT state FROM jobs WHERE id = ?", [job_id]).fetchone()[0])


def test_the_same_request_waits_once(catalog: sqlite3.Connection) -> None:
    first = ask(catalog, priority=1, payload={"n": 1})
    assert ask(catalog, priority=7, payload={"n": 2}) == first
    assert ask(catalog, priority=3, payload={"n": 3}) == first
    assert tuple(catalog.execute("SELECT count(*), priority, payload FROM jobs").fetchone()) == (
        1, 7, '{"n": 3}',
    )  # fmt: skip


def test_requests_of_other_kinds_or_keys_wait_beside_it(catalog: sqlite3.Connection) -> None:
    assert len({ask(catalog), ask(catalog, "b"), ask(catalog, kind="identify")}) == 3


def test_a_request_while_the_same_job_runs_is_not_lost(catalog: sqlite3.Connection) -> None:
    first = ask(catalog)
    (running,) = take(catalog)
    second = ask(catalog)
    assert (running.id, state(catalog, second)) == (first, "waiting")
    assert second != first
    assert take(catalog) == [], "not two of a kind at once"
    jobs.finish(catalog, first)
    assert [job.id for job in take(catalog)] == [second]


def test_one_claim_never_takes_two_alike(catalog: sqlite3.Connection) -> None:
    ask(catalog)
    take(catalog)
    ask(catalog)
    ask(catalog, "b")
    assert [job.key for job in take(catalog, 9)] == ["b"]


def test_the_urgent_come_first_and_equals_in_their_order(catalog: sqlite3.Connection) -> None:
    for key, priority in (("a", 0), ("b", 5), ("c", 0), ("d", 5), ("e", 9)):
        ask(catalog, key, priority=priority)
    assert [job.key for job in take(catalog, 4)] == ["e", "b", "d", "a"]
    assert [job.key for job in take(catalog, 4)] == ["c"]
    assert take(catalog) == []


def test_a_claim_takes_only_its_kind(catalog: sqlite3.Connection) -> None:
    ask(catalog, kind="identify", priority=9)
    ask(catalog)
    assert [job.kind for job in take(catalog, 9)] == ["ingest"]


def test_a_claimed_job_carries_what_was_asked(make: Maker) -> None:
    media_id = make.media(state="pending")
    ask(make.connection, "k", media_id=media_id, payload={"paths": ["ff"]})
    (job,) = take(make.connection)
    assert (job.key, job.media_id, job.payload, job.attempts) == (
        "k",
        media_id,
        {"paths": ["ff"]},
        1,
    )
    assert make.row("SELECT owner, attempts FROM jobs") == ("worker", 1)


def test_failures_wait_longer_each_time_and_end_in_quarantine(
    catalog: sqlite3.Connection, time: FakeClock
) -> None:
    job_id = ask(catalog)
    for pause_s in (60, 240, 960):
        (job,) = take(catalog)
        assert jobs.put_back(catalog, job, "no", PATIENT) == "waiting"
        time.advance(pause_s - 0.001)
        assert take(catalog) == []
        time.advance(0.001)
    (job,) = take(catalog)
    assert job.attempts == 4
    assert jobs.put_back(catalog, job, "no", PATIENT) == "quarantined"
    time.advance(10**6)
    assert take(catalog) == []
    row = catalog.execute("SELECT state, error, finished_at FROM jobs").fetchone()
    assert tuple(row)[:2] == ("quarantined", "no")
    assert row["finished_at"] is not None
    assert state(catalog, job_id) == "quarantined"


def test_one_attempt_may_be_all(catalog: sqlite3.Connection) -> None:
    ask(catalog)
    (job,) = take(catalog)
    once = Patience(max_attempts=1, retry_s=0)
    assert jobs.put_back(catalog, job, "no", once) == "quarantined"


def test_a_job_that_waits_for_its_next_try_is_hurried_by_a_new_request(
    catalog: sqlite3.Connection, time: FakeClock
) -> None:
    ask(catalog)
    (job,) = take(catalog)
    jobs.put_back(catalog, job, "no", PATIENT)
    assert ask(catalog) == job.id
    assert [again.attempts for again in take(catalog)] == [2]


def test_where_another_waits_the_failed_one_makes_way(catalog: sqlite3.Connection) -> None:
    ask(catalog)
    (job,) = take(catalog)
    newer = ask(catalog)
    assert jobs.put_back(catalog, job, "no", PATIENT) == "cancelled"
    assert [again.id for again in take(catalog)] == [newer]


def test_what_is_given_back_waits_as_if_untouched(catalog: sqlite3.Connection) -> None:
    ids = [ask(catalog, key) for key in "abc"]
    take(catalog, 3)
    jobs.give_back(catalog, ids)
    assert [(job.id, job.attempts) for job in take(catalog, 3)] == [(job_id, 1) for job_id in ids]


def test_what_is_given_back_makes_way_for_a_newer_request(catalog: sqlite3.Connection) -> None:
    old = ask(catalog)
    take(catalog)
    new = ask(catalog)
    jobs.give_back(catalog, [old])
    assert (state(catalog, old), state(catalog, new)) == ("cancelled", "waiting")
    assert jobs.prune(catalog, older_than_s=-1) == 1, "it does not stay for ever"


def test_what_has_ended_meanwhile_is_not_given_back(catalog: sqlite3.Connection) -> None:
    job_id = ask(catalog)
    take(catalog)
    jobs.finish(catalog, job_id)
    jobs.give_back(catalog, [job_id])
    assert state(catalog, job_id) == "done"


def test_after_a_kill_what_was_in_hand_waits_again(catalog: sqlite3.Connection) -> None:
    for key in "abc":
        ask(catalog, key)
    take(catalog, 2)
    ask(catalog, "a")
    assert jobs.reclaim(catalog) == 2
    assert sorted(job.key for job in take(catalog, 9)) == ["a", "b", "c"]
    assert jobs.count(catalog, "ingest", states="('running')") == 3


def test_finishing_keeps_result_and_reason(catalog: sqlite3.Connection) -> None:
    job_id = ask(catalog)
    take(catalog)
    jobs.finish(catalog, job_id, state="failed", error="why", result={"seen": 3})
    row = catalog.execute("SELECT state, error, result, owner, finished_at FROM jobs").fetchone()
    assert tuple(row)[:4] == ("failed", "why", '{"seen": 3}', None)
    assert row["finished_at"] is not None


class TestRetry:
    def stuck(self, catalog: sqlite3.Connection, key: str, ending: str) -> int:
        job_id = ask(catalog, key)
        take(catalog)
        jobs.finish(catalog, job_id, state=ending, error="why")
        return job_id

    def test_all_that_failed_waits_again_with_a_clean_count(
        self, catalog: sqlite3.Connection
    ) -> None:
        stuck = [self.stuck(catalog, "a", "failed"), self.stuck(catalog, "b", "quarantined")]
        self.stuck(catalog, "c", "done")
        cancelled = self.stuck(catalog, "d", "cancelled")
        assert jobs.retry(catalog) == stuck
        assert [job.attempts for job in take(catalog, 9)] == [1, 1]
        assert state(catalog, cancelled) == "cancelled", "only by its number"
        assert jobs.retry(catalog, [cancelled]) == [cancelled]

    def test_the_media_is_pending_again(self, make: Maker) -> None:
        media_id = make.media(state="quarantined", error="why")
        job_id = ask(make.connection, media_id=media_id)
        take(make.connection)
        jobs.finish(make.connection, job_id, state="quarantined", error="why")
        jobs.retry(make.connection)
        assert make.row("SELECT state, error FROM media") == ("pending", None)

    def test_a_media_that_was_read_stays_done(self, make: Maker) -> None:
        media_id = make.media(state="done")
        job_id = ask(make.connection, kind="identify", media_id=media_id)
        take(make.connection, kind="identify")
        jobs.finish(make.connection, job_id, state="quarantined", error="why")
        assert jobs.retry(make.connection) == [job_id]
        assert make.value("SELECT state FROM media") == "done"

    def test_of_two_alike_one_waits(self, catalog: sqlite3.Connection) -> None:
        first = self.stuck(catalog, "a", "failed")
        second = self.stuck(catalog, "a", "failed")
        assert jobs.retry(catalog) == [first]
        assert state(catalog, second) == "failed"

    def test_a_pause_ends(self, catalog: sqlite3.Connection, time: FakeClock) -> None:
        job_id = ask(catalog)
        (job,) = take(catalog)
        jobs.put_back(catalog, job, "no", PATIENT)
        assert jobs.retry(catalog, [job_id]) == [job_id]
        assert [again.attempts for again in take(catalog)] == [1]

    @pytest.mark.parametrize("ids", [[], [999]], ids=["none", "unknown"])
    def test_numbers_that_mean_nothing_do_nothing(
        self, catalog: sqlite3.Connection, ids: list[int]
    ) -> None:
        stuck = self.stuck(catalog, "a", "failed")
        assert jobs.retry(catalog, ids) == []
        assert jobs.cancel(catalog, ids) == []
        assert state(catalog, stuck) == "failed"


def test_only_what_waits_can_be_cancelled(catalog: sqlite3.Connection) -> None:
    running, waiting = ask(catalog, "a"), ask(catalog, "b")
    take(catalog)
    assert jobs.cancel(catalog, [running, waiting]) == [waiting]
    assert (state(catalog, running), state(catalog, waiting)) == ("running", "cancelled")


def test_pruning_takes_what_was_done_long_ago_and_keeps_what_failed(
    catalog: sqlite3.Connection, time: FakeClock
) -> None:
    for ending in ("done", "cancelled", "failed", "quarantined"):
        job_id = ask(catalog, ending)
        take(catalog)
        jobs.finish(catalog, job_id, state=ending)
    time.advance(100)
    recent = ask(catalog, "recent")
    take(catalog)
    jobs.finish(catalog, recent)
    ask(catalog, "waiting")
    assert jobs.prune(catalog, older_than_s=50) == 2
    left = {row["key"] for row in catalog.execute("SELECT key FROM jobs")}
    assert left == {"failed", "quarantined", "recent", "waiting"}


class TestSecondsUntilDue:
    def test_nothing_waits(self, catalog: sqlite3.Connection) -> None:
        assert jobs.seconds_until_due(catalog, ["ingest"]) is None
        ask(catalog)
        take(catalog)
        assert jobs.seconds_until_due(catalog, ["ingest"]) is None

    def test_something_is_due(self, catalog: sqlite3.Connection) -> None:
        ask(catalog)
        assert jobs.seconds_until_due(catalog, ["identify", "ingest"]) == 0
        assert jobs.seconds_until_due(catalog, ["identify"]) is None

    def test_the_nearest_pause_counts(self, catalog: sqlite3.Connection) -> None:
        for key, retry_s in (("a", 500.0), ("b", 100.0)):
            ask(catalog, key)
            (job,) = take(catalog)
            jobs.put_back(catalog, job, "no", Patience(max_attempts=9, retry_s=retry_s))
        due_s = jobs.seconds_until_due(catalog, ["ingest"])
        assert due_s is not None
        assert 90 < due_s < 100.1

    def test_a_pause_that_is_over_is_due(self, catalog: sqlite3.Connection) -> None:
        ask(catalog)
        (job,) = take(catalog)
        jobs.put_back(catalog, job, "no", Patience(max_attempts=9, retry_s=0))
        assert jobs.seconds_until_due(catalog, ["ingest"]) == 0
        assert len(take(catalog)) == 1

    def test_it_never_says_due_where_nothing_can_be_claimed(
        self, catalog: sqlite3.Connection
    ) -> None:
        """Else its readers would spin while one of two alike runs."""
        ask(catalog)
        take(catalog)
        ask(catalog)
        assert jobs.seconds_until_due(catalog, ["ingest"]) is None


def test_jobs_of_a_removed_media_go_with_it(make: Maker) -> None:
    media_id = make.media(state="pending")
    ask(make.connection, media_id=media_id)
    make.connection.execute("DELETE FROM media WHERE id = ?", [media_id])
    assert take(make.connection) == []


def test_the_listing_shows_paths_and_hides_what_is_done(make: Maker) -> None:
    media_id = make.media(state="pending")
    make.file(media_id, b"/inbox/gone.jpg", state="missing")
    make.file(media_id, b"/inbox/there.jpg")
    done = ask(make.connection, "done")
    take(make.connection)
    jobs.finish(make.connection, done)
    waiting = ask(make.connection, media_id=media_id)
    shown = jobs.listing(make.connection, state=None, finished=False, limit=9)
    assert [(row["id"], row["path"]) for row in shown] == [(waiting, "/inbox/there.jpg")]
    every = jobs.listing(make.connection, state=None, finished=True, limit=9)
    assert [row["id"] for row in every] == [waiting, done]
    assert len(jobs.listing(make.connection, state="done", finished=False, limit=9)) == 1
    assert len(jobs.listing(make.connection, state=None, finished=True, limit=1)) == 1


CLAIMER = """
import sys
from pathlib import Path
from catalog import jobs
from catalog.connect import connect, transaction
connection = connect(Path(sys.argv[1]))
sys.stdin.readline()
while True:
    with transaction(connection):
        claimed = jobs.claim(connection, "ingest", 3, owner="me")
    if not claimed:
        break
    print(*(job.id for job in claimed), flush=True)
"""


def test_two_processes_never_claim_the_same_job(
    catalog: sqlite3.Connection, catalog_path: Path
) -> None:
    ids = {ask(catalog, str(number)) for number in range(200)}
    claimers = [
        subprocess.Popen(
            [sys.executable, "-c", CLAIMER, str(catalog_path)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )
        for _ in range(2)
    ]  # fmt: skip
    for claimer in claimers:
        assert claimer.stdin is not None
        claimer.stdin.write("go\n")
        claimer.stdin.flush()
    taken = [
        int(word) for claimer in claimers for word in claimer.communicate(timeout=60)[0].split()
    ]
    assert sorted(taken) == sorted(ids)
    assert all(claimer.returncode == 0 for claimer in claimers)


def test_waiting_jobs_are_counted_no_further_than_asked(catalog: sqlite3.Connection) -> None:
    for key in "abc":
        ask(catalog, key)
    assert jobs.count_waiting(catalog, "ingest", up_to=10) == 3
    assert jobs.count_waiting(catalog, "ingest", up_to=2) == 2
    take(catalog)
    assert jobs.count_waiting(catalog, "ingest", up_to=10) == 2
