"""Two recognition models that look together, from the command line to the rows."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING

import pytest

from daemon.faces.registry import MODELS
from tests.end_to_end.conftest import build_home
from tests.faces import networks

if TYPE_CHECKING:
    from pathlib import Path

    from tests.end_to_end.conftest import Home

SECOND = "ArcFace"
TOGETHER = ("obama1.jpg", "two_people.jpg", "johnsnow_test1.jpg", "couple.jpg")


@pytest.fixture(scope="module")
def both(
    tmp_path_factory: pytest.TempPathFactory, test_data: Path, reference: Path, examples: Path
) -> Home:
    """A catalog made with Dlib and a network that looks at pixels, in the file of another model:
    there are no weights of a second model to be had here.
    """
    folder = tmp_path_factory.mktemp("both")
    weights = folder / "weights"
    weights.mkdir()
    for file in (test_data / "weights").glob("*.onnx"):
        shutil.copy(file, weights)
    networks.write(
        weights / MODELS[SECOND].files["onnx"][0],
        networks.shape_of(SECOND, channels_first=False),
        MODELS[SECOND].dimensions,
    )
    home = build_home(
        folder / "home",
        paths={"people": str(reference)},
        models={"weights": str(weights), "download": False, "recognizer": ["Dlib", SECOND]},
    )
    done = home.rollcall("scan", *(examples / name for name in TOGETHER))
    assert done.returncode == 0, done.stderr
    return home


def test_each_model_has_its_own_vector_of_each_face_and_its_calibration(both: Home) -> None:
    assert both.query(
        """SELECT model, active, count(*) = (SELECT count(*) FROM faces)
           FROM embedders JOIN embeddings ON embedder_id = embedders.id GROUP BY embedders.id"""
    ) == [("Dlib", 1, 1), (SECOND, 1, 1)]
    sources = dict(
        both.query(
            """SELECT model, source FROM calibrations
               JOIN embedders ON embedders.id = calibrations.embedder_id"""
        )
    )
    assert "built in" in sources["Dlib"] and "not measured" in sources[SECOND]


def test_each_models_verdict_stands_beside_the_decision(both: Home) -> None:
    named = both.query(
        """SELECT count(*) FROM assignments JOIN people ON people.id = person_id
           WHERE model = 'Dlib' AND ended_at IS NULL AND name IN ('obama', 'biden')"""
    )
    assert named == [(3,)]
    # What single models say decides nothing.
    assert (
        both.value(
            """SELECT count(*) FROM faces WHERE person_id IS NOT (
               SELECT ifnull(merged_into, people.id) FROM assignments
               JOIN people ON people.id = assignments.person_id
               WHERE face_id = faces.id AND model = 'all' AND state = 'assigned'
                 AND ended_at IS NULL)"""
        )
        == 0
    )


def test_the_decision_is_the_mean_of_what_the_models_see(both: Home) -> None:
    rows = both.query(
        """SELECT confidence, similarity FROM assignments
           WHERE model = 'all' AND method = 'reference' AND ended_at IS NULL"""
    )
    assert rows and all(0.5 < confidence <= 1 for confidence, _ in rows)


def test_a_search_asks_both_models(both: Home, examples: Path) -> None:
    done = both.rollcall("search", examples / "obama1.jpg", "--json")
    assert done.returncode == 0, done.stderr
    (face,) = json.loads(done.stdout)["faces"]
    assert face["nearest"][0]["similarity"] == pytest.approx(1, abs=1e-3)


def test_both_agree_with_the_rules_of_the_catalog(both: Home) -> None:
    assert both.rollcall("verify").returncode == 0
