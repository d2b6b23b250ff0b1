"""Rollcall where DeepFace and TensorFlow are not installed."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from daemon.faces.packages import EXTRA_REMEDY

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.end_to_end.conftest import Home

REPOSITORY = Path(__file__).parent.parent.parent
ABSENT = ("tensorflow", "tf_keras", "keras", "deepface", "retinaface", "werkzeug", "mtcnn")
# Python runs it when it starts: these packages are neither found nor imported, nor have a version.
HIDING = f"""
import sys
from importlib.machinery import PathFinder

ABSENT = {ABSENT!r}


class Hiding:
    @staticmethod
    def find_spec(name, path=None, target=None):
        if name.partition(".")[0] in ABSENT:
            return None
        return PathFinder.find_spec(name, path, target)

    @staticmethod
    def find_distributions(*arguments):
        for found in PathFinder.find_distributions(*arguments):
            if found.metadata["Name"].replace("-", "_").lower() not in ABSENT:
                yield found


sys.meta_path = [Hiding if finder is PathFinder else finder for finder in sys.meta_path]
"""


def test_only_the_extra_asks_for_tensorflow_and_the_lock_pins_all_of_it() -> None:
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    asked = {
        name: {re.split(r"[\[<>=~ ]", line)[0].replace("_", "-").lower() for line in lines}
        for name, lines in {"base": project["dependencies"], **extras}.items()
    }
    assert {"deepface", "tensorflow", "tf-keras"} <= asked["deepface"]
    assert not asked["base"] & asked["deepface"]
    assert f"{project['name']}[deepface]" in extras["dev"]  # so that tests run with everything
    lock = (REPOSITORY / "requirements.lock").read_text().splitlines()
    pinned = {line.split("==")[0] for line in lock}
    assert set().union(*asked.values()) - {project["name"]} <= pinned


@pytest.fixture
def bare(home: Home) -> Home:
    """A home on a machine without the extra."""
    folder = home.path / "hiding"
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(HIDING)
    home.environment["PYTHONPATH"] = f"{folder}{os.pathsep}{home.environment['PYTHONPATH']}"
    done = subprocess.run(
        [sys.executable, "-c", "import tensorflow"], env=home.environment, capture_output=True
    )
    assert b"No module named 'tensorflow'" in done.stderr
    return home


def test_faces_are_found_and_named_without_tensorflow(
    bare: Home, copy: Callable[..., Path]
) -> None:
    copy("obama/obama.jpg", bare.people / "obama" / "a.jpg")
    copy("two_people.jpg", bare.inbox)
    done = bare.rollcall("scan", bare.inbox)
    assert done.returncode == 0, done.stderr
    assert bare.who(bare.inbox) == {"two_people.jpg": ["obama", "?"]}
    assert bare.query("SELECT DISTINCT device FROM steps") == [("cpu",)]

    report = json.loads(bare.rollcall("status", "--json").stdout)
    assert report["models"] == {"detector": ["yunet"], "recognizer": ["Dlib"]}
    assert report["hardware"]["tensorflow"] == "absent"
    assert report["engine"]["device"] == "cpu" and report["engine"]["peak_mb"] == 0
    assert {"ssd", "retinaface"} <= set(report["out_of_reach"])
    assert not {"yunet", "mtcnn", "Dlib", "ArcFace"} & set(report["out_of_reach"])
    text = bare.rollcall("status").stdout
    assert "out of reach" in text and EXTRA_REMEDY in text


def test_a_model_that_needs_tensorflow_is_one_line_that_says_what_to_install(bare: Home) -> None:
    bare.configure(models={"detector": "retinaface"})
    for command in (("scan", bare.inbox), ("doctor",)):
        done = bare.rollcall(*command)
        assert done.returncode == 3
        assert EXTRA_REMEDY in done.stdout + done.stderr
        assert "Traceback" not in done.stderr
    listed = bare.rollcall("models", "list").stdout
    line = next(line for line in listed.splitlines() if line.split()[:1] == ["retinaface"])
    assert "not usable" in line and EXTRA_REMEDY in line


def test_a_card_that_is_asked_for_and_not_there_is_said_and_the_work_is_done(
    bare: Home, copy: Callable[..., Path]
) -> None:
    bare.configure(workers={"device": "gpu", "count": 1})
    copy("obama1.jpg", bare.inbox)
    done = bare.rollcall("scan", bare.inbox)
    assert done.returncode == 0, done.stderr
    assert "networks run on the processor: " in done.stderr
    assert "no graphics card is used" in bare.rollcall("status").stdout


def test_without_deepface_nothing_is_planned_for_download(bare: Home, tmp_path: Path) -> None:
    bare.configure(models={"weights": str(tmp_path), "download": True})
    done = bare.rollcall("models", "fetch", "yunet")
    assert done.returncode == 3 and "models.weights" in done.stderr
    assert "Traceback" not in done.stderr
    assert "will be downloaded" not in bare.rollcall("status").stdout


@pytest.mark.long
def test_a_fresh_environment_without_tensorflow_names_faces(
    home: Home, copy: Callable[..., Path], tmp_path: Path
) -> None:
    environment = tmp_path / "venv"
    variables = (f"VENV={environment}", f"PYTHON={sys.executable}", "EXTRA=")
    made = subprocess.run(
        ["make", *variables, f"{environment}/.run"],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
    )
    assert made.returncode == 0, made.stderr
    folders = {path.name for path in environment.glob("lib/python*/site-packages/*")}
    assert "onnxruntime" in folders
    assert not folders & {"tensorflow", "deepface", "keras", "tf_keras"}
    copy("obama/obama.jpg", home.people / "obama" / "a.jpg")
    copy("two_people.jpg", home.inbox)
    done = subprocess.run(
        [environment / "bin/rollcall", "scan", home.inbox],
        cwd=home.path,
        env={name: value for name, value in home.environment.items() if name != "PYTHONPATH"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert home.who(home.inbox) == {"two_people.jpg": ["obama", "?"]}
