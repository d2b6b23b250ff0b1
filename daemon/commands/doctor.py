"""`rollcall doctor`: everything that is wrong with this installation, at once."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict
from pathlib import Path

import click

from daemon.checks import Level, Problem, examine
from daemon.commands.common import json_option, print_json
from daemon.log import set_up_logging

COLOURS = {Level.ERROR: "red", Level.WARNING: "yellow", Level.NOTE: "blue"}


# Not the option that other commands share: a configuration that cannot be read is a finding here.
@click.command()
@click.option(
    "--config",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Configuration file; without it ./config.toml, then the user's own.",
)
@json_option
@click.pass_context
def command(ctx: click.Context, *, config: Path | None, as_json: bool) -> None:
    """List every problem of this installation with its remedy; ends with 3 if one is an error.

    It changes nothing and may run beside the daemon. Run it as the user who runs the daemon.

    \b
    Example:
      rollcall doctor
    """
    set_up_logging("warning")
    problems = list(examine(config))
    counts = Counter(problem.level for problem in problems)
    if as_json:
        print_json(
            {"ok": not counts[Level.ERROR], "problems": [asdict(problem) for problem in problems]}
        )
    else:
        for problem in problems:
            _print(problem)
        click.echo(_summary(counts))
    ctx.exit(3 if counts[Level.ERROR] else 0)


def _print(problem: Problem) -> None:
    click.echo(click.style(f"{problem.level}: ", fg=COLOURS[problem.level]) + problem.problem)
    if problem.remedy:
        click.echo(f"    {problem.remedy}")


def _summary(counts: Counter[Level]) -> str:
    parts = [
        f"{counts[level]} {level}{'s' if counts[level] != 1 else ''}"
        for level in (Level.ERROR, Level.WARNING)
        if counts[level]
    ]
    return ", ".join(parts) + "." if parts else "No problems found."
