from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from catalog import calibrations
from daemon.errors import UsageError
from daemon.people import in_force, own_pairs, recalibration
from tests.makers import crowd, looks

if TYPE_CHECKING:
    from catalog.calibrations import EmbedderRow
    from daemon.people.calibration import Pairs
    from tests.makers import Maker

CENTRES = crowd(8, seed=3)


def embedder(make: Maker) -> EmbedderRow:
    make.embedder()
    (found,) = calibrations.active_embedders(make.connection)
    return found


def collect(make: Maker) -> Pairs:
    return own_pairs.collect(make.connection, embedder(make))


def confirmed(make: Maker, centre: int, count: int, name: str | None) -> tuple[int, list[int]]:
    """Somebody in so many photos, confirmed in each; returns the person and the faces."""
    person = make.person(name)
    faces = []
    for vector in looks(CENTRES[centre], count, seed=centre):
        faces += make.photo(vector)[1]
    for face in faces:
        make.assign(face, person)
    return person, faces


def similarity(make: Maker, one: int, other: int) -> float:
    a, b = (
        np.frombuffer(make.value("SELECT vector FROM embeddings WHERE face_id = ?", face), "<f4")
        for face in (one, other)
    )
    return float(a @ b)


def test_confirmed_faces_and_reference_pictures_make_the_pairs(make: Maker) -> None:
    rosa, faces = confirmed(make, 0, 3, "Rosa")
    make.reference(rosa, looks(CENTRES[0], 2, seed=50))
    confirmed(make, 1, 2, "Karl")
    found = collect(make)
    assert (found.faces, found.people) == (7, 2)
    assert (len(found.genuine), len(found.impostor)) == (10 + 1, 5 * 2)
    assert found.genuine.min() > 0.9 > found.impostor.max()
    assert np.isclose(found.genuine, similarity(make, faces[0], faces[2])).any()


def test_what_no_person_said_is_no_proof(make: Maker) -> None:
    _, rosas = confirmed(make, 0, 2, "Rosa")
    karl, karls = confirmed(make, 1, 2, "Karl")
    (guess,) = make.photo(looks(CENTRES[1], 1, seed=60)[0])[1]
    make.assign(guess, karl, "group")
    (maybe,) = make.photo(looks(CENTRES[1], 1, seed=61)[0])[1]
    make.assign(maybe, karl, "user", state="suggested")
    make.connection.execute("UPDATE assignments SET ended_at = 'x' WHERE face_id = ?", [karls[0]])
    make.connection.execute("UPDATE faces SET state = 'superseded' WHERE id = ?", [rosas[0]])
    found = collect(make)
    assert (found.faces, len(found.genuine), len(found.impostor)) == (2, 0, 1)


@pytest.mark.parametrize("whom", ["her", "nobody"])
def test_a_face_that_was_ruled_out_is_no_proof(make: Maker, whom: str) -> None:
    rosa = make.person("Rosa")
    faces = make.reference(rosa, looks(CENTRES[0], 3, seed=1))
    make.reject(faces[0], rosa if whom == "her" else None)
    assert collect(make).faces == 2


def test_people_that_were_merged_are_one(make: Maker) -> None:
    rosa, _ = confirmed(make, 0, 2, "Rosa")
    other, _ = confirmed(make, 0, 2, "R.")
    make.merge(other, rosa)
    found = collect(make)
    assert (found.people, len(found.genuine), len(found.impostor)) == (1, 6, 0)


def test_people_without_a_name_are_not_known_to_be_two(make: Maker) -> None:
    confirmed(make, 0, 2, "Rosa")
    confirmed(make, 1, 2, None)
    found = collect(make)
    assert (len(found.genuine), len(found.impostor)) == (2, 0)


def test_an_assignment_says_more_than_an_exemplar(make: Maker) -> None:
    rosa, faces = confirmed(make, 0, 2, "Rosa")
    karl = make.person("Karl")
    make.insert("exemplars", person_id=karl, face_id=faces[0], source="user", state="used")
    found = collect(make)
    assert (found.faces, found.people, len(found.genuine)) == (2, 1, 1)
    assert rosa != karl


def test_faces_of_one_picture_are_strangers(make: Maker) -> None:
    make.photo(*(looks(CENTRES[centre], 1)[0] for centre in range(4)))
    found = collect(make)
    assert (found.faces, len(found.impostor)) == (0, 6)


def test_one_face_seen_twice_in_a_picture_is_no_pair_of_strangers(make: Maker) -> None:
    rosa, _ = confirmed(make, 0, 4, "Rosa")
    again = looks(CENTRES[0], 2, seed=9)
    stranger = looks(CENTRES[1], 1)[0]
    # A mirror, said to be her twice; another that nobody spoke of; two boxes on one face.
    _, mirror = make.photo(*again)
    for face in mirror:
        make.assign(face, rosa)
    make.photo(again[0], looks(CENTRES[0], 1, seed=10, cosine=0.999)[0], again[0])
    media = make.media()
    make.face(media, stranger, x=0.0)
    make.face(media, looks(CENTRES[1], 1, seed=4, cosine=0.5)[0], x=30.0)
    found = collect(make)
    typical = np.median(found.genuine)
    assert (found.impostor < typical).all()
    # 6 pairs of different photos and 4 × 2 with the mirror's faces, which are one picture.
    assert len(found.genuine) == 14


def test_bounds_hold_and_draw_the_same_every_time(
    make: Maker, monkeypatch: pytest.MonkeyPatch
) -> None:
    for centre in range(4):
        confirmed(make, centre, 6, f"person {centre}")
    monkeypatch.setattr(own_pairs, "FACES_A_PERSON", 5)
    monkeypatch.setattr(own_pairs, "STRANGERS", 100)
    first, second = collect(make), collect(make)
    assert first.faces == 20 and len(first.genuine) == 4 * 10
    assert 50 < len(first.impostor) <= 100
    assert np.array_equal(first.impostor, second.impostor)


def fill(make: Maker) -> None:
    for centre in range(8):
        confirmed(make, centre, 8, f"person {centre}")


def put_in_force(make: Maker, found: recalibration.Recalibration) -> None:
    make.run(in_force.record, found.embedder, found.now)


def test_own_faces_correct_the_start_and_a_second_time_changes_nothing(make: Maker) -> None:
    fill(make)
    found = recalibration.from_own_faces(make.connection, embedder(make))
    assert found.now.source == "64 confirmed faces of 8 people"
    assert found.now.thresholds != found.before.thresholds
    put_in_force(make, found)
    assert in_force.current(make.connection, embedder(make)) == found.now
    again = recalibration.from_own_faces(make.connection, embedder(make))
    assert again.before == again.now == found.now


def test_too_little_says_what_there_is_and_what_is_needed(make: Maker) -> None:
    confirmed(make, 0, 3, "Rosa")
    with pytest.raises(UsageError, match=r"3 confirmed faces of 1 people.*50 faces of 5 people"):
        recalibration.from_own_faces(make.connection, embedder(make))


def test_what_was_never_measured_is_named_until_it_is(make: Maker) -> None:
    fill(make)  # made-up weights, of which nothing is known
    assert in_force.unmeasured(make.connection) == ["Dlib"]
    put_in_force(make, recalibration.from_own_faces(make.connection, embedder(make)))
    assert in_force.unmeasured(make.connection) == []
    put_in_force(make, recalibration.from_start(make.connection, embedder(make)))
    assert in_force.unmeasured(make.connection) == ["Dlib"]
