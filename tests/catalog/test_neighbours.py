"""The faces most like others, by one reading of the vectors."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from catalog import calibrations, neighbours
from catalog.neighbours import Sight
from catalog.records import EmbedderRecord
from catalog.vectors import VectorIndex
from tests.makers import DIMENSIONS, crowd, looks

if TYPE_CHECKING:
    from pathlib import Path

    from tests.makers import Maker

FACES = 40


@pytest.fixture
def faces(make: Maker) -> list[int]:
    """Forty faces, each in a photo of its own."""
    return [make.photo(vector)[1][0] for vector in crowd(FACES, seed=3)]


def like(make: Maker, face_id: int, count: int = 5) -> list[int]:
    """The ids of the faces most like this one."""
    found = neighbours.like_face(make.connection, face_id, count)
    assert found is not None
    return [it.face_id for it in found]


def test_faces_come_most_similar_first_and_without_the_one_asked_about(
    make: Maker, faces: list[int]
) -> None:
    vectors = crowd(FACES, seed=3)
    order = np.argsort(-(vectors @ vectors[6]), kind="stable")
    expected = [faces[place] for place in order if place != 6]
    assert like(make, faces[6], FACES) == expected


def test_the_pages_function_finds_the_same(
    make: Maker, faces: list[int], catalog_path: Path
) -> None:
    index = VectorIndex(catalog_path)
    found = neighbours.like_face(make.connection, faces[0], 9)
    assert found == index.nearest(faces[0], 9)
    index.close()


def test_ties_come_in_order_of_id(make: Maker) -> None:
    (vector,) = crowd(1)
    ids = [make.photo(vector)[1][0] for _ in range(6)]
    assert like(make, ids[0], 3) == ids[1:4]


@pytest.mark.parametrize("state", ["hidden", "superseded", "forgotten"])
def test_faces_that_do_not_count_are_neither_found_nor_asked_about(
    make: Maker, faces: list[int], state: str
) -> None:
    nearest = like(make, faces[0], 1)[0]
    make.connection.execute("UPDATE faces SET state = ? WHERE id = ?", [state, nearest])
    assert nearest not in like(make, faces[0], FACES)
    assert neighbours.like_face(make.connection, nearest, 1) is None


def test_what_a_person_said_is_no_face_is_not_found(make: Maker, faces: list[int]) -> None:
    nearest = like(make, faces[0], 1)[0]
    make.reject(nearest, make.person("Rosa"))
    assert like(make, faces[0], 1) == [nearest], "she is not Rosa, and still a face"
    make.reject(nearest, None)
    assert nearest not in like(make, faces[0], FACES)


def test_reference_pictures_are_not_found(make: Maker, faces: list[int]) -> None:
    own = make.reference(make.person("Rosa"), [crowd(FACES, seed=3)[0]])
    assert own[0] not in like(make, faces[0], 100)
    assert like(make, own[0], 1) == [faces[0]], "but can be asked about"


def test_a_face_without_a_usable_vector_is_no_face_to_ask_about(make: Maker) -> None:
    _, (none,) = make.photo(None)
    assert neighbours.like_face(make.connection, none, 3) is None
    make.embedder()
    make.insert("embeddings", face_id=none, embedder_id=1, vector=b"\0" * 8)
    assert neighbours.like_face(make.connection, none, 3) is None
    _, (other,) = make.photo(crowd(1)[0])
    assert like(make, other) == []


def test_several_models_count_by_the_slopes_of_their_calibrations(make: Maker) -> None:
    first, second = crowd(3, seed=1), crowd(3, seed=2)
    ids = [make.photo(vector)[1][0] for vector in first]
    other = make.embedder(
        EmbedderRecord(model="B", weights_sha256="b" * 64, geometry="g", dimensions=DIMENSIONS)
    )
    for face, vector in zip(ids, second, strict=True):
        make.insert("embeddings", face_id=face, embedder_id=other, vector=vector.tobytes())
    _, (half,) = make.photo(first[0])
    for embedder, slope in ((1, 1.0), (other, 3.0)):
        make.run(
            calibrations.write, embedder, source="t", curve={"slope": slope, "intercept": 0},
            thresholds={},
        )  # fmt: skip
    found = neighbours.like_face(make.connection, ids[0], 9)
    assert found is not None
    assert half not in [it.face_id for it in found], "it has no vector of the second model"
    expected = [(first[0] @ first[k] + 3 * second[0] @ second[k]) / 4 for k in (1, 2)]
    assert sorted(it.similarity for it in found) == pytest.approx(sorted(expected), abs=1e-5)


def test_several_faces_are_looked_for_at_once(make: Maker, faces: list[int]) -> None:
    vectors = looks(crowd(FACES, seed=3)[2], 2, cosine=0.999)
    sights = [Sight(embedder_id=1, weight=0.5, vectors=vectors)]
    found = neighbours.nearest(make.connection, sights, 2)
    assert [one[0].face_id for one in found] == [faces[2], faces[2]]
    assert found[0][0].similarity == pytest.approx(0.999, abs=1e-3)


def test_neighbours_are_described_with_file_and_person(make: Maker, faces: list[int]) -> None:
    rosa = make.person("Rosa")
    nearest = like(make, faces[0], 1)[0]
    make.assign(nearest, rosa)
    found = neighbours.like_face(make.connection, faces[0], 1)
    assert found is not None
    (shown,) = neighbours.described(make.connection, found)
    assert (shown["name"], shown["person_id"], shown["face_id"]) == ("Rosa", rosa, nearest)
    assert shown["path"] == make.value(
        "SELECT path FROM files WHERE media_id = ?", shown["media_id"]
    )
