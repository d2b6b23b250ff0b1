"""Second looks are asked for once, and not for ever."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from catalog import calibrations, embeddings, jobs, looks
from catalog.faces import replace_faces
from catalog.jobs import Job, Patience
from catalog.records import SECOND_LOOK
from tests.makers import DLIB, crowd, face_record
from tests.makers import looks as pictures

if TYPE_CHECKING:
    from tests.makers import Maker

AGAIN = replace(DLIB, geometry=DLIB.geometry + SECOND_LOOK)


@pytest.fixture
def faces(make: Maker) -> list[int]:
    """Two faces of one photo and one of another, with crops."""
    one, two, three = crowd(3)
    media_id, _ = make.photo()
    found = make.run(
        replace_faces, media_id,
        [face_record((0, 0, 100, 120), one), face_record((300, 0, 100, 120), two)],
    )  # fmt: skip
    other, _ = make.photo()
    return [*found, *make.run(replace_faces, other, [face_record((0, 0, 100, 120), three)])]


def look(make: Maker, face_id: int) -> bool:
    """Keep a second look's vector, as the daemon does."""
    (place,) = embeddings.places(make.connection, [face_id])
    vector = pictures(crowd(1)[0], 1)[0].astype("<f4").tobytes()
    return bool(make.run(embeddings.write, place, {AGAIN: vector}))


def payloads(make: Maker) -> list[list[int]]:
    rows = make.rows("SELECT payload FROM jobs WHERE kind = 'look' AND state = 'waiting'")
    return [json.loads(str(payload))["faces"] for (payload,) in rows]


def claimed(make: Maker) -> Job:
    (job,) = make.run(jobs.claim, looks.KIND, 1, owner="a test")
    return job


def test_one_job_a_photo_and_what_waits_is_added_to(make: Maker, faces: list[int]) -> None:
    assert make.run(looks.ask, [faces[0], faces[2]]) == [faces[0], faces[2]]
    assert make.run(looks.ask, [faces[1], faces[0]]) == [faces[1], faces[0]]
    assert payloads(make) == [faces[:2], faces[2:]]


def test_a_face_that_was_looked_at_again_is_not_asked_for(make: Maker, faces: list[int]) -> None:
    assert look(make, faces[0])
    assert looks.looked_at(make.connection, [faces[0]]) == {faces[0]}
    assert make.run(looks.ask, faces[:2]) == faces[1:2]


def test_the_vectors_of_second_looks_are_never_compared_with_first_ones(
    make: Maker, faces: list[int]
) -> None:
    look(make, faces[0])
    assert make.row("SELECT active FROM embedders WHERE geometry = ?", AGAIN.geometry) == (0,)
    assert [it.record for it in calibrations.embedders(make.connection)] == [DLIB]
    assert looks.kinds(make.connection) == (AGAIN,)
    assert looks.embedder_ids(make.connection) == [2]


def test_each_model_of_several_looks_again(make: Maker, faces: list[int]) -> None:
    make.embedder(replace(DLIB, model="ArcFace"))
    look(make, faces[0])
    assert looks.embedder_ids(make.connection) is None
    assert make.run(looks.ask, faces[:1]) == faces[:1]


def test_when_it_was_looked_at_its_photo_is_judged_again(make: Maker, faces: list[int]) -> None:
    make.run(looks.ask, faces[:1])
    job = claimed(make)
    look(make, faces[0])
    make.run(looks.close, job, [])
    assert make.job_keys("identify") == [f"{job.media_id}/0"]
    assert make.job_keys("look", "done") == [str(job.media_id)]


def test_a_face_that_cannot_be_looked_at_is_told_and_not_asked_for_again(
    make: Maker, faces: list[int]
) -> None:
    make.run(looks.ask, faces[:2])
    job = claimed(make)
    look(make, faces[0])
    make.run(looks.close, job, faces[1:2])
    assert looks.given_up(make.connection, int(job.media_id or 0)) == {faces[1]}
    assert make.run(looks.ask, faces) == faces[2:]


def test_a_look_that_fails_too_often_ends_with_a_judgement_without_it(
    make: Maker, faces: list[int]
) -> None:
    make.run(looks.ask, faces[:1])
    job = claimed(make)
    patience = Patience(max_attempts=2, retry_s=0)
    make.run(looks.give_up, job, "its worker died", patience)
    assert make.job_keys("identify") == []
    make.run(looks.give_up, claimed(make), "its worker died", patience)
    assert make.job_keys("identify") == [f"{job.media_id}/0"]
    assert make.run(looks.ask, faces[:1]) == []


def test_a_crop_that_was_cut_anew_may_be_looked_at(make: Maker, faces: list[int]) -> None:
    make.run(looks.ask, faces[:1])
    job = claimed(make)
    make.run(looks.close, job, faces[:1])
    make.insert(
        "steps", media_id=job.media_id, step="align", fingerprint="f", state="done",
        started_at="2999-01-01T00:00:00.000Z",
    )  # fmt: skip
    assert make.run(looks.ask, faces[:1]) == faces[:1]


class TestAnotherCrop:
    """What was computed from a crop goes with it."""

    def detect(self, make: Maker, face_id: int, *, box: tuple[float, float, float, float]) -> None:
        media_id = make.value("SELECT media_id FROM faces WHERE id = ?", face_id)
        found = face_record(box, pictures(crowd(1)[0], 1)[0])
        assert face_id in make.run(replace_faces, media_id, [found])

    def test_a_second_look_goes_with_its_crop(self, make: Maker, faces: list[int]) -> None:
        look(make, faces[2])
        self.detect(make, faces[2], box=(5, 0, 100, 120))
        assert looks.looked_at(make.connection, [faces[2]]) == set()
        assert make.value("SELECT count(*) FROM embeddings WHERE face_id = ?", faces[2]) == 1

    def test_it_stays_where_the_same_crop_was_found(self, make: Maker, faces: list[int]) -> None:
        look(make, faces[2])
        self.detect(make, faces[2], box=(0, 0, 100, 120))
        assert looks.looked_at(make.connection, [faces[2]]) == {faces[2]}

    def test_what_was_computed_from_the_old_crop_meanwhile_is_not_kept(
        self, make: Maker, faces: list[int]
    ) -> None:
        (place,) = embeddings.places(make.connection, faces[2:])
        self.detect(make, faces[2], box=(5, 0, 100, 120))
        assert not make.run(embeddings.write, place, {AGAIN: bytes(512)})
        assert looks.looked_at(make.connection, [faces[2]]) == set()
