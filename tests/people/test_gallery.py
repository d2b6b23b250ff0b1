"""What the identifier remembers is what the catalog says, whatever happened in between."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from catalog import arrivals, assignments
from catalog.assignments import Verdict
from catalog.connect import connect
from catalog.faces import replace_faces
from daemon.people import crowd as crowd_module
from daemon.people import gallery as gallery_module
from daemon.people.crowd import Crowd
from daemon.people.gallery import Gallery
from tests.makers import NOW, Maker, crowd, face_record, looks

if TYPE_CHECKING:
    from pathlib import Path

CENTRES = crowd(4, seed=11)
VECTORS = np.concatenate([looks(centre, 8, i) for i, centre in enumerate(CENTRES)])


def remembered(gallery: Gallery) -> dict[int, tuple[int, list[float]]]:
    """Each group that is not empty: how many faces, and their mean."""
    crowd_ = gallery.crowd
    found = {}
    for person in list(crowd_._members):
        summary = crowd_.summary(person)
        if summary is not None:
            found[person] = (summary.count, (summary.sum / summary.weight).tolist())
    return found


def known(gallery: Gallery) -> list[tuple[int, int]]:
    references = gallery.references
    return list(zip(references.person_ids.tolist(), references.face_ids.tolist(), strict=True))


def assert_like_new(gallery: Gallery, make: Maker) -> None:
    """Refreshed step by step, it is what one that reads everything is."""
    fresh = Gallery()
    fresh.refresh(make.connection)
    ours, theirs = remembered(gallery), remembered(fresh)
    assert {person: count for person, (count, _) in ours.items()} == {
        person: count for person, (count, _) in theirs.items()
    }
    for person, (_, mean) in theirs.items():
        assert ours[person][1] == pytest.approx(mean, abs=1e-5)
    assert known(gallery) == known(fresh)
    assert np.array_equal(gallery.references.vectors, fresh.references.vectors)
    assert gallery.merged == fresh.merged
    assert gallery.crowd._group_of == fresh.crowd._group_of
    assert gallery.crowd._pictures_of == fresh.crowd._pictures_of


class TestCrowd:
    def test_who_is_near_a_group_is_like_its_weighted_mean(self) -> None:
        people = Crowd(128)
        for number, vector in enumerate(VECTORS[:5]):
            people.put(number, vector, weight=1.0 + number, pictures=((number, 0),), group_id=7)
        people.put(9, VECTORS[20], weight=1.0, pictures=((9, 0),), group_id=9)
        mean = np.average(VECTORS[:5] @ VECTORS[6], weights=np.arange(1, 6))
        assert people.near(VECTORS[6:7], float(mean) - 1e-5) == {7}
        assert people.near(VECTORS[6:7], float(mean) + 1e-5) == set()
        assert people.near(VECTORS[6:7], -1.0) == {7, 9}

    @pytest.mark.parametrize("faces", [1, 40])
    def test_nobody_near_is_overlooked(self, faces: int) -> None:
        people, rng = Crowd(128), np.random.default_rng(4)
        means = np.concatenate([looks(it, 20, 5, cosine=0.96) for it in crowd(20, seed=6)])
        for number, vector in enumerate(means):
            people.put(number, vector, weight=1.0, pictures=((number, 0),), group_id=number + 1)
        asked = means[rng.integers(len(means), size=faces)]
        similar = (means @ asked.T).max(axis=1)
        for threshold in (-1.0, 0.7, 0.9, 0.93, 0.96, 0.999):
            assert np.abs(similar - threshold).min() > 1e-6, "not within rounding"
            assert people.near(asked, threshold) == set(np.flatnonzero(similar >= threshold) + 1)

    def test_an_empty_group_is_near_nobody(self) -> None:
        people = Crowd(128)
        people.put(1, VECTORS[0], weight=1.0, pictures=((1, 0),), group_id=7)
        people.put(2, VECTORS[8], weight=1.0, pictures=((2, 0),), group_id=8)
        people.remove([1])
        assert people.near(VECTORS[:1], -1.0) == {8}
        assert people.summary(7) is None

    @pytest.mark.parametrize("counted", [0, 3, 512])
    def test_means_stay_right_whoever_comes_and_goes(
        self, counted: int, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(crowd_module, "COUNTED", counted)
        rng = np.random.default_rng(3)
        people, where = Crowd(128), {}
        for step in range(600):
            face = int(rng.integers(60))
            if rng.random() < 0.3:
                people.remove([face])
                where.pop(face, None)
            else:
                group = int(rng.integers(1, 5))
                vector, weight = VECTORS[rng.integers(32)], float(rng.uniform(0.1, 1))
                people.put(face, vector, weight=weight, pictures=((face // 2, 0),), group_id=group)
                where[face] = (group, vector, weight)
            if step % 7 == 0:
                people.near(VECTORS[:1], 0.5)
        for group in range(1, 5):
            own = [(vector, weight) for it, vector, weight in where.values() if it == group]
            summary = people.summary(group)
            assert summary is not None
            assert summary.count == len(own)
            total = sum(weight * vector for vector, weight in own)
            assert summary.sum == pytest.approx(total, abs=1e-3)
            without = next(face for face, (it, _, _) in where.items() if it == group)
            less = people.summary(group, without=[without])
            assert less is not None
            _, vector, weight = where[without]
            assert less.sum == pytest.approx(total - weight * vector, abs=1e-3)
            assert without not in less.some_faces

    def test_who_else_is_in_a_picture(self) -> None:
        people = Crowd(128)
        people.put(1, VECTORS[0], weight=1.0, pictures=((5, 0),), group_id=7)
        people.put(2, VECTORS[8], weight=1.0, pictures=((5, 0),), group_id=8)
        people.put(3, VECTORS[8], weight=1.0, pictures=((5, 1),), group_id=9)
        people.put(4, VECTORS[8], weight=1.0, pictures=((5, 0),), group_id=None)
        assert people.groups_in((5, 0), without=[1]) == {8}
        assert people.groups_in((5, 2), without=[]) == set()

    def test_media_with_a_face_like_these_are_found(self) -> None:
        people = Crowd(128)
        for number, vector in enumerate(VECTORS):
            people.put(number + 1, vector, weight=1.0, pictures=((number, 0),), group_id=None)
        people.remove([4])
        assert people.like(VECTORS[:1], 0.93) == set(range(8)) - {3}
        assert people.like(VECTORS[:0], 0.93) == set()


class TestWhoCounts:
    def test_all_faces_that_are_somebodys_are_in_the_mean(self, make: Maker) -> None:
        _, faces = make.photo(*VECTORS[:4])
        for face, method in zip(faces, ("reference", "group", "user", "metadata"), strict=True):
            make.assign(face, make.person(), method)
        gallery = Gallery()
        gallery.refresh(make.connection)
        assert sorted(remembered(gallery)) == [1, 2, 3, 4]

    @pytest.mark.parametrize("case", ["reference only", "superseded", "suggested", "other model"])
    def test_what_is_no_decision_on_a_photo_does_not_count(self, make: Maker, case: str) -> None:
        role = "reference" if case == "reference only" else "inbox"
        _, (face,) = make.photo(VECTORS[0], role=role)
        make.assign(
            face, make.person(), "group",
            state="suggested" if case == "suggested" else "assigned",
            model="Dlib" if case == "other model" else "all",
        )  # fmt: skip
        if case == "superseded":
            make.connection.execute("UPDATE faces SET state = 'superseded'")
        gallery = Gallery()
        gallery.refresh(make.connection)
        assert remembered(gallery) == {}

    def test_merged_groups_stay_apart_and_are_one_person(self, make: Maker) -> None:
        _, (one, two) = make.photo(VECTORS[0], VECTORS[8])
        young, rosa = make.person(), make.person("Rosa")
        make.assign(one, young, "group")
        make.assign(two, rosa, "group")
        make.merge(young, rosa)
        gallery = Gallery()
        gallery.refresh(make.connection)
        assert sorted(remembered(gallery)) == [young, rosa]
        assert gallery.survivor(young) == gallery.survivor(rosa) == rosa
        assert gallery.groups_of({rosa}) == {young, rosa}
        assert gallery.groups_of({7}) == {7}


class TestReferences:
    def test_who_is_known_by_what(self, make: Maker) -> None:
        rosa, merged = make.person("Rosa"), make.person("Rosi")
        (one,) = make.reference(rosa, VECTORS[:1])
        (two,) = make.reference(merged, VECTORS[1:2])
        make.reference(make.person("Ada"), VECTORS[8:9])
        make.connection.execute("UPDATE exemplars SET state = 'withdrawn' WHERE id = 3")
        make.merge(merged, rosa)
        gallery = Gallery()
        gallery.refresh(make.connection)
        assert known(gallery) == [(rosa, one), (rosa, two)]
        assert np.array_equal(gallery.references.vectors, VECTORS[:2])

    def test_only_the_active_embedder_is_compared(self, make: Maker) -> None:
        make.reference(make.person("Rosa"), VECTORS[:1])
        make.connection.execute("UPDATE embedders SET active = 0")
        gallery = Gallery()
        gallery.refresh(make.connection)
        assert known(gallery) == []

    def test_an_exemplar_that_went_to_another_person_is_noticed(self, make: Maker) -> None:
        """The number of exemplars, their last id and their faces are what they were."""
        rosa, ada = make.person("Rosa"), make.person("Ada")
        (face,) = make.reference(rosa, VECTORS[:1])
        gallery = Gallery()
        gallery.refresh(make.connection)
        make.connection.execute("UPDATE exemplars SET person_id = ?", [ada])
        gallery.refresh(make.connection)
        assert known(gallery) == [(ada, face)]

    def test_two_exemplars_that_changed_places_are_noticed(self, make: Maker) -> None:
        rosa, ada = make.person("Rosa"), make.person("Ada")
        (one,) = make.reference(rosa, VECTORS[:1])
        (two,) = make.reference(ada, VECTORS[8:9])
        gallery = Gallery()
        gallery.refresh(make.connection)
        make.connection.execute(
            "UPDATE exemplars SET face_id = iif(face_id = ?, ?, ?)", [one, two, one]
        )
        gallery.refresh(make.connection)
        assert known(gallery) == [(rosa, two), (ada, one)]


def test_nothing_is_read_again_where_nothing_changed(
    make: Maker, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, faces = make.photo(*VECTORS[:3])
    for face in faces:
        make.assign(face, 1 if make.row("SELECT 1 FROM people") else make.person(), "group")
    gallery = Gallery()
    gallery.refresh(make.connection)
    reader = gallery_module.faces_module.Reader
    memberships = reader.memberships

    def some(self: object, face_ids: object = None) -> object:
        assert face_ids is not None, "all are read"
        return memberships(self, face_ids)  # type: ignore[arg-type]

    monkeypatch.setattr(reader, "memberships", some)
    gallery.refresh(make.connection)
    _, (new,) = make.photo(VECTORS[3])
    make.assign(new, 1, "group")
    gallery.refresh(make.connection)
    assert remembered(gallery)[1][0] == 4


def test_the_vectors_of_a_photo_that_was_committed_again_are_read_again(make: Maker) -> None:
    media_id, (face,) = make.photo(VECTORS[0])
    make.assign(face, make.person(), "group")
    gallery = Gallery()
    gallery.refresh(make.connection)
    make.run(replace_faces, media_id, [face_record((0.0, 0.0, 100.0, 120.0), VECTORS[3])])
    gallery.refresh(make.connection, [media_id])
    assert remembered(gallery)[1][1] == pytest.approx(VECTORS[3].tolist(), abs=1e-6)
    assert_like_new(gallery, make)


STEPS = st.lists(
    st.tuples(st.integers(0, 10), st.integers(0, 50), st.integers(0, 50)), min_size=1, max_size=25
)


class World:
    """Things that happen to a catalog, chosen by three numbers."""

    def __init__(self, make: Maker) -> None:
        self.make = make
        make.embedder()
        self.people = [make.person(), make.person("Rosa")]
        self.media: list[int] = []
        self.touched: list[int] = []

    def step(self, kind: int, a: int, b: int) -> None:
        make = self.make
        if kind <= 1 or not self.media:
            count = 1 + a % 2
            media_id, _ = make.photo(*[VECTORS[(a + i * b) % len(VECTORS)] for i in range(count)])
            self.media.append(media_id)
            return
        media_id = self.media[a % len(self.media)]
        faces = [
            int(str(row[0]))
            for row in make.rows("SELECT id FROM faces WHERE media_id = ?", media_id)
        ]
        face, person = faces[b % len(faces)], self.people[b % len(self.people)]
        if kind <= 4:
            state = "suggested" if kind == 4 and a % 3 == 0 else "assigned"
            method = ("group", "reference")[kind == 3]
            verdict = Verdict(face_id=face, person_id=person, state=state, method=method)
            make.run(assignments.apply, [verdict], {})
        elif kind == 5:
            make.run(assignments.apply, [Verdict(face_id=face, person_id=None)], {})
        elif kind == 6:
            founded: dict[int, int] = {}
            make.run(assignments.apply, [Verdict(face_id=face, person_id=-1)], founded)
            self.people.extend(founded.values())
        elif kind == 7:  # detected again: one face moves with a new vector, another may be gone
            found = [face_record((0.0, 0.0, 100.0, 120.0), VECTORS[b % len(VECTORS)])]
            make.run(replace_faces, media_id, found)
            self.touched.append(media_id)
        elif kind == 8:
            make.reference(person, VECTORS[a % len(VECTORS)][None])
        elif kind == 9:
            self._decide(face, person)
        else:
            self._merge(a, b)

    def _decide(self, face: int, person: int) -> None:
        """A person says who it is, with a row in the undo log."""
        make = self.make
        make.connection.execute(
            """UPDATE assignments SET state = 'withdrawn', ended_at = ?
               WHERE face_id = ? AND ended_at IS NULL""",
            [NOW, face],
        )
        make.assign(face, person, "user")
        make.insert("changes", at=NOW, actor="me", action="assign", forward="{}", inverse="{}")

    def _merge(self, a: int, b: int) -> None:
        alive = [
            person for person in self.people
            if self.make.value("SELECT merged_into IS NULL FROM people WHERE id = ?", person)
        ]  # fmt: skip
        one, other = alive[a % len(alive)], alive[b % len(alive)]
        is_target = self.make.row("SELECT 1 FROM people WHERE merged_into = ?", one)
        if one != other and is_target is None:
            self.make.merge(one, other)


@settings(
    derandomize=True, max_examples=20, deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)  # fmt: skip
@given(STEPS)
def test_refreshed_step_by_step_it_is_what_a_new_one_reads(
    migrated: Path, tmp_path: Path, steps: list[tuple[int, int, int]]
) -> None:
    path = tmp_path / "catalog.db"
    path.write_bytes(migrated.read_bytes())
    connection = connect(path)
    try:
        world = World(Maker(connection))
        gallery = Gallery()
        for step in steps:
            world.step(*step)
            gallery.refresh(connection, world.touched)
            world.touched.clear()
        assert_like_new(gallery, world.make)
    finally:
        connection.close()
        for leftover in tmp_path.glob("catalog.db*"):
            leftover.unlink()


def test_a_photo_that_became_a_reference_picture_leaves_its_group(make: Maker) -> None:
    make.root(b"/people", "reference")
    _, (face,) = make.photo(VECTORS[0], path=b"/inbox/a.jpg")
    make.assign(face, make.person(), "group")
    gallery = Gallery()
    gallery.refresh(make.connection)
    make.run(arrivals.move, b"/inbox/a.jpg", b"/people/Rosa/a.jpg")
    gallery.refresh(make.connection)
    assert remembered(gallery) == {}
    assert_like_new(gallery, make)
