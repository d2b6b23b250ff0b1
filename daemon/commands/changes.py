"""`rollcall changes list|undo|redo`: what people decided, taken back and carried out again."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

import click

from catalog import changes
from catalog import undo as undoing
from catalog.connect import connect, transaction
from daemon.commands.common import (
    NUMBER,
    agreed,
    config_option,
    json_option,
    open_catalog,
    print_json,
    user,
    yes_option,
)

if TYPE_CHECKING:
    from typing import Any

    from daemon.settings import Settings


@click.group(name="changes")
def command() -> None:
    """See what people decided, take it back, carry it out again."""


@command.command("list", epilog="Example: rollcall changes list --limit 5")
@config_option
@json_option
@click.option("--limit", default=30, show_default=True, help="At most so many.")
def list_changes(settings: Settings, *, as_json: bool, limit: int) -> None:
    """List what people decided, newest first."""
    with closing(open_catalog(settings)) as connection:
        rows = changes.listing(connection, limit=limit)
    if as_json:
        print_json(rows)
        return
    for row in rows:
        click.echo(_line(row))
    if not rows:
        click.echo("nobody decided anything yet")


@command.command("undo", epilog="Example: rollcall changes undo 17")
@click.argument("change", required=False, type=NUMBER)
@config_option
@json_option
@yes_option
def undo(settings: Settings, change: int | None, *, as_json: bool, yes: bool) -> None:
    """Take CHANGE back, the newest without a number. Asks before it takes back with it what later
    changes built on it.
    """
    try:
        undone = _undo(settings, change, with_later=False)
    except undoing.LaterChangesError as error:
        numbers = ", ".join(map(str, error.later))
        question = f"Later changes build on {error.change_id}: {numbers}. Undo them with it?"
        agreed(question, yes=yes)
        undone = _undo(settings, error.change_id, with_later=True)
    if as_json:
        print_json({"undone": undone})
        return
    click.echo(f"undone: {', '.join(map(str, undone))}")


@command.command("redo", epilog="Example: rollcall changes redo")
@click.argument("change", required=False, type=NUMBER)
@config_option
@json_option
def redo(settings: Settings, change: int | None, *, as_json: bool) -> None:
    """Carry out again CHANGE, or what was undone last."""
    with closing(connect(settings.catalog)) as connection, transaction(connection):
        redone = undoing.redo(connection, change, actor=user())
    if as_json:
        print_json({"redone": redone})
        return
    click.echo(f"redone: {redone}")


def _undo(settings: Settings, change: int | None, *, with_later: bool) -> list[int]:
    with closing(connect(settings.catalog)) as connection, transaction(connection):
        return undoing.undo(connection, change, actor=user(), with_later=with_later)


def _line(row: dict[str, Any]) -> str:
    who = [it["name"] or f"person {it['person_id']}" for it in row["people"]]
    faces = [f"{row['faces_count']} faces"] if row["faces_count"] else []
    undone = "  (undone)" if row["undone_at"] else ""
    about = ", ".join([*who, *faces])
    return (
        f"{row['id']:>6}  {row['at'][:19]}  {row['actor']:<10} {row['action']:<10} {about}{undone}"
    )
