"""`rollcall backup`: a copy of the catalog and its crops, made while the daemon works."""

from __future__ import annotations

import sys
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.console import Console
from rich.progress import Progress

from catalog.backup import back_up
from daemon import __version__
from daemon.commands.common import config_option, json_option, print_json
from daemon.errors import UsageError

if TYPE_CHECKING:
    from daemon.settings import Settings


@click.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--no-crops", is_flag=True, help="Leave out crops.db: faces then have no pictures.")
@config_option
@json_option
def command(*, settings: Settings, folder: Path, no_crops: bool, as_json: bool) -> None:
    """Copy the catalog into FOLDER, or into a new folder inside it where it exists.

    The daemon may run, and goes on writing. The copy appears complete or not at all, overwrites
    nothing, and `rollcall restore` takes it back. Your photos are not part of it.

    \b
    Example:
      rollcall backup /mnt/usb
    """
    target = _target(folder)
    _refuse_watched(target, settings)
    with Progress(
        console=Console(stderr=True), transient=True, disable=as_json or not sys.stderr.isatty()
    ) as bar:
        tasks = {}

        def show(name: str, done: int, total: int) -> None:
            if name not in tasks:
                tasks[name] = bar.add_task(name, total=total)
            bar.update(tasks[name], completed=done)

        manifest = back_up(
            settings.catalog, target, version=__version__, crops=not no_crops, progress=show
        )
    if as_json:
        print_json({"folder": target, **asdict(manifest)})
        return
    size_mb = sum(file.bytes for file in manifest.files.values()) / 1e6
    rows = manifest.files["catalog.db"].rows
    click.echo(
        f"{target}: {rows['media']} media, {rows['faces']} faces, {rows['people']} people, "
        f"{size_mb:.1f} MB."
    )


def _target(folder: Path) -> Path:
    """The folder to make: a dated one inside a folder that exists, else the one that was named."""
    target = folder.expanduser().absolute()
    if target.is_dir():
        return target / f"rollcall-{datetime.now().astimezone():%Y-%m-%d-%H%M%S}"
    return target


def _refuse_watched(target: Path, settings: Settings) -> None:
    watched = settings.paths.watched_around(target)
    if watched is not None:
        raise UsageError(
            f"{target}: lies inside the watched folder {watched}; choose a folder outside of it"
        )
