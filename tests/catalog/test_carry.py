"""What people decided goes along when a photo is changed in place."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from catalog import calibrations, decisions, exemplars, forget, jobs
from catalog.carry import REASON
from catalog.connect import transaction
from catalog.jobs import Patience
from catalog.media import commit_part
from catalog.records import FaceRecord, MediaFacts
from catalog.versions import LEAD, Measure, Scores, Seen, Version, tie
from tests.makers import between, crowd, face_record, looks, part_record, sha

if TYPE_CHECKING:
    import sqlite3

    from daemon.faces.values import Vectors
    from tests.makers import Maker

# Dlib's own, as the catalog has them once somebody was judged.
CURVE = {"slope": 177.7, "intercept": -161.7}
THRESHOLDS = {"strict": 0.9443, "group": 0.9343, "balanced": 0.9296, "lenient": 0.9118}
NEW_SHA = sha("the new version")
LEFT, RIGHT = (100.0, 200.0, 100.0, 120.0), (600.0, 200.0, 100.0, 120.0)


class Edited:
    """A photo of 1000 × 800 pixels with faces, and a newer version at its path that is still to be
    read.
    """

    def __init__(self, make: Maker, crops: sqlite3.Connection, *vectors: Vectors) -> None:
        self.make, self.crops = make, crops
        make.run(
            calibrations.write,
            make.embedder(),
            source="a test",
            curve=CURVE,
            thresholds=THRESHOLDS,
        )
        self.old_id = make.media(width=1000, height=800)
        self.faces = [
            make.face(self.old_id, vector, x=x, y=200.0)
            for vector, x in zip(vectors, (100.0, 600.0, 350.0), strict=False)
        ]
        self.new_id = make.media(state="pending", sha256=NEW_SHA, replaces_media_id=self.old_id)
        make.file(self.new_id, b"/inbox/a.jpg")

    def commit(self, *faces: FaceRecord, width: int = 1000, height: int = 800) -> list[int]:
        """The new version is read; returns its faces' ids."""
        facts = MediaFacts(kind="image", mime="image/jpeg", width=width, height=height)
        self.make.run(jobs.enqueue, "ingest", NEW_SHA, media_id=self.new_id)
        (job,) = self.make.run(jobs.claim, "ingest", 1, owner="worker")
        with transaction(self.make.connection), transaction(self.crops):
            record = part_record(NEW_SHA, *faces, facts=facts)
            commit_part(
                self.make.connection, self.crops, record, job,
                patience=Patience(max_attempts=3, retry_s=60),
            )  # fmt: skip
        rows = self.make.rows("SELECT id FROM faces WHERE media_id = ? ORDER BY id", self.new_id)
        return [int(str(face_id)) for (face_id,) in rows]


def again(vector: Vectors, seed: int = 7, *, cosine: float = 0.995) -> Vectors:
    """The vector of the same face in a picture that was saved again."""
    return looks(vector, 1, seed, cosine=cosine)[0]


def user_rows(make: Maker, face_id: int) -> list[tuple[Any, ...]]:
    return make.rows(
        """SELECT person_id, method, decided_by, evidence_face_id, ended_at FROM assignments
           WHERE face_id = ?""",
        face_id,
    )


def test_a_face_that_a_person_named_keeps_its_name(make: Maker, crops: sqlite3.Connection) -> None:
    rosa, paul = crowd(2)
    photo = Edited(make, crops, rosa, paul)
    somebody = make.person("Rosa")
    make.assign(photo.faces[0], somebody)
    # The two are found in another order and at another place.
    _, new_rosa = photo.commit(
        face_record((10, 10, 50, 60), again(paul)), face_record((300, 10, 50, 60), again(rosa))
    )
    assert make.known_as(new_rosa) == somebody
    assert user_rows(make, new_rosa) == [(somebody, "user", "somebody", photo.faces[0], None)]
    similarity = make.value("SELECT similarity FROM assignments WHERE face_id = ?", new_rosa)
    assert similarity == pytest.approx(0.995, abs=1e-4)


def test_the_old_version_keeps_what_was_decided_and_undoing_it_there_leaves_the_new_alone(
    make: Maker, crops: sqlite3.Connection
) -> None:
    (rosa,) = crowd(1)
    photo = Edited(make, crops, rosa)
    somebody = make.person("Rosa")
    assignment = make.assign(photo.faces[0], somebody)
    (new,) = photo.commit(face_record(LEFT, again(rosa)))
    assert make.known_as(photo.faces[0]) == somebody
    make.run(
        lambda it: it.execute(
            "UPDATE assignments SET state = 'withdrawn', ended_at = 'now' WHERE id = ?",
            [assignment],
        )
    )
    assert user_rows(make, new)[0][-1] is None
    assert make.known_as(new) == somebody


def test_what_was_ruled_out_stays_ruled_out_without_being_part_of_the_old_change(
    make: Maker, crops: sqlite3.Connection
) -> None:
    rosa, chair = crowd(2)
    photo = Edited(make, crops, rosa, chair)
    paul = make.person("Paul")
    make.reject(photo.faces[0], paul)
    make.reject(photo.faces[1], None)
    make.connection.execute("UPDATE faces SET state = 'hidden' WHERE id = ?", [photo.faces[1]])
    new_rosa, new_chair = photo.commit(
        face_record(LEFT, again(rosa)), face_record(RIGHT, again(chair))
    )
    assert make.rows(
        "SELECT face_id, person_id, change_id FROM rejections WHERE face_id IN (?, ?) ORDER BY 1",
        new_rosa, new_chair,
    ) == [(new_rosa, paul, None), (new_chair, None, None)]  # fmt: skip
    states = make.rows("SELECT state FROM faces WHERE media_id = ? ORDER BY id", photo.new_id)
    assert states == [("active",), ("hidden",)]


def test_a_confirmed_face_is_what_its_person_is_known_by_and_everybody_is_judged_by_it(
    make: Maker, crops: sqlite3.Connection
) -> None:
    (rosa,) = crowd(1)
    photo = Edited(make, crops, rosa)
    somebody = make.person("Rosa")
    make.assign(photo.faces[0], somebody)
    make.insert(
        "exemplars", person_id=somebody, face_id=photo.faces[0], source="user", state="used"
    )
    (new,) = photo.commit(face_record(LEFT, again(rosa)))
    assert make.row(
        "SELECT person_id, source, state, reason FROM exemplars WHERE face_id = ?", new
    ) == (somebody, "user", "used", REASON)
    assert make.job_keys("rejudge") == [str(somebody)]


@pytest.mark.parametrize("copy", [True, False], ids=["a copy lies elsewhere", "nowhere any more"])
def test_a_cover_goes_along_where_its_picture_lies_nowhere_any_more(
    make: Maker, crops: sqlite3.Connection, *, copy: bool
) -> None:
    (rosa,) = crowd(1)
    photo = Edited(make, crops, rosa)
    if copy:
        make.file(photo.old_id, b"/inbox/copy.jpg")
    somebody = make.person("Rosa", cover_face_id=photo.faces[0])
    (new,) = photo.commit(face_record(LEFT, again(rosa)))
    cover = make.value("SELECT cover_face_id FROM people WHERE id = ?", somebody)
    assert cover == (photo.faces[0] if copy else new)


def test_a_face_starts_in_the_group_that_it_was_in_and_is_judged_anew(
    make: Maker, crops: sqlite3.Connection
) -> None:
    rosa, paul = crowd(2)
    photo = Edited(make, crops, rosa, paul)
    group, known = make.person(), make.person("Paul", origin="reference")
    make.assign(photo.faces[0], group, "group")
    make.assign(photo.faces[1], known, "reference")
    new_rosa, new_paul = photo.commit(
        face_record(LEFT, again(rosa)), face_record(RIGHT, again(paul))
    )
    assert user_rows(make, new_rosa) == [(group, "group", "somebody", photo.faces[0], None)]
    assert user_rows(make, new_paul) == []
    assert (make.known_as(new_rosa), make.known_as(new_paul)) == (group, None)
    assert make.job_keys("identify") == [f"{photo.new_id}/0"]


def test_a_face_at_the_same_place_that_is_somebody_else_gets_nothing(
    make: Maker, crops: sqlite3.Connection
) -> None:
    rosa, paul = crowd(2)
    photo = Edited(make, crops, rosa)
    make.assign(photo.faces[0], make.person("Rosa"))
    (new,) = photo.commit(face_record(LEFT, paul))
    assert make.known_as(new) is None
    assert user_rows(make, new) == []


def test_of_twins_each_keeps_her_place(make: Maker, crops: sqlite3.Connection) -> None:
    (twins,) = crowd(1)
    one, other = looks(twins, 2, cosine=0.999)
    photo = Edited(make, crops, one, other)
    ada, eve = make.person("Ada"), make.person("Eve")
    make.assign(photo.faces[0], ada)
    make.assign(photo.faces[1], eve)
    # By vectors alone they would swap: each is a little more like the other's old face.
    left, right = photo.commit(
        face_record((50, 100, 50, 60), between(one, other, 0.6)),
        face_record((300, 100, 50, 60), between(one, other, 0.4)),
        width=500, height=400,
    )  # fmt: skip
    assert (make.known_as(left), make.known_as(right)) == (ada, eve)


def test_of_twins_who_moved_in_the_picture_nobody_is_guessed(
    make: Maker, crops: sqlite3.Connection
) -> None:
    (twins,) = crowd(1)
    one, other = looks(twins, 2, cosine=0.999)
    photo = Edited(make, crops, one, other)
    make.assign(photo.faces[0], make.person("Ada"))
    new = photo.commit(
        face_record((300, 100, 100, 120), one), face_record((460, 100, 100, 120), other)
    )
    assert [make.known_as(face_id) for face_id in new] == [None, None]


def test_a_version_that_was_never_read_is_passed_over(
    make: Maker, crops: sqlite3.Connection
) -> None:
    (rosa,) = crowd(1)
    photo = Edited(make, crops, rosa)
    somebody = make.person("Rosa")
    make.assign(photo.faces[0], somebody)
    unread = make.media(state="failed", replaces_media_id=photo.old_id)
    newest = make.media(state="pending", sha256=sha("newest"), replaces_media_id=unread)
    make.connection.execute("UPDATE media SET sha256 = ? WHERE id = ?", [sha(1), photo.new_id])
    make.connection.execute("UPDATE media SET sha256 = ? WHERE id = ?", [NEW_SHA, newest])
    photo.new_id = newest
    (new,) = photo.commit(face_record(LEFT, again(rosa)))
    assert make.known_as(new) == somebody


def test_what_people_undo_on_the_new_version_does_not_come_back_when_it_is_read_again(
    make: Maker, crops: sqlite3.Connection
) -> None:
    (rosa,) = crowd(1)
    photo = Edited(make, crops, rosa)
    make.reject(photo.faces[0], make.person("Paul"))
    photo.commit(face_record(LEFT, again(rosa)))
    make.connection.execute("DELETE FROM rejections WHERE face_id <> ?", [photo.faces[0]])
    photo.commit(face_record(LEFT, again(rosa)))
    assert make.value("SELECT count(*) FROM rejections") == 1


def test_a_replaced_photo_counts_once(make: Maker, crops: sqlite3.Connection) -> None:
    (rosa,) = crowd(1)
    photo = Edited(make, crops, rosa)
    somebody = make.person("Rosa")
    make.assign(photo.faces[0], somebody)
    photo.commit(face_record(LEFT, again(rosa)))
    counted = "SELECT faces_count, media_count FROM people_summary WHERE person_id = ?"
    assert make.row(counted, somebody) == (1, 1)
    assert make.rows("SELECT media_id FROM appearances") == [(photo.new_id,)]
    # While a copy of the old version lies somewhere, it is a photo of its own.
    copy = make.file(photo.old_id, b"/inbox/copy.jpg")
    assert make.row(counted, somebody) == (2, 2)
    # A file that is merely out of reach keeps its people, as any does.
    make.connection.execute("DELETE FROM files WHERE id = ?", [copy])
    make.connection.execute("UPDATE files SET state = 'missing'")
    assert make.row(counted, somebody) == (2, 2)
    # Where the old version was put back, it is the one that counts.
    make.connection.execute("UPDATE files SET state = 'present', media_id = ?", [photo.old_id])
    assert make.rows("SELECT media_id FROM appearances") == [(photo.old_id,)]


class TestTie:
    """The rule itself, on values."""

    MEASURE = Measure(embedder_id=1, slope=100.0, strict=0.9)

    def seen(self, number: int, vector: Vectors, box: Any = LEFT, roll: float = 0.0) -> Seen:
        return Seen(id=number, box=box, roll=roll, vectors=(tuple(map(float, vector)),))

    def ties(self, old: Version, new: Version) -> list[tuple[int, int]]:
        pairs = tie(old.faces, old, new, Scores(measures=[self.MEASURE]))
        return sorted((before.id, now.id) for before, now in pairs)

    @pytest.mark.parametrize(
        ("quarters", "boxes"),
        [
            pytest.param(1, [(480, 100, 120, 100), (480, 600, 120, 100)], id="clockwise"),
            pytest.param(2, [(800, 480, 100, 120), (300, 480, 100, 120)], id="upside down"),
            pytest.param(3, [(200, 800, 120, 100), (200, 300, 120, 100)], id="the other way"),
        ],
    )
    def test_alike_faces_are_told_apart_by_place_in_a_turned_picture(
        self, quarters: int, boxes: list[Any]
    ) -> None:
        (one,) = crowd(1)
        size = (1000, 800) if quarters % 2 == 0 else (800, 1000)
        old = Version(
            width=1000, height=800, faces=(self.seen(1, one, LEFT), self.seen(2, one, RIGHT))
        )
        roll = 90.0 * quarters + 7
        new = Version(
            width=size[0],
            height=size[1],
            faces=tuple(self.seen(3 + i, one, box, roll) for i, box in enumerate(boxes)),
        )
        assert self.ties(old, new) == [(1, 3), (2, 4)]

    def test_no_face_is_used_twice(self) -> None:
        rng = np.random.default_rng(3)
        for seed in range(40):
            centres = crowd(3, seed, alike=0.95)
            faces = [looks(it, 2, seed, cosine=0.99) for it in centres]
            boxes = rng.uniform(0, 700, (2, 6, 2))
            versions = [
                Version(
                    width=1000,
                    height=800,
                    faces=tuple(
                        self.seen(100 * side + i, vector, (*boxes[side][i], 100.0, 120.0))
                        for i, vector in enumerate(np.concatenate(faces))
                    ),
                )
                for side in (0, 1)
            ]
            pairs = self.ties(versions[0], versions[1])
            assert len({old for old, _ in pairs}) == len({new for _, new in pairs}) == len(pairs)

    @pytest.mark.parametrize(("cosine", "tied"), [(0.91, True), (0.89, False)])
    def test_it_takes_the_strict_similarity(self, cosine: float, *, tied: bool) -> None:
        (one,) = crowd(1)
        old = Version(width=1, height=1, faces=(self.seen(1, one, (0, 0, 1, 1)),))
        new = Version(
            width=1, height=1, faces=(self.seen(2, again(one, cosine=cosine), (9, 9, 1, 1)),)
        )
        assert self.ties(old, new) == ([(1, 2)] if tied else [])

    def test_a_lead_that_is_too_small_is_none(self) -> None:
        needed = LEAD / self.MEASURE.slope
        a = np.array([1.0, 0.0])
        for share, tied in ((1.1, True), (0.9, False)):
            angle = math.acos(1 - share * needed)
            b = np.array([math.cos(angle), math.sin(angle)])
            old = Version(width=9, height=9, faces=(self.seen(1, a, (0, 0, 1, 1)),))
            faces = (self.seen(2, a, (5, 5, 1, 1)), self.seen(3, b, (7, 7, 1, 1)))
            new = Version(width=9, height=9, faces=faces)
            assert self.ties(old, new) == ([(1, 2)] if tied else [])


def test_a_reference_picture_that_was_confirmed_too_contests_nothing_when_it_is_edited(
    make: Maker, crops: sqlite3.Connection
) -> None:
    (rosa,) = crowd(1)
    photo = Edited(make, crops, rosa)
    file_id = make.file(photo.old_id, b"/people/Rosa/a.jpg", role="reference")
    make.run(exemplars.enrol, file_id)
    somebody = make.value("SELECT person_id FROM exemplars")
    make.run(decisions.confirm, [photo.faces[0]], somebody, actor="me")
    make.connection.execute("UPDATE files SET media_id = ? WHERE id = ?", [photo.new_id, file_id])
    (new,) = photo.commit(face_record(LEFT, again(rosa)))
    assert make.rows(
        "SELECT person_id, face_id, source, state FROM exemplars ORDER BY face_id, source"
    ) == [
        (somebody, photo.faces[0], "user", "used"),
        (somebody, new, "folder", "used"),
        (somebody, new, "user", "used"),
    ]  # fmt: skip


def test_a_face_that_was_forgotten_is_carried_to_none(
    make: Maker, crops: sqlite3.Connection
) -> None:
    rosa, ada = crowd(2)
    photo = Edited(make, crops, rosa, ada)
    somebody = make.person("Ada")
    make.assign(photo.faces[0], make.person("Rosa"))
    make.assign(photo.faces[1], somebody)
    forget.forget_faces(make.connection, crops, photo.faces[:1], actor="me")
    (new,) = photo.commit(face_record(LEFT, again(rosa)), face_record(RIGHT, again(ada)))
    assert make.known_as(new) == somebody, "the other one left no row"
