"""`rollcall doctor` names every problem at once, and never falls over one."""

from __future__ import annotations

import json
import os
import socket
from contextlib import closing
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from catalog.connect import connect
from catalog.migrations import migrate
from daemon.checks import CHECKS, Problem, catalog_state, examine
from daemon.commands.doctor import command
from daemon.settings import Models, Paths, Settings, Web

if TYPE_CHECKING:
    from pathlib import Path

    from click.testing import Result

ROOT = os.geteuid() == 0


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Settings whose folders are all there."""
    for name in ("inbox", "people"):
        (tmp_path / name).mkdir()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    return Settings(
        paths=Paths(
            state=tmp_path / "state", inbox=(tmp_path / "inbox",), people=tmp_path / "people"
        ),
        models=Models(detector=("mtcnn",), download=False),
        web=Web(port=port),
    )


@pytest.fixture
def config(settings: Settings, tmp_path: Path) -> Path:
    """The same settings as a file."""
    path = tmp_path / "config.toml"
    path.write_text(
        '[paths]\nstate = "state"\ninbox = ["inbox"]\npeople = "people"\n'
        f'[models]\ndetector = "mtcnn"\ndownload = false\n[web]\nport = {settings.web.port}\n'
    )
    return path


def _run(*arguments: str) -> Result:
    return CliRunner().invoke(command, list(arguments))


def test_a_sound_installation_has_no_error(config: Path, settings: Settings) -> None:
    migrate(settings.catalog)
    result = _run("--config", str(config), "--json")
    found = json.loads(result.stdout)
    # What this machine itself lacks (a synchronised clock, say) is none of this test's business.
    ours = [item for item in found["problems"] if item["level"] == "error"]
    assert ours == []
    assert found["ok"] is True
    assert result.exit_code == 0


def test_everything_is_listed_at_once(config: Path, tmp_path: Path) -> None:
    (tmp_path / "inbox").rmdir()
    (tmp_path / "people").rmdir()
    (tmp_path / "people").write_text("a file")
    (tmp_path / "state").write_text("a file")
    config.write_text(
        config.read_text()
        + 'vectors = "yes"\n[detect]\nsize = 5\nspeed = 1\n[nonsense]\na = 1\n'
        + '[intake]\nquiet_s = "long"\n'
    )
    result = _run("--config", str(config))
    assert result.exit_code == 3, result.output
    for words in (
        "web.vectors",
        "detect.size = 5",
        "detect.speed",
        "nonsense",
        "intake.quiet_s",
        "paths.inbox",
        "paths.people",
        "is not a folder",
        "cannot be written in",
    ):
        assert words in result.output, result.output
    assert "errors" in result.output.splitlines()[-1]


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("[paths\n", id="no TOML"),
        pytest.param("paths = 5\n", id="a table that is a number"),
        pytest.param("[paths]\ninbox = []\n", id="an empty list"),
        pytest.param("[paths]\ninbox = [1, 2]\nstate = false\n", id="wrong types"),
        pytest.param("[[paths]]\nstate = 'x'\n", id="a list of tables"),
        pytest.param("[models]\nrecognizer = 'Nobody'\n", id="an unknown model"),
        pytest.param("[models]\nweights = '/nowhere/at/all'\n", id="no weights folder"),
        pytest.param("[web]\nhost = 'no.such.host.invalid'\n", id="no such host"),
        pytest.param("\x00\x01", id="binary"),
    ],
)
def test_a_broken_configuration_is_a_finding_and_no_crash(tmp_path: Path, text: str) -> None:
    path = tmp_path / "config.toml"
    path.write_text("[models]\ndownload = false\n" * ("[models]" not in text) + text)
    result = _run("--config", str(path), "--json")
    assert result.exception is None or isinstance(result.exception, SystemExit)
    problems = json.loads(result.stdout)["problems"]
    assert problems
    assert not [item for item in problems if "check itself failed" in item["problem"]]


def test_a_configuration_that_is_not_there_is_one_finding(tmp_path: Path) -> None:
    problems = list(examine(tmp_path / "none.toml"))
    assert "no such configuration file" in problems[0].problem
    assert "--config" in problems[0].remedy


def test_wrong_variables_are_all_named(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROLLCALL_WEB__PORT", "many")
    monkeypatch.setenv("ROLLCALL_NO__SUCH", "1")
    text = "\n".join(problem.problem for problem in examine(config))
    assert "ROLLCALL_WEB__PORT" in text
    assert "ROLLCALL_NO__SUCH" in text


def test_every_check_speaks_in_single_lines_with_a_remedy(tmp_path: Path) -> None:
    for problem in examine(tmp_path / "none.toml"):
        assert "\n" not in problem.problem + problem.remedy
        assert problem.problem
        assert problem.remedy


def test_a_check_that_fails_does_not_silence_the_others(
    config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_: Settings) -> list[Problem]:
        raise ZeroDivisionError

    monkeypatch.setattr("daemon.checks.CHECKS", (broken, *CHECKS))
    problems = list(examine(config))
    assert "the check itself failed" in problems[0].problem


def test_a_catalog_of_another_version_is_told(settings: Settings, config: Path) -> None:
    migrate(settings.catalog)
    with closing(connect(settings.catalog)) as db:
        db.execute("DROP VIEW progress")
    (found,) = catalog_state.databases(settings)
    assert "older version" in found.problem
    with closing(connect(settings.catalog)) as db:
        db.execute("UPDATE _sqlite_migrations SET name = '9999_future' WHERE name GLOB '0001*'")
    assert [item for item in examine(config) if "newer Rollcall" in item.problem]


@pytest.mark.parametrize(
    ("content", "code", "words"),
    [
        pytest.param(b"no database" * 1000, 3, "is not a database", id="nonsense"),
        # So it is for an instant while it is made.
        pytest.param(b"", 0, "of an older version", id="empty"),
    ],
)
def test_a_file_that_is_no_catalog_is_told(
    settings: Settings, config: Path, content: bytes, code: int, words: str
) -> None:
    migrate(settings.catalog)
    settings.catalog.write_bytes(content)
    result = _run("--config", str(config))
    assert words in result.output
    assert "check itself failed" not in result.output
    assert result.exit_code == code, result.output


def test_help_shows_an_example() -> None:
    assert "Example" in _run("--help").output
