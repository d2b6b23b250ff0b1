"""`rollcall people forget`: somebody, or single faces, erased for good."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

import click

from catalog import forget as forgetting
from catalog import people
from catalog.connect import connect, crops_path
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
from daemon.errors import UsageError

if TYPE_CHECKING:
    from daemon.settings import Settings

STAYS = (
    "Photos, their previews, paths and EXIF stay, and so do the boxes where the faces were. "
    "Backups made before still hold what was erased."
)


@click.command(epilog="Example: rollcall people forget Rosa")
@click.argument("person", required=False)
@click.option("--face", "faces", multiple=True, type=NUMBER, help="A face; may be given often.")
@config_option
@json_option
@yes_option
def forget(
    settings: Settings, person: str | None, faces: tuple[int, ...], *, as_json: bool, yes: bool
) -> None:
    """Erase PERSON for good: vectors, crops, every assignment, and the name, in the undo log too.

    With --face, single faces. What is erased cannot be brought back. Refused while PERSON has
    reference pictures.
    """
    if (person is None) != bool(faces):
        raise UsageError("give a person, or faces with --face")
    who = f"faces {', '.join(map(str, faces))}"
    person_id = None
    if person is not None:
        with closing(open_catalog(settings)) as connection:
            person_id = people.find(connection, person)
        who = f"person {person_id}"
    agreed(f"{STAYS} Erase {who} for good?", yes=yes)
    with (
        closing(connect(settings.catalog)) as catalog,
        closing(connect(crops_path(settings.catalog))) as crops,
    ):
        if person_id is None:
            erased = forgetting.forget_faces(catalog, crops, faces, actor=user())
        else:
            erased = forgetting.forget_person(catalog, crops, person_id, actor=user())
        clean = forgetting.leave_no_log(catalog, crops)
    if as_json:
        print_json({"erased": dict(erased), "log_emptied": clean})
        return
    click.echo(f"erased: {', '.join(f'{number} {kind}' for kind, number in erased.items())}")
    click.echo(STAYS)
    if not clean:
        click.echo(
            "the catalog is being read: traces stay in its -wal file until the next checkpoint",
            err=True,
        )
