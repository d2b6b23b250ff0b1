"""Faces keep their ids; what people decided on cannot be deleted."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from catalog.faces import TIE_IOU, Box, overlap, replace_faces, tie

if TYPE_CHECKING:
    from tests.makers import Maker

SIDE = st.integers(min_value=0, max_value=12).map(float)
BOX = st.tuples(SIDE, SIDE, SIDE, SIDE)


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [
        pytest.param((0, 0, 10, 10), (0, 0, 10, 10), 1.0, id="the same"),
        pytest.param((0, 0, 10, 10), (5, 0, 10, 10), 1 / 3, id="half"),
        pytest.param((0, 0, 10, 10), (10, 0, 10, 10), 0.0, id="side by side"),
        pytest.param((0, 0, 10, 10), (2, 2, 5, 5), 0.25, id="inside"),
        pytest.param((0, 0, 0, 0), (0, 0, 0, 0), 0.0, id="no area"),
        pytest.param((0, 0, -5, 10), (0, 0, 10, 10), 0.0, id="negative"),
    ],
)
def test_overlap_is_intersection_over_union(a: Box, b: Box, expected: float) -> None:
    assert overlap(a, b) == pytest.approx(expected)
    assert overlap(b, a) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("new", "old", "expected"),
    [
        pytest.param([(0, 0, 10, 10)], {}, {}, id="nothing before"),
        pytest.param([], {1: (0, 0, 10, 10)}, {}, id="nothing now"),
        pytest.param([(0, 0, 10, 10)], {1: (0, 0, 10, 5)}, {0: 1}, id="exactly the limit"),
        pytest.param([(0, 0, 10, 10)], {1: (0, 0, 10, 4.9)}, {}, id="below the limit"),
        pytest.param(
            [(0, 0, 10, 10), (1, 0, 10, 10)], {1: (1, 0, 10, 10)}, {1: 1}, id="the better of two"
        ),
        pytest.param(
            [(0, 0, 10, 10)], {2: (0, 0, 10, 9), 1: (0, 0, 10, 8)}, {0: 2}, id="the better old one"
        ),
        pytest.param(
            [(0, 0, 10, 10)], {2: (0, 0, 10, 8), 1: (0, 2, 10, 8)}, {0: 1}, id="the older of equals"
        ),
        pytest.param(
            [(3, 0, 10, 10), (0, 0, 10, 10)],
            {1: (0, 0, 10, 10), 2: (3, 0, 10, 10)},
            {0: 2, 1: 1},
            id="crossed",
        ),
    ],
)
def test_boxes_are_tied_one_to_one(
    new: list[Box], old: dict[int, Box], expected: dict[int, int]
) -> None:
    assert tie(new, old) == expected


@settings(derandomize=True, max_examples=60, deadline=None)
@given(st.lists(BOX, max_size=6), st.lists(BOX, max_size=6), st.randoms(use_true_random=False))
def test_ties_are_one_to_one_and_good_enough(
    new: list[Box], old: list[Box], random: object
) -> None:
    known = dict(enumerate(old, start=1))
    ties = tie(new, known)
    assert len(set(ties.values())) == len(ties)
    assert all(overlap(new[number], known[face]) >= TIE_IOU for number, face in ties.items())
    left_new = [box for number, box in enumerate(new) if number not in ties]
    left_old = [box for face, box in known.items() if face not in ties.values()]
    assert all(overlap(a, b) < TIE_IOU for a in left_new for b in left_old)
    assert tie(new, dict(reversed(known.items()))) == ties


class TestFacesCount:
    def test_it_follows_every_change_of_state(self, make: Maker) -> None:
        media_id, (face, _) = make.photo(*[None] * 2)
        counts = [make.value("SELECT faces_count FROM media WHERE id = ?", media_id)]
        for state in ("hidden", "superseded", "active", "active", "forgotten"):
            make.connection.execute("UPDATE faces SET state = ? WHERE id = ?", [state, face])
            counts.append(make.value("SELECT faces_count FROM media WHERE id = ?", media_id))
        assert counts == [2, 1, 1, 2, 2, 1]
        make.connection.execute("DELETE FROM faces")
        assert make.value("SELECT faces_count FROM media WHERE id = ?", media_id) == 0

    def test_a_face_that_is_born_hidden_does_not_count(self, make: Maker) -> None:
        media_id = make.media()
        make.face(media_id, state="hidden")
        assert make.value("SELECT faces_count FROM media") == 0


class TestDeletion:
    @pytest.mark.parametrize("what", ["face", "media"])
    @pytest.mark.parametrize(
        "decision", ["named", "suggested", "ruled out", "not a face", "exemplar"]
    )
    def test_it_is_refused_where_a_person_decided(
        self, make: Maker, what: str, decision: str
    ) -> None:
        media_id, (face, _) = make.photo(*[None] * 2)
        person = make.person("Rosa")
        if decision in ("named", "suggested"):
            make.assign(face, person, state="assigned" if decision == "named" else "suggested")
        elif decision == "exemplar":
            make.insert("exemplars", person_id=person, face_id=face, source="user", state="used")
        else:
            make.reject(face, person if decision == "ruled out" else None)
        table, row_id = ("faces", face) if what == "face" else ("media", media_id)
        with pytest.raises(sqlite3.IntegrityError, match="a person decided on this face"):
            make.connection.execute(f"DELETE FROM {table} WHERE id = ?", [row_id])
        assert make.value("SELECT count(*) FROM faces") == 2
        assert make.value("SELECT count(*) FROM files") == 1

    def test_what_was_computed_goes_with_its_media_and_references_become_null(
        self, make: Maker
    ) -> None:
        media_id, (face,) = make.photo(None)
        _, (other,) = make.photo(None)
        person = make.person("Rosa", cover_face_id=face)
        make.assign(face, person, "group")
        make.assign(other, person, "reference", evidence_face_id=face)
        make.insert("exemplars", person_id=person, face_id=face, source="folder", state="used")
        make.insert("quality", face_id=face, version="1")
        make.connection.execute("DELETE FROM media WHERE id = ?", [media_id])
        assert make.rows("SELECT id FROM faces") == [(other,)]
        assert make.value("SELECT count(*) FROM quality") == 0
        assert make.rows("SELECT face_id, evidence_face_id FROM assignments") == [(other, None)]
        assert make.rows("SELECT cover_face_id FROM people") == [(None,)]
        assert make.rows("SELECT face_id FROM exemplars") == [(None,)]

    def test_a_decision_that_was_taken_back_does_not_hold(self, make: Maker) -> None:
        _, (face,) = make.photo(None)
        make.assign(face, make.person(), "user", ended_at="2026-01-01T00:00:00.000Z")
        make.connection.execute("DELETE FROM faces WHERE id = ?", [face])
        assert make.value("SELECT count(*) FROM faces") == 0


@pytest.mark.parametrize("state", ["assigned", "suggested"])
def test_a_face_has_one_open_row_of_a_kind_for_each_model(make: Maker, state: str) -> None:
    _, (face,) = make.photo(None)
    person = make.person()
    make.assign(face, person, "group", state=state)
    make.assign(face, person, "group", state=state, model="Dlib")
    make.assign(face, person, "group", state=state, ended_at="2026-01-01T00:00:00.000Z")
    with pytest.raises(sqlite3.IntegrityError, match="UNIQUE"):
        make.assign(face, make.person(), "group", state=state)


def test_a_person_is_ruled_out_once(make: Maker) -> None:
    _, (face,) = make.photo(None)
    make.reject(face, make.person())
    make.reject(face, None)
    with pytest.raises(sqlite3.IntegrityError, match="UNIQUE"):
        make.reject(face, None)


def test_a_hidden_face_that_is_not_found_again_stays_hidden(make: Maker) -> None:
    media_id, (face, _) = make.photo(None, None)
    make.connection.execute("UPDATE faces SET state = 'hidden' WHERE id = ?", [face])
    make.run(replace_faces, media_id, [])
    assert make.rows("SELECT state FROM faces ORDER BY id") == [("hidden",), ("superseded",)]
