"""Videos through the real program: who is found in them, when, and what becomes of bad ones."""

from __future__ import annotations

import io
import json
import random
import re
import shutil
import signal
import time
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import pytest
from PIL import Image

from benchmarks import film_truth, films, labelled
from catalog.connect import connect, crops_path
from catalog.faces import overlap
from tests import films as written
from tests.end_to_end.conftest import Home, build_home

if TYPE_CHECKING:
    from collections.abc import Iterator

# As the tables say it, without ids and times.
STATE = {
    "media": """SELECT sha256, kind, width, height, duration_s, fps, codec, faces_count, state,
                       error FROM media""",
    "parts": "SELECT number, start_s, end_s, state, skipped, continues, error FROM parts",
    "scenes": """SELECT scenes.start_s, scenes.end_s, before.start_s FROM scenes
                 LEFT JOIN scenes AS before ON before.id = scenes.continues_scene_id""",
    "frames": "SELECT time_s, brightness, motion, kept_because FROM frames",
    "tracks": """SELECT tracks.start_s, tracks.end_s, tracks.faces_count, hex(tracks.path),
                        leader.time_s, leader.x, before.start_s
                 FROM tracks JOIN faces AS leader ON leader.id = tracks.best_face_id
                 LEFT JOIN tracks AS before ON before.id = tracks.continues_track_id""",
    "vectors": """SELECT start_s, leader.x, hex(vector) FROM track_vectors
                  JOIN tracks ON tracks.id = track_vectors.track_id
                  JOIN faces AS leader ON leader.id = tracks.best_face_id""",
    "faces": "SELECT time_s, x, y, w, h, quality, crop, state FROM faces",
    "groups": """SELECT group_concat(face, ' ') FROM
                   (SELECT person_id, time_s || '@' || round(x) AS face FROM faces
                    ORDER BY person_id, face) GROUP BY person_id""",
    "steps": "SELECT part, step, model, fingerprint, state FROM steps",
    "open jobs": "SELECT kind, key, state FROM jobs WHERE state NOT IN ('done', 'cancelled')",
    "check": "PRAGMA integrity_check",
    "references": "PRAGMA foreign_key_check",
}


def state(home: Home) -> dict[str, list[tuple[Any, ...]]]:
    return {name: sorted(home.query(sql), key=repr) for name, sql in STATE.items()}


@pytest.fixture(scope="session")
def film(tmp_path_factory: pytest.TempPathFactory, test_data: Path) -> Path:
    """A minute and a half of shots with known people, small."""
    if not (test_data.parent / "tools" / "make_video.py").is_file():
        pytest.skip("make_video.py is not beside the test data")
    path = tmp_path_factory.mktemp("film") / "film.mp4"
    options = ("--size", "640x360", "--fps", "8", "--shots", "32", "--people", "5", "--seed", "4")
    return films.make(path, *options)


@pytest.fixture(scope="session")
def scanned(
    tmp_path_factory: pytest.TempPathFactory, test_data: Path, film: Path
) -> Iterator[Home]:
    """That video, scanned. Tests only look at it."""
    home = build_home(
        tmp_path_factory.mktemp("scanned-film") / "home",
        models={"weights": str(test_data / "weights")},
        workers={"count": 2},
    )
    shutil.copy(film, home.path / "film.mp4")
    done = home.rollcall("scan", home.path / "film.mp4")
    assert done.returncode == 0, done.stderr
    yield home
    home.assert_nothing_runs()


def test_everybody_is_found_in_every_shot_and_is_the_same_in_all(
    scanned: Home, film: Path, test_data: Path
) -> None:
    shots = films.shots(film)
    settings = labelled.settings(test_data, scanned.path / "models")
    vectors = film_truth.photographed({name for it in shots for name in it.people}, settings)
    with closing(connect(scanned.catalog, readonly=True)) as connection:
        found = film_truth.judge(film_truth.tracks(connection, 1), shots, vectors)
    assert found.wanted >= 20
    assert found.missed == ()
    assert found.edges_max <= 0.5 and found.edges_95 <= 0.2
    assert found.f >= 0.9
    assert (found.nowhere, found.blurred) == (0, 0)


def test_what_the_catalog_says_of_it(scanned: Home) -> None:
    assert scanned.query("SELECT kind, state, error, width, height, codec FROM media") == [
        ("video", "done", None, 640, 360, "h264")
    ]
    length_s = scanned.value("SELECT duration_s FROM media")
    parts = scanned.query("SELECT number, start_s, end_s, state FROM parts ORDER BY number")
    assert [it[0] for it in parts] == list(range(len(parts))) and len(parts) >= 2
    assert parts[0][1:3] == (0.0, 60.0) and parts[-1][2] == pytest.approx(length_s)
    kept = scanned.value("SELECT count(*) FROM frames")
    skipped = sum(
        sum(json.loads(it).values()) for (it,) in scanned.query("SELECT skipped FROM parts")
    )
    assert kept + skipped == round(length_s * 8)
    assert (
        scanned.value("SELECT max(n) FROM (SELECT count(*) AS n FROM faces GROUP BY track_id)") <= 8
    )
    assert scanned.query("SELECT 1 FROM tracks WHERE best_face_id IS NULL OR path IS NULL") == []
    # The others of a track are whoever its leader is.
    assert (
        scanned.query(
            """SELECT 1 FROM faces JOIN tracks ON tracks.id = faces.track_id
           WHERE faces.person_id IS NOT tracks.person_id"""
        )
        == []
    )
    assert scanned.rollcall("verify").returncode == 0


def test_the_frame_that_was_looked_at_last_is_kept_with_its_boxes(scanned: Home) -> None:
    with closing(connect(crops_path(scanned.catalog), readonly=True)) as crops:
        (row,) = crops.execute("SELECT * FROM still").fetchall()
    assert row["sha256"] == scanned.value("SELECT sha256 FROM media")
    assert (row["width"], row["height"]) == (640, 360)
    with Image.open(io.BytesIO(row["jpeg"])) as picture:
        assert picture.format == "JPEG" and picture.size == (640, 360)
    boxes = json.loads(row["boxes"])
    assert 1 <= len(boxes) <= 2
    shown = scanned.query("SELECT x, y, w, h FROM faces WHERE time_s = ?", row["time_s"])
    tracks = scanned.query("SELECT id FROM tracks WHERE ? BETWEEN start_s AND end_s", row["time_s"])
    assert len(tracks) >= 1
    for face in shown:
        assert max(overlap(face, tuple(box)) for box in boxes) > 0.5


def test_a_second_scan_reads_nothing_again(scanned: Home) -> None:
    before = scanned.query("SELECT max(id), count(*) FROM jobs WHERE kind = 'ingest'")
    assert scanned.rollcall("scan", scanned.path / "film.mp4").returncode == 0
    assert scanned.query("SELECT max(id), count(*) FROM jobs WHERE kind = 'ingest'") == before


@pytest.fixture
def portrait(test_data: Path) -> np.ndarray:
    picture = cv2.imread(str(test_data / "photos" / "examples" / "obama1.jpg"))
    return cv2.cvtColor(cv2.resize(picture, (480, 360)), cv2.COLOR_BGR2RGB)


def walk(picture: np.ndarray, seconds: float, fps: int = 5) -> list[np.ndarray]:
    """A slow pan over a picture that stays one scene."""
    found = []
    for number in range(round(seconds * fps)):
        shift = 20 * np.sin(number / 7)
        matrix = np.array([[1.05, 0, shift - 12], [0, 1.05, -8]], np.float32)
        found.append(
            cv2.warpAffine(picture, matrix, picture.shape[1::-1], borderMode=cv2.BORDER_REFLECT)
        )
    return found


def test_who_goes_on_over_the_border_of_a_part_is_one_appearance_and_named_once(
    home: Home, portrait: np.ndarray
) -> None:
    path = written.write(home.path / "talk.mp4", walk(portrait, 70), fps=5)
    assert home.rollcall("scan", path).returncode == 0
    tracks = home.query("SELECT start_s, end_s, best_face_id FROM tracks ORDER BY start_s")
    assert [it[:2] for it in tracks] == [(0.0, 60.0), (60.0, pytest.approx(70.0, abs=0.3))]
    assert tracks[0][2] == tracks[1][2], "one leader speaks for both"
    assert home.value("SELECT count(*) FROM scenes WHERE continues_scene_id IS NOT NULL") == 1
    rows = home.query("SELECT person_id, start_s, end_s FROM appearances")
    assert len(rows) == 1 and rows[0][1:] == (0.0, pytest.approx(70.0, abs=0.3))
    # A name on any of its faces is a name for all of it.
    follower = home.value("SELECT max(id) FROM faces WHERE id <> ?", tracks[0][2])
    assert (
        home.rollcall("people", "confirm", str(follower), "--person", str(rows[0][0])).returncode
        == 0
    )
    assert home.rollcall("people", "name", str(rows[0][0]), "Barack").returncode == 0
    assert home.query("SELECT DISTINCT name FROM faces JOIN people ON people.id = person_id") == [
        ("Barack",)
    ]
    assert home.query("SELECT name, start_s FROM appearances") == [("Barack", 0.0)]
    assert home.rollcall("verify").returncode == 0
    assert home.rollcall("people", "forget", "Barack", "--yes").returncode == 0
    assert home.value("SELECT count(*) FROM track_vectors") == 0
    assert home.query("SELECT 1 FROM tracks WHERE path IS NOT NULL OR person_id IS NOT NULL") == []
    assert home.query("SELECT DISTINCT state FROM faces") == [("forgotten",)]


def outdated(home: Home) -> dict[str, int]:
    told = json.loads(home.rollcall("status", "--json").stdout)
    return told["made_with_other_settings"]


def test_other_settings_read_it_again_and_people_stay(home: Home, portrait: np.ndarray) -> None:
    path = written.write(home.path / "talk.mp4", walk(portrait, 65), fps=5)
    assert home.rollcall("scan", path).returncode == 0
    (person_id,) = home.query("SELECT person_id FROM appearances")[0]
    assert home.rollcall("people", "name", str(person_id), "Barack").returncode == 0
    faces = dict(home.query("SELECT time_s, id FROM faces WHERE state = 'active'"))
    home.configure(video={"faces_per_track": 4})
    assert "frames" in outdated(home)
    done = home.rollcall("recompute", "frames")
    assert done.returncode == 0, done.stderr
    after = dict(home.query("SELECT time_s, id FROM faces WHERE state = 'active'"))
    shared = faces.keys() & after.keys()
    assert shared and all(faces[it] == after[it] for it in shared), "faces keep their ids"
    assert len(after) <= 4 + 4
    assert home.query("SELECT DISTINCT name FROM appearances") == [("Barack",)]
    assert "frames" not in outdated(home)


def test_bad_videos_are_rows_with_a_reason_and_what_can_be_read_is_kept(
    home: Home, portrait: np.ndarray
) -> None:
    place = home.path / "bad"
    place.mkdir()
    frames = walk(portrait, 20)
    good = written.write(place / "good.mkv", frames, fps=5, gop=10)
    data = good.read_bytes()
    (place / "cut.mkv").write_bytes(data[: len(data) * 6 // 10])
    holed = bytearray(data)
    holed[len(data) // 2 : len(data) // 2 + 3000] = bytes(3000)
    (place / "holed.mkv").write_bytes(bytes(holed))
    (place / "empty.mp4").write_bytes(b"")
    (place / "text.mp4").write_text("not a video")
    (place / "head.mkv").write_bytes(data[:300])
    written.write(place / "one.mp4", frames[:1], fps=5)
    wide = [cv2.copyMakeBorder(frames[0], 0, 0, 4760, 4760, cv2.BORDER_CONSTANT)] * 3
    written.write(place / "wide.avi", wide, fps=5, codec="mjpeg", pixels="yuvj420p")
    noise = bytearray(written.write(place / "noise.mp4", frames, fps=5).read_bytes())
    at, end = noise.index(b"mdat") + 4, noise.index(b"moov") - 4
    noise[at:end] = random.Random(0).randbytes(end - at)
    (place / "noise.mp4").write_bytes(bytes(noise))
    done = home.rollcall("scan", place)
    assert done.returncode == 1, done.stderr
    found = {
        Path(path).name: (state, reason or "", faces)
        for path, state, reason, faces in home.query(
            """SELECT path, media.state, media.error, faces_count FROM files
               JOIN media ON media.id = files.media_id
               UNION ALL SELECT path, 'failed', reason, 0 FROM failures WHERE media_id IS NULL"""
        )
    }
    for name in ("good.mkv", "cut.mkv", "holed.mkv", "one.mp4", "wide.avi"):
        assert found[name][0] == "done" and found[name][2] >= 1, (name, found[name])
    assert "it ends after" in found["cut.mkv"][1] and "damaged" in found["holed.mkv"][1]
    assert not any(found[name][1] for name in ("good.mkv", "one.mp4", "wide.avi"))
    assert "read in part" in done.stdout
    for name, reason in (
        ("empty.mp4", "empty"), ("text.mp4", "plain text"), ("head.mkv", "cut off"),
        ("noise.mp4", "damaged"),
    ):  # fmt: skip
        assert found[name][0] == "failed" and reason in found[name][1], (name, found[name])
    assert not [line for line in done.stderr.splitlines() if "Traceback" in line]
    assert home.rollcall("verify").returncode == 0


def test_how_far_it_has_come_is_told(home: Home, film: Path) -> None:
    """A video of two minutes and a half, stopped after the first part that is written."""
    part = films.repeated(film, home.path / "long.mp4", 2)
    with home.started("scan", str(part)) as process:
        home.wait(lambda: home.query("SELECT 1 FROM parts WHERE state = 'done'"), timeout_s=60)
        process.process.send_signal(signal.SIGINT)
        process.process.wait()
        assert re.search(
            r"minute \d of \d: \d+ tracks?; \d of \d minutes, about \d+ s left", process.said()
        )
    listed = home.rollcall("jobs", "list").stdout
    assert re.search(r"\d of \d minutes, about \d+ s left", listed), listed
    told = json.loads(home.rollcall("jobs", "list", "--json").stdout)
    left = [it for it in told if it["kind"] == "ingest" and it["state"] in ("waiting", "running")]
    assert left and all(0 < it["progress"] < 1 for it in left)
    assert " minutes, about " in home.rollcall("status").stdout


def killed_and_finished(home: Home, film: Path, rng: random.Random, *, kills: int) -> int:
    """Scan, killed so often at moments drawn by chance; returns how often it was alive to be."""
    hit = 0
    for _ in range(kills):
        with home.started("scan", str(film)) as process:
            end = time.monotonic() + rng.uniform(0.6, 4.5)
            while time.monotonic() < end and process.process.poll() is None:
                time.sleep(0.02)
            if process.process.poll() is None:
                hit += 1
                process.process.send_signal(signal.SIGKILL)
                process.process.wait()
        home.wait(lambda: not home.processes(), timeout_s=20)
    assert home.rollcall("scan", film).returncode == 0
    return hit


def check_kills(
    tmp_path: Path, test_data: Path, scanned: Home, film: Path, *, kills: int, least: int
) -> None:
    """A short film may be done before the last kill: `least` is how many must have hit."""
    home = build_home(
        tmp_path / "home", models={"weights": str(test_data / "weights")}, workers={"count": 2}
    )
    shutil.copy(film, home.path / "film.mp4")
    hit = killed_and_finished(home, home.path / "film.mp4", random.Random(7), kills=kills)
    assert hit >= least
    wanted, found = state(scanned), state(home)
    for name in STATE:
        assert found[name] == wanted[name], name


def test_killed_in_the_middle_it_ends_as_undisturbed(
    tmp_path: Path, test_data: Path, scanned: Home, film: Path
) -> None:
    check_kills(tmp_path, test_data, scanned, film, kills=3, least=1)


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_killed_twenty_times_it_ends_as_undisturbed(tmp_path: Path, test_data: Path) -> None:
    options = ("--size", "640x360", "--fps", "8", "--shots", "700", "--people", "8", "--seed", "5")
    film = films.make(tmp_path / "long.mp4", *options)
    undisturbed = build_home(
        tmp_path / "whole", models={"weights": str(test_data / "weights")}, workers={"count": 2}
    )
    shutil.copy(film, undisturbed.path / "film.mp4")
    assert undisturbed.rollcall("scan", undisturbed.path / "film.mp4").returncode == 0
    assert undisturbed.value("SELECT count(*) FROM parts") >= 15
    check_kills(tmp_path, test_data, undisturbed, film, kills=20, least=20)


def test_parts_one_after_another_give_the_same_rows(
    tmp_path: Path, test_data: Path, scanned: Home, film: Path
) -> None:
    home = build_home(
        tmp_path / "home", models={"weights": str(test_data / "weights")}, workers={"count": 1}
    )
    shutil.copy(film, home.path / "film.mp4")
    assert home.rollcall("scan", home.path / "film.mp4").returncode == 0
    wanted, found = state(scanned), state(home)
    for name in STATE:
        assert found[name] == wanted[name], name


def test_the_people_on_a_stage(home: Home, test_data: Path, reference: Path) -> None:
    """A real clip. The singer is one person in both of his shots. The conductor, who is known by a
    picture, is seen for two thirds of a second, 25 pixels wide and from the side: he is found, and
    in none of the clip's frames like enough his picture to be named.
    """
    home.configure(paths={"people": str(reference)})
    clip = test_data / "video" / "short_hamilton_clip.mp4"
    assert home.rollcall("scan", clip).returncode == 0
    singing = home.query(
        """SELECT tracks.person_id, start_s, end_s FROM tracks JOIN faces ON faces.id = best_face_id
           WHERE (start_s < 0.1 AND x > 400) OR (start_s BETWEEN 2.5 AND 3 AND end_s > 6.5)
           ORDER BY start_s"""
    )
    assert len(singing) == 2
    assert singing[0][0] == singing[1][0] is not None, "one person in both shots"
    assert singing[1][1:] == pytest.approx((2.74, 7.04), abs=0.1)
    conductor = home.query(
        """SELECT start_s, end_s, name FROM tracks JOIN faces ON faces.id = best_face_id
           LEFT JOIN people ON people.id = tracks.person_id WHERE start_s < 0.1 AND x < 100"""
    )
    assert conductor == [(0.0, pytest.approx(0.67, abs=0.05), None)]
    known = {"alex_lacamoire", "obama"}
    named = home.query("SELECT DISTINCT name FROM appearances WHERE name IS NOT NULL")
    assert {name for (name,) in named} <= known, "nobody else is taken for them"


def test_a_video_whose_tags_were_rewritten_keeps_its_people(
    home: Home, portrait: np.ndarray
) -> None:
    path = home.inbox / "talk.mp4"
    with home.watching():
        written.write(home.path / "made.mp4", walk(portrait, 8), fps=5)
        shutil.copy(home.path / "made.mp4", path)
        (person_id,) = home.wait(lambda: home.query("SELECT person_id FROM appearances"))[0]
        assert home.rollcall("people", "name", str(person_id), "Barack").returncode == 0
        home.wait(home.settled)
        written.write(home.path / "again.mp4", walk(portrait, 8), fps=5, metadata={"title": "x"})
        shutil.move(home.path / "again.mp4", path)
        home.wait(lambda: home.value("SELECT count(*) FROM media WHERE state = 'done'") == 2)
        home.wait(home.settled)
    rows = home.query(
        """SELECT replaces_media_id IS NOT NULL, name FROM media
           JOIN tracks ON tracks.media_id = media.id JOIN people ON people.id = tracks.person_id
           ORDER BY media.id"""
    )
    assert rows == [(0, "Barack"), (1, "Barack")]
