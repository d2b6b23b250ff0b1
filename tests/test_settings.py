"""config.toml, the environment, and what is refused: each refusal names key, value, expectation,
remedy.
"""

from __future__ import annotations

import os
import tomllib
from pathlib import Path

import pytest

from daemon.config_file import check_folders, load
from daemon.errors import UsageError
from daemon.settings import Settings, sections

REPOSITORY = Path(__file__).parent.parent


def write(folder: Path, text: str) -> Path:
    path = folder / "config.toml"
    path.write_text(text, encoding="utf-8")
    return path


def plain(value: object) -> object:
    """A default as TOML would give it: paths as text, tuples as lists, one model name alone."""
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, tuple):
        return [plain(item) for item in value]
    return value


def test_the_repositorys_config_shows_every_key_with_its_default() -> None:
    tables = tomllib.loads((REPOSITORY / "config.toml").read_text(encoding="utf-8"))
    assert list(tables) == list(sections())
    for name, section in sections().items():
        for key, info in section.model_fields.items():
            if info.default is None:
                assert key not in tables[name]
                continue
            shown = tables[name][key]
            expected = plain(info.default)
            assert shown == expected or [shown] == expected, f"{name}.{key}"


def test_the_repositorys_config_explains_every_key_in_the_line_before_it() -> None:
    lines = (REPOSITORY / "config.toml").read_text(encoding="utf-8").splitlines()
    for name, section in sections().items():
        assert f"# {section.__doc__}" == lines[lines.index(f"[{name}]") - 1]
        for key, info in section.model_fields.items():
            at = next(
                number
                for number, line in enumerate(lines)
                if line.startswith((f"{key} =", f"# {key} =")) and lines.index(f"[{name}]") < number
            )
            assert lines[at - 1] == f"# {info.description}", f"{name}.{key}"


def test_a_file_with_no_line_gives_the_defaults(tmp_path: Path) -> None:
    settings = load(write(tmp_path, ""), environ={})
    assert settings.web == Settings().web
    assert settings.source == tmp_path / "config.toml"


def test_relative_paths_are_relative_to_the_file(tmp_path: Path) -> None:
    settings = load(write(tmp_path, '[paths]\nstate = "s"\ninbox = ["a", "/b"]\n'), environ={})
    assert settings.paths.state == tmp_path / "s"
    assert settings.paths.inbox == (tmp_path / "a", Path("/b"))
    assert settings.catalog == tmp_path / "s" / "catalog.db"


def test_a_tilde_is_the_home_folder(tmp_path: Path) -> None:
    settings = load(write(tmp_path, '[paths]\npeople = "~/people"\n'), environ={})
    assert settings.paths.people == Path(os.environ["HOME"]) / "people"


def test_without_a_file_everything_lies_in_the_users_data_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    settings = load(environ={})
    assert settings.source is None
    assert settings.paths.state == tmp_path / "data" / "rollcall" / "state"


def test_the_file_in_the_working_folder_comes_before_the_users_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = tmp_path / "home" / "rollcall"
    own.mkdir(parents=True)
    write(own, "[web]\nport = 1111\n")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    assert load(environ={}).web.port == 1111
    write(tmp_path, "[web]\nport = 2222\n")
    assert load(environ={}).web.port == 2222


@pytest.mark.parametrize(
    ("variable", "text", "value"),
    [
        pytest.param("ROLLCALL_WEB__PORT", "8080", 8080, id="number"),
        pytest.param("ROLLCALL_EMBED__MIRROR", "false", False, id="boolean"),
        pytest.param("ROLLCALL_INTAKE__QUIET_S", "0.5", 0.5, id="fraction"),
        pytest.param("ROLLCALL_INTAKE__QUIET_S", "3", 3.0, id="whole-number-for-a-fraction"),
        pytest.param("ROLLCALL_WEB__HOST", "0.0.0.0", "0.0.0.0", id="text-without-quotes"),
        pytest.param("ROLLCALL_LOG__LEVEL", "debug", "debug", id="choice"),
        pytest.param("ROLLCALL_MODELS__DETECTOR", "mtcnn", ("mtcnn",), id="one-name"),
        pytest.param(
            "ROLLCALL_MODELS__DETECTOR", '["yunet", "mtcnn"]', ("yunet", "mtcnn"), id="names"
        ),
        pytest.param("ROLLCALL_PATHS__INBOX", "/a", (Path("/a"),), id="one-path"),
        pytest.param("ROLLCALL_PATHS__INBOX", '["/a", "/b"]', (Path("/a"), Path("/b")), id="paths"),
        pytest.param("ROLLCALL_MODELS__WEIGHTS", "/w", Path("/w"), id="optional-path"),
    ],
)
def test_the_environment_overrides_a_key(
    tmp_path: Path, variable: str, text: str, value: object
) -> None:
    settings = load(write(tmp_path, ""), environ={variable: text})
    section, key = variable.removeprefix("ROLLCALL_").lower().split("__")
    assert getattr(getattr(settings, section), key) == value


def test_a_variable_without_a_double_underscore_is_not_ours(tmp_path: Path) -> None:
    assert load(write(tmp_path, ""), environ={"ROLLCALL_TEST_DATA": "/x"}).web.port == 8001


@pytest.mark.parametrize(
    ("text", "said"),
    [
        pytest.param("[web]\nprot = 1\n", ["web.prot", "1", "no such key", "port"], id="key"),
        pytest.param("[wep]\nport = 1\n", ["wep", "no such key", "paths, models"], id="table"),
        pytest.param("[web]\nport = 'x'\n", ["web.port", "'x'", "integer"], id="type"),
        pytest.param(
            "[web]\nport = 0\n", ["web.port", "0", "greater than or equal to 1"], id="low"
        ),
        pytest.param("[web]\nport = 70000\n", ["web.port", "65535"], id="high"),
        pytest.param("[web]\nport = true\n", ["web.port", "integer"], id="boolean-is-no-number"),
        pytest.param("[embed]\nmirror = 1\n", ["embed.mirror", "boolean"], id="number"),
        pytest.param("[intake]\npolling = 'now'\n", ["intake.polling", "'auto'"], id="choice"),
        pytest.param("[paths]\ninbox = []\n", ["paths.inbox", "[]", "at least 1"], id="empty-list"),
        pytest.param(
            "[web]\ntiles = 'https://tiles.example.org/'\n", ["web.tiles", "{z}"], id="no-places"
        ),
        pytest.param(
            '[web]\ntiles = "https://a.org/{z}/{x}/{y}; script-src *"\n',
            ["web.tiles"],
            id="another-policy",
        ),
        pytest.param("web = 3\n", ["web", "3"], id="no-table"),
        pytest.param("[web\n", ["not valid TOML", "line 1"], id="syntax"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(tmp_path: Path, text: str, said: list[str]) -> None:
    with pytest.raises(UsageError) as refusal:
        load(write(tmp_path, text), environ={})
    message = str(refusal.value)
    assert "\n" not in message
    assert "config.toml" in message
    for part in said:
        assert part in message
    assert refusal.value.exit_code == 2


@pytest.mark.parametrize(
    ("environ", "said"),
    [
        pytest.param({"ROLLCALL_WEB__PRT": "1"}, "ROLLCALL_WEB__PRT", id="key"),
        pytest.param({"ROLLCALL_WEP__PORT": "1"}, "ROLLCALL_WEP__PORT", id="section"),
        pytest.param({"ROLLCALL_WEB__PORT": "many"}, "ROLLCALL_WEB__PORT", id="type"),
    ],
)
def test_what_the_environment_has_wrong_is_said_of_the_environment(
    tmp_path: Path, environ: dict[str, str], said: str
) -> None:
    with pytest.raises(UsageError, match=said):
        load(write(tmp_path, ""), environ=environ)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"nowhere\.toml: no such configuration file"):
        load(tmp_path / "nowhere.toml", environ={})


def folders(tmp_path: Path, **paths: str) -> Settings:
    for name in ("inbox", "people"):
        (tmp_path / name).mkdir(exist_ok=True)
    lines = "".join(f'{key} = "{value}"\n' for key, value in paths.items())
    return load(write(tmp_path, f"[paths]\n{lines}"), environ={})


def test_folders_that_are_there_pass(tmp_path: Path) -> None:
    check_folders(folders(tmp_path))


@pytest.mark.parametrize("key", ["inbox", "people"])
def test_a_missing_folder_stops_the_start_with_its_remedy(tmp_path: Path, key: str) -> None:
    settings = folders(tmp_path, **{key: "gone"})
    with pytest.raises(UsageError, match=rf"paths\.{key} = .*gone: does not exist; .*mkdir -p"):
        check_folders(settings)


def test_a_file_in_a_folders_place_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(UsageError, match="is a file"):
        check_folders(folders(tmp_path, inbox="file"))


def test_an_unreadable_folder_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = folders(tmp_path)
    # Root may read everything, so the system's answer is given here.
    monkeypatch.setattr(os, "access", lambda path, _mode: Path(path).name != "inbox")
    with pytest.raises(UsageError, match=r"paths\.inbox = .*not readable.*chmod"):
        check_folders(settings)


@pytest.mark.parametrize("state", ["inbox", "inbox/state", "people/deep/state"])
def test_a_state_folder_inside_a_watched_one_is_refused(tmp_path: Path, state: str) -> None:
    with pytest.raises(UsageError, match=r"paths\.state = .*inside the watched folder"):
        check_folders(folders(tmp_path, state=state))


def test_a_missing_weights_folder_is_refused(tmp_path: Path) -> None:
    settings = load(write(tmp_path, '[models]\nweights = "none"\n'), environ={})
    with pytest.raises(UsageError, match=r"models\.weights = .*does not exist"):
        check_folders(settings, watched=False)
