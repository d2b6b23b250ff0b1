"""`rollcall watch`: the daemon."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import click

from daemon.commands.common import config_option, interruptible
from daemon.config_file import check_folders
from daemon.errors import AlreadyRunning

if TYPE_CHECKING:
    from daemon.settings import Settings


@click.command(name="watch", epilog="Example: rollcall watch --config /etc/rollcall/config.toml")
@config_option
def command(settings: Settings) -> None:
    """Watch the inbox and the reference people, and catalogue what arrives, until Ctrl-C.

    One daemon owns a catalog: a second one is refused with exit code 3.
    """
    from daemon.watching import watch

    check_folders(settings)
    stop = threading.Event()
    with interruptible(stop):
        try:
            watch(settings, stop)
        except AlreadyRunning:
            if not stop.is_set():  # else stopped while it waited for another command to end
                raise
