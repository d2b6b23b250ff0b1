"""One face in two people's folders: nobody's, until one gives it up."""

from __future__ import annotations

from itertools import permutations
from typing import TYPE_CHECKING

import pytest

from catalog import arrivals, decisions, exemplars, undo
from tests.makers import crowd, looks

if TYPE_CHECKING:
    from daemon.faces.values import Vectors
    from tests.makers import Maker

CENTRES = crowd(3)
ROSA = looks(CENTRES[0], 2, seed=1, cosine=0.97)


def reference(make: Maker, path: bytes, vector: Vectors, media_id: int | None = None) -> int:
    """A reference picture with one face, enrolled; returns its media."""
    if media_id is None:
        media_id = make.media()
        make.face(media_id, vector)
    make.run(exemplars.enrol, make.file(media_id, path, role="reference"))
    return media_id


def states(make: Maker) -> dict[str, str]:
    """The state of the exemplar of each file."""
    return dict(
        make.rows(
            """SELECT path, exemplars.state FROM exemplars
               JOIN files ON files.id = exemplars.file_id ORDER BY path"""
        )
    )  # type: ignore[arg-type]


def test_one_content_in_two_folders_enrols_neither_and_each_names_the_other(make: Maker) -> None:
    media_id = reference(make, b"/people/Rosa/a.jpg", ROSA[0])
    make.connection.execute("UPDATE jobs SET state = 'done'")
    reference(make, b"/people/Ada/a.jpg", ROSA[0], media_id)
    assert states(make) == {"/people/Ada/a.jpg": "conflict", "/people/Rosa/a.jpg": "conflict"}
    reasons = make.rows("SELECT reason FROM exemplars ORDER BY id")
    assert "/people/Ada/a.jpg" in str(reasons[0])
    assert "/people/Rosa/a.jpg" in str(reasons[1])
    assert sorted(make.job_keys("rejudge")) == ["1", "2"]


def test_another_copy_of_the_photograph_is_the_same_face(make: Maker) -> None:
    copy = looks(ROSA[0], 1, seed=5, cosine=0.996)[0]
    reference(make, b"/people/Rosa/a.jpg", ROSA[0])
    reference(make, b"/people/Ada/b.jpg", copy)
    assert set(states(make).values()) == {"conflict"}


def test_two_photographs_of_one_person_are_two_faces(make: Maker) -> None:
    reference(make, b"/people/Rosa/a.jpg", ROSA[0])
    reference(make, b"/people/Ada/b.jpg", ROSA[1])
    assert set(states(make).values()) == {"used"}


def test_two_copies_in_one_folder_are_no_conflict(make: Maker) -> None:
    media_id = reference(make, b"/people/Rosa/a.jpg", ROSA[0])
    reference(make, b"/people/Rosa/b.jpg", ROSA[0], media_id)
    assert set(states(make).values()) == {"used"}


@pytest.mark.parametrize("gone", ["Rosa", "Ada"])
def test_when_one_gives_it_up_the_other_is_known_by_it(make: Maker, gone: str) -> None:
    media_id = reference(make, b"/people/Rosa/a.jpg", ROSA[0])
    reference(make, b"/people/Rosa/b.jpg", CENTRES[0])
    reference(make, b"/people/Ada/a.jpg", ROSA[0], media_id)
    make.connection.execute("UPDATE jobs SET state = 'done'")
    make.run(arrivals.delete, f"/people/{gone}/a.jpg".encode())
    kept = "Ada" if gone == "Rosa" else "Rosa"
    assert states(make)[f"/people/{kept}/a.jpg"] == "used"
    assert states(make)[f"/people/{gone}/a.jpg"] == "withdrawn"
    assert sorted(make.job_keys("rejudge")) == ["1", "2"]


def test_of_three_claims_two_remain_in_conflict(make: Maker) -> None:
    media_id = reference(make, b"/people/Rosa/a.jpg", ROSA[0])
    reference(make, b"/people/Ada/a.jpg", ROSA[0], media_id)
    reference(make, b"/people/Bea/a.jpg", ROSA[0], media_id)
    make.run(arrivals.delete, b"/people/Bea")
    assert [*states(make).values()] == ["conflict", "withdrawn", "conflict"]
    reasons = [str(row) for row in make.rows("SELECT reason FROM exemplars WHERE state='conflict'")]
    assert not any("Bea" in reason for reason in reasons)


def test_the_order_of_arrival_does_not_matter(make: Maker) -> None:
    copy = looks(ROSA[0], 1, seed=5, cosine=0.996)[0]
    files = [(b"Rosa/a", ROSA[0]), (b"Rosa/c", ROSA[1]), (b"Ada/b", copy), (b"Ada/d", CENTRES[1])]
    outcomes = set()
    for order in permutations(files):
        for table in ("exemplars", "files", "embeddings", "faces", "media", "people"):
            make.connection.execute(f"DELETE FROM {table}")
        for path, vector in order:
            reference(make, b"/people/" + path, vector)
        outcomes.add(tuple(states(make).items()))
    (only,) = outcomes
    assert [state for _, state in only] == ["conflict", "used", "conflict", "used"]


@pytest.mark.parametrize("copied", ["content", "photograph"])
def test_two_folders_of_one_person_are_no_conflict(make: Maker, copied: str) -> None:
    media_id = reference(make, b"/people/Rosa/a.jpg", ROSA[0])
    reference(make, b"/people/Rosa/b.jpg", ROSA[1])
    copy = looks(ROSA[0], 1, seed=5, cosine=0.996)[0]
    again = media_id if copied == "content" else None
    reference(make, b"/people/Luxemburg/a.jpg", copy, again)
    make.merge(2, into=1)
    make.run(exemplars.renew_for_people, [1, 2])
    assert set(states(make).values()) == {"used"}
    make.connection.execute("UPDATE people SET merged_into = NULL")
    make.run(exemplars.renew_for_people, [1, 2])
    assert [*states(make).values()] == ["conflict", "conflict", "used"]


def test_a_conflict_that_is_none_any_more_ends_at_the_next_start(make: Maker) -> None:
    copy = looks(ROSA[0], 1, seed=5, cosine=0.996)[0]
    reference(make, b"/people/Rosa/a.jpg", ROSA[0])
    reference(make, b"/people/Ada/b.jpg", copy)
    make.connection.execute(
        "UPDATE embeddings SET vector = ? WHERE face_id = 1", [CENTRES[2].tobytes()]
    )
    make.run(exemplars.withdraw_missing)
    assert set(states(make).values()) == {"used"}


def test_vectors_of_models_that_are_not_compared_make_no_conflict(make: Maker) -> None:
    copy = looks(ROSA[0], 1, seed=5, cosine=0.996)[0]
    make.connection.execute("UPDATE embedders SET active = 0")
    reference(make, b"/people/Rosa/a.jpg", ROSA[0])
    make.connection.execute("UPDATE embedders SET active = 0")
    reference(make, b"/people/Ada/b.jpg", copy)
    assert set(states(make).values()) == {"used"}


@pytest.mark.parametrize("later", [False, True], ids=["merged at once", "through another merge"])
def test_people_who_become_one_contest_nothing_until_they_are_apart_again(
    make: Maker, *, later: bool
) -> None:
    copy = looks(ROSA[0], 1, seed=5, cosine=0.996)[0]
    reference(make, b"/people/Rosa/a.jpg", ROSA[0])
    reference(make, b"/people/Luxemburg/b.jpg", copy)
    assert set(states(make).values()) == {"conflict"}
    if later:
        make.run(decisions.merge, [2], make.person("Ada"), actor="me")
        assert set(states(make).values()) == {"conflict"}
    change = make.run(decisions.merge, [3 if later else 2], 1, actor="me")
    assert set(states(make).values()) == {"used"}
    make.run(undo.undo, change, actor="me")
    assert set(states(make).values()) == {"conflict"}
    make.run(undo.redo, actor="me")
    assert set(states(make).values()) == {"used"}


@pytest.mark.parametrize("decide", ["hide", "not a face"])
def test_a_face_that_is_hidden_makes_nobody_known_until_it_is_shown(
    make: Maker, decide: str
) -> None:
    reference(make, b"/people/Rosa/a.jpg", ROSA[0])
    make.connection.execute("UPDATE jobs SET state = 'done'")
    if decide == "hide":
        make.run(decisions.hide_faces, [1], actor="me")
    else:
        make.run(decisions.reject, [1], None, actor="me")
    assert make.rows("SELECT state, face_id FROM exemplars") == [("no_face", None)]
    assert make.job_keys("rejudge") == ["1"]
    make.run(undo.undo, actor="me")
    assert make.rows("SELECT state, face_id FROM exemplars") == [("used", 1)]
    make.run(undo.redo, actor="me")
    make.run(decisions.show_faces, [1], actor="me")
    assert make.rows("SELECT state, face_id FROM exemplars") == [("used", 1)]


def test_a_rival_that_is_hidden_gives_the_face_up(make: Maker) -> None:
    copy = looks(ROSA[0], 1, seed=5, cosine=0.996)[0]
    reference(make, b"/people/Rosa/a.jpg", ROSA[0])
    reference(make, b"/people/Ada/b.jpg", copy)
    make.run(decisions.hide_faces, [2], actor="me")
    assert states(make) == {"/people/Ada/b.jpg": "no_face", "/people/Rosa/a.jpg": "used"}
