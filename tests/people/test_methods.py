"""Other ways of grouping, and how they are held against the people of the catalog."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import numpy as np
import pytest

from catalog import calibrations, status
from daemon.commands import group as command
from daemon.comparison import compare
from daemon.errors import EnvironmentTrouble
from daemon.people.agreement import bcubed
from daemon.people.curve import Calibration, Curve
from daemon.people.methods import METHODS, cluster
from tests.makers import crowd, looks

if TYPE_CHECKING:
    from tests.makers import Maker

PEOPLE, PICTURES = 6, 5
CALIBRATION = Calibration(
    source="test",
    curve=Curve(slope=177.7, intercept=-161.7),
    thresholds={"strict": 0.9443, "group": 0.9343, "balanced": 0.9296, "lenient": 0.9118},
)


@pytest.fixture(autouse=True)
def _installed() -> None:
    pytest.importorskip("sklearn", reason="scikit-learn, the extra `compare`, is not installed")


def faces() -> tuple[np.ndarray, np.ndarray]:
    """Six people in five pictures each, then two strangers, and who each face is."""
    centres = crowd(PEOPLE + 2, seed=5)
    vectors = [looks(centre, PICTURES, seed=place) for place, centre in enumerate(centres[:PEOPLE])]
    truth = np.concatenate([np.repeat(np.arange(PEOPLE), PICTURES), [PEOPLE, PEOPLE + 1]])
    return np.concatenate([*vectors, centres[PEOPLE:]]), truth


@pytest.mark.parametrize("name", sorted(METHODS))
def test_people_who_are_far_apart_are_found_by_every_method(name: str) -> None:
    vectors, truth = faces()
    parameters = METHODS[name].defaults(CALIBRATION, PEOPLE + 2)
    labels = cluster(name, vectors, parameters, CALIBRATION)
    assert bcubed(labels, truth).f > 0.9, labels
    assert (labels == cluster(name, vectors, parameters, CALIBRATION)).all(), "and again"


@pytest.mark.parametrize("name", ["dbscan", "hdbscan"])
def test_what_a_method_takes_for_noise_is_alone(name: str) -> None:
    vectors, _ = faces()
    parameters = METHODS[name].defaults(CALIBRATION, 1)
    labels = cluster(name, vectors, parameters, CALIBRATION)
    assert (np.bincount(labels)[labels[-2:]] == 1).all()
    assert labels.min() == 0


@pytest.mark.parametrize("name", sorted(METHODS))
@pytest.mark.parametrize("count", [0, 1, 2])
def test_a_few_faces_are_no_trouble(name: str, count: int) -> None:
    parameters = METHODS[name].defaults(CALIBRATION, max(count, 1))
    assert len(cluster(name, faces()[0][:count], parameters, CALIBRATION)) == count


def test_without_scikit_learn_one_line_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sklearn", None)
    with pytest.raises(EnvironmentTrouble, match=r"pip install '\.\[compare\]'"):
        cluster("dbscan", faces()[0], {"eps": 0.05, "min_samples": 2}, CALIBRATION)


def test_the_command_offers_every_method() -> None:
    assert sorted(command.METHODS) == sorted(METHODS)


@pytest.fixture
def known(make: Maker) -> Maker:
    """The same faces in a catalog: two people named, one face confirmed twice, strangers nobody's;
    and a reference picture, which is in no group.
    """
    vectors, truth = faces()
    people = [make.person("Rosa"), make.person("Ada"), *(make.person() for _ in range(PEOPLE - 2))]
    for vector, who in zip(vectors, truth, strict=True):
        _, (face,) = make.photo(vector)
        if who < PEOPLE:
            make.assign(face, people[who], "user" if face < 3 else "group")
    make.reference(people[0], [vectors[0]])
    make.run(
        calibrations.write, 1, source="test", curve={"slope": 177.7, "intercept": -161.7},
        thresholds=dict(CALIBRATION.thresholds),
    )  # fmt: skip
    return make


def test_a_method_is_held_against_present_named_and_confirmed_people(known: Maker) -> None:
    before = known.rows("SELECT * FROM assignments"), known.rows("SELECT * FROM faces")
    known.connection.execute("PRAGMA query_only = 1")
    ours, other = compare(known.connection, ["agglomerative"], {})
    assert (ours.method, ours.faces, ours.groups, ours.alone) == ("ours", 32, PEOPLE, 2)
    assert (other.groups, other.alone, other.largest) == (PEOPLE, 2, (5, 5, 5, 5, 5))
    assert set(other.agreement) == {"present", "named", "confirmed"}
    assert all(it["bcubed"]["f"] == 1.0 for it in other.agreement.values())
    assert other.parameters == {"eps": pytest.approx(1 - 0.9343)}
    assert (known.rows("SELECT * FROM assignments"), known.rows("SELECT * FROM faces")) == before


def test_parameters_can_be_given(known: Maker) -> None:
    _, wide = compare(known.connection, ["dbscan"], {"eps": 0.9, "clusters": 3})
    assert wide.parameters == {"eps": 0.9, "min_samples": 2}
    assert (wide.groups, wide.alone) == (1, 0)
    assert wide.agreement["present"]["bcubed"]["recall"] == 1.0


def test_a_sample_is_the_same_faces_for_ours_and_theirs_whatever_the_order(known: Maker) -> None:
    first = compare(known.connection, ["kmeans", "dbscan"], {}, sample=10)
    assert [(it.method, it.faces, it.of_faces) for it in first] == [
        ("ours", 10, 32), ("kmeans", 10, 32), ("dbscan", 10, 32),
    ]  # fmt: skip
    known.connection.execute("UPDATE faces SET quality = quality")
    again = compare(known.connection, ["kmeans", "dbscan"], {}, sample=10)
    assert [it.largest for it in again] == [it.largest for it in first]


def test_groups_are_counted_without_references(known: Maker) -> None:
    assert status.groups(known.connection) == {
        "faces": 32, "faces_named": 10, "named_people": 2, "faces_grouped": 20,
        "unnamed_people": 4, "faces_unknown": 2, "suggestions": 0,
    }  # fmt: skip


def test_an_empty_catalog_has_nothing_to_compare(make: Maker) -> None:
    ours, other = compare(make.connection, ["spectral"], {})
    assert (ours.faces, other.faces, other.groups, other.agreement) == (0, 0, 0, {})
