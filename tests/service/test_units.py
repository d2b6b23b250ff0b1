"""The units, judged by systemd itself where its tools are installed."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from daemon.errors import UsageError
from daemon.settings import Download, Models, Paths, Settings, Web
from daemon.systemd_units import (
    GPU,
    SYSTEM_ONLY,
    WATCH,
    WEB,
    Installation,
    bound,
    code_folders,
    program,
    render,
    word,
)

REPOSITORY = Path(__file__).parent.parent.parent
HARDEST = 2.0

needs_systemd = pytest.mark.skipif(
    shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed"
)


def _installation(**options: Any) -> Installation:
    paths = {"state": Path("/srv/rollcall"), "inbox": (Path("/srv/photos"),), "people": Path("/p")}
    settings = Settings(
        paths=Paths(**{**paths, **options.pop("paths", {})}),
        models=Models(download=options.pop("download", False)),
        web=Web(host=options.pop("host", "127.0.0.1")),
    ).model_copy(update={"source": options.pop("source", Path("/etc/rollcall/config.toml"))})
    values = {"program": ("/bin/true",), "code": (Path("/opt/rollcall"),), "user": "daemon"}
    return Installation(settings=settings, **{**values, **options})


def _write(folder: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)


def _analyze(folder: Path, *arguments: str, log: str = "warning") -> str:
    """What systemd-analyze says; it must end well."""
    done = subprocess.run(
        ["systemd-analyze", *arguments],
        cwd=folder,
        env={
            **os.environ,
            "SYSTEMD_LOG_LEVEL": log,
            "SYSTEMD_UNIT_PATH": f"{folder}:",
            "XDG_RUNTIME_DIR": str(folder),
        },
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


VARIANTS = [
    pytest.param({}, id="no downloads"),
    pytest.param({"download": True}, id="downloads"),
    pytest.param({"download": True, "host": "0.0.0.0"}, id="open to the network"),
    pytest.param(
        {"paths": {"state": Path("/var/lib/rollcall/state")}, "source": None}, id="default"
    ),
    pytest.param({"paths": {"inbox": (Path("/home/anna/My Photos"),)}}, id="photos at home"),
    pytest.param({"gpu": True, "groups": ("video",), "download": True}, id="GPU"),
]


@needs_systemd
@pytest.mark.parametrize("options", VARIANTS)
def test_systemd_finds_nothing_to_complain_about(tmp_path: Path, options: dict[str, Any]) -> None:
    _write(tmp_path, render(_installation(**options)))
    assert _analyze(tmp_path, "verify", "--man=no", f"./{WATCH}", f"./{WEB}") == ""


@needs_systemd
@pytest.mark.parametrize("options", VARIANTS)
@pytest.mark.parametrize("unit", [WATCH, WEB])
def test_the_sandbox_leaves_little_exposed(
    tmp_path: Path, unit: str, options: dict[str, Any]
) -> None:
    _write(tmp_path, render(_installation(**options)))
    said = _analyze(tmp_path, "security", "--offline=true", "--threshold=20", f"./{unit}")
    found = re.search(r"Overall exposure level for \S+: ([\d.]+)", said)
    assert found is not None
    assert float(found[1]) <= HARDEST


@needs_systemd
def test_a_users_own_systemd_takes_its_units_too(tmp_path: Path) -> None:
    files = render(_installation(user=None, gpu=True, download=True))
    assert sorted(files) == [WATCH, WEB]
    _write(tmp_path, files)
    assert _analyze(tmp_path, "--user", "verify", "--man=no", f"./{WATCH}", f"./{WEB}") == ""


STRANGE = Path('/srv/an na/100% "P\'h$o\\s": a;b #x/möglich')


@needs_systemd
def test_strange_paths_reach_systemd_as_they_are(tmp_path: Path) -> None:
    home = Path("/home") / STRANGE.relative_to("/srv")
    installation = _installation(
        paths={"state": STRANGE / "st ate", "inbox": (home / "in",)},
        source=STRANGE / "c.toml",
        program=("/usr/bin/env", "-C", str(STRANGE)),
    )
    _write(tmp_path, render(installation))
    said = _analyze(tmp_path, "verify", "--man=no", f"./{WATCH}", log="debug")
    assert f"WorkingDirectory: {STRANGE}/st ate\n" in said
    assert f"ReadWritePaths: {STRANGE}/st ate\n" in said
    assert f"RequiresMountsFor: {STRANGE}/st ate " in said
    assert f"BindReadOnlyPaths: -{home}/in:{home}/in:rbind\n" in said
    command = next(line for line in said.splitlines() if "Command Line:" in line)
    # systemd shows the arguments quoted, before it turns $$ into $.
    quoted = str(STRANGE).replace("\\", "\\\\").replace('"', '\\"').replace("$", "\\$\\$")
    assert f'-C "{quoted}" watch --config "{quoted}/c.toml"' in command


@pytest.mark.parametrize(
    "path",
    [
        pytest.param("/srv/a\nExecStartPre=/bin/evil", id="newline"),
        pytest.param("/srv/a\x1b[31m", id="escape"),
        pytest.param("/srv/\udcff", id="not UTF-8"),
    ],
)
@pytest.mark.parametrize("key", ["state", "inbox", "people"])
def test_a_path_that_cannot_be_written_down_is_refused(path: str, key: str) -> None:
    value = (Path("/home" + path),) if key == "inbox" else Path("/home" + path)
    with pytest.raises(UsageError, match="rename that folder"):
        render(_installation(paths={key: value}))


def test_a_program_whose_path_systemd_refuses_is_refused() -> None:
    with pytest.raises(UsageError, match="install Rollcall somewhere else"):
        render(_installation(program=("/opt/it's/rollcall",)))


@pytest.mark.parametrize(
    ("text", "plain", "argument"),
    [
        pytest.param("/a/b-c.d", "/a/b-c.d", "/a/b-c.d", id="plain"),
        pytest.param("/a b", '"/a b"', '"/a b"', id="space"),
        pytest.param("50%", "50%%", "50%%", id="percent"),
        pytest.param("$HOME", "$HOME", "$$HOME", id="dollar"),
        pytest.param('a"b\\', '"a\\"b\\\\"', '"a\\"b\\\\"', id="quote and backslash"),
        pytest.param(";", '";"', '";"', id="semicolon"),
        pytest.param("", '""', '""', id="empty"),
    ],
)
def test_words_are_escaped(text: str, plain: str, argument: str) -> None:
    assert word(text) == plain
    assert word(text, command=True) == argument


def test_a_colon_does_not_split_a_bound_path() -> None:
    assert bound(Path("/a:b")) == '"/a\\:b"'


def test_without_downloads_the_daemon_has_no_network() -> None:
    alone = render(_installation(download=False))[WATCH]
    assert "PrivateNetwork=yes" in alone
    assert "RestrictAddressFamilies=AF_UNIX\n" in alone
    loading = render(_installation(download=True))[WATCH]
    assert "PrivateNetwork" not in loading
    assert "AF_INET6" in loading


@pytest.mark.parametrize("inbox", ["/srv/photos", "/home/anna/photos"])
def test_who_fetches_has_a_network_and_may_write_to_the_inbox(inbox: str) -> None:
    installation = _installation(paths={"inbox": (Path(inbox), Path("/srv/more"))})
    key = "BindPaths" if inbox.startswith("/home") else "ReadWritePaths"

    def lines(name: str) -> list[str]:
        return [it for it in render(installation)[name].splitlines() if it.startswith(key + "=")]

    assert not any(inbox in it for it in lines(WATCH))
    settings = installation.settings.model_copy(update={"download": Download(enabled=True)})
    installation = replace(installation, settings=settings)
    text = render(installation)[WATCH]
    assert any(inbox in it for it in lines(WATCH)) and "/srv/more" not in text
    assert f'-"{inbox}"' not in text, "and is not bound to be read only"
    assert "PrivateNetwork" not in text and "AF_INET6" in text
    assert any(inbox in it for it in lines(WEB)), "the pages put uploads there"
    assert not any("/srv/more" in it for it in lines(WEB))


@pytest.mark.parametrize("user", ["daemon", None])
def test_the_model_runtime_reports_to_nobody(user: str | None) -> None:
    text = render(_installation(download=True, user=user))[WATCH]
    assert "Environment=ORT_DISABLE_TELEMETRY=1\n" in text


@pytest.mark.parametrize(
    ("host", "local"), [("127.0.0.1", True), ("::1", True), ("0.0.0.0", False), ("10.0.0.5", False)]
)
def test_local_pages_talk_to_this_machine_only(host: str, local: bool) -> None:
    assert ("IPAddressAllow=localhost" in render(_installation(host=host))[WEB]) is local


def test_state_below_var_lib_is_made_by_systemd() -> None:
    text = render(_installation(paths={"state": Path("/var/lib/rollcall/state")}))[WATCH]
    assert "StateDirectory=rollcall/state\n" in text
    assert "ReadWritePaths" not in text
    assert "ReadWritePaths=/srv/rollcall\n" in render(_installation())[WATCH]


def test_state_at_home_is_bound_writable() -> None:
    text = render(_installation(paths={"state": Path("/home/anna/state")}))[WATCH]
    assert 'BindPaths="/home/anna/state"\n' in text
    assert "ReadWritePaths" not in text


def test_what_lies_in_homes_is_shown_and_nothing_else() -> None:
    text = render(
        _installation(
            paths={"inbox": (Path("/home/anna/Photos"), Path("/srv/photos"))},
            code=(Path("/home/anna/venv"), Path("/home/anna/venv/lib/x")),
            program=("/home/anna/venv/bin/rollcall",),
        )
    )[WATCH]
    assert 'BindReadOnlyPaths=-"/home/anna/Photos" -"/home/anna/venv"\n' in text


def test_private_tmp_would_hide_what_lies_there() -> None:
    assert "PrivateTmp=yes" in render(_installation())[WATCH]
    assert "PrivateTmp" not in render(_installation(paths={"state": Path("/tmp/x")}))[WATCH]


def test_a_users_units_hold_nothing_that_needs_the_system() -> None:
    for text in render(_installation(user=None)).values():
        keys = {line.partition("=")[0] for line in text.splitlines() if "=" in line}
        assert not keys & SYSTEM_ONLY
        assert "WantedBy=default.target" in text
        assert "NoNewPrivileges=yes" in text


@pytest.mark.parametrize("options", VARIANTS)
def test_no_placeholder_and_no_lonely_comment_is_left(options: dict[str, Any]) -> None:
    for user in ("daemon", None):
        for text in render(_installation(**options, user=user)).values():
            assert not re.search(r"@[A-Z_]+@", text)
            assert "\n\n\n" not in text
            assert not re.search(r"^#.*\n\n", text.split("[", 1)[1], re.MULTILINE)


def test_gpus_are_opened_by_a_drop_in() -> None:
    text = render(_installation(gpu=True, groups=("video", "render")))[GPU]
    assert "PrivateDevices=no" in text
    assert "SupplementaryGroups=video render" in text
    assert "SupplementaryGroups" not in render(_installation(gpu=True))[GPU]


def test_templates_have_one_source() -> None:
    shipped = REPOSITORY / "daemon" / "units"
    assert shipped.resolve() == REPOSITORY / "systemd"
    for name in (WATCH, WEB, GPU):
        assert (shipped / name).is_file()


def test_this_very_rollcall_is_what_starts() -> None:
    assert Path(program()[0]).is_absolute()
    assert any(Path(__file__).is_relative_to(folder) for folder in code_folders())
