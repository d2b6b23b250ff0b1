"""`rollcall people list|name|enrol`: who is known, what they are called, and by which pictures.

The other commands of this group stand in files of their own.
"""

from __future__ import annotations

import os
import threading
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import click

from catalog import decisions, people
from catalog.connect import connect, transaction
from daemon.commands import people_decisions, people_forget, people_why
from daemon.commands.common import (
    config_option,
    interruptible,
    json_option,
    open_catalog,
    print_json,
    user,
)
from daemon.errors import UsageError

if TYPE_CHECKING:
    from daemon.settings import Settings


@click.group(name="people")
def command() -> None:
    """List people, say who is who, and add pictures that they are known by."""


for one in (*people_decisions.COMMANDS, people_why.why, people_forget.forget):
    command.add_command(one)


@command.command("list", epilog="Example: rollcall people list --unknown")
@config_option
@json_option
@click.option("--unknown", is_flag=True, help="Only people without a name.")
@click.option("--named", is_flag=True, help="Only people with a name.")
def list_people(settings: Settings, *, as_json: bool, unknown: bool, named: bool) -> None:
    """List people with the number of their faces and photos."""
    chosen = None if unknown == named else unknown
    with closing(open_catalog(settings)) as connection:
        rows = people.summary(connection, unknown=chosen)
    if as_json:
        print_json(rows)
        return
    for row in rows:
        name = (row["name"] or "(no name yet)") + (" (hidden)" if row["hidden"] else "")
        click.echo(
            f"{row['person_id']:>6}  {name:<30} {row['faces_count']} faces in "
            f"{row['media_count']} photos"
        )
    if not rows:
        click.echo("nobody yet")


@command.command("name", epilog='Example: rollcall people name 12 "Aunt Rosa"')
@click.argument("person")
@click.argument("name", required=False)
@config_option
@json_option
@click.option("--clear", is_flag=True, help="Take the name away.")
def name(settings: Settings, person: str, name: str | None, *, as_json: bool, clear: bool) -> None:
    """Give PERSON (a number from the list, or a present name) the name NAME."""
    if (name is None) != clear:
        raise UsageError("give a name, or --clear to take it away")
    with closing(connect(settings.catalog)) as connection, transaction(connection):
        person_id = people.find(connection, person)
        if name is None:
            change_id = decisions.clear_name(connection, person_id, actor=user())
        else:
            change_id = decisions.name_person(connection, person_id, name, actor=user())
        (name,) = connection.execute(
            "SELECT name FROM people WHERE id = ?", [person_id]
        ).fetchone()  # spaces may have been mended
    if as_json:
        print_json({"person_id": person_id, "name": name, "change_id": change_id})
        return
    called = "has no name now" if name is None else f"is now called {name}"
    click.echo(f"person {person_id} {called}")


@command.command("enrol", epilog='Example: rollcall people enrol "Aunt Rosa" rosa1.jpg rosa2.jpg')
@click.argument("name")
@click.argument("photos", nargs=-1, required=True, type=click.Path(path_type=Path))
@config_option
@json_option
def enrol(settings: Settings, name: str, photos: tuple[Path, ...], *, as_json: bool) -> int:
    """Copy PHOTOS into the folder of NAME below [paths] people, so that NAME is known by them.

    Each should show that person's face alone, or by far the largest. Exit code 1 says that one
    of them could not be used.
    """
    from daemon.enrolment import enrol_photos

    missing = next((photo for photo in photos if not photo.is_file()), None)
    if missing is not None:
        raise UsageError(f"{missing}: there is no such file; check the spelling")
    if not name.strip() or name.startswith(".") or os.sep in name or "\0" in name:
        raise UsageError(f"{name!r}: not a name for a folder; leave out slashes and a leading dot")
    stop = threading.Event()
    with interruptible(stop):
        outcomes = enrol_photos(settings, name, photos, stop=stop)
    if as_json:
        print_json(outcomes)
    else:
        for outcome in outcomes:
            reason = f" ({outcome['reason']})" if outcome["reason"] else ""
            click.echo(f"{outcome['photo']}: {outcome['state']}{reason}")
    return 0 if all(outcome["state"] == "used" for outcome in outcomes) else 1
