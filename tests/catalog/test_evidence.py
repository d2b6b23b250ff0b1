"""Why a face is whose, in a sentence for each verdict."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING

import numpy as np
import pytest

from catalog import calibrations, decisions, evidence, sentences
from catalog.evidence import Bars
from catalog.records import EmbedderRecord
from tests.makers import DIMENSIONS, NOW, between, crowd, looks

if TYPE_CHECKING:
    from tests.makers import Maker

CENTRES = crowd(4)
BARS = {
    "all": Bars(threshold=0.93, margin=0.04, group_threshold=0.934, found_quality=0.5),
    "Dlib": Bars(threshold=0.93, margin=0.04, group_threshold=0.934, found_quality=0.5),
}


def told(make: Maker, face_id: int) -> list[str]:
    """What `rollcall people why` says of this face."""
    return sentences.told(evidence.of_face(make.connection, face_id, BARS))


@pytest.fixture
def rosa(make: Maker) -> int:
    """Rosa and Ada with a reference picture each; returns Rosa."""
    people = [make.person(name, origin="reference") for name in ("Rosa", "Ada")]
    for person, centre, folder in zip(people, CENTRES, (b"Rosa", b"Ada"), strict=False):
        make.reference(person, looks(centre, 1, seed=person), folder=folder)
    return people[0]


def test_a_name_by_a_reference_picture_says_all_it_rests_on(make: Maker, rosa: int) -> None:
    _, (face,) = make.photo(CENTRES[0], path=b"/inbox/party.jpg")
    near = evidence.of_face(make.connection, face, BARS).nearest
    assert [it.name for it in near] == ["Rosa", "Ada"]
    make.assign(
        face, rosa, "reference", similarity=near[0].similarity,
        margin=near[0].similarity - near[1].similarity, confidence=0.987, evidence_face_id=1,
    )  # fmt: skip
    (line,) = told(make, face)
    path = make.value("SELECT path FROM files WHERE id = 1")
    assert line == (
        f"Rosa: similarity {near[0].similarity:.3f} to face 1 in {path} (a name needs 0.930), "
        f"{near[0].similarity - near[1].similarity:.3f} ahead of Ada (needs 0.040), "
        "confidence 0.987; by somebody on 2026-01-02 03:04 UTC with Dlib chip dddddddd"
    )


def test_a_question_says_whose_lead_is_too_small(make: Maker, rosa: int) -> None:
    _, (face,) = make.photo(between(CENTRES[0], CENTRES[1], 0.45))
    near = evidence.of_face(make.connection, face, BARS).nearest
    margin = near[0].similarity - near[1].similarity
    make.assign(
        face, rosa, "reference", state="suggested", similarity=near[0].similarity, margin=margin,
        evidence_face_id=1,
    )  # fmt: skip
    (line,) = told(make, face)
    assert line.startswith(f"perhaps Rosa, asked because the lead over Ada is only {margin:.3f}: ")


@pytest.mark.parametrize(
    ("similarity", "because"),
    [
        pytest.param(0.925, "because a name needs 0.930", id="not quite similar enough"),
        pytest.param(0.935, "because a second look at the face has not agreed", id="in doubt"),
    ],
)
def test_a_question_says_what_a_name_is_short_of(
    make: Maker, rosa: int, similarity: float, because: str
) -> None:
    _, (face,) = make.photo(CENTRES[0])
    group = make.person()
    make.assign(face, group, "group")
    make.assign(
        face, rosa, "reference", state="suggested", similarity=similarity, margin=0.1,
        evidence_face_id=1,
    )  # fmt: skip
    assert any(line.startswith(f"perhaps Rosa, asked {because}: ") for line in told(make, face))


def test_a_group_that_ended_was_no_question(make: Maker, rosa: int) -> None:
    _, (face,) = make.photo(CENTRES[0])
    make.assign(face, rosa, "group", state="withdrawn", similarity=0.94, margin=0.001, ended_at=NOW)
    assert not any("perhaps" in line for line in told(make, face))


def test_a_second_person_who_is_no_longer_as_similar_is_not_named(make: Maker, rosa: int) -> None:
    _, (face,) = make.photo(CENTRES[0])
    make.assign(face, rosa, "reference", similarity=0.98, margin=0.5, evidence_face_id=1)
    assert "0.500 ahead of the second person" in told(make, face)[0]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("UPDATE exemplars SET state = 'withdrawn'", "which is no longer in use"),
        ("UPDATE assignments SET evidence_face_id = NULL", "to a picture that is gone"),
    ],
)
def test_evidence_that_went_is_said_to_be_gone(
    make: Maker, rosa: int, change: str, words: str
) -> None:
    _, (face,) = make.photo(CENTRES[0])
    make.assign(face, rosa, "reference", similarity=0.98, margin=0.1, evidence_face_id=1)
    make.connection.execute(change)
    assert words in told(make, face)[0]


def test_a_group_tells_how_similar_and_to_how_many(make: Maker) -> None:
    group = make.person()
    faces = [make.photo(vector)[1][0] for vector in looks(CENTRES[0], 3)]
    make.assign(faces[0], group, "group")
    assert told(make, faces[0])[0].startswith(f"person {group}: the only face of this group; by")
    for face in faces[1:]:
        make.assign(face, group, "group", similarity=0.957, confidence=0.9)
    line = told(make, faces[1])[0]
    assert "mean similarity 0.957 to the 2 other faces of this group (to join needs 0.934)" in line


def test_what_a_person_said_needs_no_other_reason(make: Maker, rosa: int) -> None:
    _, (face,) = make.photo(CENTRES[2])
    make.insert(
        "assignments", face_id=face, person_id=rosa, state="assigned", method="user",
        decided_at=NOW, decided_by="ann",
    )  # fmt: skip
    assert told(make, face) == ["Rosa, because ann said so on 2026-01-02 03:04 UTC"]


def test_who_was_merged_is_told_with_who_it_was_found_to_be(make: Maker, rosa: int) -> None:
    group = make.person()
    _, (face,) = make.photo(CENTRES[0])
    make.assign(face, group, "group", similarity=0.95)
    make.merge(group, into=rosa)
    assert told(make, face)[0].startswith(f"Rosa (found as person {group}, who was merged into")


def test_nobody_is_told_with_who_comes_nearest(make: Maker, rosa: int) -> None:
    _, (face,) = make.photo(CENTRES[3])
    best = evidence.of_face(make.connection, face, BARS).nearest[0]
    (line,) = told(make, face)
    assert line == (
        f"nobody: most similar is {best.name} with {best.similarity:.3f}, and a name needs 0.930"
    )


def test_nobody_of_poor_quality_says_that_it_founds_no_group(make: Maker) -> None:
    _, (face,) = make.photo(CENTRES[3], quality=0.3)
    assert told(make, face) == [
        "nobody: no one is known by a picture that it can be compared with; its quality of 0.30 "
        "may found no group (needs 0.50)"
    ]


def test_rejections_are_told_with_who_said_so(make: Maker, rosa: int) -> None:
    _, (face,) = make.photo(CENTRES[0])
    make.run(decisions.name_person, rosa, "Rosa L.", actor="ann")
    change = make.value("SELECT id FROM changes")
    make.insert("rejections", face_id=face, person_id=rosa, change_id=change)
    at = str(make.value("SELECT at FROM changes"))[:16].replace("T", " ")
    assert f"not Rosa L., because ann said so on {at} UTC" in told(make, face)


def test_what_is_no_face_is_nobody(make: Maker, rosa: int) -> None:
    _, (face,) = make.photo(CENTRES[0])
    make.reject(face, None)
    make.connection.execute("UPDATE faces SET state = 'hidden' WHERE id = ?", [face])
    assert told(make, face) == ["not a face, because somebody said so"]


@pytest.mark.parametrize("state", ["hidden", "superseded", "forgotten"])
def test_a_face_that_does_not_count_says_so(make: Maker, state: str) -> None:
    _, (face,) = make.photo(CENTRES[0])
    make.connection.execute("UPDATE faces SET state = ?", [state])
    (line,) = told(make, face)
    assert line.startswith(state)


def test_what_held_before_is_told_last(make: Maker, rosa: int) -> None:
    _, (face,) = make.photo(CENTRES[0])
    make.assign(
        face, rosa, "reference", state="withdrawn", similarity=0.97, margin=0.01,
        evidence_face_id=1, ended_at="2026-02-03T04:05:06.000Z",
    )  # fmt: skip
    make.assign(face, make.person("Bea"))
    first, second = told(make, face)
    assert first.startswith("Bea, because")
    assert second.startswith("until 2026-02-03 04:05 UTC: perhaps Rosa, asked because the lead")


def test_a_reference_picture_says_whom_it_makes_known(make: Maker, rosa: int) -> None:
    assert told(make, 1) == [
        "in reference pictures only: nobody is looked for in them",
        "a picture that Rosa is known by",
    ]
    make.connection.execute("UPDATE exemplars SET state = 'poor', reason = 'blurred'")
    assert "a picture of Rosa that is not used (poor): blurred" in told(make, rosa)


def test_nobody_although_similar_enough_says_why(make: Maker, rosa: int) -> None:
    first, second = looks(CENTRES[0], 2, seed=8)
    _, (face, other) = make.photo(first, second)
    assert told(make, other)[0].endswith(", and it waits to be judged")
    make.assign(face, rosa, "reference")
    assert told(make, other)[0].endswith(", who is another face of this picture")
    make.reject(other, rosa)
    assert told(make, other)[0].endswith(", whom somebody ruled out")
    make.merge(rosa, into=make.person("Rosalind"))
    first, *_, last = told(make, other)
    assert "Rosalind" in first and first.endswith(", whom somebody ruled out")
    assert last == "not Rosalind, because somebody said so"


def test_a_hidden_face_says_who_hid_it(make: Maker) -> None:
    _, (face,) = make.photo(CENTRES[0])
    make.connection.execute("UPDATE faces SET state = 'hidden'")
    change = make.insert("changes", at=NOW, actor="ann", action="hide face", forward="{}",
                         inverse="{}")  # fmt: skip
    make.insert("change_subjects", change_id=change, kind="face:state", subject_id=face)
    assert told(make, face) == ["hidden, because ann said so on 2026-01-02 03:04 UTC"]


def test_each_model_has_its_own_view_and_all_count_by_their_slopes(make: Maker, rosa: int) -> None:
    other = EmbedderRecord(
        model="Other", weights_sha256="e" * 64, geometry="chip", dimensions=DIMENSIONS
    )
    _, (face,) = make.photo(CENTRES[0])
    second = make.embedder(other)
    for of, vector in ((1, CENTRES[2]), (2, CENTRES[0]), (face, CENTRES[0])):
        make.insert("embeddings", face_id=of, embedder_id=second, vector=vector.tobytes())
    thresholds = {"balanced": 0.9}
    for embedder, slope in ((1, 10.0), (second, 30.0)):
        make.run(
            calibrations.write, embedder, source="test", curve={"slope": slope, "intercept": 0.0},
            thresholds=thresholds,
        )  # fmt: skip
    make.assign(face, rosa, "reference", model="Dlib", similarity=0.98, margin=0.1)
    found = evidence.of_face(make.connection, face, BARS)
    ada = next(it for it in found.nearest if it.name == "Ada")
    ada_by_dlib = make.value("SELECT vector FROM embeddings WHERE face_id = 2 AND embedder_id = 1")
    expected = (10 * float(CENTRES[0] @ np.frombuffer(ada_by_dlib, "<f4")) + 30 * 1.0) / 40
    assert ada.similarity == pytest.approx(expected, abs=1e-5)
    lines = sentences.told(found)
    assert any(line.startswith("Dlib alone: Rosa: similarity 0.980") for line in lines)
    assert found.verdicts[0].calibrated_since


def test_a_number_that_is_no_face_is_said(make: Maker) -> None:
    with pytest.raises(evidence.NoSuchFaceError, match="there is no face 77"):
        told(make, 77)


def test_evidence_is_plain_enough_for_json(make: Maker, rosa: int) -> None:
    _, (face,) = make.photo(CENTRES[0])
    make.assign(face, rosa, "reference", similarity=0.97, margin=0.1, evidence_face_id=1)
    found = json.loads(json.dumps(asdict(evidence.of_face(make.connection, face, BARS))))
    (verdict,) = found["verdicts"]
    assert verdict["bars"]["threshold"] == 0.93
    assert verdict["evidence"]["face_id"] == 1
    assert verdict["versions"] == ["Dlib chip dddddddd"]


def carried(make: Maker, method: str) -> tuple[int, int]:
    """A photo, and a version of a version of it that has what was decided there; both faces."""
    old_id, (old,) = make.photo(CENTRES[2])
    between_id = make.media(replaces_media_id=old_id)
    new = make.face(make.media(replaces_media_id=between_id), CENTRES[2])
    person = make.person("Bea")
    for face, evidence_id, similarity in ((old, None, 0.96), (new, old, 0.995)):
        make.assign(face, person, method, similarity=similarity, evidence_face_id=evidence_id)
    return old, new


def test_what_was_carried_over_says_from_which_face(make: Maker) -> None:
    old, new = carried(make, "user")
    words = f"carried over from face {old} in an earlier version of the picture, similarity 0.995"
    assert told(make, new) == [f"Bea, because somebody said so on 2026-01-02 03:04 UTC, {words}"]
    assert "carried" not in told(make, old)[0]


def test_a_group_that_was_carried_over_is_no_mean_of_others(make: Maker) -> None:
    old, new = carried(make, "group")
    first = told(make, new)[0]
    assert first.startswith(f"Bea: in the group that it was in, carried over from face {old} in an")
    assert "mean similarity 0.960" in told(make, old)[0]


def test_a_reference_picture_that_became_the_photo_is_no_carrying_over(
    make: Maker, rosa: int
) -> None:
    face = make.face(make.media(replaces_media_id=1), CENTRES[0])
    make.assign(face, rosa, "reference", similarity=0.98, margin=0.1, evidence_face_id=1)
    assert told(make, face)[0].startswith("Rosa: similarity 0.980 to face 1 in")
