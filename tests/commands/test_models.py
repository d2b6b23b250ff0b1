from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from daemon.faces.geometry import GEOMETRIES

YUNET = "face_detection_yunet_2023mar.onnx"
# Stands for a network that is not there: nothing listens on this port of this machine.
NO_NETWORK = {
    "HTTPS_PROXY": "http://127.0.0.1:9",
    "HTTP_PROXY": "http://127.0.0.1:9",
    "NO_PROXY": "",
}


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "config.toml"
    path.write_text("")
    return path


def models(*arguments: object, config: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "daemon", "models", *map(str, arguments), "--config", str(config)],
        env={**os.environ, **NO_NETWORK},
        capture_output=True,
        text=True,
        timeout=120,
        cwd=Path(__file__).parents[2],
    )


def with_weights(config: Path, folder: Path) -> None:
    config.write_text(f'[models]\nweights = "{folder}"\n')


def test_list_says_what_is_in_use_and_where_it_lies(config: Path, test_data: Path) -> None:
    with_weights(config, test_data / "weights")
    done = models("list", "--json", config=config)
    assert done.returncode == 0, done.stderr
    rows = {row["name"]: row for row in json.loads(done.stdout)["models"]}
    assert {name for name, row in rows.items() if row["in_use"]} == {"yunet", "Dlib"}
    assert rows["yunet"]["status"] == "folder" and rows["yunet"]["where"].endswith(YUNET)
    assert rows["Dlib"]["status"] == "package"
    arcface = rows["ArcFace"]
    assert (arcface["status"], arcface["where"]) == ("to download", "arcface_weights.onnx")
    assert (arcface["form"], arcface["geometry"]) == ("ONNX", "arcface112-v2")
    assert (rows["Dlib"]["form"], rows["Dlib"]["licence"]) == ("dlib", "CC0")
    assert rows["Buffalo_L"]["status"] == "missing"  # its download needs a package of its own


def test_list_reads_well_without_json(config: Path) -> None:
    done = models("list", config=config)
    assert done.returncode == 0, done.stderr
    used = [line for line in done.stdout.splitlines() if line.startswith("* ")]
    assert any("Dlib" in line and GEOMETRIES["Dlib"].name in line for line in used)
    assert "will be downloaded" in done.stdout


def test_list_works_where_the_choice_cannot(config: Path) -> None:
    config.write_text('[models]\ndetector = "fastmtcnn"\n')
    done = models("list", "--json", config=config)
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    assert "facenet_pytorch" in answer["notes"][0]
    assert not any(row["in_use"] for row in answer["models"])


def test_check_is_content_with_the_real_files(config: Path, test_data: Path) -> None:
    with_weights(config, test_data / "weights")
    done = models("check", "--json", config=config)
    assert done.returncode == 0, done.stderr
    verdicts = {row["name"]: row["verdict"] for row in json.loads(done.stdout)["models"]}
    assert verdicts["yunet"] == verdicts["Dlib"] == verdicts["mtcnn"] == "ok"


def test_check_ends_with_3_at_a_file_that_is_another(config: Path, tmp_path: Path) -> None:
    (tmp_path / "weights").mkdir()
    (tmp_path / "weights" / YUNET).write_bytes(b"not it")
    with_weights(config, tmp_path / "weights")
    done = models("check", config=config)
    assert done.returncode == 3
    assert "NOT THE KNOWN FILE" in done.stdout
    assert len(done.stderr.strip().splitlines()) == 1 and YUNET in done.stderr


def test_fetch_without_a_network_is_one_line_and_3(config: Path) -> None:
    done = models("fetch", "yunet", config=config)
    assert done.returncode == 3
    lines = done.stderr.strip().splitlines()
    assert len(lines) == 1 and "yunet" in lines[0] and "models.weights" in lines[0]
    assert done.stdout == ""


def test_fetch_leaves_alone_what_is_here(config: Path) -> None:
    done = models("fetch", "Dlib", "--json", config=config)
    assert done.returncode == 0, done.stderr
    (row,) = json.loads(done.stdout)["models"]
    assert row["status"] == "was here"


def test_an_unknown_model_is_a_usage_error(config: Path) -> None:
    done = models("fetch", "yolo99", config=config)
    assert done.returncode == 2
    assert "yolo99" in done.stderr and "yunet" in done.stderr


@pytest.mark.parametrize("words", [[], ["list"], ["fetch"], ["check"]], ids=str)
def test_help_shows_an_example(words: list[str]) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "daemon", "models", *words, "--help"],
        capture_output=True,
        text=True,
        timeout=60,
        cwd=Path(__file__).parents[2],
    )
    assert done.returncode == 0 and "Example:" in done.stdout
