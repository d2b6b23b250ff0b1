"""`rollcall scan PATH…`: catalogue what is there, show progress, exit."""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from daemon.commands.common import config_option, interruptible, json_option, print_json
from daemon.config_file import check_folders
from daemon.errors import UsageError
from daemon.following import through_or_alone
from daemon.scan import Summary, scan_alone, scan_through_daemon

if TYPE_CHECKING:
    from daemon.settings import Settings


@click.command(name="scan", epilog="Example: rollcall scan ~/Pictures /media/usb/DCIM")
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path))
@config_option
@json_option
@click.option("--quiet", is_flag=True, help="No progress bar.")
def command(settings: Settings, paths: tuple[Path, ...], *, as_json: bool, quiet: bool) -> int:
    """Catalogue photos and folders now, and exit.

    Files that are in the catalog already cost a look and nothing more. Exit code 1 says that
    some files could not be catalogued; `rollcall status` and the failures view name them.
    """
    check_folders(settings, watched=False)
    for path in paths:
        if not os.path.exists(path):  # noqa: PTH110 - Path.exists raises where it may not look
            raise UsageError(
                f"{path}: there is no such file or folder, or this user may not see it; check the "
                "spelling"
            )
    wanted = [os.path.realpath(os.fsencode(path)) for path in paths]
    stop = threading.Event()
    with interruptible(stop):
        scan = through_or_alone(settings, scan_through_daemon, scan_alone, stop=stop)
        summary = scan(settings, wanted, stop=stop, show=not quiet and not as_json)
    if summary is None:
        return 130
    if as_json:
        print_json(summary.as_dict())
    else:
        _print(summary)
    if stop.is_set():
        click.echo("Stopped; run the same command again to go on from here.", err=True)
        return 130
    return 1 if summary.failures or summary.unread else 0


def _print(summary: Summary) -> None:
    facts: dict[str, Any] = summary.as_dict()
    rate = f", {summary.photos_new / summary.seconds:.1f} photos/s" if summary.photos_new else ""
    videos = f" and {_videos(summary)}" if summary.videos_new else ""
    click.echo(
        f"{facts['files']} files: {facts['photos_new']} photos{videos} catalogued in "
        f"{facts['seconds']:.1f} s{rate}, {facts['already']} known already"
    )
    click.echo(
        f"{facts['faces']} faces: {facts['named']} named, {facts['unnamed']} of people without a "
        f"name, {facts['unknown']} unknown"
    )
    if facts["unread"]:
        click.echo(f"{facts['unread']} files not read yet")
    for failure in facts["failures"][:20]:
        what = "read in part" if failure["state"] == "done" else "not catalogued"
        click.echo(f"  {what}: {_one_line(failure['path'])}: {failure['reason']}")
    if len(facts["failures"]) > 20:
        click.echo(f"  … and {len(facts['failures']) - 20} more: rollcall status --failures")


def _videos(summary: Summary) -> str:
    what = "1 video" if summary.videos_new == 1 else f"{summary.videos_new} videos"
    return f"{what} of {summary.video_s / 60:.1f} minutes"


def _one_line(path: str) -> str:
    return path.replace("\n", "\\n").replace("\r", "\\r")
