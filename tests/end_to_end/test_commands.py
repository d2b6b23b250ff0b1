"""What a person asks of the catalog on the command line, and what she is told."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from tests.end_to_end.conftest import Home


@pytest.fixture(scope="module")
def small(
    tmp_path_factory: pytest.TempPathFactory, test_data: Path, examples: Path, reference: Path
) -> Home:
    """One known person, two photos, and a file that is no photo, scanned; tests may change it."""
    from tests.end_to_end.conftest import build_home

    home = build_home(
        tmp_path_factory.mktemp("small") / "home", models={"weights": str(test_data / "weights")}
    )
    (home.people / "obama").mkdir()
    shutil.copyfile(reference / "obama" / "obama.jpg", home.people / "obama" / "a.jpg")
    for name in ("two_people.jpg", "obama1.jpg", "johnsnow_test1.jpg"):
        shutil.copyfile(examples / name, home.inbox / name)
    (home.inbox / "broken.jpg").write_bytes(b"\xff\xd8\xff\xe0" + b"x" * 1000)
    assert home.rollcall("scan", home.inbox).returncode == 1
    return home


def test_status_counts_what_there_is(scanned: Home, examples: Path) -> None:
    report = json.loads(scanned.rollcall("status", "--json").stdout)
    counts = report["counts"]
    assert (counts["photos"], counts["faces"], counts["named_people"]) == (17, 27, 5)
    assert counts["failures"] == counts["pending"] == 0
    assert report["running"] is None
    assert report["models"] == {"detector": ["yunet"], "recognizer": ["Dlib"]}
    assert report["made_with_other_settings"] == {}
    assert {root["path"]: root["files"] for root in report["roots"]} == {
        str(examples): 17,
        str(scanned.config["paths"]["people"]): 9,
    }


def test_status_tells_files_made_with_other_settings(scanned: Home) -> None:
    environment = {**scanned.environment, "ROLLCALL_DETECT__SIZE": "800"}
    from tests.end_to_end.conftest import Home as AnyHome

    other = AnyHome(path=scanned.path, environment=environment, config=scanned.config)
    older = json.loads(other.rollcall("status", "--json").stdout)["made_with_other_settings"]
    assert older["detect"] == 26 and "probe" not in older


def test_people_are_listed_with_their_photos(scanned: Home) -> None:
    rows = json.loads(scanned.rollcall("people", "list", "--named", "--json").stdout)
    assert {row["name"]: row["media_count"] for row in rows} == {
        "obama": 8,
        "biden": 2,
        "kit_harington": 2,
        "rose_leslie": 1,
        "alex_lacamoire": 2,
    }
    unknown = json.loads(scanned.rollcall("people", "list", "--unknown", "--json").stdout)
    assert unknown and all(row["name"] is None for row in unknown)
    text = scanned.rollcall("people", "list").stdout
    assert "obama" in text and "(no name yet)" in text
    assert len(text.splitlines()) == len(rows) + len(unknown)


def test_a_search_alone_names_the_face_and_stores_nothing(scanned: Home, examples: Path) -> None:
    before = scanned.query("SELECT * FROM media"), scanned.query("SELECT * FROM jobs")
    done = scanned.rollcall("search", examples / "obama_and_biden.jpg", "--json", "-k", "2")
    assert done.returncode == 0, done.stderr
    faces = json.loads(done.stdout)["faces"]
    named = [face["person"] and face["person"]["name"] for face in faces]
    assert sorted(map(str, named)) == ["None", "biden", "obama"]
    assert all(len(face["nearest"]) == 2 for face in faces)
    assert all(face["nearest"][0]["similarity"] > 0.99 for face in faces)
    assert (scanned.query("SELECT * FROM media"), scanned.query("SELECT * FROM jobs")) == before


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        pytest.param(["search", "nowhere.jpg"], 2, "no such file", id="search of nothing"),
        pytest.param(["search", "config.toml"], 1, "text", id="search of a text"),
        pytest.param(["scan", "nowhere"], 2, "no such file", id="scan of nothing"),
        pytest.param(["people", "name", "Nobody", "X"], 2, "nobody is called", id="no such name"),
        pytest.param(["people", "name", "99999", "X"], 2, "99999", id="no such number"),
        pytest.param(["people", "name", "1", " "], 2, "not a name", id="an empty name"),
        pytest.param(["people", "enrol", "X", "nowhere.jpg"], 2, "no such file", id="no portrait"),
        pytest.param(["people", "enrol", "../X", "config.toml"], 2, "not a name", id="a path"),
        pytest.param(["people", "enrol", "..", "config.toml"], 2, "not a name", id="the parent"),
        pytest.param(["--help"], 0, "", id="help"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_line(
    scanned: Home, arguments: list[str], code: int, words: str
) -> None:
    done = scanned.rollcall(*arguments)
    assert done.returncode == code, done.stderr
    assert done.stderr.count("\n") == (code > 0), done.stderr
    assert words in done.stderr


def test_a_name_is_given_and_found_again(small: Home) -> None:
    stranger = small.value(
        """SELECT person_id FROM faces JOIN files USING (media_id)
           WHERE path LIKE '%/two_people.jpg' AND faces.person_id NOT IN
                 (SELECT id FROM people WHERE name IS NOT NULL)"""
    )
    done = small.rollcall("people", "name", str(stranger), "Joe  Biden ")
    assert done.returncode == 0, done.stderr
    assert "Joe Biden" in done.stdout
    assert small.who()["two_people.jpg"] == ["obama", "Joe Biden"]
    assert small.rollcall("people", "name", "joe biden", "Joe").returncode == 0
    taken = small.rollcall("people", "name", "joe", "Obama")
    assert taken.returncode == 2 and "already" in taken.stderr
    # The machine does not take it back.
    assert small.rollcall("scan", small.inbox).returncode == 1
    assert small.who()["two_people.jpg"] == ["obama", "Joe"]


def test_enrolling_copies_the_portrait_and_names_earlier_faces(
    small: Home, reference: Path
) -> None:
    assert small.who()["johnsnow_test1.jpg"] == ["?"]
    portrait = reference / "kit_harington" / "john1.jpeg"
    for _ in range(2):
        done = small.rollcall("people", "enrol", "Kit", portrait, "--json")
        assert done.returncode == 0, done.stderr
        (outcome,) = json.loads(done.stdout)
        assert outcome["state"] == "used"
    assert [file.name for file in (small.people / "Kit").iterdir()] == ["john1.jpeg"]
    assert small.who()["johnsnow_test1.jpg"] == ["Kit"]
    # Renamed, he is still the one of that folder.
    assert small.rollcall("people", "name", "Kit", "Christopher").returncode == 0
    second = reference / "kit_harington" / "john2.jpeg"
    assert small.rollcall("people", "enrol", "christopher", second).returncode == 0
    assert {file.name for file in (small.people / "Kit").iterdir()} == {"john1.jpeg", "john2.jpeg"}
    assert small.who()["johnsnow_test1.jpg"] == ["Christopher"]


def test_enrolling_says_why_a_picture_is_of_no_use(small: Home, examples: Path) -> None:
    empty = small.path / "empty.jpg"
    empty.touch()
    done = small.rollcall(
        "people", "enrol", "Ada", examples / "couple.jpg", empty, small.inbox / "broken.jpg",
        "--json", timeout_s=60,
    )  # fmt: skip
    assert done.returncode == 1, done.stderr
    outcomes = json.loads(done.stdout)
    assert [outcome["state"] for outcome in outcomes] == ["several", "unreadable", "poor"]
    assert all(outcome["reason"] for outcome in outcomes)


def test_failed_jobs_are_listed_retried_and_cancelled(small: Home) -> None:
    listed = json.loads(small.rollcall("jobs", "list", "--json").stdout)
    failed = [job for job in listed if str(job["path"]).endswith("inbox/broken.jpg")]
    (job,) = failed
    assert (job["state"], job["attempts"], job["kind"]) == ("failed", 1, "ingest")
    number = str(job["id"])
    assert number in small.rollcall("jobs", "list").stdout
    assert json.loads(small.rollcall("jobs", "retry", number, "--json").stdout) == {
        "waiting": [job["id"]]
    }
    assert json.loads(small.rollcall("jobs", "cancel", number, "--json").stdout) == {
        "cancelled": [job["id"]]
    }
    assert small.rollcall("jobs", "retry", "--all").returncode == 0
    assert small.rollcall("jobs", "retry", number).returncode == 0
    assert small.rollcall("scan", small.inbox).returncode == 1
    (job,) = [it for it in json.loads(small.rollcall("jobs", "list", "--json").stdout)
              if it["id"] == int(number)]  # fmt: skip
    assert (job["state"], job["attempts"]) == ("failed", 1)


def test_thousands_of_paths_can_be_scanned_at_once(small: Home) -> None:
    folder = small.path / "many"
    folder.mkdir()
    paths = []
    for number in range(1200):
        path = folder / f"{number}.jpg"
        path.touch()
        paths.append(path)
    done = small.rollcall("scan", *paths, "--json")
    assert done.returncode == 1, done.stderr[-2000:]
    assert len(json.loads(done.stdout)["failures"]) == 1200


def test_why_tells_every_face_with_its_evidence_and_needs_no_models(scanned: Home) -> None:
    rows = scanned.query(
        """SELECT faces.id, people.name, assignments.method FROM faces
           LEFT JOIN assignments ON face_id = faces.id AND model = 'all' AND ended_at IS NULL
           LEFT JOIN people ON people.id = assignments.person_id
           WHERE faces.media_id IN (SELECT media_id FROM files WHERE path LIKE '%/examples/%')
           ORDER BY faces.id"""
    )
    face, name, _ = next(row for row in rows if row[2] == "reference")
    done = scanned.rollcall("people", "why", str(face))
    assert done.returncode == 0, done.stderr
    assert f"  {name}: similarity 0.9" in done.stdout
    assert f"/reference/{name}/" in done.stdout
    assert "a name needs 0.930" in done.stdout
    assert " ahead of " in done.stdout and "the second person" not in done.stdout
    assert "with Dlib" in done.stdout
    found = json.loads(scanned.rollcall("people", "why", str(face), "--json").stdout)
    assert found["verdicts"][0]["evidence"]["path"].startswith("/")
    unknown = next((row[0] for row in rows if row[1] is None), None)
    if unknown is not None:
        assert scanned.rollcall("people", "why", str(unknown)).returncode == 0


def test_faces_like_a_known_face_are_found_without_models(scanned: Home) -> None:
    face, person = scanned.query(
        """SELECT faces.id, person_id FROM faces JOIN files USING (media_id)
           WHERE path LIKE '%/examples/obama1.jpg'"""
    )[0]
    done = scanned.rollcall("search", "--face", str(face), "-k", "3", "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["path"].endswith("obama1.jpg")
    assert [near["person_id"] for near in found["nearest"]] == [person] * 3
    text = scanned.rollcall("search", "--face", str(face)).stdout
    assert text.count("obama ") == 5 and "/examples/" in text


def test_photos_of_people_together_are_found_by_name(scanned: Home) -> None:
    done = scanned.rollcall("search", "--person", "Obama", "--with", "biden", "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    names = {row["path"].rpartition("/")[2] for row in found["media"]}
    assert names == {"obama_and_biden.jpg", "two_people.jpg"}
    everything = json.loads(scanned.rollcall("search", "--person", "obama", "--json").stdout)
    assert everything["count"] == 8
    text = scanned.rollcall("search", "--person", "obama", "-k", "2").stdout
    assert "and 6 more" in text
    assert "in no photo" in scanned.rollcall("search", "--person", "obama", "--to", "1900").stdout


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        pytest.param([], "say what to look for", id="nothing"),
        pytest.param(["x.jpg", "--face", "1"], "say what to look for", id="two things"),
        pytest.param(["--face", "1", "--from", "2024"], "narrow down --person", id="no person"),
        pytest.param(["--person", "obama", "--from", "May"], "not a date", id="no date"),
        pytest.param(["--face", "99999"], "face 99999 is not there", id="no face"),
        pytest.param(["--person", "nobody"], "nobody is called", id="no name"),
    ],
)
def test_a_search_that_cannot_be_done_is_said_in_one_line(
    scanned: Home, arguments: list[str], words: str
) -> None:
    done = scanned.rollcall("search", *arguments)
    assert done.returncode == 2, done.stdout
    assert words in done.stderr and done.stderr.count("\n") == 1
