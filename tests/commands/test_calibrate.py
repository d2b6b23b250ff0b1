"""`rollcall calibrate` in a catalog of made-up people, as the command line calls it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from catalog.connect import connect
from daemon.commands.calibrate import command
from daemon.lock import CatalogLock
from tests.backups import run_command
from tests.makers import Maker, crowd, looks

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def make(catalog_path: Path) -> Iterator[Maker]:
    with closing(connect(catalog_path)) as connection:
        yield Maker(connection)


@pytest.fixture
def known(make: Maker) -> Maker:
    """Eight people with eight reference pictures each."""
    for number, centre in enumerate(crowd(8, seed=3)):
        make.reference(
            make.person(f"person {number}", origin="reference"),
            looks(centre, 8, seed=number),
            folder=b"person %d" % number,
        )
    return make


def rows(make: Maker) -> list[dict[str, Any]]:
    found = make.connection.execute("SELECT * FROM calibrations ORDER BY id")
    return [dict(row) for row in found]


def test_own_faces_become_a_row_and_everybody_is_judged_again(
    known: Maker, catalog_path: Path
) -> None:
    done = run_command(command, catalog_path, "--json")
    assert done.exit_code == 0, done.output
    answer = json.loads(done.output)
    (it,) = answer["embedders"]
    assert answer["written"] and it["pairs"] == {
        "genuine": 8 * 28,
        "impostor": 64 * 56 // 2,
        "faces": 64,
        "people": 8,
    }
    (row,) = rows(known)
    assert row["source"] == it["now"]["source"] == "64 confirmed faces of 8 people"
    assert json.loads(row["thresholds"]) == it["now"]["thresholds"]
    assert json.loads(row["curve"]) == it["now"]["curve"]
    assert known.job_keys("repair") == ["whole"]


def test_a_dry_run_says_both_and_writes_nothing(known: Maker, catalog_path: Path) -> None:
    done = run_command(command, catalog_path, "--dry-run")
    assert done.exit_code == 0, done.output
    assert "224 pairs of one person, 1,792 of two" in done.output
    assert "balanced" in done.output and "nothing was written" in done.output
    assert rows(known) == [] and known.job_keys("repair") == []


def test_reset_goes_back_to_the_start(known: Maker, catalog_path: Path) -> None:
    first = json.loads(run_command(command, catalog_path, "--json").output)["embedders"][0]
    done = run_command(command, catalog_path, "--reset", "--json")
    back = json.loads(done.output)["embedders"][0]
    assert back["pairs"] is None
    assert back["before"] == first["now"] and back["now"] == first["before"]
    assert [row["source"] for row in rows(known)] == [
        first["now"]["source"],
        first["before"]["source"],
    ]


def test_it_says_who_judges_again(known: Maker, catalog_path: Path) -> None:
    assert "at the next" in run_command(command, catalog_path).output
    with CatalogLock(catalog_path.parent).acquire("watch"):
        assert "running daemon" in run_command(command, catalog_path).output
    assert known.job_keys("repair") == ["whole"]


def rollcall(catalog_path: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "daemon", *arguments],
        env={
            **os.environ,
            "ROLLCALL_PATHS__STATE": str(catalog_path.parent),
            "ROLLCALL_MODELS__DOWNLOAD": "false",
        },
        capture_output=True,
        text=True,
        timeout=60,
        cwd=Path(__file__).parents[2],
    )


def test_too_little_is_one_line_and_2(make: Maker, catalog_path: Path) -> None:
    nothing = rollcall(catalog_path, "calibrate")
    assert nothing.returncode == 2 and "rollcall scan" in nothing.stderr
    make.reference(make.person("Rosa"), looks(crowd(1)[0], 3))
    done = rollcall(catalog_path, "calibrate")
    assert done.returncode == 2 and done.stdout == ""
    assert done.stderr.count("\n") == 1 and "3 confirmed faces of 1 people" in done.stderr
    assert rows(make) == []


def test_status_names_what_is_not_calibrated(known: Maker, catalog_path: Path) -> None:
    line = "similarities of Dlib are not calibrated: rollcall calibrate"
    assert line in rollcall(catalog_path, "status").stdout
    run_command(command, catalog_path)
    assert line not in rollcall(catalog_path, "status").stdout
    assert known.connection.in_transaction is False
