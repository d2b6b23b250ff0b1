"""Nobody is in a picture twice, whichever of somebody's merged groups a face comes into."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from daemon.people.cast import Cast
from daemon.people.faces import KnownFace
from daemon.people.gallery import Gallery
from daemon.people.judge import judge
from daemon.people.limits import limits
from daemon.people.placing import company, twice, with_numbers
from daemon.people.scene import Scene
from daemon.people.starting import starting
from tests.makers import crowd, looks
from tests.people.conftest import SECTION

GROUP, OTHER, NAMED = 5, 9, 12


def face(number: int, group_id: int) -> KnownFace:
    """A face of the one photo."""
    return KnownFace(
        id=number,
        media_id=1,
        quality=0.8,
        vector=crowd(3)[number],
        person_id=OTHER,
        group_id=group_id,
        method="group",
        claimed=True,
    )


def cast_of(scene: Scene, founders: list[KnownFace], *, lasting: int = 0) -> Cast:
    return Cast(
        anchors={},
        anchored={},
        founders=founders,
        joiners=[],
        lasting=frozenset([lasting]),
        held={},
        scene=scene,
    )


def test_of_two_in_one_picture_who_came_to_one_person_the_one_who_was_that_person_stays() -> None:
    faces = [replace(face(1, GROUP), person_id=None, claimed=False), face(2, OTHER)]
    scene = Scene(faces=faces, ruled_out={}, survivors={GROUP: OTHER})
    cast = cast_of(scene, faces, lasting=2)
    assert twice(cast, np.array([0, 1]), {0: GROUP, 1: OTHER}) == {1: OTHER}
    assert twice(cast, np.array([0, 1]), {0: -2, 1: OTHER}) == {}


def test_a_scene_knows_whom_faces_came_to() -> None:
    scene = Scene(faces=[face(1, GROUP), face(2, OTHER)], ruled_out={}, survivors={GROUP: OTHER})
    assert scene.with_groups({1: GROUP, 2: OTHER}, {}) is scene
    one, two = scene.with_groups({1: 0, 2: GROUP}, {}).faces
    assert (one.group_id, one.person_id, one.method, one.claimed) == (None, None, None, False)
    assert (two.group_id, two.person_id, two.method, two.claimed) == (GROUP, OTHER, "group", True)
    away = scene.with_groups({1: GROUP, 2: OTHER}, {2: OTHER})
    assert away.barred(away.faces[1]) == {OTHER}
    assert away.faces[1].group_id is None


def test_whoever_is_twice_comes_where_its_like_are() -> None:
    """Of two merged groups of somebody in one picture, one face leaves, to whom it is like too."""
    alike = looks(crowd(3)[2], 2, cosine=0.99)
    one, two = face(1, OTHER), replace(face(2, GROUP), vector=alike[0])
    third = replace(face(0, NAMED), media_id=2, vector=alike[1], person_id=NAMED)
    scene = Scene(faces=[one, two, third], ruled_out={}, survivors={GROUP: OTHER})
    judgement = judge(scene, Gallery().references, limits(SECTION, starting("Dlib", "", "")))
    assert judgement.group_of == {1: OTHER, 2: NAMED, 0: NAMED}


def test_who_is_there_at_one_moment_of_a_video_is_not_there_at_another() -> None:
    stays = replace(face(1, GROUP), together=(2, 5))
    goes = replace(face(2, OTHER), together=(2,))
    scene = Scene(faces=[stays, goes], ruled_out={}, company={(1, 5): frozenset([GROUP])},
                  survivors={GROUP: NAMED})  # fmt: skip
    there = company(cast_of(scene, []))
    assert (there.has(stays, NAMED), there.has(goes, NAMED)) == (True, False)
    assert (scene.beside(stays), scene.beside(goes)) == ({GROUP}, frozenset())


def test_who_is_new_again_keeps_the_number_that_is_free() -> None:
    faces = [face(1, GROUP), face(2, GROUP)]
    scene = Scene(faces=faces, ruled_out={2: frozenset([NAMED])})
    cast, labels = cast_of(scene, faces), np.array([0, 1])
    assert with_numbers(cast, labels, {0: -1, 1: -2}, {1: 7, 2: NAMED}) == {0: 7, 1: -2}
    assert with_numbers(cast, labels, {0: -1, 1: 7}, {1: 7, 2: 7}) == {0: -1, 1: 7}
    assert with_numbers(cast, labels, {0: -1, 1: -2}, {1: 7, 2: 7}) == {0: 7, 1: -2}
    assert with_numbers(cast, labels, {0: -1, 1: -2}, {}) == {0: -1, 1: -2}
