"""Which faces are exported as pictures."""

from __future__ import annotations

from typing import TYPE_CHECKING

from catalog.exports import Likeness
from daemon.export.choosing import chosen
from tests.makers import crowd, looks

if TYPE_CHECKING:
    from collections.abc import Sequence

ROSA, CHILD = crowd(2, seed=4)


def faces(qualities: Sequence[float]) -> list[Likeness]:
    return [
        Likeness(
            person_id=1, face_id=number, media_id=number, quality=quality, crop=f"{number}",
            time_s=None, taken=None,
        )
        for number, quality in enumerate(qualities)
    ]  # fmt: skip


def test_the_best_comes_first_and_the_child_is_among_them() -> None:
    found = faces([0.8 + 0.001 * number for number in range(30)] + [0.6])
    vectors = dict(enumerate([*looks(ROSA, 30, 1, cosine=0.995), *looks(CHILD, 1, 2)]))
    picked = chosen(found, vectors, 4)
    assert len(picked) == 4
    assert picked[0].face_id == 29
    assert picked[-1].face_id == 30
    assert [face.quality for face in picked] == sorted((it.quality for it in picked), reverse=True)


def test_few_are_all_taken_the_best_first() -> None:
    found = faces([0.5, 0.9, 0.7])
    vectors = dict(enumerate(looks(ROSA, 3, 1)))
    assert [face.face_id for face in chosen(found, vectors, 3)] == [1, 2, 0]


def test_faces_without_a_vector_fill_what_is_left() -> None:
    found = faces([0.5, 0.9, 0.7, 0.6])
    vectors = {0: looks(ROSA, 1, 1)[0]}
    assert [face.face_id for face in chosen(found, vectors, 3)] == [1, 2, 0]
    assert [face.face_id for face in chosen(found, {}, 2)] == [1, 2]


def test_nobody_needs_pictures() -> None:
    assert chosen(faces([0.5]), {}, 0) == []
    assert chosen([], {}, 5) == []
