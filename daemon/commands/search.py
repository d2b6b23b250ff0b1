"""`rollcall search PHOTO`: who is in this photo, which is not stored."""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from daemon.commands.common import config_option, interruptible, json_option, print_json
from daemon.errors import AlreadyRunning, UsageError
from daemon.following import daemon_runs

if TYPE_CHECKING:
    from daemon.settings import Settings


@click.command(name="search", epilog="Example: rollcall search party.jpg -k 5")
@click.argument("photo", type=click.Path(path_type=Path))
@config_option
@json_option
@click.option("-k", default=5, show_default=True, type=click.IntRange(1, 1000),
              help="So many of the most similar known faces.")  # fmt: skip
def command(settings: Settings, photo: Path, *, as_json: bool, k: int) -> int:
    """Say who is in a photo and which known faces are most similar. Nothing of it is kept."""
    from daemon.asking import search_alone, search_through_daemon

    if not os.path.isfile(photo):  # noqa: PTH113 - Path.is_file raises where it may not look
        raise UsageError(
            f"{photo}: there is no such file, or this user may not see it; check the spelling"
        )
    path = os.path.realpath(os.fsencode(photo))
    stop = threading.Event()
    ask = search_through_daemon if daemon_runs(settings) else search_alone
    with interruptible(stop):
        try:
            result = ask(settings, path, k, stop=stop)
        except AlreadyRunning:
            if not stop.is_set():
                raise
            result = None  # stopped while it waited for another command to end
    if result is None:
        return 130
    if as_json:
        print_json(result)
    else:
        _print(result)
    return 0


def _print(result: dict[str, Any]) -> None:
    for number, face in enumerate(result["faces"], 1):
        x, y, w, h = (round(value) for value in face["box"])
        person = face["person"]
        who = "nobody with a reference picture"
        if person is not None:
            sure = "" if person["certain"] else ", perhaps"
            who = f"{person['name']}{sure} (similarity {person['similarity']:.3f})"
        click.echo(f"face {number} at {x},{y}, {w}×{h} px: {who}")
        for near in face["nearest"]:
            path = str(near["path"]).replace("\n", "\\n")
            name = near["name"] or "no name"
            click.echo(f"  {near['similarity']:.3f}  face {near['face_id']}  {name}  {path}")
