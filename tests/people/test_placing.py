"""Nobody is in a picture twice, whichever of somebody's merged groups a face comes into."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from daemon.people.cast import Cast
from daemon.people.faces import KnownFace
from daemon.people.gallery import Gallery
from daemon.people.judge import _twice, judge
from daemon.people.limits import limits
from daemon.people.scene import Scene
from daemon.people.starting import starting
from tests.makers import crowd, looks
from tests.people.conftest import SECTION

GROUP, OTHER = 5, 9


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


def test_of_two_in_one_picture_who_came_to_one_person_the_one_who_was_that_person_stays() -> None:
    faces = [replace(face(1, GROUP), person_id=None, claimed=False), face(2, OTHER)]
    scene = Scene(faces=faces, ruled_out={}, survivors={GROUP: OTHER})
    cast = Cast(
        anchors={},
        anchored={},
        founders=faces,
        joiners=[],
        lasting=frozenset({2}),
        held={},
        scene=scene,
    )
    assert _twice(cast, np.array([0, 1]), {0: GROUP, 1: OTHER}) == {1: OTHER}
    assert _twice(cast, np.array([0, 1]), {0: GROUP, 1: -2}) == {}
    without = scene.without({1: OTHER})
    assert without.barred(faces[0]) == {OTHER}
    assert without.faces == faces
    assert scene.without({2: OTHER}).faces[1].group_id is None


def test_whoever_is_turned_away_comes_where_its_like_are() -> None:
    """Two groups of a merged person in one picture; a third face is like the one that leaves."""
    alike = looks(crowd(3)[2], 2, cosine=0.99)
    one, two = face(1, OTHER), replace(face(2, GROUP), vector=alike[0])
    third = replace(
        face(0, 3),
        media_id=2,
        vector=alike[1],
        person_id=None,
        group_id=None,
        method=None,
        claimed=False,
    )
    scene = Scene(faces=[one, two, third], ruled_out={}, survivors={GROUP: OTHER})
    judgement = judge(scene, Gallery().references, limits(SECTION, starting("Dlib", "", "")))
    assert judgement.group_of[1] == OTHER
    assert judgement.group_of[2] == judgement.group_of[0] < 0, "somebody new"
