"""Committing what a part turned out to hold: all of it at once, or nothing."""

from __future__ import annotations

import json
import sqlite3
from typing import TYPE_CHECKING, Any

import pytest

from catalog import jobs
from catalog.connect import transaction
from catalog.jobs import Job, Patience
from catalog.media import commit_part
from catalog.records import MediaFacts, PreviewRecord, StepRecord
from tests.makers import DLIB, NOW, crowd, face_record, looks, part_record, sha

if TYPE_CHECKING:
    from catalog.records import FaceRecord, PartRecord
    from tests.makers import Maker

PATIENT = Patience(max_attempts=3, retry_s=60)
SHA = sha("the photo")
LEFT, RIGHT = (0.0, 0.0, 100.0, 120.0), (500.0, 0.0, 100.0, 120.0)
FACTS = MediaFacts(
    kind="image", mime="image/jpeg", width=4000, height=3000, taken_at_local="2026-01-02T03:04:05",
    camera_make="Leica", exif={"Image Artist": "José", "EXIF ISO": [100]},
)  # fmt: skip


class Photo:
    """A photo on its way: a pending media with its file and its job, committed again and again."""

    def __init__(self, make: Maker, crops: sqlite3.Connection, *, role: str = "inbox") -> None:
        self.make, self.crops = make, crops
        self.media_id = make.media(state="pending", sha256=SHA)
        path = {"inbox": b"/inbox/a.jpg", "reference": b"/people/Rosa/a.jpg"}[role]
        make.file(self.media_id, path, role=role)

    def commit(self, *faces: FaceRecord, **values: Any) -> str:
        return self.commit_record(part_record(SHA, *faces, **values))

    def commit_record(self, record: PartRecord) -> str:
        self.make.run(jobs.enqueue, "ingest", SHA, media_id=self.media_id)
        self.make.connection.execute("UPDATE jobs SET not_before = NULL WHERE kind = 'ingest'")
        (job,) = self.make.run(jobs.claim, "ingest", 1, owner="worker")
        return self.settle(record, job)

    def settle(self, record: PartRecord, job: Job) -> str:
        with transaction(self.make.connection), transaction(self.crops):
            return commit_part(self.make.connection, self.crops, record, job, patience=PATIENT)

    def active(self) -> list[tuple[object, ...]]:
        return self.make.rows("SELECT id, x FROM faces WHERE state = 'active' ORDER BY x")

    @property
    def count(self) -> int:
        return int(self.make.value("SELECT faces_count FROM media WHERE id = ?", self.media_id))

    @property
    def state(self) -> tuple[object, ...] | None:
        return self.make.row("SELECT state, error FROM media WHERE id = ?", self.media_id)


@pytest.fixture
def photo(make: Maker, crops: sqlite3.Connection) -> Photo:
    return Photo(make, crops)


def test_everything_that_was_found_is_written(photo: Photo) -> None:
    make = photo.make
    vector = crowd(1)[0]
    step = StepRecord(step="probe", fingerprint="f", started_at=NOW, seconds=1.0)
    preview = PreviewRecord(jpeg=b"small", width=40, height=30)
    answer = photo.commit(face_record(LEFT, vector), facts=FACTS, preview=preview, steps=(step,))
    assert answer == "done"
    assert photo.state == ("done", None)
    facts = make.row("SELECT mime, width, height, camera_make, lens, exif FROM media")
    assert facts is not None
    assert facts[:5] == ("image/jpeg", 4000, 3000, "Leica", None)
    assert json.loads(str(facts[5])) == FACTS.exif
    assert "José" in str(facts[5]), "readable to who writes SQL"
    face = make.row("SELECT x, w, quality, crop, detector, state, person_id FROM faces")
    crop = face_record(LEFT).crop
    assert face == (0.0, 100.0, 0.8, crop.sha256, "yunet", "active", None)
    assert make.row("SELECT size_px, reasons FROM quality") == (100.0, '["small"]')
    assert make.row("SELECT vector FROM embeddings") == (vector.tobytes(),)
    assert make.row("SELECT model, dimensions, active FROM embedders") == ("Dlib", 128, 1)
    assert make.rows("SELECT step FROM steps") == [("probe",)]
    assert photo.crops.execute("SELECT sha256, jpeg FROM crops").fetchone()[:] == (
        crop.sha256,
        crop.jpeg,
    )
    assert photo.crops.execute("SELECT sha256, width FROM previews").fetchone()[:] == (SHA, 40)
    assert make.job_keys("identify") == [f"{photo.media_id}/0"]
    assert make.job_keys("ingest", "done") == [SHA]
    assert make.row("SELECT event, details FROM log") == ("catalogued", '{"faces": 1}')


def test_a_photo_without_a_face_is_done_and_asks_nobody(photo: Photo) -> None:
    assert photo.commit(facts=FACTS) == "done"
    assert (photo.count, photo.make.job_keys("identify")) == (0, [])


def test_nothing_is_written_when_the_last_row_fails(photo: Photo) -> None:
    wrong = face_record(RIGHT, quality=0.5)
    wrong.quality.measures["no_such_measure"] = 1.0
    with pytest.raises(sqlite3.OperationalError):
        photo.commit(face_record(LEFT), wrong, facts=FACTS)
    assert photo.state == ("pending", None)
    assert photo.active() == []
    assert photo.make.job_keys("ingest", "running") == [SHA]
    assert photo.crops.execute("SELECT count(*) FROM crops").fetchone()[0] == 0


def test_a_file_that_never_will_be_read_fails_for_good(photo: Photo) -> None:
    assert photo.commit(error="not a picture", permanent=True) == "failed"
    assert photo.state == ("failed", "not a picture")
    assert photo.make.job_keys("ingest", "failed") == [SHA]
    assert photo.make.row("SELECT level, event FROM log") == ("error", "failed")


def test_a_file_that_may_be_read_later_goes_back_in_line_until_patience_ends(photo: Photo) -> None:
    for state in ("pending", "pending", "quarantined"):
        assert photo.commit(error="disk away", permanent=False) == state
        assert photo.state == (state, "disk away")
    assert photo.make.job_keys("ingest", "quarantined") == [SHA]
    assert photo.make.rows("SELECT level FROM log ORDER BY id") == [
        ("warning",),
        ("warning",),
        ("error",),
    ]


def test_success_after_failure_clears_the_reason(photo: Photo) -> None:
    photo.commit(error="disk away", permanent=False)
    assert photo.commit(face_record(LEFT)) == "done"
    assert photo.state == ("done", None)


def test_a_try_that_fails_keeps_what_an_earlier_one_found(photo: Photo) -> None:
    step = StepRecord(step="probe", fingerprint="good", started_at=NOW, seconds=1.0)
    photo.commit(face_record(LEFT), facts=FACTS, steps=(step,))
    bad = StepRecord(
        step="probe", fingerprint="new", started_at=NOW, seconds=1.0, state="failed", error="no"
    )
    half = MediaFacts(kind="image", mime="image/jpeg")
    assert photo.commit(error="no", permanent=True, steps=(bad,), facts=half) == "failed"
    assert photo.state == ("done", None)
    assert photo.count == 1
    assert photo.make.rows("SELECT fingerprint, state FROM steps") == [("good", "done")]
    assert photo.make.value("SELECT width FROM media") == 4000


def test_a_media_that_was_removed_meanwhile_stays_removed(photo: Photo) -> None:
    photo.make.run(jobs.enqueue, "ingest", SHA)
    (job,) = photo.make.run(jobs.claim, "ingest", 1, owner="worker")
    photo.make.connection.execute("DELETE FROM media")
    assert photo.settle(part_record(SHA, face_record(LEFT)), job) == "gone"
    assert photo.make.value("SELECT count(*) FROM media") == 0
    assert photo.make.job_keys("ingest", "cancelled") == [SHA]
    assert photo.crops.execute("SELECT count(*) FROM crops").fetchone()[0] == 0


class TestRerun:
    def test_the_same_faces_keep_their_ids_and_their_people(self, photo: Photo) -> None:
        photo.commit(face_record(LEFT), face_record(RIGHT))
        before = photo.active()
        person = photo.make.person("Rosa")
        photo.make.assign(int(str(before[0][0])), person, "group")
        photo.commit(face_record((510.0, 5.0, 95.0, 118.0)), face_record((4.0, 2.0, 100.0, 120.0)))
        after = photo.active()
        assert [face_id for face_id, _ in after] == [face_id for face_id, _ in before]
        assert [x for _, x in after] == [4.0, 510.0]
        assert photo.make.known_as(int(str(before[0][0]))) == person
        assert photo.count == 2

    def test_a_face_that_is_no_longer_found_is_superseded_with_what_the_machine_said(
        self, photo: Photo
    ) -> None:
        photo.commit(face_record(LEFT), face_record(RIGHT))
        gone = int(str(photo.active()[1][0]))
        photo.make.assign(gone, photo.make.person(), "group")
        photo.commit(face_record(LEFT))
        row = photo.make.row("SELECT state, person_id FROM faces WHERE id = ?", gone)
        assert row == ("superseded", None)
        assert photo.make.open_rows(gone) == []
        assert photo.count == 1

    @pytest.mark.parametrize("decision", ["named", "ruled out", "not a face", "exemplar"])
    def test_a_face_that_a_person_decided_on_stays(self, photo: Photo, decision: str) -> None:
        photo.commit(face_record(LEFT), face_record(RIGHT))
        face = int(str(photo.active()[1][0]))
        person = photo.make.person("Rosa")
        if decision == "named":
            photo.make.assign(face, person, "user")
        elif decision == "exemplar":
            photo.make.insert(
                "exemplars", person_id=person, face_id=face, source="user", state="used"
            )
        else:
            photo.make.reject(face, person if decision == "ruled out" else None)
        photo.commit(face_record(LEFT))
        assert [face_id for face_id, _ in photo.active()][1] == face
        assert photo.count == 2

    def test_a_decision_that_was_taken_back_does_not_hold_a_face(self, photo: Photo) -> None:
        photo.commit(face_record(LEFT))
        face = int(str(photo.active()[0][0]))
        photo.make.assign(face, photo.make.person(), "user", ended_at=NOW)
        photo.commit(face_record(RIGHT))
        assert [x for _, x in photo.active()] == [500.0]

    def test_hidden_faces_stay_hidden(self, photo: Photo) -> None:
        photo.commit(face_record(LEFT))
        photo.make.connection.execute("UPDATE faces SET state = 'hidden'")
        assert photo.count == 0
        photo.commit(face_record(LEFT))
        assert photo.make.rows("SELECT state FROM faces") == [("hidden",)]
        assert photo.count == 0

    def test_new_vectors_take_the_place_of_the_old(self, photo: Photo) -> None:
        one, two = looks(crowd(1)[0], 2)
        photo.commit(face_record(LEFT, one))
        photo.commit(face_record(LEFT, two))
        assert photo.make.rows("SELECT vector FROM embeddings") == [(two.tobytes(),)]
        assert photo.make.value("SELECT count(*) FROM quality") == 1

    def test_identification_is_asked_for_again(self, photo: Photo) -> None:
        photo.commit(face_record(LEFT))
        photo.make.run(jobs.claim, "identify", 1, owner="identifier")
        photo.commit(face_record(LEFT))
        assert photo.make.job_keys("identify") == [f"{photo.media_id}/0"]


def test_a_second_way_to_compute_vectors_does_not_become_active(photo: Photo) -> None:
    other = DLIB.__class__(model="ArcFace", weights_sha256="e" * 64, geometry="g", dimensions=512)
    photo.commit(face_record(LEFT, crowd(1)[0]))
    photo.commit(face_record(LEFT, crowd(1)[0], embedder=other))
    assert photo.make.rows("SELECT model, active FROM embedders ORDER BY id") == [
        ("Dlib", 1), ("ArcFace", 0),
    ]  # fmt: skip


class TestReferencePicture:
    def test_its_face_becomes_an_exemplar_and_is_judged_by_it(
        self, make: Maker, crops: sqlite3.Connection
    ) -> None:
        photo = Photo(make, crops, role="reference")
        photo.commit(face_record(LEFT, crowd(1)[0]))
        row = make.row(
            "SELECT name, exemplars.state FROM exemplars JOIN people ON people.id = person_id"
        )
        assert row == ("Rosa", "used")
        assert make.job_keys("rejudge") == [str(make.value("SELECT id FROM people"))]

    def test_a_new_vector_of_the_same_face_asks_for_judgement_again(
        self, make: Maker, crops: sqlite3.Connection
    ) -> None:
        photo = Photo(make, crops, role="reference")
        one, two = looks(crowd(1)[0], 2)
        photo.commit(face_record(LEFT, one))
        make.run(jobs.claim, "rejudge", 1, owner="identifier")
        photo.commit(face_record(LEFT, two))
        assert len(make.job_keys("rejudge")) == 1

    @pytest.mark.parametrize("permanent", [True, False], ids=["for good", "for now"])
    def test_a_picture_that_cannot_be_read_says_so(
        self, make: Maker, crops: sqlite3.Connection, permanent: bool
    ) -> None:
        photo = Photo(make, crops, role="reference")
        photo.commit(error="cut short", permanent=permanent)
        rows = make.rows("SELECT state, reason, face_id FROM exemplars")
        assert rows == ([("poor", "cut short", None)] if permanent else [])
