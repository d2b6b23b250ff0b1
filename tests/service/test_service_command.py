"""`rollcall service`, with a systemctl that only writes down how it is called."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from daemon.commands.service import command
from daemon.errors import EnvironmentTrouble, UsageError

if TYPE_CHECKING:
    from click.testing import Result

CALLED = "called"


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """A configuration with its folders."""
    for name in ("state", "in box", "people"):
        (tmp_path / name).mkdir()
    (tmp_path / "config.toml").write_text(
        '[paths]\nstate = "state"\ninbox = ["in box"]\npeople = "people"\n'
    )
    return tmp_path / "config.toml"


@pytest.fixture
def systemctl(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A program of that name in front of the real one; it fails when told so."""
    folder = tmp_path / "bin"
    folder.mkdir()
    program = folder / "systemctl"
    program.write_text(
        f'#!/bin/sh\necho "$@" >> "{tmp_path / CALLED}"\n'
        f'if [ -e "{tmp_path / "broken"}" ]; then echo "no\nbus" >&2; exit 1; fi\n'
    )
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "conf"))
    return tmp_path / CALLED


def _run(*arguments: str) -> Result:
    return CliRunner().invoke(command, list(arguments))


def test_a_dry_run_shows_the_files_and_changes_nothing(config: Path, systemctl: Path) -> None:
    result = _run("install", "--dry-run", "--config", str(config))
    assert result.exit_code == 0, result.output
    assert "# /etc/systemd/system/rollcall-watch.service" in result.output
    assert f"WorkingDirectory={config.parent / 'state'}\n" in result.output
    assert "would run: systemctl enable rollcall-watch.service" in result.output
    assert not systemctl.exists()


def test_a_dry_run_as_json_holds_every_file(config: Path, systemctl: Path) -> None:
    result = _run("install", "--dry-run", "--json", "--gpu", "--config", str(config))
    found = json.loads(result.stdout)
    assert [Path(name).name for name in found["files"]] == [
        "rollcall-watch.service",
        "rollcall-web.service",
        "gpu.conf",
    ]
    assert found["dry_run"] is True
    assert not systemctl.exists()


def test_a_user_installs_and_uninstalls(config: Path, systemctl: Path, tmp_path: Path) -> None:
    result = _run("install", "--user", "--config", str(config))
    assert result.exit_code == 0, (result.output, result.exception)
    folder = tmp_path / "conf" / "systemd" / "user"
    assert sorted(path.name for path in folder.iterdir()) == [
        "rollcall-watch.service",
        "rollcall-web.service",
    ]
    units = "rollcall-watch.service rollcall-web.service"
    assert systemctl.read_text().splitlines() == [
        "--user daemon-reload",
        f"--user enable {units}",
        f"--user restart {units}",
    ]
    assert "enable-linger" in result.output
    systemctl.unlink()
    result = _run("uninstall", "--user", "--dry-run", "--config", str(config))
    assert "Would remove" in result.output
    assert not systemctl.exists()
    result = _run("uninstall", "--user", "--config", str(config))
    assert result.exit_code == 0, result.output
    assert f"The catalog stays in {config.parent / 'state'}" in result.output
    assert list(folder.iterdir()) == []
    assert systemctl.read_text().splitlines() == [
        f"--user disable --now {units}",
        "--user daemon-reload",
    ]
    assert "No units" in _run("uninstall", "--user", "--config", str(config)).output


def test_changes_made_by_systemctl_edit_stay(config: Path, systemctl: Path, tmp_path: Path) -> None:
    _run("install", "--user", "--config", str(config))
    override = tmp_path / "conf/systemd/user/rollcall-watch.service.d/override.conf"
    override.parent.mkdir()
    override.write_text("[Service]\nNice=0\n")
    (override.parent / "gpu.conf").write_text("from an earlier installation")
    _run("install", "--user", "--config", str(config))
    assert [path.name for path in override.parent.iterdir()] == ["override.conf"]
    _run("uninstall", "--user", "--config", str(config))
    assert override.exists()


def test_without_systemd_it_is_one_line_and_nothing_is_written(
    config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "conf"))
    result = _run("install", "--user", "--config", str(config))
    assert isinstance(result.exception, EnvironmentTrouble)
    assert "--dry-run" in str(result.exception)
    assert not (tmp_path / "conf").exists()
    assert _run("install", "--user", "--dry-run", "--config", str(config)).exit_code == 0


def test_what_systemctl_complains_about_is_one_line(
    config: Path, systemctl: Path, tmp_path: Path
) -> None:
    (tmp_path / "broken").write_text("")
    result = _run("install", "--user", "--config", str(config))
    assert isinstance(result.exception, EnvironmentTrouble)
    assert "systemctl --user daemon-reload: no bus" in str(result.exception)


def test_a_missing_inbox_is_refused_before_anything_is_written(
    config: Path, systemctl: Path, tmp_path: Path
) -> None:
    (tmp_path / "in box").rmdir()
    result = _run("install", "--user", "--config", str(config))
    assert isinstance(result.exception, UsageError)
    assert not (tmp_path / "conf").exists()
    assert not systemctl.exists()


def test_a_tilde_that_would_mean_another_home_is_refused(config: Path, systemctl: Path) -> None:
    config.write_text('[paths]\ninbox = ["~/Photos"]\n')
    result = _run("install", "--dry-run", "--user-name", "daemon", "--config", str(config))
    assert isinstance(result.exception, UsageError)
    assert "write the path out" in str(result.exception)
    assert _run("install", "--user", "--dry-run", "--config", str(config)).exit_code == 0


def test_without_a_configuration_the_system_keeps_to_var_lib(
    systemctl: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    result = _run("install", "--dry-run", "--json")
    assert result.exit_code == 0, (result.output, result.exception)
    text = json.loads(result.stdout)["files"]["/etc/systemd/system/rollcall-watch.service"]
    assert "StateDirectory=rollcall/state\n" in text
    assert "XDG_CONFIG_HOME=/etc XDG_DATA_HOME=/var/lib" in text
    assert "--config" not in text


@pytest.mark.parametrize(
    ("caller", "expected"),
    [pytest.param("anna", "anna", id="sudo"), pytest.param("root", "rollcall", id="root")],
)
def test_the_services_run_as_whoever_called_sudo(
    config: Path, systemctl: Path, monkeypatch: pytest.MonkeyPatch, caller: str, expected: str
) -> None:
    monkeypatch.setenv("SUDO_USER", caller)
    if os.geteuid() != 0 and caller == "root":
        expected = Path(config).owner()
    result = _run("install", "--dry-run", "--config", str(config))
    assert f"User={expected}\n" in result.output


@pytest.mark.skipif(os.geteuid() == 0, reason="root may install for the system")
def test_the_system_needs_root(config: Path, systemctl: Path) -> None:
    result = _run("install", "--config", str(config))
    assert isinstance(result.exception, UsageError)
    assert "sudo" in str(result.exception)


def test_every_command_shows_an_example() -> None:
    for name in ("install", "uninstall"):
        assert "Example" in _run(name, "--help").output
