"""A change of models in the catalog's own words: who lacks a vector, and the one moment."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from catalog import embeddings, recompute, steps
from catalog.faces import replace_faces
from catalog.records import StepRecord
from tests.makers import DLIB, NOW, crowd, face_record

if TYPE_CHECKING:
    from tests.makers import Maker

NEW = replace(DLIB, model="ArcFace")
VECTOR = crowd(1)[0].astype("<f4").tobytes()


def read(make: Maker, faces: int, *, align: str = "a") -> tuple[int, list[int]]:
    """A photo that was read, with so many faces and their vectors by Dlib."""
    media_id = make.media()
    make.file(media_id)
    records = [
        StepRecord(step="align", fingerprint=align, started_at=NOW, seconds=0),
        StepRecord(step="embed", model="Dlib", fingerprint="e", started_at=NOW, seconds=0),
    ]
    make.run(steps.record, media_id, 0, records)
    found = [face_record((i * 200, media_id, 100, 120), it) for i, it in enumerate(crowd(faces))]
    return media_id, make.run(replace_faces, media_id, found)


def embed(make: Maker, face_ids: list[int]) -> None:
    for place in embeddings.places(make.connection, face_ids):
        assert make.run(embeddings.write, place, {NEW: VECTOR})


def active(make: Maker) -> list[tuple[object, ...]]:
    return make.rows("SELECT model FROM embedders WHERE active ORDER BY id")


def test_media_are_told_in_order_with_what_their_faces_lack(make: Maker) -> None:
    one, faces = read(make, 2)
    two, _ = read(make, 0, align="b")
    make.media(state="failed")
    embed(make, faces[:1])
    found = recompute.media_after(make.connection, [NEW], after=0, limit=9)
    assert [(it.media_id, it.align, it.lacking) for it in found] == [
        (one, "a", (faces[1],)),
        (two, "b", ()),
    ]
    assert found[0].embed == {"Dlib": "e"}
    assert recompute.media_after(make.connection, [NEW], after=two, limit=9) == []
    assert recompute.count_lacking(make.connection, [NEW]) == 1
    assert recompute.count_lacking(make.connection, [DLIB, NEW]) == 1


def test_what_is_no_face_any_more_lacks_nothing_and_a_hidden_face_may_come_back(
    make: Maker,
) -> None:
    media_id, faces = read(make, 3)
    for face_id, state in zip(faces, ("hidden", "superseded", "forgotten"), strict=True):
        make.connection.execute("UPDATE faces SET state = ? WHERE id = ?", [state, face_id])
    assert recompute.faces_of(make.connection, media_id) == faces[:1]
    assert recompute.count_lacking(make.connection, [NEW]) == 1


def test_all_is_compared_by_the_new_models_from_one_moment_on(make: Maker) -> None:
    _, faces = read(make, 2)
    embed(make, faces)
    assert active(make) == [("Dlib",)]
    assert make.run(recompute.switch, [NEW], above=faces[-1]) is True
    assert active(make) == [("ArcFace",)]
    assert make.job_keys("repair") == ["whole"]
    assert make.run(recompute.switch, [NEW], above=faces[-1]) is False
    assert make.run(recompute.switch, [DLIB, NEW], above=faces[-1]) is True
    assert active(make) == [("Dlib",), ("ArcFace",)]


def test_a_face_that_came_last_without_a_vector_keeps_everything_as_it_is(make: Maker) -> None:
    _, faces = read(make, 1)
    embed(make, faces)
    read(make, 1)
    assert make.run(recompute.switch, [NEW], above=faces[-1]) is None
    assert active(make) == [("Dlib",)]
    assert make.job_keys("repair") == []


def test_verdicts_of_a_model_that_is_no_longer_asked_end_little_by_little(make: Maker) -> None:
    _, faces = read(make, 3)
    person = make.person()
    for face_id in faces:
        for model in ("all", "Dlib", "SFace"):
            make.assign(face_id, person, "group", model=model)
    assert [make.run(recompute.end_opinions, limit=2) for _ in range(3)] == [2, 1, 0]
    models = make.rows("SELECT model, count(*) FROM assignments WHERE ended_at IS NULL GROUP BY 1")
    assert models == [("Dlib", 3), ("all", 3)]


@pytest.mark.parametrize("align", ["a", "another"])
def test_a_line_of_the_ledger_stands_beside_the_old_one_unless_crops_were_cut_anew(
    make: Maker, align: str
) -> None:
    media_id, _ = read(make, 0)
    line = StepRecord(
        step="embed", model="ArcFace", fingerprint="n", started_at=NOW, seconds=1,
        parameters={"geometry": "chip"},
    )  # fmt: skip
    make.run(embeddings.note, media_id, align, line)
    rows = make.rows("SELECT model, fingerprint, parameters FROM steps WHERE step = 'embed'")
    kept = [("ArcFace", "n", json.dumps({"geometry": "chip"}))] if align == "a" else []
    assert sorted(rows) == [*kept, ("Dlib", "e", "{}")]
