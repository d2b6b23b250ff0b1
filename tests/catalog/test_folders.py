"""Whose a folder of reference pictures is: renamed, moved, copied, deleted and made again."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from catalog import arrivals, decisions, exemplars, files, folders
from catalog.reconcile import Change, Found, Reconciliation, Scope

if TYPE_CHECKING:
    from tests.makers import Maker


def enrol(make: Maker, path: bytes = b"/people/Rosa/a.jpg") -> int:
    """A reference picture with a face, enrolled; returns the file."""
    media_id = make.media()
    file_id = make.file(media_id, path, role="reference")
    make.face(media_id)
    make.run(exemplars.enrol, file_id)
    return file_id


def copied(make: Maker, path: bytes, media_id: int | None = None) -> int:
    """A reference picture with a face, or another copy of it; returns the media."""
    if media_id is None:
        media_id = make.media()
        make.face(media_id)
    make.run(exemplars.enrol, make.file(media_id, path, role="reference"))
    return media_id


def people(make: Maker) -> list[tuple[object, ...]]:
    return make.rows("SELECT id, name, folder FROM people ORDER BY id")


def counting(make: Maker) -> list[tuple[object, ...]]:
    """The folders, and how many pictures each person is known by."""
    return make.rows(
        """SELECT people.folder, count(*) FROM exemplars JOIN people ON people.id = person_id
           WHERE state = 'used' GROUP BY people.id ORDER BY people.folder"""
    )


def shown(make: Maker) -> list[tuple[object, ...]]:
    return make.rows(
        """SELECT people.folder, exemplars.state, exemplars.face_id FROM exemplars
           JOIN people ON people.id = person_id ORDER BY exemplars.id"""
    )


class TestNames:
    def test_a_folder_that_was_renamed_keeps_its_person(self, make: Maker) -> None:
        enrol(make)
        enrol(make, b"/people/Rosa/b.jpg")
        make.run(arrivals.move, b"/people/Rosa", b"/people/Rosa Luxemburg")
        assert people(make) == [(1, "Rosa", "Rosa Luxemburg")]
        assert [row[1] for row in shown(make)] == ["used", "used"]
        enrol(make, b"/people/Rosa Luxemburg/c.jpg")
        assert len(people(make)) == 1

    def test_a_folder_too_large_to_move_at_once_keeps_its_person(self, make: Maker) -> None:
        for number in range(files.STEP_ROWS + 5):
            enrol(make, b"/people/Rosa/%d.jpg" % number)
        moved = make.run(arrivals.move, b"/people/Rosa", b"/people/R.L.")
        assert moved == files.STEP_ROWS, "the others still lie in the old folder"
        assert people(make) == [(1, "Rosa", "R.L.")]
        make.run(arrivals.move, b"/people/Rosa", b"/people/R.L.")
        assert people(make) == [(1, "Rosa", "R.L.")]
        assert counting(make) == [("R.L.", files.STEP_ROWS + 5)]

    def test_a_folder_that_was_moved_file_by_file_keeps_its_person(self, make: Maker) -> None:
        for name in (b"a", b"b", b"c"):
            enrol(make, b"/people/Rosa/%s.jpg" % name)
        make.run(arrivals.delete, b"/people/Rosa/c.jpg")
        for name in (b"a", b"b"):
            old, new = (b"/people/%s/%s.jpg" % (folder, name) for folder in (b"Rosa", b"Ada"))
            make.run(arrivals.move, old, new)
        assert people(make) == [(1, "Rosa", "Ada"), (2, None, None)]
        assert counting(make) == [("Ada", 2)]
        assert sorted(make.job_keys("rejudge")) == ["1", "2"]

    def test_a_folder_that_was_copied_and_deleted_keeps_its_person(self, make: Maker) -> None:
        media = [copied(make, b"/people/Rosa/%d.jpg" % number) for number in range(3)]
        for number, media_id in enumerate(media):
            copied(make, b"/people/R.L./%d.jpg" % number, media_id)
        assert counting(make) == [], "two folders claim each face"
        make.run(arrivals.delete, b"/people/Rosa")
        assert people(make) == [(1, "Rosa", "R.L."), (2, None, None)]
        assert counting(make) == [("R.L.", 3)]

    @pytest.mark.parametrize("decision", ["name", "merge", "reject", "confirm", "cover"])
    def test_whom_a_person_decided_about_is_nobody_else_under_a_new_folder(
        self, make: Maker, decision: str
    ) -> None:
        media_id = copied(make, b"/people/Rosa/a.jpg")
        copied(make, b"/people/Ada/a.jpg", media_id)
        _, (face,) = make.photo(None)
        if decision == "name":
            make.run(decisions.name_person, 2, "Ada L.", actor="me")
        elif decision == "merge":
            make.merge(make.person(), 2)
        elif decision == "reject":
            make.reject(face, 2)
        elif decision == "confirm":
            make.assign(face, 2)
        else:
            make.connection.execute("UPDATE people SET cover_face_id = ? WHERE id = 2", [face])
        make.run(arrivals.delete, b"/people/Rosa")
        assert people(make)[0] == (1, "Rosa", "Rosa")
        assert counting(make) == [("Ada", 1)]

    def test_a_picture_put_into_a_wrong_folder_and_taken_out_changes_nobody(
        self, make: Maker
    ) -> None:
        media_id = copied(make, b"/people/Ada/a.jpg")
        copied(make, b"/people/Rosa/a.jpg", media_id)
        make.run(arrivals.delete, b"/people/Rosa/a.jpg")
        assert people(make) == [(1, "Ada", "Ada"), (2, "Rosa", "Rosa")]
        assert counting(make) == [("Ada", 1)]

    def test_a_folder_of_somebody_merged_feeds_who_is_left(self, make: Maker) -> None:
        enrol(make, b"/people/Rosa/a.jpg")
        enrol(make, b"/people/Luxemburg/b.jpg")
        make.merge(2, into=1)
        enrol(make, b"/people/Luxemburg/c.jpg")
        assert len(people(make)) == 2
        assert make.value("SELECT max(person_id) FROM exemplars") == 2, "read through merged_into"

    def test_a_name_that_a_person_gave_is_not_taken_back_by_the_folder(self, make: Maker) -> None:
        file_id = enrol(make)
        make.run(decisions.name_person, 1, "Rosa Luxemburg", actor="me")
        make.run(exemplars.enrol, file_id)
        enrol(make, b"/people/Rosa/b.jpg")
        make.run(arrivals.move, b"/people/Rosa", b"/people/R.L.")
        assert people(make) == [(1, "Rosa Luxemburg", "R.L.")]

    def test_a_folder_renamed_onto_another_joins_it(self, make: Maker) -> None:
        enrol(make)
        enrol(make, b"/people/Ada/b.jpg")
        make.run(arrivals.move, b"/people/Rosa", b"/people/Ada")
        assert counting(make) == [("Ada", 2)]

    def test_a_folder_called_like_somebody_known_is_hers(self, make: Maker) -> None:
        person = make.person("rosa")
        enrol(make)
        assert people(make) == [(person, "rosa", "Rosa")]

    def test_two_folders_are_two_people_even_where_a_name_fits_both(self, make: Maker) -> None:
        enrol(make, b"/people/R1/a.jpg")
        make.run(decisions.name_person, 1, "Rosa", actor="me")
        enrol(make, b"/people/Rosa/b.jpg")
        assert people(make) == [(1, "Rosa", "R1"), (2, "Rosa", "Rosa")]

    def test_a_folder_that_comes_again_is_who_it_was(self, make: Maker) -> None:
        enrol(make)
        make.run(arrivals.delete, b"/people/Rosa")
        enrol(make, b"/people/Rosa/other.jpg")
        assert len(people(make)) == 1


class TestWhileNobodyLooked:
    def moved(self, make: Maker, old: bytes, new: bytes, *, with_folder: bool) -> None:
        """A walk found this file at another place."""
        row = files.known(make.connection, old)
        assert row is not None
        change = Change(kind="moved", path=new, stat=row.stat, row=row, with_folder=with_folder)
        make.run(arrivals.apply, [change], row.root_id)

    def test_the_first_file_of_a_renamed_folder_takes_its_person_along(self, make: Maker) -> None:
        enrol(make, b"/people/Rosa/2019/a.jpg")
        enrol(make, b"/people/Rosa/b.jpg")
        self.moved(make, b"/people/Rosa/2019/a.jpg", b"/people/R.L./2019/a.jpg", with_folder=True)
        assert people(make) == [(1, "Rosa", "R.L.")], "though a file seems to be left behind"

    def test_a_file_that_left_a_folder_that_is_there_is_another_persons(self, make: Maker) -> None:
        enrol(make, b"/people/Rosa/a.jpg")
        enrol(make, b"/people/Rosa/b.jpg")
        self.moved(make, b"/people/Rosa/a.jpg", b"/people/Ada/a.jpg", with_folder=False)
        assert people(make) == [(1, "Rosa", "Rosa"), (2, "Ada", "Ada")]

    def test_a_folder_within_a_persons_folder_names_nobody(self, make: Maker) -> None:
        enrol(make, b"/people/Rosa/2019/a.jpg")
        enrol(make, b"/people/Rosa/b.jpg")
        self.moved(make, b"/people/Rosa/2019/a.jpg", b"/people/Rosa/old/a.jpg", with_folder=True)
        assert people(make) == [(1, "Rosa", "Rosa")]

    @pytest.mark.parametrize("is_there", [True, False])
    def test_a_walk_sees_whether_the_folder_went_along(self, make: Maker, is_there: bool) -> None:
        enrol(make, b"/people/Rosa/a.jpg")
        row = files.known(make.connection, b"/people/Rosa/a.jpg")
        assert row is not None
        comparison = Reconciliation(
            connection=make.connection,
            scope=Scope(root_id=row.root_id, folder=b"/people"),
            found=[Found(path=b"/people/R.L./a.jpg", kind="file", stat=row.stat)],
            exists=lambda path: path == b"/people/Rosa" and is_there,
            device=lambda _: 1,
        )
        (change,) = comparison.changes()
        assert (change.kind, change.with_folder) == ("moved", not is_there)


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        pytest.param(b"/p/A/x/1.jpg", b"/p/B/x/1.jpg", (b"/p/A", b"/p/B"), id="a folder"),
        pytest.param(b"/p/A/1.jpg", b"/p/A/2.jpg", (b"/p/A/1.jpg", b"/p/A/2.jpg"), id="a file"),
        pytest.param(b"/a/1.jpg", b"/p/A/1.jpg", (b"/a", b"/p/A"), id="deeper"),
        pytest.param(b"/a/1", b"/a/1", (b"/a/1", b"/a/1"), id="the same"),
        pytest.param(b"/x", b"/a/x", (b"/", b"/a"), id="from the root"),
    ],
)
def test_paths_differ_from_a_folder_on(
    old: bytes, new: bytes, expected: tuple[bytes, bytes]
) -> None:
    assert folders.apart(old, new) == expected
