"""Who leads a track, who is seen with whom, and what of a video is one run."""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np
import pytest

from catalog import assignments, decisions, evidence, faces, forget, leaders, neighbours
from catalog.assignments import Verdict
from catalog.decisions import DecisionError
from daemon.people.ensemble import Ensemble
from daemon.people.faces import Reader
from tests.makers import crowd, looks

if TYPE_CHECKING:
    import sqlite3

    from tests.makers import Maker

ROSA, ADA = crowd(2)
ME = {"actor": "me"}


def film(make: Maker, seed: int) -> tuple[int, dict[int, tuple[float, float]]]:
    """A video with tracks at any time, some of no length and many that touch; returns it, and the
    spans by leader.
    """
    rng, media_id = np.random.default_rng(seed), make.video()
    spans = {}
    for vector in looks(ROSA, 14, seed):
        start, lasts = int(rng.integers(0, 25)), int(rng.choice([0, 1, 2, 3, 9]))
        _, leader, _ = make.track(media_id, start, start + lasts, vector, faces=2)
        spans[leader] = (float(start), float(start + lasts))
    return media_id, spans


def together(one: tuple[float, float], other: tuple[float, float]) -> bool:
    """Whether the later one begins while the other is there."""
    (begins, ends), (later, _) = sorted([one, other])
    return begins <= later < ends or begins == later


@pytest.mark.parametrize("seed", range(6))
def test_who_is_seen_together_is_the_same_for_catalog_and_identifier(
    make: Maker, seed: int
) -> None:
    film(make, seed + 100)
    media_id, spans = film(make, seed)
    expected = {frozenset(it) for it in combinations(spans, 2) if together(*map(spans.get, it))}
    pairs = [
        (int(str(one)), int(str(other)))
        for one in spans
        for (other,) in make.rows("SELECT beside_id FROM beside WHERE face_id = ?", one)
    ]
    assert {frozenset(it) for it in pairs} == expected
    assert {(other, one) for one, other in pairs} == set(pairs), "each with every other"
    found = Reader(make.connection, Ensemble.read(make.connection)).of_media([media_id])
    assert {it.id for it in found} == set(spans), "followers are not read"
    shared = {
        frozenset((one.id, other.id))
        for one, other in combinations(found, 2)
        if set(one.pictures) & set(other.pictures)
    }
    assert shared == expected


@pytest.mark.parametrize("seed", range(6))
def test_a_place_holds_all_who_meet_and_nobody_else(make: Maker, seed: int) -> None:
    _, spans = film(make, seed)
    _, (photo, friend) = make.photo(None, None)
    places = leaders.places(make.connection, [*spans, photo, friend])
    assert places[photo] == places[friend]
    groups = [{it} for it in spans]
    for one, other in combinations(spans, 2):
        if together(spans[one], spans[other]):
            own = [it for it in groups if it & {one, other}]
            groups = [it for it in groups if it not in own] + [set().union(*own)]
    found: dict[int, set[int]] = {}
    for face in spans:
        found.setdefault(places[face], set()).add(face)
    assert sorted(map(sorted, found.values())) == sorted(map(sorted, groups))
    assert places[photo] not in found


def test_a_place_holds_all_that_one_leader_speaks_for(make: Maker) -> None:
    media_id = make.video()
    track, leader, *_ = make.track(media_id, 0.0, 60.0)
    make.track(media_id, 60.0, 70.0, continues=track)
    beside = [make.track(media_id, start, start + 5.0)[1] for start in (10.0, 64.0)]
    alone = make.track(media_id, 70.0, 80.0)[1]
    places = leaders.places(make.connection, [leader, *beside, alone])
    assert len({places[it] for it in (leader, *beside)}) == 1
    assert places[alone] != places[leader]


def test_verdicts_on_those_who_meet_are_never_apart_and_a_film_is_no_one_part(
    make: Maker,
) -> None:
    media_id = make.video()
    scenes = [
        [make.track(media_id, start + it, start + it + 2.0)[1] for it in range(2)]
        for start in (0.0, 10.0, 20.0)
    ]
    verdicts = [Verdict(face_id=it, person_id=None) for scene in scenes for it in scene]
    parts = make.run(assignments.batches, verdicts, 2)
    assert [[it.face_id for it in part] for part in parts] == scenes


@pytest.mark.parametrize("analyzed", [False, True])
def test_whoever_asks_who_is_beside_one_face_reads_no_table(make: Maker, analyzed: bool) -> None:
    """Also where nearly all faces are in no frame, or of no track."""
    film(make, 1)
    make.connection.execute("BEGIN")
    for _ in range(200):
        make.photo(None)
    make.connection.execute("COMMIT")
    if analyzed:
        make.connection.execute("ANALYZE")
    for sql in (
        "SELECT beside_id FROM beside WHERE face_id = 1",
        """SELECT id FROM faces AS f WHERE id = 1 AND EXISTS
           (SELECT 1 FROM beside CROSS JOIN assignments AS a ON a.face_id = beside_id
            WHERE beside.face_id = f.id)""",
    ):
        plan = [str(row[3]) for row in make.rows(f"EXPLAIN QUERY PLAN {sql}")]
        assert [it for it in plan if it.startswith("SCAN")] == [], plan
        assert not any("faces_frame_id" in it or "faces_track_id" in it for it in plan), plan


class TestFollowers:
    def test_what_is_said_of_one_that_follows_by_now_is_not_written(self, make: Maker) -> None:
        """It led its track while the identifier was thinking."""
        track, leader, before = make.track(make.video(), 0.0, 4.0, faces=2)
        verdict = Verdict(face_id=before, person_id=-1)
        assert make.run(assignments.apply, [verdict], {}) == 0
        assert make.open_rows(before) == []
        make.connection.execute("UPDATE tracks SET best_face_id = ? WHERE id = ?", [before, track])
        assert make.run(assignments.apply, [verdict], {}) == 1
        assert make.known_as(leader) == make.known_as(before) is not None

    def test_a_track_whose_leader_is_gone_is_nobodys(self, make: Maker) -> None:
        track, leader, follower = make.track(make.video(), 0.0, 4.0, faces=2)
        make.assign(leader, make.person(), "group")
        make.connection.execute("DELETE FROM faces WHERE id = ?", [leader])
        assert make.row("SELECT best_face_id, person_id FROM tracks WHERE id = ?", track) == (
            None,
            None,
        )
        assert make.known_as(follower) is None

    def test_all_of_somebody_are_confirmed_once(self, make: Maker) -> None:
        _, leader, *_ = make.track(make.video(), 0.0, 4.0)
        person = make.person("Rosa")
        make.assign(leader, person, "group")
        make.run(decisions.confirm_all, person, **ME)
        assert make.rows("SELECT face_id FROM exemplars") == [(leader,)]
        with pytest.raises(DecisionError, match="no face that is not confirmed already"):
            make.run(decisions.confirm_all, person, **ME)

    def test_any_of_its_faces_may_be_a_cover(self, make: Maker) -> None:
        _, leader, *followers = make.track(make.video(), 0.0, 4.0)
        person = make.person("Rosa")
        make.assign(leader, person, "group")
        make.run(decisions.choose_cover, person, followers[1], **ME)
        assert make.value("SELECT cover_face_id FROM people_summary") == followers[1]

    def test_why_and_who_is_like_it_are_answered_for_its_leader(self, make: Maker) -> None:
        media_id = make.video()
        _, leader, follower = make.track(media_id, 0.0, 4.0, ROSA, faces=2)
        _, other, _ = make.track(media_id, 2.0, 6.0, ADA, faces=2)
        _, later, _ = make.track(media_id, 8.0, 9.0, ROSA, faces=2)
        for face, name in ((leader, "Rosa"), (other, "Ada")):
            make.assign(face, make.person(name), "group")
        why = evidence.of_face(make.connection, follower, {})
        assert (why.face_id, why.company) == (leader, (make.known_as(other),))
        make.insert(
            "calibrations", embedder_id=1, source="x", curve='{"slope": 1, "intercept": 0}',
            thresholds="{}", made_at="x",
        )  # fmt: skip
        found = neighbours.like_face(make.connection, follower, 9)
        assert found is not None
        assert [it.face_id for it in found] == [later, other]


class TestForgotten:
    def test_a_face_that_is_found_no_more_and_only_followed_leaves_nothing(
        self, make: Maker
    ) -> None:
        """Nothing would tell whose it was when that one is forgotten."""
        _, leader, follower, cover = make.track(make.video(), 0.0, 4.0, ROSA)
        make.assign(leader, make.person(cover_face_id=cover), "group")
        make.connection.execute("UPDATE faces SET track_id = NULL")
        for face in (leader, follower, cover):
            make.run(faces.retire, face)
        assert make.rows("SELECT id, state FROM faces ORDER BY id") == [
            (leader, "superseded"),
            (cover, "superseded"),
        ]
        assert make.value("SELECT count(*) FROM embeddings") == 2

    def test_one_face_takes_its_track_along_and_counts_its_vectors(
        self, make: Maker, crops: sqlite3.Connection
    ) -> None:
        media_id = make.video()
        track, _, follower = make.track(media_id, 0.0, 60.0, ROSA, faces=2)
        make.track(media_id, 60.0, 70.0, ROSA, faces=2, continues=track)
        erased = forget.forget_faces(make.connection, crops, [follower], **ME)
        assert (erased["faces"], erased["vectors"]) == (4, 6)
        assert make.rows("SELECT DISTINCT best_face_id, path, person_id FROM tracks") == [
            (None, None, None)
        ]
        boxes = "SELECT DISTINCT state, w, h, time_s IS NULL, frame_id IS NULL FROM faces"
        assert make.rows(boxes) == [("forgotten", 100.0, 120.0, 0, 0)]

    def test_a_track_that_nobody_leads_keeps_nothing_of_its_person(
        self, make: Maker, crops: sqlite3.Connection
    ) -> None:
        track, *_ = make.track(make.video(), 0.0, 60.0, ROSA)
        person = make.person("Rosa")
        make.connection.execute("UPDATE tracks SET best_face_id = NULL")
        make.connection.execute("UPDATE tracks SET person_id = ?", [person])
        forget.forget_person(make.connection, crops, person, **ME)
        assert make.row("SELECT person_id, path FROM tracks WHERE id = ?", track) == (None, None)
        assert make.value("SELECT count(*) FROM track_vectors") == 0


class TestRuns:
    def chain(self, make: Maker) -> list[int]:
        """Three tracks that go on from each other, each with a leader of its own; the leaders."""
        media_id, found, before = make.video(), [], None
        for start in (0.0, 60.0, 120.0):
            track, leader, _ = make.track(media_id, start, start + 60.0, faces=2)
            values = {"before": before, "id": track}
            make.connection.execute(
                "UPDATE tracks SET continues_track_id = :before WHERE id = :id", values
            )
            found.append(leader)
            before = track
        return found

    def runs(self, make: Maker) -> list[tuple[object, ...]]:
        return make.rows("SELECT start_s, end_s, faces_count FROM appearances ORDER BY start_s")

    def test_a_run_ends_where_somebody_else_goes_on(self, make: Maker) -> None:
        one, other, last = self.chain(make)
        rosa, ada = make.person("Rosa"), make.person("Ada")
        for face in (one, other, last):
            make.assign(face, rosa, "group")
        assert self.runs(make) == [(0.0, 180.0, 60)]
        make.connection.execute("UPDATE faces SET person_id = ? WHERE id = ?", [ada, other])
        assert self.runs(make) == [(0.0, 60.0, 20), (60.0, 120.0, 20), (120.0, 180.0, 20)]

    def test_a_run_ends_where_a_leader_is_out_of_sight(self, make: Maker) -> None:
        found = self.chain(make)
        rosa = make.person("Rosa")
        for face in found:
            make.assign(face, rosa, "group")
        make.run(decisions.hide_faces, [found[1]], **ME)
        assert self.runs(make) == [(0.0, 60.0, 20), (120.0, 180.0, 20)]

    def test_tracks_that_go_round_are_a_row_and_no_endless_question(self, make: Maker) -> None:
        one, other, last = self.chain(make)
        make.connection.execute("UPDATE tracks SET continues_track_id = 3 WHERE id = 2")
        rosa = make.person("Rosa")
        for face in (one, other, last):
            make.assign(face, rosa, "group")
        assert self.runs(make) == [(0.0, 60.0, 20)]
