"""`rollcall export people`: the best pictures of people, and a log of where they are."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.console import Console

from daemon.commands.common import config_option, json_option, print_json

if TYPE_CHECKING:
    from daemon.settings import Settings


@click.group(name="export")
def command() -> None:
    """Write what is known into folders and files beside Rollcall."""


@command.command("people", epilog="Example: rollcall export people ~/faces --videos --person Rosa")
@click.argument("folder", metavar="DEST", type=click.Path(path_type=Path))
@click.option("--videos", is_flag=True, help="Only who is in videos, and only their videos.")
@click.option(
    "--person", "persons", multiple=True, metavar="PERSON",
    help="Only this person (a name or a number); may be given often.",
)  # fmt: skip
@config_option
@json_option
def people(
    settings: Settings, folder: Path, *, videos: bool, persons: tuple[str, ...], as_json: bool
) -> None:
    """Write into DEST a folder for each person: the best and most different pictures of them, and
    where and when they are seen, as CSV and JSON.

    Run it again to bring DEST up to date: what an earlier export wrote and is no longer right goes,
    other files stay. The daemon may run.
    """
    from daemon.export.people import export_people

    with Console(stderr=True, quiet=as_json).status("reading …") as status:
        done = export_people(
            settings, folder, persons, videos=videos,
            progress=lambda count: status.update(f"{count} people …"),
        )  # fmt: skip
    if as_json:
        print_json(done.counts)
        return
    click.echo(
        f"{done.folder}: {done.people} people, {done.appearances} appearances, {done.crops} crops; "
        f"{done.files.written} files written, {done.files.removed} removed."
    )
