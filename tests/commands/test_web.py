"""`rollcall web`: the password in the configuration file, and tokens."""

from __future__ import annotations

import json
import tomllib
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner

from catalog.browse.credentials import Secrets, fits, hashed
from daemon.commands.web import command, write_password
from daemon.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path

CONFIGS = [
    pytest.param("", id="empty"),
    pytest.param("# mine\n[paths]\nstate = 'state'\n", id="no section"),
    pytest.param("[web]\nport = 8080  # ours\n[log]\nlevel = 'info'\n", id="a section"),
    pytest.param("[web]\npassword = 'scrypt$1'\nport = 1\n", id="another password"),
    pytest.param("[log]\nlevel = 'info'\n\n[web]", id="at the end, without a newline"),
    pytest.param("[ web ]  # spaced\n# password = 'x'\nport = 1\n", id="odd"),
]


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "config.toml"
    path.write_text("# mine\n[paths]\nstate = 'state'\n[web]\nport = 8080  # ours\n")
    return path


def run(config: Path, *arguments: str, **options: Any) -> Any:
    return CliRunner().invoke(command, [*arguments, "--config", str(config)], **options)


def test_the_password_is_asked_for_twice_and_written(config: Path) -> None:
    answer = run(config, "password", input="a good password\na good password\n")
    assert answer.exit_code == 0, answer.output
    assert "a good password" not in answer.output
    text = config.read_text(encoding="utf-8")
    assert fits("a good password", tomllib.loads(text)["web"]["password"])
    assert "# mine" in text and "port = 8080  # ours" in text
    assert run(config, "password", "--remove").exit_code == 0
    assert "password" not in tomllib.loads(config.read_text(encoding="utf-8"))["web"]


def test_programs_give_it_on_the_standard_input(config: Path) -> None:
    answer = run(config, "password", "--stdin", "--print", input="from a script\n")
    assert fits("from a script", answer.output.strip())
    assert "password" not in config.read_text(encoding="utf-8")


def test_what_is_too_short_is_refused(config: Path) -> None:
    answer = run(config, "password", "--stdin", input="short\n")
    assert answer.exit_code != 0
    assert "8 characters" in str(answer.exception)


@pytest.mark.parametrize("text", CONFIGS)
def test_nothing_else_in_the_file_changes(tmp_path: Path, text: str) -> None:
    path = tmp_path / "config.toml"
    path.write_text(text)
    path.chmod(0o600)
    before = tomllib.loads(text)
    kept = hashed("a good password")
    write_password(path, kept)
    after = tomllib.loads(path.read_text())
    assert after["web"].pop("password") == kept
    before.get("web", {}).pop("password", None)
    assert {**after, "web": after["web"]} == {"web": {}, **before}
    assert path.stat().st_mode & 0o777 == 0o600


def test_tokens_are_made_listed_and_ended(config: Path) -> None:
    made = run(config, "token", "backup", "--view", "--json")
    token = json.loads(made.output)["token"]
    found = Secrets(config.parent / "state" / "web.json").token(token)
    assert found is not None and not found.may_change
    assert run(config, "tokens").output == "backup: may look\n"
    assert "1 token ended" in run(config, "token", "backup", "--remove").output
    assert run(config, "tokens").output == "no tokens\n"


def test_what_cannot_be_changed_is_left_alone_and_told(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    text = 'web.port = 1\n"web".host = "127.0.0.1"\n'
    path.write_text(text)
    with pytest.raises(UsageError, match="put this under"):
        write_password(path, hashed("a good password"))
    assert path.read_text() == text
