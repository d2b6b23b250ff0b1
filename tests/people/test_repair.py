"""The repair pass: order does not matter, and what people decided stays."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

import numpy as np
import pytest

from catalog.connect import connect
from catalog.migrations import migrate
from daemon.people import identifier
from daemon.settings import Paths, Settings
from tests.makers import Maker, between, crowd, looks, sha
from tests.people.conftest import SECTION, House

if TYPE_CHECKING:
    from pathlib import Path

    from tests.makers import Vectors

ROSA, ADA, EVE, *OTHERS = crowd(8, seed=31, alike=0.85)


def album(seed: int, photos: int = 30) -> list[tuple[str, list[Vectors], float]]:
    """Photos of eight people, blurred ones and hard ones among them."""
    rng = np.random.default_rng(seed)
    centres = [ROSA, ADA, EVE, *OTHERS]
    pictures = []
    for number in range(photos):
        who = rng.permutation(len(centres))[: rng.integers(1, 4)]
        vectors = [
            looks(centres[one], 1, int(rng.integers(10**6)), cosine=rng.uniform(0.93, 0.99))[0]
            for one in who
        ]
        pictures.append(
            (sha("photo", number), vectors, float(rng.choice([0.1, 0.8], p=[0.2, 0.8])))
        )
    return pictures


def moved_in(house: House, pictures: list[tuple[str, list[Vectors], float]]) -> None:
    for sha256, vectors, quality in pictures:
        media_id, _ = house.make.photo(*vectors, sha256=sha256, quality=quality)
        house.judge(media_id)


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("named", [False, True], ids=["nobody known", "some known"])
def test_order_does_not_matter_once_it_has_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int, named: bool
) -> None:
    pictures = album(seed)
    found = []
    for order in range(3):
        path = tmp_path / str(order) / "catalog.db"
        migrate(path)
        monkeypatch.setattr(identifier, "_gallery", None)
        with closing(connect(path)) as connection:
            house = House(
                Maker(connection),
                Settings(paths=Paths(state=path.parent), identify=SECTION),
            )
            if named:
                house.make.reference(house.make.person("Rosa"), looks(ROSA, 2, 1))
                house.make.reference(house.make.person("Ada"), looks(ADA, 2, 2))
            moved_in(
                house, list(np.random.default_rng(order).permutation(np.array(pictures, object)))
            )
            house.repair()
            found.append(house.people())
            assert house.repair() == 0, "a second pass writes nothing"
            names = house.make.rows(
                """SELECT sha256, name FROM media_people JOIN media ON media.id = media_id
                   WHERE name IS NOT NULL"""
            )
            found[-1].add(frozenset((str(photo), str(name)) for photo, name in names))
    assert found[0] == found[1] == found[2]
    assert len(found[0]) > 5


def test_nothing_is_written_where_nothing_is_to_be_mended(house: House) -> None:
    for i in range(4):
        house.photo(looks(ROSA, 1, i)[0], looks(ADA, 1, i)[0])
    before = house.make.rows("SELECT * FROM assignments")
    assert house.repair() == 0
    assert house.make.rows("SELECT * FROM assignments") == before


def test_a_row_says_by_what_a_face_is_somebody_and_no_longer_by_what_it_was(house: House) -> None:
    """Drawn along by a group first, and found by a reference picture then."""
    rosa = house.make.person("Rosa", origin="reference")
    (exemplar,) = house.make.reference(rosa, [ROSA])
    _, (face,) = house.make.photo(looks(ROSA, 1, 1)[0])
    house.make.assign(face, rosa, "group", similarity=0.95)
    assert house.repair() == 0, "nobody is somebody else"
    assert house.make.open_rows(face) == [(rosa, "assigned", "reference")]
    evidence = house.make.value(
        "SELECT evidence_face_id FROM assignments WHERE face_id = ? AND ended_at IS NULL", face
    )
    assert evidence == exemplar
    before = house.make.rows("SELECT * FROM assignments")
    house.repair()
    assert house.make.rows("SELECT * FROM assignments") == before, "and then it stays"


def test_an_empty_catalog_is_no_trouble(house: House) -> None:
    assert house.answer(whole=True) == []


def test_groups_that_are_one_are_put_together_under_the_number_most_had(house: House) -> None:
    many = [house.photo(vector)[0] for vector in looks(ROSA, 4, 1)]
    stray = house.photo(looks(EVE, 1, 1)[0])[0]
    vector = looks(ROSA, 1, 9)[0].tobytes()
    house.make.connection.execute(
        "UPDATE embeddings SET vector = ? WHERE face_id = ?", [vector, stray]
    )
    assert house.repair() == 1
    assert set(house.known(*many, stray)) == {1}
    assert house.make.rows("SELECT person_id FROM unknown_people") == [(1,)], "the empty one is out"
    assert house.make.value("SELECT count(*) FROM people") == 2, "of the views only"


def test_a_group_that_is_two_is_parted_and_the_larger_part_keeps_the_number(house: House) -> None:
    group = house.make.person()
    rosa = [house.make.photo(vector)[1][0] for vector in looks(ROSA, 3, 1)]
    ada = [house.make.photo(vector)[1][0] for vector in looks(ADA, 2, 2)]
    for face in (*rosa, *ada):
        house.make.assign(face, group, "group")
    house.repair()
    assert set(house.known(*rosa)) == {group}
    (new,) = set(house.known(*ada))
    assert new not in (group, None)


class TestNames:
    def test_a_named_group_keeps_its_name_when_it_meets_a_larger_one(self, house: House) -> None:
        small = [house.make.photo(vector)[1][0] for vector in looks(ROSA, 2, 1)]
        large = [house.make.photo(vector)[1][0] for vector in looks(ROSA, 5, 2)]
        unnamed, rosa = house.make.person(), house.make.person("Rosa")
        for face in small:
            house.make.assign(face, rosa, "group")
        for face in large:
            house.make.assign(face, unnamed, "group")
        house.repair()
        assert set(house.known(*small, *large)) == {rosa}
        assert house.repair() == 0

    def test_two_named_people_are_not_made_one_however_alike_they_are(self, house: House) -> None:
        """Twins, say: a person told them apart by name, the machine does not undo it."""
        one = [house.make.photo(vector)[1][0] for vector in looks(ROSA, 2, 1)]
        two = [house.make.photo(vector)[1][0] for vector in looks(ROSA, 5, 2)]
        stray = house.make.photo(looks(ROSA, 1, 3)[0])[1][0]
        rosa, rosi = house.make.person("Rosa"), house.make.person("Rosi")
        for faces, person in ((one, rosa), (two, rosi)):
            for face in faces:
                house.make.assign(face, person, "group")
        house.repair()
        assert set(house.known(*one)) == {rosa}
        assert set(house.known(*two, stray)) == {rosi}
        assert house.repair() == 0

    def test_the_majority_of_a_named_group_keeps_the_name(self, house: House) -> None:
        rosa = house.make.person("Rosa")
        most = [house.make.photo(vector)[1][0] for vector in looks(ROSA, 3, 1)]
        few = [house.make.photo(vector)[1][0] for vector in looks(ADA, 2, 2)]
        for face in (*most, *few):
            house.make.assign(face, rosa, "group")
        house.repair()
        assert set(house.known(*most)) == {rosa}
        assert rosa not in house.known(*few)


class TestPeopleDecide:
    def test_a_name_given_to_a_face_stays_whatever_it_is_like(self, house: House) -> None:
        adas = [house.photo(vector)[0] for vector in looks(ADA, 4, 1)]
        rosa = house.make.person("Rosa")
        media_id, (face,) = house.make.photo(looks(ADA, 1, 9)[0])
        house.make.assign(face, rosa, "user")
        before = house.make.rows("SELECT * FROM assignments WHERE face_id = ?", face)
        house.repair()
        assert house.make.rows("SELECT * FROM assignments WHERE face_id = ?", face) == before
        assert house.known(face) == [rosa]
        assert len(set(house.known(*adas))) == 1
        assert media_id

    def test_the_group_of_a_named_face_is_whom_it_was_named(self, house: House) -> None:
        faces = [house.photo(vector)[0] for vector in looks(ROSA, 4, 1)]
        rosa = house.make.person("Rosa")
        house.make.connection.execute(
            "UPDATE assignments SET state = 'withdrawn', ended_at = 'x' WHERE face_id = ?",
            [faces[0]],
        )
        house.make.assign(faces[0], rosa, "user")
        house.repair()
        assert set(house.known(*faces)) == {rosa}
        assert house.repair() == 0

    def test_a_merge_is_not_undone_by_the_machine(self, house: House) -> None:
        child = [house.photo(vector)[0] for vector in looks(ROSA, 3, 1)]
        woman = [house.photo(vector)[0] for vector in looks(ADA, 4, 2)]
        (young,), (grown,) = house.known(child[0]), house.known(woman[0])
        assert young is not None
        assert grown is not None
        house.make.merge(young, grown)
        assert house.repair() == 0
        assert set(house.known(*child, *woman)) == {grown}
        assert {row[0] for face in child for row in house.make.open_rows(face)} == {young}

    def test_who_was_ruled_out_leaves_with_those_that_cannot_be_either(self, house: House) -> None:
        """A double: somebody said of some faces that they are not Rosa; they become somebody."""
        rosas = [house.make.photo(vector)[1][0] for vector in looks(ROSA, 3, 1)]
        doubles = [house.make.photo(vector)[1][0] for vector in looks(ROSA, 5, 2)]
        rosa = house.make.person()
        for face in rosas:
            house.make.assign(face, rosa, "group")
        for face in doubles:
            house.make.reject(face, rosa)
        house.repair()
        assert set(house.known(*rosas)) == {rosa}
        (other,) = set(house.known(*doubles))
        assert other not in (rosa, None)
        assert house.repair() == 0, "also now that the doubles are the larger part"

    def test_what_is_no_face_is_nobody_not_even_by_suggestion(self, house: House) -> None:
        _, (named, suggested) = house.make.photo(*looks(ROSA, 2, 1))
        house.make.assign(named, house.make.person(), "group")
        house.make.assign(suggested, house.make.person(), "reference", state="suggested")
        for face in (named, suggested):
            house.make.reject(face, None)
        assert house.repair() == 2
        assert house.make.open_rows(named) == house.make.open_rows(suggested) == []

    def test_nobody_is_in_a_picture_twice(self, house: House) -> None:
        """Not beside a face that a person named, nor beside one that a reference picture did."""
        rosa = house.make.person("Rosa")
        house.make.reference(rosa, [ROSA])
        group = [house.make.photo(vector)[1][0] for vector in looks(EVE, 3, 1)]
        for face in group:
            house.make.assign(face, rosa, "user")
        _, (like_reference, like_group) = house.make.photo(
            looks(ROSA, 1, 1)[0], looks(EVE, 1, 7)[0]
        )
        house.repair()
        assert house.known(like_reference) == [rosa]
        assert house.known(like_group)[0] not in (rosa, None)
        assert house.repair() == 0


class TestReferences:
    def test_faces_are_named_and_named_no_more_as_pictures_come_and_go(self, house: House) -> None:
        faces = [house.photo(vector)[0] for vector in looks(ROSA, 3, 1)]
        (group,) = set(house.known(*faces))
        rosa = house.make.person("Rosa")
        house.make.reference(rosa, [ROSA])
        assert house.repair() == 3
        assert set(house.known(*faces)) == {rosa}
        house.make.connection.execute("UPDATE exemplars SET state = 'withdrawn'")
        assert house.repair() == 3
        (after,) = set(house.known(*faces))
        assert after not in (rosa, None)
        assert group != after, "a number is given once"

    def test_a_doubtful_face_is_suggested_and_grouped_with_nobody(self, house: House) -> None:
        rosa, ada = house.make.person("Rosa"), house.make.person("Ada")
        house.make.reference(rosa, [ROSA])
        house.make.reference(ada, [ADA])
        faces = [house.photo(between(ROSA, ADA, 0.48 + i / 1000))[0] for i in range(2)]
        assert house.known(*faces) == [None, None]
        assert house.repair() == 0
        assert house.make.value("SELECT count(*) FROM assignments WHERE state = 'suggested'") == 2


class TestBlurredFaces:
    def test_they_join_and_found_nobody(self, house: House) -> None:
        clear = [house.make.photo(vector)[1][0] for vector in looks(ROSA, 3, 1)]
        _, (blurred,) = house.make.photo(looks(ROSA, 1, 8)[0], quality=0.1)
        _, (alone,) = house.make.photo(looks(EVE, 1, 8)[0], quality=0.1)
        house.repair()
        assert len(set(house.known(*clear, blurred))) == 1
        assert house.known(alone) == [None]
        assert house.repair() == 0

    def test_two_in_one_picture_are_not_one_person(self, house: House) -> None:
        for vector in looks(ROSA, 3, 1):
            house.make.photo(vector)
        _, blurred = house.make.photo(*looks(ROSA, 2, 8), quality=0.1)
        house.repair()
        assert sorted(house.known(*blurred), key=str) == [1, None]

    def test_one_beside_the_clear_face_of_the_same_person_is_nobody(self, house: House) -> None:
        media_id, (clear, blurred) = house.make.photo(*looks(ROSA, 2, 1))
        house.make.connection.execute("UPDATE faces SET quality = 0.1 WHERE id = ?", [blurred])
        house.repair()
        assert house.known(clear, blurred) == [1, None]
        assert media_id

    def test_where_all_are_blurred_nobody_is_founded(self, house: House) -> None:
        _, (face,) = house.make.photo(looks(ROSA, 1, 1)[0], quality=0.1)
        house.make.assign(face, house.make.person(), "group")
        assert house.repair() == 1
        assert house.known(face) == [None]
