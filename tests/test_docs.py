"""The README is the truth: every command, key, table, view and stage stands in it, and every
file it names is there.
"""

from __future__ import annotations

import re
from pathlib import Path

import click
import pytest

from catalog.connect import connect
from daemon.commands import rollcall
from daemon.faces.geometry import GEOMETRIES
from daemon.settings import sections

REPOSITORY = Path(__file__).parent.parent
README = (REPOSITORY / "README.md").read_text(encoding="utf-8")
STAGES = [
    "watch",
    "settle",
    "queue",
    "probe",
    "frames",
    "detect",
    "align",
    "quality",
    "embed",
    "catalog",
    "identify",
    "browse",
]


def commands(
    command: click.Command = rollcall, name: str = "rollcall"
) -> list[tuple[str, click.Command]]:
    """Every command with its full name, groups included."""
    found = [(name, command)]
    if isinstance(command, click.Group):
        context = click.Context(command)
        for child in command.list_commands(context):
            inner = command.get_command(context, child)
            assert inner is not None
            found += commands(inner, f"{name} {child}")
    return found


EVERY = [pytest.param(name, command, id=name) for name, command in commands()]


@pytest.mark.parametrize(("name", "command"), EVERY)
def test_the_readme_names_every_command(name: str, command: click.Command) -> None:
    del command
    assert " ".join(name.split()[1:]) in README


@pytest.mark.parametrize(("name", "command"), EVERY)
def test_every_command_explains_itself_with_an_example(name: str, command: click.Command) -> None:
    context = click.Context(command, info_name=name)
    text = command.get_help(context)
    assert command.help
    if not isinstance(command, click.Group):
        assert "Example" in text
        options = {option for parameter in command.params for option in parameter.opts}
        assert "--config" in options


@pytest.mark.parametrize(
    ("section", "key"),
    [
        pytest.param(name, key, id=f"{name}.{key}")
        for name, section in sections().items()
        for key in section.model_fields
    ],
)
def test_the_readme_explains_every_key(section: str, key: str) -> None:
    description = sections()[section].model_fields[key].description
    assert f"`[{section}] {key}`" in README
    assert description
    assert description in README


def test_the_readme_lists_every_table_view_and_column(catalog_path: Path) -> None:
    connection = connect(catalog_path, readonly=True)
    rows = connection.execute(
        """SELECT name FROM sqlite_master WHERE type IN ('table', 'view')
           AND name NOT LIKE 'sqlite_%' AND name NOT LIKE '_sqlite_%'"""
    ).fetchall()
    for (name,) in map(tuple, rows):
        line = next((line for line in README.splitlines() if line.startswith(f"| `{name}` |")), "")
        assert line, f"{name} is not in the README"
        for column in connection.execute(f"PRAGMA table_info([{name}])"):
            assert f"`{column['name']}`" in line, f"{name}.{column['name']}"
    connection.close()


def test_the_readme_lists_every_stage_in_order() -> None:
    assert " → ".join(STAGES) in README
    for stage in STAGES:
        assert f"\n| {stage} |" in README


def test_the_readme_shows_how_every_recognition_model_is_fed() -> None:
    scalings = {
        "bytes": "0–255",
        "unit": "x/255",
        "by128": "(x − 127.5)/128",
        "by127.5": "(x − 127.5)/127.5",
        "whitened": "mean 0, deviation 1",
        "vggface": "mean colour",
    }
    table = README.split("warped once from the stored crop")[1].split("\n\n")[1]
    rows = {line.split(" | ")[0].lstrip("| "): line for line in table.splitlines()[2:]}
    assert set(rows) == set(GEOMETRIES)
    for name, geometry in GEOMETRIES.items():
        assert f"| {geometry.width} × {geometry.height} |" in rows[name]
        assert f"{scalings[geometry.scaling]} |" in rows[name]


def test_every_file_that_the_readme_links_is_there() -> None:
    for target in re.findall(r"\]\(([^)#:]+)\)", README):
        assert (REPOSITORY / target).is_file(), target


def test_every_target_that_the_readme_names_is_in_the_makefile() -> None:
    makefile = (REPOSITORY / "Makefile").read_text(encoding="utf-8")
    for target in set(re.findall(r"make ([a-z-]+)", README)):
        assert f"\n{target}:" in makefile, target


def test_the_lock_pins_exact_versions_and_names_no_address() -> None:
    lines = (REPOSITORY / "requirements.lock").read_text(encoding="utf-8").splitlines()
    assert len(lines) > 50
    for line in lines:
        assert re.fullmatch(r"[a-z0-9._-]+==\S+( ; .+)?", line), line
        assert "python-daemon" not in line


def test_the_readmes_example_query_runs(catalog_path: Path) -> None:
    query = README.split("Who is in photos with Rosa, and when?")[1].split("```")[1][len("sql") :]
    connection = connect(catalog_path, readonly=True)
    assert connection.execute(query).fetchall() == []
    connection.close()
