"""Photos come in one after the other, and the identifier says who is in them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from catalog import arrivals
from tests.makers import between, crowd, looks, unit

if TYPE_CHECKING:
    from tests.makers import Maker
    from tests.people.conftest import House

ROSA, ADA, EVE, *OTHERS = crowd(12, seed=21)


def test_made_up_people_are_as_alike_as_dlib_sees_real_ones() -> None:
    """What every test here stands on: 0.94 to 0.99 for one person, 0.75 to 0.92 for two."""
    same = looks(ROSA, 20, 1) @ looks(ROSA, 20, 2).T
    other = looks(ROSA, 20, 1) @ looks(ADA, 20, 2).T
    assert 0.94 < same.min() < same.max() < 0.99
    assert 0.7 < other.min() < other.max() < 0.92


def test_a_face_like_a_reference_picture_gets_the_name(house: House) -> None:
    rosa = house.make.person("Rosa")
    (exemplar,) = house.make.reference(rosa, [ROSA])
    (face, stranger) = house.photo(looks(ROSA, 1, 7, cosine=0.99)[0], looks(EVE, 1, 1)[0])
    assert house.known(face)[0] == rosa
    row = house.make.row(
        "SELECT method, evidence_face_id, similarity FROM assignments WHERE face_id = ?", face
    )
    assert row is not None
    assert row[:2] == ("reference", exemplar)
    assert float(str(row[2])) == pytest.approx(0.99, abs=1e-5)
    assert house.known(stranger)[0] not in (rosa, None)


def test_a_face_between_two_people_is_a_suggestion_and_joins_nobody(house: House) -> None:
    rosa, ada = house.make.person("Rosa"), house.make.person("Ada")
    house.make.reference(rosa, [ROSA])
    house.make.reference(ada, [ADA])
    (face,) = house.photo(between(ROSA, ADA, 0.48))
    assert house.make.open_rows(face) == [(rosa, "suggested", "reference")]
    assert house.known(face) == [None]


def test_unknown_people_found_groups_and_the_next_photos_join(house: House) -> None:
    photos = [house.photo(a, b) for a, b in zip(looks(ROSA, 5, 1), looks(ADA, 5, 2), strict=True)]
    rosa, ada = house.known(*photos[0])
    assert rosa is not None
    assert ada is not None
    assert rosa != ada
    assert [house.known(*faces) for faces in photos] == [[rosa, ada]] * 5
    assert house.make.rows("SELECT DISTINCT name, origin FROM people") == [(None, "group")]


def test_people_founded_in_one_question_are_known_in_the_same(house: House) -> None:
    media = [house.make.photo(vector)[0] for vector in looks(ROSA, 4, 1)]
    house.judge(*media)
    assert house.make.value("SELECT count(*) FROM people") == 1
    assert house.make.value("SELECT count(*) FROM faces WHERE person_id = 1") == 4


def test_the_same_question_again_writes_nothing(house: House) -> None:
    house.make.reference(house.make.person("Rosa"), [ROSA])
    faces = [house.photo(looks(ROSA, 1, i)[0], looks(ADA, 1, i)[0]) for i in range(3)]
    media = [house.media_of(both[0]) for both in faces]
    assert house.judge(*media) == 0
    assert house.judge(*reversed(media)) == 0


def test_a_blurred_face_joins_but_founds_nobody(house: House) -> None:
    (blurred,) = house.photo(looks(ROSA, 1, 1)[0], quality=0.29)
    assert house.known(blurred) == [None]
    (clear,) = house.photo(looks(ROSA, 1, 2)[0], quality=0.3)
    (again,) = house.photo(looks(ROSA, 1, 3)[0], quality=0.29)
    assert house.known(clear)[0] is not None
    assert house.known(again) == house.known(clear)


def test_nobody_is_in_a_picture_twice(house: House) -> None:
    house.photo(looks(ROSA, 1, 1)[0])
    twins = house.photo(looks(ROSA, 1, 2)[0], looks(ROSA, 1, 3)[0])
    assert len(set(house.known(*twins))) == 2


def test_nobody_is_in_a_picture_twice_by_what_another_picture_changes(house: House) -> None:
    """A new face is Rosa, and draws a face along whose picture shows her already: she is there by a
    face that is unlike the new one, so her other faces are not near.
    """
    rosa = house.make.person("Rosa", origin="reference")
    house.make.reference(rosa, [ROSA])
    aside = looks(ROSA, 1, 1, cosine=0.93)[0] - 0.93 * ROSA
    hers, other = unit(0.93 * ROSA + aside), unit(0.93 * ROSA - aside)
    (first, second) = house.photo(hers, looks(other, 1, 2, cosine=0.97)[0])
    assert house.known(first) == [rosa]
    assert house.known(second)[0] not in (rosa, None)
    (new,) = house.photo(other)
    assert house.known(new, first) == [rosa, rosa]
    assert house.known(second)[0] not in (rosa, None)


def test_of_two_like_one_group_the_more_similar_joins_wherever_it_stands(house: House) -> None:
    for vector in looks(ROSA, 5, 1):
        house.photo(vector)
    near, far = looks(ROSA, 1, 8, cosine=0.99)[0], looks(ROSA, 1, 9, cosine=0.94)[0]
    left_far, right_near = house.photo(far, near)
    left_near, right_far = house.photo(near, far)
    assert house.known(right_near, left_near) == [1, 1]
    assert 1 not in house.known(left_far, right_far)


def test_a_picture_without_faces_or_without_vectors_is_no_trouble(house: House) -> None:
    empty = house.make.photo()[0]
    blind, (face,) = house.make.photo(None)
    assert house.answer(empty, blind, 999) == []
    assert house.known(face) == [None]


def test_where_no_embedder_is_active_nobody_is_judged(house: House) -> None:
    media_id, _ = house.make.photo(looks(ROSA, 1)[0])
    house.make.connection.execute("UPDATE embedders SET active = 0")
    assert house.answer(media_id) == []


def test_a_media_with_reference_files_only_is_not_judged(house: House) -> None:
    media_id, _ = house.make.photo(looks(ROSA, 1)[0], role="reference")
    assert house.answer(media_id) == []
    house.make.file(media_id, b"/inbox/copy.jpg")
    assert len(house.answer(media_id)) == 1


def test_the_answer_writes_nothing_itself(house: House) -> None:
    media_id, _ = house.make.photo(looks(ROSA, 1)[0])
    before = house.make.connection.execute("PRAGMA data_version").fetchone()[0]
    assert len(house.answer(media_id)) == 1
    assert house.make.connection.execute("PRAGMA data_version").fetchone()[0] == before


class TestPeopleDecide:
    def test_a_face_that_a_person_named_is_not_judged_and_counts_as_there(
        self, house: House
    ) -> None:
        rosa = house.make.person("Rosa")
        house.make.reference(rosa, [ROSA])
        media_id, (named, like_rosa) = house.make.photo(looks(EVE, 1)[0], looks(ROSA, 1)[0])
        house.make.assign(named, rosa, "user")
        verdicts = house.answer(media_id)
        assert [it.face_id for it in verdicts] == [like_rosa]
        assert verdicts[0].person_id != rosa

    def test_who_was_ruled_out_is_not_found_again(self, house: House) -> None:
        rosa = house.make.person("Rosa")
        house.make.reference(rosa, [ROSA])
        media_id, (face,) = house.make.photo(looks(ROSA, 1)[0])
        house.make.reject(face, rosa)
        house.judge(media_id)
        assert house.known(face)[0] not in (rosa, None)

    def test_a_group_that_was_ruled_out_is_not_joined(self, house: House) -> None:
        (first,) = house.photo(looks(ROSA, 1, 1)[0])
        (group,) = house.known(first)
        media_id, (face,) = house.make.photo(looks(ROSA, 1, 2)[0])
        house.make.reject(face, group)
        house.judge(media_id)
        assert house.known(face)[0] not in (group, None)

    def test_what_is_no_face_is_nobody(self, house: House) -> None:
        media_id, (thing, face) = house.make.photo(looks(ROSA, 1, 1)[0], looks(ADA, 1, 1)[0])
        house.judge(media_id)
        house.make.reject(thing, None)
        house.judge(media_id)
        assert house.known(thing) == [None]
        assert house.known(face)[0] is not None

    def test_a_face_that_a_person_moved_teaches_the_group(self, house: House) -> None:
        """Named faces are in the mean of whom they were named."""
        (one,) = house.photo(looks(ROSA, 1, 1)[0])
        rosa = house.make.person("Rosa")
        house.make.connection.execute("UPDATE assignments SET ended_at = 'x', state = 'withdrawn'")
        house.make.assign(one, rosa, "user")
        house.make.insert(
            "changes", at="x", actor="me", action="assign", forward="{}", inverse="{}"
        )
        (two,) = house.photo(looks(ROSA, 1, 2)[0])
        assert house.known(two) == [rosa]

    def test_merged_groups_are_one_person_and_joined_by_their_own_likeness(
        self, house: House
    ) -> None:
        """A child and the grown woman are not alike; their mean would be like neither."""
        child = [house.photo(vector)[0] for vector in looks(ROSA, 4, 1)]
        woman = [house.photo(vector)[0] for vector in looks(ADA, 4, 2)]
        (young,), (grown,) = house.known(child[0]), house.known(woman[0])
        assert young is not None
        assert grown is not None
        house.make.merge(young, grown)
        (new,) = house.photo(looks(ROSA, 1, 9)[0])
        assert house.known(new) == [grown]
        assert house.make.open_rows(new) == [(young, "assigned", "group")], "undoing parts them"
        both = house.photo(looks(ROSA, 1, 10)[0], looks(ADA, 1, 10)[0])
        assert house.known(*both).count(grown) == 1, "nobody is in a picture twice"
        assert house.judge(*map(house.media_of, [*child, *woman])) == 0


class TestRejudge:
    def test_a_new_reference_picture_names_whom_it_shows(self, house: House) -> None:
        (face,) = house.photo(looks(ROSA, 1, 1, cosine=0.99)[0])
        (stranger,) = house.photo(looks(ADA, 1, 1)[0])
        before = house.known(stranger)
        rosa = house.make.person("Rosa")
        house.make.reference(rosa, [ROSA])
        assert house.judge(people=(rosa,)) == 1
        assert house.known(face) == [rosa]
        assert house.known(stranger) == before

    def test_a_reference_picture_that_went_names_nobody_any_more(self, house: House) -> None:
        rosa = house.make.person("Rosa")
        house.make.reference(rosa, [ROSA])
        (face,) = house.photo(looks(ROSA, 1, 1)[0])
        house.make.run(arrivals.delete, b"/people/Somebody")
        assert house.judge(people=(rosa,)) == 1
        assert house.known(face)[0] not in (rosa, None)

    def test_a_suggestion_is_settled_when_the_rival_goes(self, house: House) -> None:
        rosa, ada = house.make.person("Rosa"), house.make.person("Ada")
        house.make.reference(rosa, [ROSA])
        house.make.reference(ada, [ADA], folder=b"Ada")
        (face,) = house.photo(between(ROSA, ADA, 0.48))
        assert house.known(face) == [None]
        house.make.run(arrivals.delete, b"/people/Ada")
        house.judge(people=(ada,))
        assert house.known(face) == [rosa]

    def test_a_rival_below_the_threshold_puts_a_name_in_doubt(self, house: House) -> None:
        rosa, ada = house.make.person("Rosa"), house.make.person("Ada")
        face_vector = looks(ROSA, 1, 1, cosine=0.915)[0]
        house.make.reference(rosa, [ROSA])
        (face,) = house.photo(face_vector)
        assert house.known(face) == [rosa]
        rival = looks(face_vector, 1, 2, cosine=0.899)[0]
        house.make.reference(ada, [rival], folder=b"Ada")
        house.judge(people=(ada,))
        assert house.make.open_rows(face) == [(rosa, "suggested", "reference")]

    def test_a_reference_picture_with_a_new_vector_is_read_again(self, house: House) -> None:
        rosa = house.make.person("Rosa")
        (exemplar,) = house.make.reference(rosa, [looks(EVE, 1)[0]])
        (face,) = house.photo(looks(ROSA, 1, 1)[0])
        house.make.connection.execute(
            "UPDATE embeddings SET vector = ? WHERE face_id = ?", [ROSA.tobytes(), exemplar]
        )
        house.judge(people=(rosa,))
        assert house.known(face) == [rosa]

    def test_reference_pictures_of_somebody_merged_count_for_the_survivor(
        self, house: House
    ) -> None:
        rosi, rosa = house.make.person("Rosi"), house.make.person("Rosa")
        (face,) = house.photo(looks(ROSA, 1, 1)[0])
        house.make.merge(rosi, rosa)
        house.make.reference(rosi, [ROSA])
        house.judge(people=(rosi,))
        assert house.known(face) == [rosa]

    def test_nobody_to_judge_again_is_no_trouble(self, house: House) -> None:
        assert house.answer(people=(5,)) == []


def test_many_people_in_any_order_are_told_apart(house: House) -> None:
    """Twelve people, eight photos each, two to a photo, shuffled."""
    centres = [ROSA, ADA, EVE, *OTHERS]
    rng = np.random.default_rng(5)
    faces: dict[int, int] = {}
    for number in range(48):
        one, two = rng.permutation(len(centres))[:2]
        vectors = [looks(centres[one], 1, number)[0], looks(centres[two], 1, 1000 + number)[0]]
        for face, person in zip(house.photo(*vectors), (one, two), strict=True):
            faces[face] = int(person)
    by_person: dict[int, set[int | None]] = {}
    for face, person in faces.items():
        by_person.setdefault(person, set()).update(house.known(face))
    assert all(len(found) == 1 for found in by_person.values())
    assert len(set().union(*by_person.values())) == len(by_person)


def test_vectors_that_are_nobodys_do_not_disturb(house: House) -> None:
    noise = unit(np.random.default_rng(1).standard_normal((3, 128)))
    faces = house.photo(*noise)
    assert len(set(house.known(*faces))) == 3


def test_a_face_is_no_evidence_for_itself(house: House, make: Maker) -> None:
    """Alone in its group it is like nobody, so it can still join another."""
    (one,) = house.photo(looks(ROSA, 1, 1, cosine=0.93)[0])
    for vector in looks(ROSA, 6, 2):
        house.photo(vector)
    group = house.make.value("SELECT person_id FROM faces ORDER BY id DESC LIMIT 1")
    house.judge(house.media_of(one))
    assert make.known_as(one) == group
