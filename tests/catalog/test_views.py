"""The views for people who write SQL."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.makers import Maker


@pytest.fixture
def rosa(make: Maker) -> int:
    return make.person("Rosa")


class TestAppearances:
    def test_a_row_for_each_person_and_photo_with_the_best_face(
        self, make: Maker, rosa: int
    ) -> None:
        media_id, faces = make.photo(*[None] * 3)
        for face, quality in zip(faces, (0.2, 0.9, 0.5), strict=True):
            make.connection.execute("UPDATE faces SET quality = ? WHERE id = ?", [quality, face])
            make.assign(face, rosa, "group")
        assert make.rows(
            """SELECT person_id, name, media_id, start_s, end_s, faces_count, best_face_id
               FROM appearances"""
        ) == [(rosa, "Rosa", media_id, None, None, 3, faces[1])]  # fmt: skip
        assert make.rows("SELECT media_id, name, faces_count FROM media_people") == [
            (media_id, "Rosa", 3)
        ]

    @pytest.mark.parametrize("case", ["reference only", "superseded", "suggested", "hidden person"])
    def test_what_does_not_count_does_not_appear(self, make: Maker, rosa: int, case: str) -> None:
        role = "reference" if case == "reference only" else "inbox"
        _, (face,) = make.photo(None, role=role)
        make.assign(face, rosa, "group", state="suggested" if case == "suggested" else "assigned")
        if case == "superseded":
            make.connection.execute("UPDATE faces SET state = 'superseded'")
        if case == "hidden person":
            make.connection.execute("UPDATE people SET hidden = 1")
        assert make.rows("SELECT * FROM appearances") == []

    def test_a_reference_picture_that_is_also_a_photo_appears(self, make: Maker, rosa: int) -> None:
        media_id, (face,) = make.photo(None, role="reference")
        make.file(media_id, b"/inbox/copy.jpg")
        make.assign(face, rosa, "reference")
        assert make.value("SELECT count(*) FROM appearances") == 1

    def test_several_paths_are_one_photo(self, make: Maker, rosa: int) -> None:
        media_id, (face,) = make.photo(None)
        make.file(media_id, b"/inbox/copy.jpg")
        make.assign(face, rosa, "group")
        assert make.rows("SELECT faces_count FROM appearances") == [(1,)]
        assert make.rows("SELECT faces_count, media_count FROM people_summary") == [(1, 1)]

    def test_a_photo_whose_file_is_gone_still_shows_who_was_in_it(
        self, make: Maker, rosa: int
    ) -> None:
        _, (face,) = make.photo(None)
        make.assign(face, rosa, "group")
        make.connection.execute("UPDATE files SET state = 'missing'")
        assert make.value("SELECT count(*) FROM appearances") == 1

    def test_a_track_of_a_video_is_a_row_with_its_span(self, make: Maker, rosa: int) -> None:
        media_id = make.media()
        make.file(media_id)
        track = make.insert(
            "tracks", media_id=media_id, start_s=1.0, end_s=4.0, faces_count=90, person_id=rosa
        )
        face = make.face(media_id, track_id=track, person_id=rosa)
        make.connection.execute("UPDATE tracks SET best_face_id = ?", [face])
        rows = make.rows("SELECT start_s, end_s, faces_count, best_face_id FROM appearances")
        assert rows == [(1.0, 4.0, 90, face)]


class TestPeople:
    def test_empty_groups_and_merged_people_are_left_out(self, make: Maker, rosa: int) -> None:
        make.person()
        make.merge(make.person("Rosi"), rosa)
        assert make.rows("SELECT person_id FROM people_summary") == [(rosa,)]
        assert make.rows("SELECT * FROM unknown_people") == []

    def test_the_cover_is_the_chosen_face_or_else_the_best(self, make: Maker, rosa: int) -> None:
        _, faces = make.photo(None, None)
        for face, quality in zip(faces, (0.3, 0.9), strict=True):
            make.connection.execute("UPDATE faces SET quality = ? WHERE id = ?", [quality, face])
            make.assign(face, rosa, "group")
        assert make.value("SELECT cover_face_id FROM people_summary") == faces[1]
        make.connection.execute("UPDATE people SET cover_face_id = ?", [faces[0]])
        assert make.value("SELECT cover_face_id FROM people_summary") == faces[0]

    def test_unknown_people_come_most_seen_first_and_hidden_ones_not_at_all(
        self, make: Maker
    ) -> None:
        seldom, often, hidden = make.person(), make.person(), make.person(hidden=1)
        for person, times in ((seldom, 1), (often, 2), (hidden, 3)):
            for _ in range(times):
                make.assign(make.photo(None)[1][0], person, "group")
        rows = make.rows("SELECT person_id, faces_count FROM unknown_people")
        assert rows == [(often, 2), (seldom, 1)]


class TestFailures:
    def test_what_could_not_be_catalogued_is_listed_with_its_reason(self, make: Maker) -> None:
        for state in ("failed", "quarantined", "pending", "done"):
            make.file(make.media(state=state, error="why"), f"/inbox/{state}.jpg".encode())
        make.file(None, b"/inbox/locked.jpg", state="unreadable", reason="no permission")
        make.file(None, b"/inbox/a.xmp", state="ignored", reason="a sidecar")
        assert make.rows("SELECT path, state, reason FROM failures ORDER BY path") == [
            ("/inbox/failed.jpg", "failed", "why"),
            ("/inbox/locked.jpg", "unreadable", "no permission"),
            ("/inbox/quarantined.jpg", "quarantined", "why"),
        ]

    def test_a_bad_file_that_was_deleted_is_no_failure_any_more(self, make: Maker) -> None:
        make.file(make.media(state="failed", error="why"), state="missing")
        assert make.rows("SELECT * FROM failures") == []


def test_duplicates_are_the_present_paths_of_one_content(make: Maker) -> None:
    media_id, _ = make.photo(path=b"/inbox/a.jpg")
    make.file(media_id, b"/inbox/gone.jpg", state="missing")
    assert make.rows("SELECT * FROM duplicates") == []
    make.file(media_id, b"/inbox/b\"'.jpg", bytes=7)
    row = make.row("SELECT media_id, copies, paths FROM duplicates")
    assert row is not None
    assert row[:2] == (media_id, 2)
    assert sorted(json.loads(str(row[2]))) == ["/inbox/a.jpg", "/inbox/b\"'.jpg"]
    make.photo(path=b"/inbox/unique.jpg")
    assert make.value("SELECT count(*) FROM duplicates") == 1


def test_progress_counts_jobs_by_kind_and_state(make: Maker) -> None:
    for key, attempts in (("a", 1), ("b", 3)):
        make.insert(
            "jobs", kind="ingest", key=key, attempts=attempts, created_at=f"2026-0{attempts}"
        )
    assert make.rows("SELECT kind, state, jobs, retried, oldest FROM progress") == [
        ("ingest", "waiting", 2, 1, "2026-01")
    ]
