"""`rollcall web password|token`: who may see the pages and change things there."""

from __future__ import annotations

import re
import sys
from typing import TYPE_CHECKING, Any

import click

from daemon.commands.common import config_option, json_option, print_json
from daemon.errors import UsageError
from daemon.pages import SECRETS

if TYPE_CHECKING:
    from pathlib import Path

    from catalog.browse.credentials import Secrets
    from daemon.settings import Settings


_WEB = re.compile(r"\s*\[\s*web\s*\]\s*(#.*)?$")


@click.group(name="web")
def command() -> None:
    """Say who may see the pages, and who may change things there."""


@command.command("password", epilog="Example: rollcall web password")
@config_option
@click.option("--stdin", "from_stdin", is_flag=True, help="Read it from the standard input.")
@click.option("--remove", is_flag=True, help="Ask for no password any more.")
@click.option("--print", "only_print", is_flag=True, help="Print the hash, and write nothing.")
def password(settings: Settings, *, from_stdin: bool, remove: bool, only_print: bool) -> None:
    """Set the password of the pages: its hash is written into the configuration file.

    The pages that run go on without it until `rollcall serve` or the service is started again.
    """
    from catalog.browse.credentials import hashed

    kept = None if remove else hashed(_asked(from_stdin=from_stdin))
    if only_print:
        click.echo(kept or "")
        return
    if settings.source is None:
        raise UsageError(
            "there is no configuration file to write to; make one, or use --print and "
            "ROLLCALL_WEB__PASSWORD"
        )
    write_password(settings.source, kept)
    what = "no password is asked for any more" if remove else "the password is set"
    click.echo(f"{what} in {settings.source}; start `rollcall serve` or the service again")


@command.command("token", epilog="Example: rollcall web token backup-script")
@click.argument("name")
@config_option
@json_option
@click.option("--view", is_flag=True, help="It may look, and change nothing.")
@click.option("--remove", is_flag=True, help="End the tokens with this name.")
def token(settings: Settings, name: str, *, as_json: bool, view: bool, remove: bool) -> None:
    """Make a token for a program, which sends it as `Authorization: Bearer …`. It is shown once."""
    kept = _secrets(settings)
    if remove:
        count = kept.remove_token(name)
        if as_json:
            print_json({"removed": count})
        else:
            click.echo(f"{count} tokens ended" if count != 1 else "1 token ended")
        return
    made = kept.add_token(name, may_change=not view)
    told: dict[str, Any] = {"name": name, "token": made, "may_change": not view}
    if as_json:
        print_json(told)
    else:
        click.echo(made)


@command.command("tokens", epilog="Example: rollcall web tokens")
@config_option
@json_option
def tokens(settings: Settings, *, as_json: bool) -> None:
    """List the tokens that are in force, by name."""
    found = _secrets(settings).tokens()
    if as_json:
        print_json([{"name": it.name, "may_change": it.may_change} for it in found])
        return
    for it in found:
        click.echo(f"{it.name}: {'may change' if it.may_change else 'may look'}")
    if not found:
        click.echo("no tokens")


def write_password(path: Path, kept: str | None) -> None:
    """Write the hash into the configuration file, or take it out. Everything else in it stays as it
    is. Raises UsageError where that cannot be done.
    """
    import tomllib

    before = path.read_text(encoding="utf-8")
    after = _with_password(before, kept)
    # The file is a person's: what was written is read again before it takes its place.
    expected = tomllib.loads(before)
    section = expected.setdefault("web", {})
    section.pop("password", None)
    if kept is not None:
        section["password"] = kept
    try:
        found = tomllib.loads(after)
    except tomllib.TOMLDecodeError:
        found = {}
    found.setdefault("web", {})
    if found != expected:
        raise UsageError(
            f'{path}: cannot be changed here; put this under [web]: password = "{kept}"'
        )
    beside = path.with_name(f".{path.name}.part")
    beside.touch(mode=path.stat().st_mode & 0o777)
    beside.write_text(after, encoding="utf-8")
    beside.replace(path)


def _with_password(text: str, kept: str | None) -> str:
    lines = text.splitlines(keepends=True)
    if lines and not lines[-1].endswith("\n"):
        lines[-1] += "\n"
    headers = [number for number, line in enumerate(lines) if line.strip().startswith("[")]
    start = next((it for it in headers if _WEB.match(lines[it])), None)
    wanted = [] if kept is None else [f'password = "{kept}"\n']
    if start is None:
        return "".join([*lines, "\n[web]\n", *wanted]) if wanted else text
    end = next((it for it in headers if it > start), len(lines))
    body = [it for it in lines[start + 1 : end] if it.split("=")[0].strip() != "password"]
    return "".join([*lines[: start + 1], *wanted, *body, *lines[end:]])


def _asked(*, from_stdin: bool) -> str:
    if from_stdin:
        return sys.stdin.readline().rstrip("\r\n")
    found: str = click.prompt("Password", hide_input=True, confirmation_prompt=True)
    return found


def _secrets(settings: Settings) -> Secrets:
    from catalog.browse.credentials import Secrets

    return Secrets(settings.paths.state / SECRETS)
