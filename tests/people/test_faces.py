"""What the identifier reads of faces."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from daemon.people import faces as faces_module
from daemon.people.ensemble import Ensemble
from tests.makers import crowd, looks, sha

if TYPE_CHECKING:
    from tests.makers import Maker

VECTORS = looks(crowd(1)[0], 6)


def reader(make: Maker) -> faces_module.Reader:
    return faces_module.Reader(make.connection, Ensemble.read(make.connection))


def test_faces_come_in_the_order_of_content_not_of_arrival(make: Maker) -> None:
    keys = sorted(sha(number) for number in range(3))
    for key in (keys[2], keys[0], keys[1]):
        make.photo(VECTORS[0], sha256=key)
    media_id = make.value("SELECT id FROM media WHERE sha256 = ?", keys[0])
    make.face(media_id, VECTORS[1], x=-5.0)
    found = reader(make).everything()
    order = [make.value("SELECT sha256 FROM media WHERE id = ?", face.media_id) for face in found]
    assert order == [keys[0], keys[0], keys[1], keys[2]]
    assert [face.id for face in reader(make).of_media([media_id])] == [4, 2]


def test_a_face_carries_who_it_is_now_and_who_it_was_found_to_be(make: Maker) -> None:
    media_id, (face, unknown) = make.photo(VECTORS[0], VECTORS[1], quality=0.7)
    group, rosa = make.person(), make.person("Rosa")
    make.assign(face, group, "group")
    make.merge(group, rosa)
    known, nobody = reader(make).of_media([media_id])
    assert (known.id, known.person_id, known.group_id, known.claimed) == (face, rosa, group, True)
    assert (known.quality, known.decided) == (0.7, False)
    assert np.array_equal(known.vector, VECTORS[0])
    assert (nobody.id, nobody.person_id, nobody.group_id, nobody.claimed) == (
        unknown,
        None,
        None,
        False,
    )
    assert nobody.method is None


def test_only_a_persons_word_is_a_decision(make: Maker) -> None:
    media_id, faces = make.photo(*VECTORS[:3])
    for face, method in zip(faces, ("user", "group", "reference"), strict=True):
        make.assign(face, make.person(), method)
    found = reader(make).of_media([media_id])
    assert [face.decided for face in found] == [True, False, False]


def test_any_number_of_faces_can_be_asked_for(make: Maker) -> None:
    make.connection.execute("BEGIN")
    _, faces = make.photo(*np.repeat(VECTORS, 200, axis=0))
    make.connection.execute("COMMIT")
    assert len(reader(make).by_ids([*faces, 99_999])) == 1200
    assert reader(make).by_ids([]) == []
    assert len(faces_module.ids_of_media(make.connection, list(range(2000)))) == 1200


def test_all_faces_that_a_photo_had_belong_to_it(make: Maker) -> None:
    media_id, (old, new) = make.photo(VECTORS[0], VECTORS[1])
    make.connection.execute("UPDATE faces SET state = 'superseded' WHERE id = ?", [old])
    assert faces_module.ids_of_media(make.connection, [media_id]) == {old, new}
    assert [face.id for face in reader(make).of_media([media_id])] == [new]


class TestRuledOut:
    def test_nobody_where_nobody_was(self, make: Maker) -> None:
        _, (face,) = make.photo(VECTORS[0])
        assert faces_module.ruled_out(make.connection, [face]) == {}

    def test_people_are_the_survivors_of_merges(self, make: Maker) -> None:
        _, (face,) = make.photo(VECTORS[0])
        one, two, three = make.person(), make.person(), make.person()
        make.reject(face, one)
        make.reject(face, three)
        make.merge(one, two)
        assert faces_module.ruled_out(make.connection) == {face: {two, three}}

    def test_what_is_no_face_is_told_apart(self, make: Maker) -> None:
        _, (face,) = make.photo(VECTORS[0])
        make.reject(face, make.person())
        make.reject(face, None)
        assert faces_module.ruled_out(make.connection, [face]) == {face: None}
