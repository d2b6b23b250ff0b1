"""Several recognition models together: joined vectors, and what each model says alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from catalog import assignments, calibrations
from catalog.calibrations import EmbedderRow
from catalog.faces import replace_faces
from catalog.records import EmbedderRecord
from daemon.people.curve import RATES, Calibration, Curve
from daemon.people.ensemble import Ensemble, Member
from daemon.people.in_force import begin
from daemon.people.limits import limits
from daemon.people.starting import published, starting
from daemon.settings import Identify
from tests.makers import DLIB, crowd, face_record, looks, unit

if TYPE_CHECKING:
    import sqlite3

    from tests.makers import Maker
    from tests.people.conftest import House

OTHER = EmbedderRecord(model="ArcFace", weights_sha256="a" * 64, geometry="chip", dimensions=32)


def member(number: int, slope: float, intercept: float, dimensions: int, **at: float) -> Member:
    return Member(
        embedder=EmbedderRow(
            id=number, model=f"M{number}", weights_sha256="", geometry="", dimensions=dimensions
        ),
        calibration=Calibration(
            source=f"source {number}",
            curve=Curve(slope=slope, intercept=intercept),
            thresholds={name: at.get(name, 0.5) for name in RATES},
        ),
    )


class TestJoined:
    ENSEMBLE = Ensemble(
        members=(member(1, 170.0, -158.0, 128, balanced=0.93), member(2, 18.0, -3.0, 512))
    )

    def test_the_joined_similarity_is_the_mean_of_the_calibrated_ones(self) -> None:
        rng = np.random.default_rng(3)
        first, second = unit(rng.normal(size=(6, 128))), unit(rng.normal(size=(6, 512)))
        joined = self.ENSEMBLE.joined([first, second])
        np.testing.assert_allclose(np.linalg.norm(joined, axis=1), 1, atol=1e-5)
        curves = [it.calibration.curve for it in self.ENSEMBLE.members]
        means = [
            np.mean([curves[0].log_odds(float(a)), curves[1].log_odds(float(b))])
            for a, b in zip((first @ first.T).ravel(), (second @ second.T).ravel(), strict=True)
        ]
        together = self.ENSEMBLE.calibration.curve
        found = [together.log_odds(float(it)) for it in (joined @ joined.T).ravel()]
        np.testing.assert_allclose(found, means, atol=1e-3)

    def test_at_both_thresholds_it_is_at_the_joined_threshold(self) -> None:
        own = [it.calibration for it in self.ENSEMBLE.members]
        mean = np.mean([it.curve.log_odds(it.thresholds["balanced"]) for it in own])
        together = self.ENSEMBLE.calibration
        assert together.curve.log_odds(together.thresholds["balanced"]) == pytest.approx(mean)

    def test_each_model_gets_its_own_vectors_back(self) -> None:
        rng = np.random.default_rng(4)
        parts = [unit(rng.normal(size=(3, 128))), unit(rng.normal(size=(3, 512)))]
        joined = self.ENSEMBLE.joined(parts)
        for number, part in enumerate(parts):
            np.testing.assert_allclose(self.ENSEMBLE.own(number, joined), part, atol=1e-6)

    def test_of_one_model_alone_nothing_changes(self) -> None:
        alone = Ensemble(members=self.ENSEMBLE.members[:1])
        vectors = unit(np.random.default_rng(5).normal(size=(3, 128)))
        assert np.array_equal(alone.joined([vectors]), vectors)
        assert alone.calibration.curve == self.ENSEMBLE.members[0].calibration.curve


class TestLimits:
    def test_strictness_chooses_the_threshold_and_a_number_overrides_it(self) -> None:
        known = starting("Dlib", "", "x")
        for name in ("strict", "balanced", "lenient"):
            section = Identify(strictness=name)
            assert limits(section, known).threshold == known.thresholds[name]
        assert limits(Identify(threshold=0.0), known).threshold == 0.0
        assert limits(Identify(group_threshold=0.0), known).group_threshold == 0.0

    def test_a_lead_means_the_same_for_every_model(self) -> None:
        for model in ("Dlib", "ArcFace"):
            curve = published(model).curve
            margin = limits(Identify(lead=20.0), published(model)).margin
            odds = np.exp(curve.log_odds(0.8) - curve.log_odds(0.8 - margin))
            assert odds == pytest.approx(20.0)


class TestCalibrations:
    def test_what_an_embedder_starts_with_is_written_once(self, make: Maker) -> None:
        make.embedder()
        begin(make.connection)
        begin(make.connection)
        ((source, thresholds),) = make.rows("SELECT source, thresholds FROM calibrations")
        assert "not measured" in str(source) and "balanced" in str(thresholds)

    def test_what_an_earlier_version_started_with_is_replaced_and_own_numbers_are_not(
        self, make: Maker
    ) -> None:
        embedder_id = make.embedder()
        begin(make.connection)
        make.connection.execute("UPDATE calibrations SET thresholds = '{\"balanced\": 0.5}'")
        begin(make.connection)
        assert make.value("SELECT count(*) FROM calibrations") == 2
        calibrations.write(
            make.connection, embedder_id, source="9 faces", curve={}, thresholds={"balanced": 0.4}
        )
        begin(make.connection)
        assert make.value("SELECT count(*) FROM calibrations") == 3

    def test_the_newest_counts(self, make: Maker) -> None:
        embedder_id = make.embedder()
        before = Ensemble.read(make.connection).calibration
        thresholds = dict.fromkeys(RATES, 0.4)
        calibrations.write(
            make.connection,
            embedder_id,
            source="9 faces",
            curve={"slope": 9.0, "intercept": -1.0},
            thresholds=thresholds,
        )
        after = Ensemble.read(make.connection).calibration
        assert not before.measured and after.measured
        assert (after.curve, after.thresholds) == (Curve(slope=9.0, intercept=-1.0), thresholds)


def two_models(
    make: Maker, first: np.ndarray, second: np.ndarray, *, role: str = "inbox"
) -> tuple[int, int]:
    """A photo of one face that both models looked at."""
    media_id = make.media()
    make.file(media_id, role=role)
    record = face_record(vector=first)
    vectors = {**record.vectors, OTHER: second.astype("<f4").tobytes()}
    changed = record.__class__(
        **{name: getattr(record, name) for name in record.__slots__ if name != "vectors"},
        vectors=vectors,
    )
    (face,) = replace_faces(make.connection, media_id, [changed])
    return media_id, face


def verdicts(catalog: sqlite3.Connection, face: int) -> dict[str, tuple[int, str]]:
    rows = catalog.execute(
        """SELECT model, person_id, state FROM assignments
           WHERE face_id = ? AND ended_at IS NULL""",
        [face],
    )
    return {row[0]: (row[1], row[2]) for row in rows}


@pytest.fixture
def minds() -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Two people as two models see them: the second sees them a little alike."""
    ann, bea = crowd(2, seed=2)
    rng = np.random.default_rng(8)
    ann2, bea2 = unit(rng.normal(size=(2, 32)).astype(np.float32))
    return ann, bea, ann2, bea2


def test_the_first_models_are_all_active_a_later_one_is_not(make: Maker, minds) -> None:
    ann, _, ann2, _ = minds
    two_models(make, ann, ann2)
    later = EmbedderRecord(model="SFace", weights_sha256="s", geometry="chip", dimensions=4)
    media_id = make.media()
    make.file(media_id)
    replace_faces(make.connection, media_id, [face_record(vector=ann[:4], embedder=later)])
    active = make.rows("SELECT model, active FROM embedders ORDER BY id")
    assert active == [("Dlib", 1), ("ArcFace", 1), ("SFace", 0)]
    assert [it.model for it in calibrations.active_embedders(make.connection)] == [
        DLIB.model,
        OTHER.model,
    ]


def test_each_models_own_verdict_is_beside_the_decision(house: House, minds) -> None:
    make = house.make
    ann, _bea, ann2, bea2 = minds
    person = make.person("Ann", origin="reference")
    _, exemplar = two_models(make, ann, ann2, role="reference")
    make.insert("exemplars", person_id=person, face_id=exemplar, source="folder", state="used")
    sure, same = two_models(make, looks(ann, 1)[0], ann2)
    split, torn = two_models(make, looks(ann, 2)[1], bea2)
    house.judge(sure, split)
    assert verdicts(make.connection, same) == {
        "all": (person, "assigned"),
        "Dlib": (person, "assigned"),
        "ArcFace": (person, "assigned"),
    }
    assert "ArcFace" not in verdicts(make.connection, torn)
    assert verdicts(make.connection, torn)["Dlib"] == (person, "assigned")
    assert make.value("SELECT person_id FROM faces WHERE id = ?", same) == person
    confidence = make.value(
        "SELECT confidence FROM assignments WHERE face_id = ? AND model = 'all'", same
    )
    assert 0.9 < float(str(confidence)) <= 1

    before = make.rows("SELECT * FROM assignments ORDER BY id")
    assert house.repair() == 0
    assert make.rows("SELECT * FROM assignments ORDER BY id") == before


def test_a_models_verdict_decides_nothing_and_ends_when_it_changes(make: Maker) -> None:
    _, (face,) = make.photo(crowd(1)[0])
    ann, bea = make.person("Ann"), make.person("Bea")
    for person in (ann, bea, None):
        verdict = assignments.Verdict(face_id=face, person_id=person, model="ArcFace")
        assert make.run(assignments.apply, [verdict], {}) == 0
    assert verdicts(make.connection, face) == {}
    assert make.rows("SELECT person_id, state FROM assignments ORDER BY id") == [
        (ann, "withdrawn"),
        (bea, "withdrawn"),
    ]
    assert make.value("SELECT person_id FROM faces WHERE id = ?", face) is None


def test_a_face_without_a_vector_of_every_model_is_compared_with_nobody(
    house: House, minds
) -> None:
    make = house.make
    ann, _, ann2, _ = minds
    two_models(make, ann, ann2)
    media_id, (half,) = make.photo(ann)
    house.judge(media_id)
    assert house.known(half) == [None]
