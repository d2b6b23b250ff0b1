"""`rollcall quality`: what it says of a photo's faces, what it draws, and what it refuses."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import cv2
import pytest

from catalog.connect import connect
from catalog.measures import MEASURES
from catalog.migrations import migrate
from tests.makers import Maker, crowd, looks

# Measured only where the configuration asks for it.
ASKED = {"stability", "eye_aspect_ratio"}


@pytest.fixture
def config(tmp_path: Path, test_data: Path) -> Path:
    path = tmp_path / "config.toml"
    path.write_text(
        f"[paths]\nstate = {str(tmp_path / 'state')!r}\n"
        f"[models]\nweights = {str(test_data / 'weights')!r}\ndownload = false\n"
    )
    return path


@pytest.fixture
def examples(test_data: Path) -> Path:
    return test_data / "photos" / "examples"


def quality(
    *arguments: object, config: Path, env: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "daemon", "quality", *map(str, arguments), "--config", str(config)],
        capture_output=True,
        text=True,
        env=env,
        timeout=120,
        cwd=Path(__file__).parents[2],
        check=False,
    )


def test_every_face_with_every_measure_and_a_picture(
    config: Path, examples: Path, tmp_path: Path
) -> None:
    drawn = tmp_path / "drawn.png"
    done = quality(examples / "couple.jpg", "--json", "--draw", drawn, config=config)
    assert done.returncode == 0, done.stderr
    faces = json.loads(done.stdout)["faces"]
    assert len(faces) == 2
    for face in faces:
        assert set(face["measures"]) == set(MEASURES) - ASKED
        assert 0.5 < face["quality"] <= 1
    original, picture = (cv2.imread(str(it)) for it in (examples / "couple.jpg", drawn))
    assert picture is not None and picture.shape[1] > picture.shape[0]
    assert original is not None and (picture[:100, :100] != 250).any()


def test_in_words(config: Path, examples: Path, tmp_path: Path) -> None:
    picture = cv2.imread(str(examples / "obama1.jpg"))
    assert picture is not None
    blurred = tmp_path / "blurred.jpg"
    cv2.imwrite(str(blurred), cv2.GaussianBlur(picture, (0, 0), 10))
    done = quality(blurred, config=config)
    assert done.returncode == 0, done.stderr
    first, *rest = done.stdout.splitlines()
    assert first.startswith("face 1, ") and "blurred" in first
    own = [line.split()[0] for line in rest[: len(MEASURES) - len(ASKED)]]
    assert own == [name for name in MEASURES if name in own]
    assert set(own) == set(MEASURES) - ASKED


def test_what_the_configuration_asks_for(config: Path, examples: Path) -> None:
    if importlib.util.find_spec("dlib") is None:
        pytest.skip("dlib is not installed")
    config.write_text(config.read_text() + "[quality]\nstability = true\neye_points = true\n")
    done = quality(examples / "couple.jpg", "--json", config=config)
    assert done.returncode == 0, done.stderr
    for face in json.loads(done.stdout)["faces"]:
        assert set(face["measures"]) == set(MEASURES)
        assert 0.85 < face["measures"]["stability"] < 1
        assert 0.1 < face["measures"]["eye_aspect_ratio"] < 0.45
        assert 1 < face["measures"]["norm"] < 2


def test_without_dlib_the_eye_points_are_refused_in_one_line(
    config: Path, examples: Path, tmp_path: Path
) -> None:
    (tmp_path / "broken" / "dlib").mkdir(parents=True)
    (tmp_path / "broken" / "dlib" / "__init__.py").write_text("raise ImportError('no libX')\n")
    config.write_text(config.read_text() + "[quality]\neye_points = true\n")
    without = {**os.environ, "PYTHONPATH": str(tmp_path / "broken")}
    done = quality(examples / "couple.jpg", config=config, env=without)
    assert done.returncode == 3 and done.stderr.count("\n") == 1
    assert "no libX" in done.stderr and "quality.eye_points = false" in done.stderr


def test_a_picture_without_a_face(config: Path, tmp_path: Path) -> None:
    empty = tmp_path / "empty.png"
    cv2.imwrite(str(empty), cv2.merge([cv2.UMat(200, 200, cv2.CV_8U).get() * 0] * 3))
    done = quality(empty, "--draw", tmp_path / "drawn.jpg", config=config)
    assert (done.returncode, done.stdout) == (0, "no face was found in this picture\n")
    assert (tmp_path / "drawn.jpg").exists()


@pytest.mark.parametrize(
    ("name", "draw", "says"),
    [
        ("missing.jpg", None, "there is no such file"),
        ("text.jpg", None, "rollcall: "),
        ("photo.png", "photo.png", "there is a file already"),
        ("photo.png", "drawn.txt", "ends in .png or .jpg"),
        ("photo.png", "nowhere/drawn.png", "cannot be written"),
    ],
)
def test_one_line_says_what_is_wrong(
    config: Path, tmp_path: Path, name: str, draw: str | None, says: str
) -> None:
    (tmp_path / "text.jpg").write_text("no picture")
    cv2.imwrite(str(tmp_path / "photo.png"), cv2.UMat(50, 50, cv2.CV_8UC3).get())
    options = [] if draw is None else ["--draw", tmp_path / draw]
    done = quality(tmp_path / name, *options, config=config)
    assert done.returncode != 0
    assert says in done.stderr and done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    "arguments", [[], ["--suggest", "photo.jpg"], ["--suggest", "--draw", "x.png"]]
)
def test_a_photo_or_a_suggestion(config: Path, arguments: list[str]) -> None:
    done = quality(*arguments, config=config)
    assert done.returncode == 2
    assert "give a photo, or --suggest alone" in done.stderr


def test_a_suggestion_from_what_was_confirmed(config: Path, tmp_path: Path) -> None:
    path = tmp_path / "state" / "catalog.db"
    migrate(path)
    with closing(connect(path)) as connection:
        make = Maker(connection)
        none = quality("--suggest", config=config)
        assert "the catalog holds no faces yet" in none.stderr
        for person, centre in enumerate(crowd(3, seed=5)):
            who = make.person(f"Person {person}")
            for number, vector in enumerate(looks(centre, 40, seed=person, cosine=0.985)):
                poor = number % 2 == 0
                seen = looks(vector, 1, number, cosine=0.85)[0] if poor else vector
                _, (face,) = make.photo(seen, quality=0.4 if poor else 0.95)
                make.assign(face, who)
    done = quality("--suggest", "--json", config=config)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["found_quality"] == 0.9
    by_low = {it["low"]: it for it in told["bands"]}
    assert (by_low[0.35]["faces"], by_low[0.9]["faces"], by_low[0.5]["faces"]) == (60, 60, 0)
    assert by_low[0.35]["found"] < 0.5 <= by_low[0.9]["found"]
    assert "suggested: [identify] found_quality = 0.9" in quality("--suggest", config=config).stdout
