"""People in videos: tracks judged beside faces of photos, decided on by any of their faces."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from catalog import assignments, decisions, forget, undo, verify
from catalog.assignments import Verdict
from catalog.connect import connect, crops_path
from tests.makers import crowd, looks

if TYPE_CHECKING:
    from pathlib import Path

    from tests.people.conftest import House

CENTRES = crowd(4, seed=3)


def whose(house: House, track_id: int) -> int | None:
    return house.make.value("SELECT person_id FROM tracks WHERE id = ?", track_id)


def test_two_who_are_seen_together_are_two_people_however_alike(house: House) -> None:
    media_id = house.make.video()
    one = house.make.track(media_id, 0.0, 10.0, CENTRES[0])
    other = house.make.track(media_id, 4.0, 6.0, CENTRES[0])
    house.judge(media_id)
    assert whose(house, one[0]) != whose(house, other[0])


@pytest.mark.parametrize("start_s", [4.0, 10.0, 60.0])
def test_somebody_who_is_seen_again_later_is_the_same(house: House, start_s: float) -> None:
    media_id = house.make.video()
    vectors = looks(CENTRES[0], 2)
    one = house.make.track(media_id, 0.0, 4.0, vectors[0])
    again = house.make.track(media_id, start_s, start_s + 2, vectors[1])
    house.judge(media_id)
    assert whose(house, one[0]) == whose(house, again[0]) is not None


def test_one_whose_track_breaks_again_and_again_beside_one_who_stays(house: House) -> None:
    media_id = house.make.video()
    stays = house.make.track(media_id, 0.0, 100.0, CENTRES[0])
    broken = [
        house.make.track(media_id, 10.0 * it, 10.0 * it + 8, vector)
        for it, vector in enumerate(looks(CENTRES[1], 10))
    ]
    house.judge(media_id)
    people = {whose(house, it[0]) for it in broken}
    assert len(people) == 1 and whose(house, stays[0]) not in people
    house.repair()
    assert {whose(house, it[0]) for it in broken} == people


def test_a_photo_and_a_track_are_one_person_and_the_faces_of_the_track_follow(
    house: House,
) -> None:
    media_id = house.make.video()
    vectors = looks(CENTRES[0], 2)
    (face,) = house.photo(vectors[0])
    track_id, *faces = house.make.track(media_id, 0.0, 4.0, vectors[1])
    house.judge(media_id)
    person = house.make.known_as(face)
    assert person is not None
    assert [house.make.known_as(it) for it in faces] == [person] * 3
    assert whose(house, track_id) == person
    assert [bool(house.make.open_rows(it)) for it in faces] == [True, False, False]


def test_the_tracks_own_vector_counts_and_not_its_leaders(house: House) -> None:
    media_id = house.make.video()
    (face,) = house.photo(CENTRES[0])
    track_id, leader, *_ = house.make.track(media_id, 0.0, 4.0, CENTRES[0])
    house.make.connection.execute(
        "UPDATE embeddings SET vector = ? WHERE face_id = ?",
        [CENTRES[1].astype("<f4").tobytes(), leader],
    )
    house.judge(media_id)
    assert whose(house, track_id) == house.make.known_as(face)


def test_a_track_founds_nobody_by_a_face_that_would_do_for_a_photo(house: House) -> None:
    limits = house.settings.identify
    quality = (limits.found_quality + limits.found_track_quality) / 2
    (face,) = house.photo(CENTRES[0], quality=quality)
    media_id = house.make.video()
    track_id, *_ = house.make.track(media_id, 0.0, 4.0, CENTRES[1], quality=quality)
    house.judge(media_id)
    assert house.make.known_as(face) is not None
    assert whose(house, track_id) is None


def test_a_blurred_track_joins_nobody_where_a_blurred_face_of_a_photo_does(house: House) -> None:
    quality = house.settings.identify.named_quality / 2
    vectors = looks(CENTRES[0], 3, cosine=0.99)
    (clear,) = house.photo(vectors[0])
    (poor,) = house.photo(vectors[1], quality=quality)
    media_id = house.make.video()
    track_id, *_ = house.make.track(media_id, 0.0, 4.0, vectors[2], quality=quality)
    house.judge(media_id)
    assert house.make.known_as(poor) == house.make.known_as(clear) is not None
    assert whose(house, track_id) is None


def test_a_verdict_puts_nobody_into_two_places_at_once(house: House) -> None:
    media_id = house.make.video()
    one = house.make.track(media_id, 0.0, 10.0, CENTRES[0])
    other = house.make.track(media_id, 5.0, 15.0, CENTRES[1])
    later = house.make.track(media_id, 10.0, 20.0, CENTRES[2])
    person = house.make.person()
    for track in (one, other, later):
        verdict = Verdict(face_id=track[1], person_id=person)
        house.make.run(assignments.apply, [verdict], {})
    assert [whose(house, it[0]) for it in (one, other, later)] == [person, None, person]


def test_what_somebody_decided_meanwhile_keeps_the_answer_out_of_that_moment(house: House) -> None:
    """Of two who are seen together one is Rosa by the answer, and the other by a person who was
    quicker.
    """
    (face,) = house.photo(CENTRES[0])
    rosa = house.make.known_as(face)
    assert rosa is not None
    media_id = house.make.video()
    one = house.make.track(media_id, 0.0, 10.0, looks(CENTRES[0], 1)[0])
    other = house.make.track(media_id, 5.0, 15.0, CENTRES[1])
    later = house.make.track(media_id, 15.0, 20.0, looks(CENTRES[0], 2)[1])
    answer = house.answer(media_id)
    assert {it.person_id for it in answer if it.face_id in (one[1], later[1])} == {rosa}
    house.make.run(decisions.confirm, [other[2]], rosa, actor="me")
    house.make.run(assignments.apply, answer, {})
    assert [whose(house, it[0]) for it in (one, other, later)] == [None, rosa, rosa]


def test_three_in_a_long_shot_of_whom_one_is_lost_again_and_again(house: House) -> None:
    """Beside two who stay, and with photos of all three that came before."""
    photos = [house.photo(*(looks(it, 1, number)[0] for it in CENTRES[:3])) for number in range(3)]
    media_id = house.make.video()
    stay = [house.make.track(media_id, 0.0, 58.0, looks(it, 1, 7)[0]) for it in CENTRES[:2]]
    lost = [
        house.make.track(media_id, 5.0 * it, 5.0 * it + 4.5, vector)
        for it, vector in enumerate(looks(CENTRES[2], 11, 8))
    ]
    house.judge(media_id)
    expected = house.known(*photos[0])
    assert len({*expected, None}) == 4
    for _ in range(2):
        assert [whose(house, it[0]) for it in stay] == expected[:2]
        assert {whose(house, it[0]) for it in lost} == {expected[2]}
        house.repair()


class TestDecided:
    def chain(self, house: House) -> tuple[int, list[int], list[int]]:
        media_id = house.make.video()
        one = house.make.track(media_id, 0.0, 60.0, CENTRES[0])
        other = house.make.track(media_id, 60.0, 70.0, CENTRES[0], continues=one[0])
        house.judge(media_id)
        return media_id, one, other

    def decide(self, house: House, *arguments: object, action: str, **values: object) -> int:
        with house.make.connection:
            change: int = getattr(decisions, action)(
                house.make.connection, *arguments, actor="somebody", **values
            )
        return change

    def test_a_name_for_one_of_its_faces_is_a_name_for_all_and_undo_takes_it_back(
        self, house: House
    ) -> None:
        _, one, other = self.chain(house)
        before = house.known(*one[1:], *other[1:])
        assert len(set(before)) == 1
        person = house.make.person("Ada", origin="user")
        change = self.decide(house, [other[3]], person, action="confirm")
        assert set(house.known(*one[1:], *other[1:])) == {person}
        assert whose(house, one[0]) == whose(house, other[0]) == person
        assert [row[2] for row in house.make.open_rows(one[1])] == ["user"]
        with house.make.connection:
            undo.undo(house.make.connection, change, actor="somebody")
        assert house.known(*one[1:], *other[1:]) == before

    def test_not_a_face_hides_all_of_it(self, house: House) -> None:
        _, one, _ = self.chain(house)
        change = self.decide(house, [one[2]], None, action="reject")
        states = "SELECT DISTINCT state FROM faces"
        assert house.make.rows(states) == [("hidden",)]
        assert house.make.rows("SELECT * FROM appearances") == []
        with house.make.connection:
            undo.undo(house.make.connection, change, actor="somebody")
        assert house.make.rows(states) == [("active",)]

    def test_a_split_of_one_face_takes_the_track_along(self, house: House) -> None:
        _, one, other = self.chain(house)
        (person,) = set(house.known(*one[1:]))
        self.decide(house, person, [other[2]], action="split")
        (fresh,) = set(house.known(*one[1:], *other[1:]))
        assert fresh not in (None, person)

    def test_what_is_left_of_somebody_forgotten(self, house: House, catalog_path: Path) -> None:
        media_id, one, other = self.chain(house)
        beside = house.make.track(media_id, 5.0, 8.0, CENTRES[1])
        house.judge(media_id)
        person = whose(house, one[0])
        assert person is not None
        with closing(connect(crops_path(catalog_path))) as pictures:
            forget.forget_person(house.make.connection, pictures, person, actor="somebody")
        assert house.make.rows("SELECT DISTINCT state FROM faces WHERE id <= ?", other[-1]) == [
            ("forgotten",)
        ]
        assert house.make.rows("SELECT track_id FROM track_vectors") == [(beside[0],)]
        assert house.make.rows("SELECT id FROM tracks WHERE path IS NOT NULL") == [(beside[0],)]
        assert whose(house, beside[0]) is not None

    def test_verify_is_content_and_tells_of_a_follower_that_does_not_follow(
        self, house: House, catalog_path: Path
    ) -> None:
        _, one, _ = self.chain(house)

        def findings() -> list[str]:
            found = verify.verify(catalog_path, daemon_running=False)
            return [it.message for it in found if "person_id" in it.message]

        assert findings() == []
        connection = house.make.connection
        connection.execute("UPDATE faces SET person_id = NULL WHERE id = ?", [one[2]])
        assert len(findings()) == 1
        verify.fix(catalog_path)
        assert findings() == []


def test_over_a_border_it_is_one_appearance_and_another_later_is_another(house: House) -> None:
    media_id = house.make.video()
    one = house.make.track(media_id, 10.0, 60.0, CENTRES[0])
    other = house.make.track(media_id, 60.0, 120.0, CENTRES[0], continues=one[0])
    house.make.track(media_id, 120.0, 130.0, CENTRES[0], continues=other[0])
    house.make.track(media_id, 150.0, 160.0, CENTRES[0])
    house.judge(media_id)
    rows = house.make.rows(
        "SELECT start_s, end_s, faces_count, best_face_id FROM appearances ORDER BY start_s"
    )
    assert [row[:3] for row in rows] == [(10.0, 130.0, 90), (150.0, 160.0, 30)]
    assert rows[0][3] == one[1]
