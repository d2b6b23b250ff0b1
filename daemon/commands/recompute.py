"""`rollcall recompute STEP`: do again what was done with other settings or models."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import click

from daemon.commands.common import config_option, interruptible, json_option, print_json
from daemon.following import through_or_alone
from daemon.progress import share_bar
from daemon.recompute import EMBED, STEPS, is_done, recompute_alone, recompute_through_daemon

if TYPE_CHECKING:
    from daemon.settings import Settings


@click.command(name="recompute", epilog="Example: rollcall recompute embed")
@click.argument("step", type=click.Choice(STEPS))
@config_option
@json_option
@click.option("--quiet", is_flag=True, help="No progress bar.")
def command(settings: Settings, step: str, *, as_json: bool, quiet: bool) -> int:
    """Bring up to date what was made with other settings or models.

    embed computes vectors by the chosen recognition models from the stored crops, beside the old
    ones, and changes over when every face has one; any other step reads the files again in which
    it was made otherwise. Faces keep their people. New files go first. Ctrl-C stops it here, and
    the same command goes on from there.
    """
    if is_done(settings, step):
        _say({"nothing": True}, step, as_json=as_json)
        return 0
    stop = threading.Event()
    do = through_or_alone(settings, recompute_through_daemon, recompute_alone, stop=stop)
    with interruptible(stop), share_bar(step, show=not quiet and not as_json) as tell:
        result = do(settings, step, stop=stop, tell=tell)
    if result is None:
        click.echo("Stopped here; the same command goes on from where it is.", err=True)
        return 130
    _say(result, step, as_json=as_json)
    return 1 if result.get("left") or result.get("failed_media") else 0


def _say(result: dict[str, Any], step: str, *, as_json: bool) -> None:
    if as_json:
        print_json(result)
    elif result.get("nothing"):
        click.echo(f"nothing to do: {step} is up to date everywhere")
    elif step == EMBED:
        _say_embed(result)
    else:
        click.echo(f"{result['files']} files were read again")
        if result["left"]:
            click.echo(
                f"{result['left']} files have {step} as it was: they are not there or could not be "
                "read; see `rollcall jobs list`"
            )


def _say_embed(result: dict[str, Any]) -> None:
    models = ", ".join(result["models"])
    click.echo(f"{result['faces']} faces have a new vector by {models}")
    if result["switched"]:
        click.echo(f"faces are compared by {models} from now on")
    if result["without_crop"]:
        click.echo(
            f"{result['without_crop']} faces have no stored crop that can be used: they keep what "
            "people decided and are compared with nobody"
        )
    if result["failed_media"]:
        numbers = ", ".join(map(str, result["failed_media"][:20]))
        click.echo(f"failed for media {numbers}; run the same command to try these again")
