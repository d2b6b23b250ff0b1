"""Whether the configuration can be read; where it cannot, as much of it as makes sense."""

from __future__ import annotations

import os
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from daemon import config_file
from daemon.checks.problem import Level, Problem
from daemon.errors import UsageError
from daemon.settings import Paths, Settings

if TYPE_CHECKING:
    from collections.abc import Mapping


def read(
    config: Path | None, *, environ: Mapping[str, str] = os.environ
) -> tuple[Settings, list[Problem]]:
    """The settings, and every key that is wrong. In place of such keys stand their defaults."""
    variables = dict(environ)
    problems: list[Problem] = []
    while True:
        try:
            return config_file.load(config, environ=variables), problems
        except UsageError as error:
            problems.append(_problem(str(error)))
            name = str(error).split(" ", 1)[0].rstrip(":")
            if name not in variables or not name.startswith(config_file.ENVIRONMENT_PREFIX):
                break
            del variables[name]
    settings, more = _read_leniently(config, said=problems[-1].problem)
    return settings, problems + more


def _problem(line: str) -> Problem:
    problem, _, remedy = line.rpartition("; ")
    return Problem(check="configuration", level=Level.ERROR, problem=problem or line, remedy=remedy)


def _read_leniently(config: Path | None, *, said: str) -> tuple[Settings, list[Problem]]:
    """What is left of a file without its wrong keys; the first of those was `said` already."""
    source = config or next(
        (path for path in (Path("config.toml"), config_file.user_config()) if path.is_file()),
        None,
    )
    tables = _tables(source)
    problems = []
    try:
        settings = Settings.model_validate(tables)
    except ValidationError as error:
        for item in error.errors():
            names = [str(part) for part in item["loc"] if "function" not in str(part)][:2]
            key = ".".join(names)
            _remove(tables, names)
            if f"{key} = " not in said:
                problems.append(
                    _problem(f"{source}: {key} = {item['input']!r}: {item['msg']}; change it there")
                )
        settings = Settings.model_validate(tables)
    base = source.resolve().parent if source is not None and tables else config_file.user_data()
    return _absolute(settings, base), problems


def _tables(source: Path | None) -> dict[str, Any]:
    try:
        return tomllib.loads(source.read_text(encoding="utf-8")) if source else {}
    except (OSError, ValueError):
        return {}


def _remove(tables: dict[str, Any], names: list[str]) -> None:
    table = tables.get(names[0]) if names else None
    if len(names) > 1 and isinstance(table, dict):
        table.pop(names[1], None)
    elif names:
        tables.pop(names[0], None)


def _absolute(settings: Settings, base: Path) -> Settings:
    paths, folder = settings.paths, settings.models.weights
    return settings.model_copy(
        update={
            "paths": Paths(
                state=base / paths.state,
                inbox=tuple(base / path for path in paths.inbox),
                people=base / paths.people,
            ),
            "models": settings.models.model_copy(
                update={"weights": None if folder is None else base / folder}
            ),
        }
    )
