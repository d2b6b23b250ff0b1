"""`rollcall fetch URL…`: videos from addresses into the inbox."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import click

from daemon.commands.common import config_option, interruptible, json_option, print_json
from daemon.config_file import check_folders
from daemon.downloads.addresses import checked
from daemon.downloads.fetching import check_installed
from daemon.errors import BadFile, UsageError
from daemon.fetch import Outcome, fetch_alone, fetch_through_daemon
from daemon.following import through_or_alone

if TYPE_CHECKING:
    from daemon.settings import Settings


@click.command(name="fetch", epilog="Example: rollcall fetch https://example.org/party.mp4")
@click.argument("addresses", nargs=-1, required=True)
@config_option
@json_option
def command(settings: Settings, addresses: tuple[str, ...], *, as_json: bool) -> int:
    """Fetch the videos at these addresses into the inbox, and catalogue them.

    A list or a page with several videos gives several files. Nothing is fetched unless
    `[download] enabled` is true.
    """
    if not settings.download.enabled:
        raise UsageError(
            "downloads are switched off; set download.enabled = true in config.toml to let "
            "Rollcall fetch from addresses"
        )
    try:
        wanted = [checked(it) for it in addresses]
    except BadFile as error:
        raise UsageError(str(error)) from error
    check_installed()
    check_folders(settings, watched=True)
    stop = threading.Event()
    with interruptible(stop):
        fetch = through_or_alone(settings, fetch_through_daemon, fetch_alone, stop=stop)
        found = fetch(settings, wanted, stop=stop)
    if as_json:
        print_json({"addresses": [it.as_dict() for it in found or ()]})
    else:
        for it in found or ():
            _print(it)
    if stop.is_set() or found is None:
        return 130
    return 1 if any(it.error for it in found) else 0


def _print(it: Outcome) -> None:
    for path in it.files:
        click.echo(f"{it.address}: {path}")
    if it.error is not None:
        again = " (tried again later)" if it.is_open else ""
        missed = "not everything" if it.files else "nothing"
        click.echo(f"{it.address}: {missed} was fetched: {it.error}{again}")
