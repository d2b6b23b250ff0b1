"""Nobody is in a picture twice, whichever of somebody's merged groups a face comes into."""

from __future__ import annotations

import numpy as np

from daemon.people.cast import Cast
from daemon.people.faces import KnownFace
from daemon.people.judge import _nobody_twice
from daemon.people.scene import Scene
from tests.makers import crowd

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


def test_a_face_does_not_go_back_to_a_group_that_is_who_is_there_already() -> None:
    faces = [face(1, OTHER), face(2, GROUP)]
    scene = Scene(faces=faces, ruled_out={}, survivors={GROUP: OTHER})
    cast = Cast(
        anchors={},
        anchored={},
        founders=faces,
        joiners=[],
        lasting=frozenset(),
        held={},
        scene=scene,
    )
    labels, owners = _nobody_twice(cast, np.array([0, 1]), {0: OTHER, 1: OTHER})
    people = [scene.survivor(owners[int(label)]) for label in labels]
    assert people[0] == OTHER
    assert people[1] < 0, "somebody new"
