"""What follows from a file's arrival, move or disappearance."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from catalog import arrivals, jobs, parts
from catalog.files import FileStat
from catalog.jobs import Patience
from catalog.reconcile import Change
from tests.makers import sha

if TYPE_CHECKING:
    from tests.makers import Maker

STAT = FileStat(bytes=10, mtime_ns=1_000, inode=5, device=7)
SHA = sha("content")


@pytest.fixture(autouse=True)
def roots(make: Maker) -> dict[str, int]:
    return {
        "inbox": make.root(b"/inbox", "inbox"),
        "reference": make.root(b"/people", "reference"),
        "scanned": make.root(b"/scanned", "scanned"),
    }


def record(make: Maker, path: bytes = b"/inbox/a.jpg", sha256: str = SHA, **stat: int) -> bool:
    values = {"bytes": 10, "mtime_ns": 1_000, "inode": 5, "device": 7, **stat}
    answer: bool = make.run(arrivals.record, path, FileStat(**values), sha256)
    return answer


def claimed(make: Maker) -> jobs.Job:
    (job,) = make.run(jobs.claim, "ingest", 1, owner="worker")
    assert isinstance(job, jobs.Job)
    return job


def read(make: Maker, *, faces: int = 1) -> None:
    """The photo was read: done, with faces, judged."""
    job = claimed(make)
    make.run(jobs.finish, job.id)
    make.connection.execute("UPDATE media SET state = 'done' WHERE id = ?", [job.media_id])
    for _ in range(faces):
        make.assign(make.face(job.media_id or 0), make.person(), "group")


def test_new_content_is_lined_up_for_reading(make: Maker) -> None:
    assert record(make)
    assert make.rows("SELECT kind, key, media_id, state FROM jobs") == [
        ("ingest", SHA, 1, "waiting")
    ]


def test_reference_pictures_go_first(make: Maker) -> None:
    record(make, b"/inbox/a.jpg", sha("a"))
    record(make, b"/people/Rosa/b.jpg", sha("b"))
    assert claimed(make).key == sha("b")


def test_a_photo_that_is_also_a_reference_picture_becomes_urgent(make: Maker) -> None:
    record(make, b"/inbox/a.jpg", sha("a"))
    record(make, b"/inbox/b.jpg", sha("b"))
    record(make, b"/people/Rosa/b.jpg", sha("b"))
    assert claimed(make).key == sha("b")


def test_a_file_outside_of_every_folder_is_nobodys(make: Maker) -> None:
    assert not record(make, b"/elsewhere/a.jpg")
    assert make.value("SELECT count(*) FROM media") == 0
    make.run(arrivals.note_problem, b"/elsewhere/a.jpg", "no permission")
    make.run(arrivals.note_sidecar, b"/elsewhere/a.xmp")
    assert make.value("SELECT count(*) FROM files") == 0


class TestCopies:
    def test_a_copy_waits_with_the_first(self, make: Maker) -> None:
        record(make)
        record(make, b"/inbox/copy.jpg", inode=6)
        assert make.job_keys("ingest") == [SHA]

    def test_a_copy_that_comes_while_the_first_is_read_is_not_read_again(self, make: Maker) -> None:
        record(make)
        claimed(make)
        record(make, b"/inbox/copy.jpg", inode=6)
        assert make.job_keys("ingest") == []
        assert make.value("SELECT count(*) FROM files WHERE media_id = 1") == 2

    def test_a_copy_of_a_video_whose_minutes_are_in_line_is_not_read_again(
        self, make: Maker
    ) -> None:
        record(make, b"/inbox/a.mp4")
        job = claimed(make)
        make.run(parts.plan, 1, 150.0, job)
        make.run(jobs.finish, job.id)
        record(make, b"/inbox/backup/a.mp4")
        keys = make.rows("SELECT key FROM jobs WHERE state = 'waiting' ORDER BY id")
        assert keys == [(f"{SHA}/{number}",) for number in range(3)]

    def test_where_the_first_try_fails_the_copy_is_read(self, make: Maker) -> None:
        record(make)
        job = claimed(make)
        record(make, b"/inbox/copy.jpg", inode=6)
        make.run(jobs.put_back, job, "gone", Patience(max_attempts=3, retry_s=0))
        assert make.job_keys("ingest") == [SHA]

    def test_a_copy_of_what_was_read_computes_nothing(self, make: Maker) -> None:
        record(make)
        read(make)
        record(make, b"/scanned/copy.jpg", inode=6)
        assert make.value("SELECT count(*) FROM jobs WHERE state <> 'done'") == 0

    def test_a_copy_of_what_cannot_be_read_is_not_tried_again(self, make: Maker) -> None:
        record(make)
        make.run(jobs.finish, claimed(make).id, state="failed")
        make.connection.execute("UPDATE media SET state = 'failed'")
        record(make, b"/inbox/copy.jpg", inode=6)
        assert make.job_keys("ingest") == []

    def test_a_reference_picture_copied_to_the_inbox_is_judged(self, make: Maker) -> None:
        record(make, b"/people/Rosa/a.jpg")
        make.run(jobs.finish, claimed(make).id)
        make.connection.execute("UPDATE media SET state = 'done'")
        make.face(1)
        record(make, b"/inbox/a.jpg", inode=6)
        assert make.job_keys("identify") == ["1/0"]


class TestUnchanged:
    def test_a_file_that_was_read_is_not_hashed_again(self, make: Maker) -> None:
        record(make)
        assert arrivals.is_unchanged(make.connection, b"/inbox/a.jpg", STAT)

    @pytest.mark.parametrize("change", ["bytes", "mtime_ns", "inode", "device"])
    def test_any_difference_counts(self, make: Maker, change: str) -> None:
        record(make, **{change: 99})
        assert not arrivals.is_unchanged(make.connection, b"/inbox/a.jpg", STAT)

    @pytest.mark.parametrize("state", ["missing", "unreadable", "ignored"])
    def test_a_file_that_was_out_of_sight_is_looked_at(self, make: Maker, state: str) -> None:
        record(make)
        make.connection.execute("UPDATE files SET state = ?", [state])
        assert not arrivals.is_unchanged(make.connection, b"/inbox/a.jpg", STAT)

    def test_an_unknown_file_is_looked_at(self, make: Maker) -> None:
        assert not arrivals.is_unchanged(make.connection, b"/inbox/a.jpg", STAT)


class TestOutOfSight:
    """A file that went before it was read, and came back, must not be forgotten."""

    @pytest.fixture
    def given_up(self, make: Maker) -> None:
        record(make)
        make.run(arrivals.delete, b"/inbox/a.jpg")
        make.run(jobs.finish, claimed(make).id, state="cancelled", error="the file is gone")

    @pytest.mark.usefixtures("given_up")
    def test_found_by_a_walk_at_its_place(self, make: Maker, roots: dict[str, int]) -> None:
        row = arrivals.files.known(make.connection, b"/inbox/a.jpg")
        change = Change(kind="same", path=b"/inbox/a.jpg", stat=STAT, row=row)
        make.run(arrivals.apply, [change], roots["inbox"])
        assert make.job_keys("ingest") == [SHA]

    @pytest.mark.usefixtures("given_up")
    def test_found_by_a_walk_elsewhere(self, make: Maker, roots: dict[str, int]) -> None:
        row = arrivals.files.known(make.connection, b"/inbox/a.jpg")
        change = Change(kind="moved", path=b"/inbox/b.jpg", stat=STAT, row=row)
        make.run(arrivals.apply, [change], roots["inbox"])
        assert make.job_keys("ingest") == [SHA]

    @pytest.mark.usefixtures("given_up")
    def test_told_by_an_event(self, make: Maker) -> None:
        assert make.run(arrivals.move, b"/inbox/a.jpg", b"/people/Rosa/a.jpg") == 1
        assert make.rows("SELECT state, priority FROM jobs ORDER BY id")[1] == ("waiting", 20)

    def test_one_that_is_being_read_is_left_in_peace(self, make: Maker) -> None:
        record(make)
        claimed(make)
        make.run(arrivals.move, b"/inbox/a.jpg", b"/inbox/b.jpg")
        assert make.job_keys("ingest") == []


class TestMoves:
    def test_a_move_computes_nothing_and_keeps_everything(self, make: Maker) -> None:
        record(make)
        read(make)
        before = make.rows("SELECT * FROM faces"), make.rows("SELECT * FROM assignments")
        jobs_before = make.rows("SELECT * FROM jobs")
        assert make.run(arrivals.move, b"/inbox/a.jpg", b"/scanned/sub/b.jpg") == 1
        assert (make.rows("SELECT * FROM faces"), make.rows("SELECT * FROM assignments")) == before
        assert make.rows("SELECT * FROM jobs") == jobs_before
        assert make.rows("SELECT path, media_id FROM files") == [("/scanned/sub/b.jpg", 1)]

    def test_a_photo_moved_among_the_reference_pictures_is_enrolled(self, make: Maker) -> None:
        record(make)
        read(make)
        make.run(arrivals.move, b"/inbox/a.jpg", b"/people/Rosa/a.jpg")
        assert make.rows("SELECT state FROM exemplars") == [("used",)]

    def test_what_was_never_read_moves_quietly(self, make: Maker) -> None:
        make.run(arrivals.note_problem, b"/inbox/a.jpg", "no permission")
        assert make.run(arrivals.move, b"/inbox/a.jpg", b"/people/Rosa/a.jpg") == 1
        assert make.rows("SELECT path, state FROM files") == [("/people/Rosa/a.jpg", "unreadable")]


def test_a_deleted_folder_keeps_media_and_faces(make: Maker) -> None:
    record(make, b"/inbox/sub/a.jpg")
    read(make)
    assert make.run(arrivals.delete, b"/inbox/sub") == 1
    assert make.run(arrivals.delete, b"/inbox/sub") == 0
    assert make.rows("SELECT state FROM files") == [("missing",)]
    assert make.value("SELECT count(*) FROM faces WHERE person_id IS NOT NULL") == 1


def test_problems_and_sidecars_are_rows_with_a_reason(make: Maker) -> None:
    make.run(arrivals.note_problem, b"/inbox/a.jpg", "no permission")
    make.run(arrivals.note_sidecar, b"/inbox/a.xmp")
    assert make.rows("SELECT path, state, reason FROM files ORDER BY path") == [
        ("/inbox/a.jpg", "unreadable", "no permission"),
        ("/inbox/a.xmp", "ignored", "a sidecar of a picture"),
    ]
