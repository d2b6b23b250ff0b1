"""What each decision about faces and people does, and that it can be taken back."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from catalog import decisions, undo
from catalog.decisions import DecisionError
from catalog.undo import LaterChangesError
from tests.deciding import ADA, ME, ROSA, exemplars, judge, rejections

if TYPE_CHECKING:
    from tests.makers import Maker


class TestConfirm:
    def test_the_machines_row_ends_and_the_persons_stands(
        self, make: Maker, faces: list[int]
    ) -> None:
        change = make.run(decisions.confirm, [faces[0]], ROSA, **ME)
        assert make.open_rows(faces[0]) == [(ROSA, "assigned", "user")]
        assert make.value("SELECT decided_by FROM assignments WHERE method = 'user'") == "me"
        assert exemplars(make) == [(faces[0], ROSA, "user", "used")]
        assert make.job_keys("rejudge") == [str(ROSA)]
        make.run(undo.undo, change, **ME)
        assert make.open_rows(faces[0]) == [(ROSA, "assigned", "group")]
        assert make.value("SELECT similarity FROM assignments WHERE ended_at IS NULL") == 0.97
        assert exemplars(make) == []

    def test_a_suggestion_is_accepted_and_is_one_again(self, make: Maker, faces: list[int]) -> None:
        judge(make, faces[4], ROSA, state="suggested", method="reference")
        make.run(decisions.confirm, [faces[4]], decisions.whose(make.connection, [faces[4]]), **ME)
        assert make.known_as(faces[4]) == ROSA
        make.run(undo.undo, **ME)
        assert make.open_rows(faces[4]) == [(ROSA, "suggested", "reference")]
        assert make.known_as(faces[4]) is None
        assert make.job_keys("identify") == []

    def test_the_same_person_twice_in_a_picture_may_be_said(
        self, make: Maker, faces: list[int]
    ) -> None:
        make.run(decisions.confirm, faces[:2], ROSA, **ME)
        assert [make.known_as(face) for face in faces[:2]] == [ROSA, ROSA]

    def test_what_was_ruled_out_is_lifted_and_holds_again(
        self, make: Maker, faces: list[int]
    ) -> None:
        out = make.run(decisions.reject, [faces[0]], ROSA, **ME)
        make.run(decisions.confirm, [faces[0]], ROSA, **ME)
        assert rejections(make) == []
        make.run(undo.undo, **ME)
        assert make.rows("SELECT face_id, change_id FROM rejections") == [(faces[0], out)]
        assert judge(make, faces[0], ROSA) == 0

    def test_no_face_becomes_one(self, make: Maker, faces: list[int]) -> None:
        make.run(decisions.reject, [faces[0]], None, **ME)
        make.run(decisions.confirm, [faces[0]], ADA, **ME)
        assert make.row("SELECT state, person_id FROM faces WHERE id = ?", faces[0]) == (
            "active", ADA
        )  # fmt: skip

    def test_all_faces_of_a_person_at_once(self, make: Maker, faces: list[int]) -> None:
        make.run(decisions.confirm, [faces[0]], ROSA, **ME)
        make.run(decisions.confirm_all, ROSA, **ME)
        assert make.rows("SELECT face_id FROM assignments WHERE method = 'user'") == [
            (faces[0],), (faces[2],)
        ]  # fmt: skip
        with pytest.raises(DecisionError, match="not confirmed already"):
            make.run(decisions.confirm_all, ROSA, **ME)


class TestReject:
    def test_it_is_sticky_and_the_face_is_judged_again(self, make: Maker, faces: list[int]) -> None:
        make.run(decisions.reject, [faces[0]], ROSA, **ME)
        assert make.known_as(faces[0]) is None
        assert make.job_keys("identify") == ["1/0"]
        assert judge(make, faces[0], ROSA) == 0

    def test_who_a_person_said_it_is_can_be_taken_back(self, make: Maker, faces: list[int]) -> None:
        make.run(decisions.confirm, [faces[0]], ROSA, **ME)
        make.run(decisions.reject, [faces[0]], ROSA, **ME)
        assert make.open_rows(faces[0]) == []
        assert exemplars(make) == [(faces[0], ROSA, "user", "withdrawn")]
        make.run(undo.undo, **ME)
        assert make.open_rows(faces[0]) == [(ROSA, "assigned", "user")]
        assert exemplars(make) == [(faces[0], ROSA, "user", "used")]

    def test_what_the_machine_said_since_ends_with_the_undo(
        self, make: Maker, faces: list[int]
    ) -> None:
        make.run(decisions.reject, [faces[0]], ROSA, **ME)
        judge(make, faces[0], ADA)
        make.run(undo.undo, **ME)
        assert make.open_rows(faces[0]) == [(ROSA, "assigned", "group")]
        assert make.known_as(faces[0]) == ROSA

    def test_no_face_goes_out_of_sight_and_comes_back(self, make: Maker, faces: list[int]) -> None:
        make.run(decisions.reject, [faces[0]], None, **ME)
        assert make.value("SELECT faces_count FROM media WHERE id = 1") == 1
        assert make.known_as(faces[0]) is None
        make.run(undo.undo, **ME)
        assert make.value("SELECT faces_count FROM media WHERE id = 1") == 2
        assert make.known_as(faces[0]) == ROSA

    def test_other_models_opinions_end_too(self, make: Maker, faces: list[int]) -> None:
        judge(make, faces[0], ROSA, model="Dlib")
        make.run(decisions.reject, [faces[0]], ROSA, **ME)
        assert make.open_rows(faces[0]) == []


class TestSplit:
    def test_faces_become_somebody_new(self, make: Maker, faces: list[int]) -> None:
        make.run(decisions.split, ROSA, [faces[0]], **ME)
        assert make.row("SELECT id, name, origin FROM people WHERE id > 2") == (3, None, "user")
        assert make.known_as(faces[0]) == 3
        assert rejections(make) == [(faces[0], ROSA)]
        assert exemplars(make) == [(faces[0], 3, "user", "used")]
        make.run(undo.undo, **ME)
        assert make.known_as(faces[0]) == ROSA
        make.run(undo.redo, **ME)
        assert make.known_as(faces[0]) == 3, "the same new person"
        assert make.value("SELECT count(*) FROM people") == 3

    def test_what_is_about_somebody_new_builds_on_the_split(
        self, make: Maker, faces: list[int]
    ) -> None:
        split = make.run(decisions.split, ROSA, [faces[0]], **ME)
        name = make.run(decisions.name_person, 3, "Lise", **ME)
        confirm = make.run(decisions.confirm, [faces[4]], 3, **ME)
        with pytest.raises(LaterChangesError, match=f"{confirm}, {name}") as refused:
            make.run(undo.undo, split, **ME)
        assert refused.value.later == [confirm, name]
        assert make.run(undo.undo, split, with_later=True, **ME) == [confirm, name, split]
        assert make.rows("SELECT name FROM people_summary ORDER BY 1") == [("Ada",), ("Rosa",)]

    def test_to_merge_somebody_back_lifts_the_rejections(
        self, make: Maker, faces: list[int]
    ) -> None:
        make.run(decisions.split, ROSA, [faces[0]], **ME)
        make.run(decisions.merge, [3], ROSA, **ME)
        assert make.known_as(faces[0]) == ROSA
        assert rejections(make) == []
        make.run(undo.undo, **ME)
        assert (make.known_as(faces[0]), rejections(make)) == (3, [(faces[0], ROSA)])


class TestMerge:
    def test_rows_keep_who_it_was(self, make: Maker, faces: list[int]) -> None:
        make.run(decisions.merge, [ADA], ROSA, **ME)
        assert [make.known_as(face) for face in faces[:4]] == [ROSA] * 4
        assert make.open_rows(faces[1]) == [(ADA, "assigned", "group")]
        assert make.rows("SELECT name, merged_into FROM people ORDER BY id") == [
            ("Rosa", None),
            ("Ada", ROSA),
        ]

    def test_who_has_no_name_takes_one(self, make: Maker, faces: list[int]) -> None:
        new = make.person()
        make.run(decisions.merge, [ADA, ROSA], new, **ME)
        assert make.value("SELECT name FROM people WHERE id = ?", new) == "Ada"
        make.run(undo.undo, **ME)
        assert make.rows("SELECT name FROM people ORDER BY id") == [("Rosa",), ("Ada",), (None,)]

    def test_merges_are_one_hop_and_part_in_order(self, make: Maker, faces: list[int]) -> None:
        new = make.person()
        first = make.run(decisions.merge, [ADA], ROSA, **ME)
        second = make.run(decisions.merge, [ROSA], new, **ME)
        assert make.rows("SELECT id, merged_into FROM people ORDER BY id") == [
            (1, new),
            (2, new),
            (3, None),
        ]
        with pytest.raises(LaterChangesError):
            make.run(undo.undo, first, **ME)
        make.run(undo.undo, second, **ME)
        assert make.rows("SELECT id, merged_into FROM people ORDER BY id") == [
            (1, None),
            (2, 1),
            (3, None),
        ]
        assert make.known_as(faces[1]) == ROSA

    def test_undone_after_files_came_and_were_judged(self, make: Maker, faces: list[int]) -> None:
        make.run(decisions.merge, [ADA], ROSA, **ME)
        for person in (ADA, ROSA):
            _, new = make.photo(None)
            judge(make, new[0], person)
            assert make.known_as(new[0]) == ROSA
        make.run(undo.undo, **ME)
        assert make.rows("SELECT person_id FROM faces ORDER BY id") == [
            (ROSA,), (ADA,), (ROSA,), (ADA,), (None,), (ADA,), (ROSA,)
        ]  # fmt: skip

    def test_what_was_ruled_out_of_one_is_not_the_other_either(
        self, make: Maker, faces: list[int]
    ) -> None:
        make.run(decisions.reject, [faces[1]], ROSA, **ME)
        make.run(decisions.merge, [ADA], ROSA, **ME)
        assert make.known_as(faces[1]) is None
        assert "1/0" in make.job_keys("identify")
        make.run(undo.undo, **ME)
        assert make.known_as(faces[1]) == ADA

    def test_tracks_follow(self, make: Maker, faces: list[int]) -> None:
        track, *seen = make.track(make.video(), 0.0, 1.0)
        make.assign(seen[0], ADA, "group")
        make.run(decisions.merge, [ADA], ROSA, **ME)
        assert make.value("SELECT person_id FROM tracks WHERE id = ?", track) == ROSA
        assert [make.known_as(face) for face in seen] == [ROSA] * 3
        make.run(undo.undo, **ME)
        assert make.value("SELECT person_id FROM tracks WHERE id = ?", track) == ADA
        assert [make.known_as(face) for face in seen] == [ADA] * 3

    @pytest.mark.parametrize("others", [[], [ROSA], [ADA, ROSA]])
    def test_nonsense_is_refused(self, make: Maker, faces: list[int], others: list[int]) -> None:
        with pytest.raises(DecisionError, match="one already"):
            make.run(decisions.merge, others, ROSA, **ME)
        assert make.value("SELECT count(*) FROM changes") == 0


class TestSight:
    def test_a_cover_counts_while_the_face_is_theirs(self, make: Maker, faces: list[int]) -> None:
        cover = "SELECT cover_face_id FROM people_summary WHERE person_id = 1"
        make.run(decisions.choose_cover, ROSA, faces[2], **ME)
        assert make.value(cover) == faces[2]
        make.run(decisions.reject, [faces[2]], ROSA, **ME)
        assert make.value(cover) == faces[0]
        make.run(undo.undo, **ME)
        assert make.value(cover) == faces[2]

    def test_a_face_of_a_reference_picture_may_be_the_cover(self, make: Maker) -> None:
        rosa = make.person("Rosa", origin="reference")
        (face,) = make.reference(rosa, [None])
        make.run(decisions.choose_cover, rosa, face, **ME)
        assert make.value("SELECT cover_face_id FROM people_summary") == face

    def test_hidden_people_appear_nowhere(self, make: Maker, faces: list[int]) -> None:
        make.run(decisions.hide_people, [ROSA], **ME)
        assert make.rows("SELECT DISTINCT name FROM appearances") == [("Ada",)]
        assert judge(make, faces[4], ROSA) == 1, "still recognised"

    def test_a_hidden_face_stays_who_it_is(self, make: Maker, faces: list[int]) -> None:
        make.run(decisions.hide_faces, [faces[0]], **ME)
        assert make.known_as(faces[0]) == ROSA
        assert make.value("SELECT faces_count FROM people_summary WHERE person_id = 1") == 1

    def test_to_show_what_was_no_face_makes_it_one(self, make: Maker, faces: list[int]) -> None:
        make.run(decisions.reject, [faces[0]], None, **ME)
        make.run(decisions.show_faces, [faces[0]], **ME)
        assert rejections(make) == []
        assert make.job_keys("identify") == ["1/0"]
