"""What a person is known by: reference pictures and their folders."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from catalog import arrivals, exemplars, files, jobs
from catalog.files import FileStat

if TYPE_CHECKING:
    from tests.makers import Maker


def enrol(
    make: Maker,
    path: bytes = b"/people/Rosa/a.jpg",
    widths: tuple[float, ...] = (100.0,),
    state: str = "done",
    **values: object,
) -> int:
    """A reference picture with faces of these widths, enrolled; returns the file."""
    media_id = make.media(state=state, **values)
    file_id = make.file(media_id, path, role="reference")
    for width in widths:
        make.face(media_id, w=width)
    make.run(exemplars.enrol, file_id)
    return file_id


def people(make: Maker) -> list[tuple[object, ...]]:
    return make.rows("SELECT id, name, folder FROM people ORDER BY id")


def shown(make: Maker) -> list[tuple[object, ...]]:
    return make.rows(
        """SELECT people.folder, exemplars.state, exemplars.face_id FROM exemplars
           JOIN people ON people.id = person_id ORDER BY exemplars.id"""
    )


def counting(make: Maker) -> list[tuple[object, ...]]:
    """The folders, and how many pictures each person is known by."""
    return make.rows(
        """SELECT people.folder, count(*) FROM exemplars JOIN people ON people.id = person_id
           WHERE state = 'used' GROUP BY people.id ORDER BY people.folder"""
    )


def taken(make: Maker) -> None:
    """The identifier took all that was asked of it."""
    make.connection.execute("UPDATE jobs SET state = 'done' WHERE kind = 'rejudge'")


@pytest.mark.parametrize(
    ("widths", "state", "chosen", "reason"),
    [
        pytest.param((100,), "used", 100, None, id="one"),
        pytest.param((100, 50), "used", 100, "2 faces; the largest", id="a bystander"),
        pytest.param((40, 100, 30), "used", 100, "3 faces; the largest", id="bystanders"),
        pytest.param((100, 51), "several", None, "crop the picture", id="two alike"),
        pytest.param((80, 80, 80), "several", None, "3 faces of similar", id="a group"),
        pytest.param((), "no_face", None, "no face was found", id="none"),
    ],
)
def test_the_face_that_is_meant_is_taken(
    make: Maker, widths: tuple[float, ...], state: str, chosen: float | None, reason: str | None
) -> None:
    enrol(make, widths=widths)
    row = make.row(
        "SELECT exemplars.state, reason, w FROM exemplars LEFT JOIN faces ON faces.id = face_id"
    )
    assert row is not None
    assert (row[0], row[2]) == (state, chosen)
    assert row[1] is None if reason is None else reason in str(row[1])
    assert make.job_keys("rejudge") == ["1"]


def test_faces_that_do_not_count_are_not_taken(make: Maker) -> None:
    media_id = make.media()
    file_id = make.file(media_id, b"/people/Rosa/a.jpg", role="reference")
    for state in ("superseded", "hidden", "forgotten"):
        make.face(media_id, state=state)
    make.run(exemplars.enrol, file_id)
    assert shown(make) == [("Rosa", "no_face", None)]


@pytest.mark.parametrize("state", ["failed", "quarantined"])
def test_a_picture_that_cannot_be_read_says_why(make: Maker, state: str) -> None:
    enrol(make, widths=(), state=state, error="cut short")
    assert make.rows("SELECT state, reason FROM exemplars") == [("poor", "cut short")]


def test_a_picture_that_is_not_read_yet_waits(make: Maker) -> None:
    enrol(make, state="pending")
    assert shown(make) == []
    assert people(make) == []


def test_a_picture_right_in_the_people_folder_is_nobodys(make: Maker) -> None:
    enrol(make, b"/people/group.jpg")
    assert shown(make) == []


@pytest.mark.parametrize(
    ("path", "name"),
    [
        pytest.param(b"/people/Rosa/a.jpg", "Rosa", id="plain"),
        pytest.param(b"/people/Rosa/2019/beach/a.jpg", "Rosa", id="deeper"),
        pytest.param("/people/José Ñ/a.jpg".encode(), "José Ñ", id="accents"),
        pytest.param(b"/people/caf\xe9/a.jpg", "caf\\xe9", id="not UTF-8"),
        pytest.param(b"/people/O'Brien; DROP/a.jpg", "O'Brien; DROP", id="quotes"),
        pytest.param(b"/people/a\nb/a.jpg", "a\nb", id="newline"),
    ],
)  # fmt: skip
def test_the_first_folder_below_the_root_is_the_person(make: Maker, path: bytes, name: str) -> None:
    enrol(make, path)
    assert [row[1:] for row in people(make)] == [(name, name)]


def test_folders_that_are_not_text_are_people_of_their_own(make: Maker) -> None:
    enrol(make, b"/people/caf\xe9/a.jpg")
    enrol(make, b"/people/caf\xe8/a.jpg")
    assert len(people(make)) == 2


def test_enrolling_again_changes_nothing_and_asks_nobody(make: Maker) -> None:
    file_id = enrol(make)
    taken(make)
    before = make.rows("SELECT * FROM exemplars")
    make.run(exemplars.enrol, file_id)
    assert make.rows("SELECT * FROM exemplars") == before
    assert make.job_keys("rejudge") == []


def test_a_reason_that_changes_is_told(make: Maker) -> None:
    file_id = enrol(make, widths=(100, 20))
    media_id = make.value("SELECT media_id FROM files")
    make.face(media_id, w=10.0)
    make.run(exemplars.enrol, file_id)
    assert str(make.value("SELECT reason FROM exemplars")).startswith("3 faces")


class TestFilesComeAndGo:
    def test_a_file_that_went_counts_no_longer_and_who_was_known_by_it_is_judged(
        self, make: Maker
    ) -> None:
        enrol(make)
        taken(make)
        make.run(arrivals.delete, b"/people/Rosa")
        assert make.rows("SELECT state, reason FROM exemplars") == [
            ("withdrawn", "the reference picture is gone")
        ]
        assert make.job_keys("rejudge") == ["1"]
        assert [row[1] for row in people(make)] == ["Rosa"], "she stays who she is"
        taken(make)
        make.run(arrivals.delete, b"/people/Rosa")
        assert make.job_keys("rejudge") == []

    def test_a_file_that_came_back_counts_again(self, make: Maker) -> None:
        file_id = enrol(make)
        face = make.value("SELECT face_id FROM exemplars")
        make.run(arrivals.delete, b"/people/Rosa/a.jpg")
        make.connection.execute("UPDATE files SET state = 'present'")
        make.run(exemplars.enrol, file_id)
        assert shown(make) == [("Rosa", "used", face)]
        assert make.rows("SELECT reason FROM exemplars") == [(None,)]

    def test_a_file_moved_to_another_folder_is_another_persons(self, make: Maker) -> None:
        enrol(make)
        enrol(make, b"/people/Rosa/b.jpg")
        enrol(make, b"/people/Ada/c.jpg")
        taken(make)
        make.run(arrivals.move, b"/people/Rosa/a.jpg", b"/people/Ada/a.jpg")
        assert counting(make) == [("Ada", 2), ("Rosa", 1)]
        assert sorted(make.job_keys("rejudge")) == ["1", "2"]

    def test_a_file_moved_to_a_new_folder_while_others_stay_is_a_new_person(
        self, make: Maker
    ) -> None:
        enrol(make)
        enrol(make, b"/people/Rosa/b.jpg")
        make.run(arrivals.move, b"/people/Rosa/a.jpg", b"/people/Ada/a.jpg")
        assert [row[1:] for row in people(make)] == [("Rosa", "Rosa"), ("Ada", "Ada")]

    def test_a_file_moved_right_into_the_people_folder_is_nobodys(self, make: Maker) -> None:
        enrol(make)
        make.run(arrivals.move, b"/people/Rosa/a.jpg", b"/people/a.jpg")
        assert shown(make)[0][1] == "withdrawn"

    def test_a_file_moved_out_of_the_people_folder_is_a_photo(self, make: Maker) -> None:
        enrol(make)
        make.root(b"/inbox", "inbox")
        make.run(arrivals.move, b"/people/Rosa/a.jpg", b"/inbox/a.jpg")
        assert shown(make)[0][1] == "withdrawn"
        assert make.job_keys("identify") == ["1/0"]

    def test_a_copy_in_the_people_folder_enrols_a_known_photo(self, make: Maker) -> None:
        media_id, _ = make.photo(None)
        make.root(b"/people", "reference")
        sha256 = make.value("SELECT sha256 FROM media WHERE id = ?", media_id)
        stat = FileStat(bytes=1, mtime_ns=1, inode=77, device=1)
        assert make.run(arrivals.record, b"/people/Rosa/a.jpg", stat, sha256)
        assert shown(make) == [("Rosa", "used", 1)]
        assert make.job_keys("ingest") == []


class TestAtStart:
    def test_what_went_while_nobody_looked_is_withdrawn(self, make: Maker) -> None:
        enrol(make)
        enrol(make, b"/people/Rosa/b.jpg")
        make.connection.execute("UPDATE files SET state = 'missing' WHERE path LIKE '%/a.jpg'")
        make.run(exemplars.withdraw_missing)
        assert [row[1] for row in shown(make)] == ["withdrawn", "used"]

    @pytest.mark.parametrize("change", ["role = 'inbox'", "state = 'retired'"])
    def test_a_folder_that_is_no_longer_the_people_folder_names_nobody(
        self, make: Maker, change: str
    ) -> None:
        enrol(make)
        make.connection.execute(f"UPDATE roots SET {change}")
        make.run(exemplars.withdraw_missing)
        assert shown(make)[0][1] == "withdrawn"
        make.connection.execute("UPDATE roots SET role = 'reference', state = 'present'")
        make.run(exemplars.withdraw_missing)
        assert shown(make)[0][1] == "used"

    def test_what_a_person_chose_stays(self, make: Maker) -> None:
        _, (face,) = make.photo(None)
        person = make.person("Rosa")
        make.insert("exemplars", person_id=person, face_id=face, source="user", state="used")
        make.run(exemplars.withdraw_missing)
        assert make.rows("SELECT state FROM exemplars") == [("used",)]


def test_requests_to_judge_again_come_after_references_and_are_not_repeated(make: Maker) -> None:
    make.run(exemplars.rejudge, 7)
    make.run(exemplars.rejudge, 7)
    assert make.job_keys("rejudge") == ["7"]
    (job,) = make.run(jobs.claim, "rejudge", 9, owner="identifier")
    make.run(exemplars.rejudge, 7)
    assert job.key == "7"
    assert make.job_keys("rejudge") == ["7"], "asked while it was being answered"


def test_a_reference_file_that_another_overwrites_counts_no_longer(make: Maker) -> None:
    enrol(make)
    enrol(make, b"/people/Rosa/b.jpg")
    make.run(files.move, b"/people/Rosa/a.jpg", b"/people/Rosa/b.jpg")
    rows = make.rows("SELECT state, file_id FROM exemplars ORDER BY id")
    assert rows == [("used", 1), ("withdrawn", None)]


class TestPoor:
    @pytest.mark.parametrize(
        ("quality", "state"),
        [
            pytest.param(0.34, "poor", id="blurred"),
            pytest.param(0.35, "used", id="good enough"),
            pytest.param(None, "used", id="never scored"),
        ],
    )
    def test_a_face_that_tells_nothing_is_not_used(
        self, make: Maker, quality: float | None, state: str
    ) -> None:
        media_id = make.media()
        file_id = make.file(media_id, b"/people/Rosa/a.jpg", role="reference")
        face = make.face(media_id, quality=quality)  # type: ignore[arg-type]
        make.insert("quality", face_id=face, version="1", reasons='["the face is blurred"]')
        make.run(exemplars.enrol, file_id)
        assert shown(make) == [("Rosa", state, face)], "it says which face was looked at"
        reason = make.value("SELECT reason FROM exemplars")
        assert reason is None or "quality 0.34: the face is blurred" in reason

    def test_a_better_score_enrols_it(self, make: Maker) -> None:
        media_id = make.media()
        file_id = make.file(media_id, b"/people/Rosa/a.jpg", role="reference")
        make.face(media_id, quality=0.1)
        make.run(exemplars.enrol, file_id)
        make.connection.execute("UPDATE faces SET quality = 0.9")
        make.run(exemplars.renew_for_media, media_id)
        assert shown(make)[0][1] == "used"
