"""`rollcall group`: looked at, repaired alone and through the daemon, compared."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.end_to_end.conftest import Home


def test_groups_are_told_with_how_to_repair_them(scanned: Home) -> None:
    facts = json.loads(scanned.rollcall("group", "--json").stdout)
    assert facts["named_people"] == 5
    assert facts["faces"] == sum(
        facts[it] for it in ("faces_named", "faces_grouped", "faces_unknown")
    )
    assert "rollcall group --repair" in scanned.rollcall("group").stdout


def test_other_methods_are_compared_on_real_faces_and_change_nobody(scanned: Home) -> None:
    pytest.importorskip("sklearn", reason="scikit-learn, the extra `compare`, is not installed")
    before = scanned.query("SELECT * FROM assignments"), scanned.query("SELECT * FROM faces")
    methods = ("dbscan", "agglomerative", "kmeans")
    done = scanned.rollcall("group", "--json", *(f"--method={it}" for it in methods))
    assert done.returncode == 0, done.stderr
    found = {it["method"]: it for it in json.loads(done.stdout)}
    assert set(found) == {"ours", *methods}
    assert found["agglomerative"]["agreement"]["present"]["bcubed"]["f"] > 0.8
    assert (
        scanned.query("SELECT * FROM assignments"),
        scanned.query("SELECT * FROM faces"),
    ) == before
    text = scanned.rollcall("group", "--method", "dbscan", "--eps", "0.05", "--sample", "5").stdout
    assert "a sample of" in text and "eps 0.05" in text and "BCubed F" in text


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        pytest.param(["--repair", "--method", "dbscan"], "give one of them", id="both"),
        pytest.param(["--eps", "0.1"], "are for a --method", id="a parameter of nothing"),
    ],
)
def test_what_makes_no_sense_is_said(scanned: Home, arguments: list[str], words: str) -> None:
    done = scanned.rollcall("group", *arguments)
    assert done.returncode == 2
    assert words in done.stderr and done.stderr.count("\n") == 1


def _spoil(home: Home) -> None:
    """Somebody's tool took the names off all faces, behind the daemon's back."""
    import sqlite3

    with sqlite3.connect(home.catalog) as connection:
        connection.execute("DELETE FROM assignments")
        connection.execute("UPDATE faces SET person_id = NULL")
    connection.close()


def test_a_repair_alone_and_through_the_daemon_judges_everybody_again(
    home: Home, copy: Callable[..., Path], reference: Path
) -> None:
    assert home.rollcall("group", "--repair").returncode == 3, "there is no catalog yet"
    shutil.copytree(reference / "obama", home.people / "obama")
    copy("obama1.jpg", home.inbox)
    copy("johnsnow_test1.jpg", home.inbox)
    assert home.rollcall("scan", home.inbox).returncode == 0
    told = home.who(home.inbox)
    assert told["obama1.jpg"] == ["obama"]
    unchanged = home.rollcall("group", "--repair", "--json")
    assert (unchanged.returncode, json.loads(unchanged.stdout)) == (0, {"faces_changed": 0})
    _spoil(home)
    done = home.rollcall("group", "--repair")
    assert done.returncode == 0, done.stderr
    assert "2 faces changed hands" in done.stdout
    assert home.who(home.inbox) == told
    home.assert_nothing_runs()
    with home.watching():
        home.wait(home.settled)
        _spoil(home)
        done = home.rollcall("group", "--repair", "--json")
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout) == {"faces_changed": 2}
        assert home.who(home.inbox) == told
