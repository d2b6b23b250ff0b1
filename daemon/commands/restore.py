"""`rollcall restore`: a backup in the place of the catalog."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from catalog.backup import read_manifest
from catalog.restore import restore
from daemon.commands.common import config_option, json_option, print_json
from daemon.lock import CatalogLock

if TYPE_CHECKING:
    from daemon.settings import Settings


@click.command()
@click.argument("folder", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option("--yes", is_flag=True, help="Do not ask.")
@config_option
@json_option
def command(*, settings: Settings, folder: Path, yes: bool, as_json: bool) -> None:
    """Put the backup in FOLDER in the place of the catalog; the replaced one is kept beside it.

    The backup is checked first. The daemon and `rollcall serve` must be stopped.

    \b
    Example:
      rollcall restore /mnt/usb/rollcall-2026-05-04-120000
    """
    manifest = read_manifest(folder)
    with CatalogLock(settings.paths.state).acquire("alone"):
        if not yes and settings.catalog.exists():
            rows = manifest.files["catalog.db"].rows
            click.confirm(
                f"Replace {settings.catalog} by the backup of {manifest.made_at} "
                f"({rows.get('media')} media, {rows.get('faces')} faces)?",
                abort=True,
                err=True,
            )
        manifest, aside = restore(folder, settings.catalog)
    if as_json:
        print_json({"catalog": settings.catalog, "replaced": aside, **asdict(manifest)})
        return
    click.echo(f"{settings.catalog}: restored from the backup of {manifest.made_at}.")
    if "crops.db" not in manifest.files:
        click.echo("The backup has no crops: those that are here stay, others are missing.")
    if aside is not None:
        click.echo(f"What it replaced is in {aside}; remove that when all is well.")
