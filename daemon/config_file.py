"""Reading config.toml and the environment into `Settings`, and refusing what cannot be.

`ROLLCALL_SECTION__KEY` overrides a key. Relative paths are relative to the file they stand in.
"""

from __future__ import annotations

import os
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar, get_args, get_origin

from pydantic import ValidationError

from daemon.errors import UsageError
from daemon.settings import Section, Settings, sections

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pydantic.fields import FieldInfo

S = TypeVar("S", bound=Section)
ENVIRONMENT_PREFIX = "ROLLCALL_"


def user_config() -> Path:
    """The user's own configuration file, whether it exists or not."""
    base = os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config"
    return Path(base) / "rollcall" / "config.toml"


def user_data() -> Path:
    """Where state, inbox and people lie when no configuration file says otherwise."""
    base = os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share"
    return Path(base) / "rollcall"


def load(config: Path | None = None, *, environ: Mapping[str, str] = os.environ) -> Settings:
    """Settings from `config`, else ./config.toml, else the user's file, else the defaults; then the
    environment.

    Raises UsageError, one line, naming the key, what was found, what is expected and what to do.
    """
    source = config or next(
        (path for path in (Path("config.toml"), user_config()) if path.is_file()), None
    )
    tables = _read(source) if source else {}
    base = source.resolve().parent if source else user_data()
    _override(tables, environ)
    try:
        settings = Settings.model_validate(tables)
    except ValidationError as error:
        raise UsageError(_explain(error, source, environ)) from None
    return settings.model_copy(
        update={
            "source": source.resolve() if source else None,
            "paths": _absolute(settings.paths, base),
            "models": _absolute(settings.models, base),
        }
    )


def check_folders(settings: Settings, *, watched: bool = True) -> None:
    """Refuse folders that are missing, unreadable or nested where they must not be (UsageError)."""
    paths = settings.paths
    if settings.models.weights is not None:
        _readable("models.weights", settings.models.weights)
    if not watched:
        return
    for folder in paths.inbox:
        _readable("paths.inbox", folder)
    _readable("paths.people", paths.people)
    around = paths.watched_around(paths.state)
    if around is not None:
        raise UsageError(
            f"paths.state = {paths.state}: lies inside the watched folder {around}, so "
            "Rollcall would catalogue its "
            "own pictures; expected a folder outside of it; move it or change paths.state"
        )


def _readable(key: str, folder: Path) -> None:
    if not folder.is_dir():
        what = "is a file" if folder.exists() else "does not exist"
        raise UsageError(
            f"{key} = {folder}: {what}; expected a readable folder; create it (mkdir -p "
            f"'{folder}') or change {key}"
        )
    if not os.access(folder, os.R_OK | os.X_OK):
        raise UsageError(
            f"{key} = {folder}: not readable by this user; expected a readable folder; chmod it "
            f"or change {key}"
        )


def _read(source: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(source.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UsageError(
            f"{source}: no such configuration file; give an existing one with --config"
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(
            f"{source}: cannot be read ({error}); expected a TOML file in UTF-8"
        ) from None
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"{source}: not valid TOML ({error}); mend that line") from None


def _override(tables: dict[str, Any], environ: Mapping[str, str]) -> None:
    """Put ROLLCALL_SECTION__KEY values over those of the file. Variables without a double
    underscore are not ours.
    """
    known = sections()
    for variable, text in sorted(environ.items()):
        section, separator, key = variable.removeprefix(ENVIRONMENT_PREFIX).lower().partition("__")
        if not variable.startswith(ENVIRONMENT_PREFIX) or not separator:
            continue
        if section not in known or key not in known[section].model_fields:
            raise UsageError(
                f"{variable} = {text}: no such key; expected ROLLCALL_SECTION__KEY of a key in "
                "config.toml; unset it"
            )
        table = tables.setdefault(section, {})
        if isinstance(table, dict):
            table[key] = _from_text(text, known[section].model_fields[key])


def _from_text(text: str, info: FieldInfo) -> object:
    """A TOML value where the key is no text, the text itself otherwise (so that names need no
    quotes).
    """
    plain = (
        info.annotation in (str, Path)
        or get_origin(info.annotation) is Literal
        or Path in get_args(info.annotation)
    )
    if plain:
        return text
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text


def _absolute(section: S, base: Path) -> S:
    """The section with every relative path made absolute under `base`."""
    update: dict[str, object] = {}
    for name in type(section).model_fields:
        value = getattr(section, name)
        if isinstance(value, Path):
            update[name] = base / value
        elif isinstance(value, tuple) and value and isinstance(value[0], Path):
            update[name] = tuple(base / path for path in value)
    return section.model_copy(update=update)


def _explain(error: ValidationError, source: Path | None, environ: Mapping[str, str]) -> str:
    """The first problem as one line: where, which key, what was found, what is expected, what to
    do.
    """
    problem = error.errors()[0]
    names = [str(part) for part in problem["loc"] if "function" not in str(part)][:2]
    key = ".".join(names) or "the file"
    variable = ENVIRONMENT_PREFIX + "__".join(names).upper()
    place = f"{variable} in the environment: " if variable in environ else f"{source}: "
    if problem["type"] == "extra_forbidden":
        known = sections()
        table = known.get(names[0]) if len(names) > 1 else None
        choices = ", ".join(table.model_fields if table else known)
        return (
            f"{place}{key} = {problem['input']!r}: no such key; expected one of {choices}; "
            "remove or rename it"
        )
    expected = problem["msg"].removeprefix("Input should be ").removeprefix("Value error, ")
    return (
        f"{place}{key} = {problem['input']!r}: expected {expected}; "
        "change it there or remove it for the default"
    )
