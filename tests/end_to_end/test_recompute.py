"""A change of models or settings, from the command line to the rows: resumable, and without a
moment in which somebody is unnamed.
"""

from __future__ import annotations

import json
import shutil
import threading
from contextlib import closing
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PIL import Image, ImageOps

from catalog.connect import connect, crops_path, transaction
from daemon.faces.registry import MODELS
from tests.end_to_end.conftest import build_home
from tests.faces import networks
from tests.makers import Maker

if TYPE_CHECKING:
    from pathlib import Path

    from tests.end_to_end.conftest import Home

OTHER = "ArcFace"
ACTIVE = "SELECT group_concat(model) FROM embedders WHERE active ORDER BY id"
VECTORS = (
    f"SELECT count(*) FROM embeddings JOIN embedders ON id = embedder_id AND model = '{OTHER}'"
)
# Some 20 ms for each vector that is written, so that there is a middle to be killed in.
SLOW = """
CREATE TRIGGER slow AFTER INSERT ON embeddings BEGIN
    SELECT count(*) FROM (WITH RECURSIVE n(i) AS
        (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100000) SELECT i FROM n);
END
"""
LATE = "obama1.jpg"
CROWDED = ("couple.jpg", "kit_with_rose.jpg", "obama_and_biden.jpg", "selfie-many-people.jpg",
           "two_people.jpg")  # fmt: skip


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory, test_data: Path) -> Path:
    """YuNet, and a network that looks at pixels in the file of another recognition model: there are
    no weights of a second one to be had here.
    """
    folder = tmp_path_factory.mktemp("weights")
    for file in (test_data / "weights").glob("*.onnx"):
        shutil.copy(file, folder)
    networks.write(
        folder / MODELS[OTHER].files["onnx"][0],
        networks.shape_of(OTHER, channels_first=False),
        MODELS[OTHER].dimensions,
    )
    return folder


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory, examples: Path) -> Path:
    """Photographs with several people and their mirror images: with the portraits of known people
    enough faces for more than one task.
    """
    folder = tmp_path_factory.mktemp("photos")
    for name in CROWDED:
        shutil.copy(examples / name, folder)
        with Image.open(examples / name) as picture:
            ImageOps.mirror(picture.convert("RGB")).save(folder / f"mirrored-{name}", quality=90)
    return folder


@pytest.fixture(scope="module")
def old(
    tmp_path_factory: pytest.TempPathFactory, weights: Path, photos: Path, reference: Path
) -> Home:
    """A catalog made with Dlib, in which a person named one face; tests copy it."""
    home = build_home(
        tmp_path_factory.mktemp("old") / "home",
        paths={"people": str(reference), "state": "state"},
        models={"weights": str(weights), "recognizer": "Dlib"},
    )
    assert home.rollcall("scan", photos).returncode == 0
    (face,) = home.query("SELECT max(id) FROM faces WHERE person_id IS NOT NULL")[0]
    with closing(connect(home.catalog)) as connection, transaction(connection):
        connection.execute(
            "UPDATE assignments SET state = 'withdrawn', ended_at = decided_at WHERE face_id = ?",
            [face],
        )
        make = Maker(connection)
        make.assign(face, make.person("Somebody", origin="user"))
    return home


@pytest.fixture(scope="module")
def undisturbed(
    tmp_path_factory: pytest.TempPathFactory, weights: Path, photos: Path, reference: Path
) -> Home:
    """The same photographs, catalogued with the other model from the first."""
    home = build_home(
        tmp_path_factory.mktemp("undisturbed") / "home",
        paths={"people": str(reference)},
        models={"weights": str(weights), "recognizer": OTHER},
    )
    assert home.rollcall("scan", photos).returncode == 0
    return home


@pytest.fixture
def home(old: Home, tmp_path: Path) -> Home:
    """A copy of the old catalog whose settings now choose the other model."""
    home = build_home(tmp_path / "home", **old.config)
    shutil.rmtree(home.path / "state", ignore_errors=True)
    shutil.copytree(old.path / "state", home.path / "state")
    home.configure(models={"recognizer": OTHER})
    return home


def recompute(home: Home, step: str, *, code: int = 0) -> dict[str, Any]:
    done = home.rollcall("recompute", step, "--json")
    assert done.returncode == code, done.stderr
    result: dict[str, Any] = json.loads(done.stdout)
    return result


def somebody(home: Home) -> list[tuple[Any, ...]]:
    return home.query(
        """SELECT faces.id FROM faces JOIN people ON people.id = faces.person_id
           JOIN assignments ON face_id = faces.id AND method = 'user' AND ended_at IS NULL
           WHERE name = 'Somebody'"""
    )


def computed(home: Home) -> dict[tuple[str, float], bytes]:
    rows = home.query(
        """SELECT sha256, round(x), vector FROM embeddings JOIN faces ON faces.id = face_id
           JOIN media ON media.id = media_id JOIN embedders ON embedders.id = embedder_id
           WHERE model = ?""",
        OTHER,
    )
    return {(sha256, x): vector for sha256, x, vector in rows}


def ledger(home: Home) -> list[tuple[Any, ...]]:
    return home.query(
        """SELECT sha256, part, step, model, fingerprint, parameters, steps.state, device
           FROM steps JOIN media ON media.id = media_id WHERE model <> 'Dlib' ORDER BY 1, 3, 4"""
    )


def assert_changed_over(home: Home, undisturbed: Home) -> None:
    """The catalog is as if the other model had been there from the first, and a person's decision
    and the old vectors are there too.
    """
    assert home.value(ACTIVE) == OTHER
    mine, theirs = computed(home), computed(undisturbed)
    assert mine.keys() == theirs.keys() and len(mine) > 32
    for key, vector in theirs.items():
        other = np.frombuffer(mine[key], "<f4")
        np.testing.assert_allclose(other, np.frombuffer(vector, "<f4"), atol=2e-3)
    assert ledger(home) == ledger(undisturbed)
    assert len(somebody(home)) == 1
    report = json.loads(home.rollcall("status", "--json").stdout)
    assert report["made_with_other_settings"] == {} and report["recompute"] == []
    assert home.settled()


def test_all_faces_get_their_vectors_from_the_stored_crops_and_keep_their_people(
    home: Home, old: Home, undisturbed: Home
) -> None:
    report = json.loads(home.rollcall("status", "--json").stdout)
    assert report["recompute"] == ["embed"]
    assert any("rollcall recompute embed" in note for note in report["notes"])
    # The files themselves are not needed for it.
    home.configure(paths={"people": str(home.people)})
    result = recompute(home, "embed")
    assert result["models"] == [OTHER] and result["switched"] is True
    assert (result["without_crop"], result["failed_media"]) == (0, [])
    assert result["faces"] == home.value("SELECT count(*) FROM faces")
    assert_changed_over(home, undisturbed)
    assert somebody(home) == somebody(old)
    sources = home.query(
        f"""SELECT source FROM calibrations JOIN embedders ON embedders.id = embedder_id
            WHERE model = '{OTHER}'"""
    )
    assert "not measured" in sources[0][0]
    assert home.rollcall("verify").returncode == 0
    again = home.rollcall("recompute", "embed")
    assert again.returncode == 0 and "nothing to do" in again.stdout
    # Going back computes nothing and changes over at once.
    home.configure(models={"recognizer": "Dlib"})
    result = recompute(home, "embed")
    assert (result["faces"], result["switched"], home.value(ACTIVE)) == (0, True, "Dlib")


def test_a_search_before_the_change_over_compares_by_the_models_that_count(
    home: Home, examples: Path
) -> None:
    done = home.rollcall("search", examples / "obama_and_biden.jpg", "--json")
    assert done.returncode == 0, done.stderr
    people = [face["person"] for face in json.loads(done.stdout)["faces"]]
    assert {it["name"] for it in people if it is not None} >= {"obama", "biden"}


@pytest.mark.alone
def test_killed_in_the_middle_it_goes_on_and_a_photo_that_came_meanwhile_is_named_at_once(
    home: Home, undisturbed: Home, photos: Path, examples: Path
) -> None:
    with closing(connect(home.catalog)) as connection:
        connection.execute(SLOW)
        with home.started("recompute", "embed", "--quiet") as process:
            home.wait(lambda: home.value(VECTORS))
            process.kill()
        connection.execute("DROP TRIGGER slow")
    done = home.value(VECTORS)
    every = home.value("SELECT count(*) FROM faces")
    assert 0 < done < every and home.value(ACTIVE) == "Dlib"
    home.assert_nothing_runs()
    # The settings choose the other model already; faces are compared by Dlib still.
    shutil.copy(examples / LATE, home.inbox)
    assert home.rollcall("scan", home.inbox).returncode == 0
    assert home.who(home.inbox) == {LATE: ["obama"]}
    assert home.value(ACTIVE) == "Dlib"
    kinds = home.query(
        """SELECT model FROM embeddings JOIN embedders ON id = embedder_id
           WHERE face_id = (SELECT max(id) FROM faces) ORDER BY model"""
    )
    assert kinds == [(OTHER,), ("Dlib",)]
    result = recompute(home, "embed")
    assert result["faces"] == every - done
    home.configure(paths={"inbox": [str(home.path / "empty")]})
    (media_id,) = home.query("SELECT media_id FROM files WHERE path LIKE ?", f"%/{LATE}")[0]
    with closing(connect(home.catalog)) as connection, transaction(connection):
        connection.execute("DELETE FROM media WHERE id = ?", [media_id])
    assert_changed_over(home, undisturbed)


def test_the_daemon_changes_over_in_one_moment_and_nobody_is_unnamed_until_then(
    home: Home, undisturbed: Home
) -> None:
    before = home.value("SELECT count(*) FROM faces WHERE person_id IS NOT NULL")
    seen: list[tuple[str, int, int, int]] = []
    stop = threading.Event()

    def look() -> None:
        while not stop.is_set():
            seen.extend(
                home.query(
                    f"""SELECT ({ACTIVE}), ({VECTORS}),
                           (SELECT count(*) FROM faces WHERE person_id IS NOT NULL),
                           (SELECT count(*) FROM people JOIN faces ON faces.person_id = people.id
                            JOIN assignments ON face_id = faces.id AND method = 'user'
                            WHERE name = 'Somebody')"""
                )
            )
            stop.wait(0.005)

    reader = threading.Thread(target=look)
    with home.watching():
        reader.start()
        try:
            result = recompute(home, "embed")
            home.wait(home.settled)
        finally:
            stop.set()
            reader.join()
    assert result["switched"] is True
    assert {active for active, *_ in seen} == {"Dlib", OTHER}
    assert all(named == before for active, _, named, _ in seen if active == "Dlib")
    assert all(count == result["faces"] for active, count, *_ in seen if active == OTHER)
    assert {kept for *_, kept in seen} == {1}
    assert_changed_over(home, undisturbed)


def test_two_models_change_over_together_and_a_face_whose_crop_is_gone_is_told(home: Home) -> None:
    (face,) = somebody(home)
    with closing(connect(crops_path(home.catalog))) as crops, transaction(crops):
        crops.execute(
            "DELETE FROM crops WHERE sha256 = ?",
            home.query("SELECT crop FROM faces WHERE id = ?", *face)[0],
        )
    home.configure(models={"recognizer": ["Dlib", OTHER]})
    result = recompute(home, "embed")
    assert (result["without_crop"], result["switched"]) == (1, True)
    assert somebody(home) == [face]
    assert home.value("SELECT count(*) FROM embedders WHERE active") == 2
    home.configure(models={"recognizer": OTHER})
    assert recompute(home, "embed")["faces"] == 0
    assert home.value(ACTIVE) == OTHER
    assert (
        home.value("SELECT count(*) FROM assignments WHERE ended_at IS NULL AND model = 'Dlib'")
        == 0
    )


def test_another_detection_reads_the_files_again_and_faces_keep_their_ids_and_people(
    home: Home,
) -> None:
    home.configure(models={"recognizer": "Dlib"}, detect={"size": 1152})
    with closing(connect(home.catalog)) as connection, transaction(connection):
        connection.execute("UPDATE files SET state = 'missing' WHERE path LIKE '%/couple.jpg'")
    report = json.loads(home.rollcall("status", "--json").stdout)
    assert report["recompute"] == ["detect"]
    faces = "SELECT id, media_id, person_id FROM faces WHERE state = 'active' ORDER BY id"
    before, marks = home.query(faces), home.query("SELECT DISTINCT fingerprint FROM steps")
    with home.watching():
        result = recompute(home, "detect", code=1)
        home.wait(home.settled)
    # What cannot be read again keeps what was made of it.
    assert result == {"files": home.value("SELECT count(*) FROM media") - 1, "left": 1}
    after = home.query(faces)
    assert [row[:2] for row in after] == [row[:2] for row in before]
    assert sum(a == b for a, b in zip(after, before, strict=True)) >= 0.9 * len(before)
    assert len(somebody(home)) == 1
    assert set(home.query("SELECT DISTINCT fingerprint FROM steps")) - set(marks)
    report = json.loads(home.rollcall("status", "--json").stdout)
    assert set(report["made_with_other_settings"].values()) == {1}
