"""`rollcall up`: the daemon and the web page together, to try Rollcall out."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import threading
from typing import TYPE_CHECKING

import click

from daemon.commands.common import config_option, interruptible
from daemon.config_file import check_folders
from daemon.manners import PR_SET_PDEATHSIG

if TYPE_CHECKING:
    from daemon.settings import Settings

POLL_S = 0.2
# A worker ends with its daemon at once; what takes time is the last transaction.
GRACE_S = 20.0


@click.command(name="up", epilog="Example: rollcall up --config config.toml")
@config_option
def command(settings: Settings) -> int:
    """Start the daemon and the web page in one terminal; Ctrl-C stops both."""
    check_folders(settings)
    options = [] if settings.source is None else ["--config", str(settings.source)]
    stop = threading.Event()
    with interruptible(stop):
        processes = {name: _start(name, options) for name in ("watch", "serve")}
        _welcome(settings)
        try:
            return _mind(processes, stop)
        finally:
            _end(processes)


def _start(name: str, options: list[str]) -> subprocess.Popen[bytes]:
    """A command in a session of its own, so that Ctrl-C reaches us alone and we end both in order;
    where we are killed, or the terminal is closed, the kernel ends it.
    """
    libc, parent = ctypes.CDLL(None), os.getpid()

    def end_with_us() -> None:
        libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent:
            os._exit(1)

    return subprocess.Popen(
        [sys.executable, "-m", "daemon", name, *options],
        start_new_session=True,
        preexec_fn=end_with_us,  # there are no other threads yet
    )


def _welcome(settings: Settings) -> None:
    inboxes = " or ".join(str(path) for path in settings.paths.inbox)
    click.echo(
        f"\n  Drop photos into     {inboxes}\n"
        f"  Known people go to   {settings.paths.people}/<Name>/\n"
        f"  Look at the catalog  http://{settings.web.host}:{settings.web.port}/\n"
        "  Stop with            Ctrl-C\n"
    )


def _mind(processes: dict[str, subprocess.Popen[bytes]], stop: threading.Event) -> int:
    """Wait for Ctrl-C, or for one of the two to end by itself: then that one's exit code is
    ours.
    """
    while not stop.wait(POLL_S):
        for name, process in processes.items():
            code = process.poll()
            if code is not None:
                click.echo(
                    f"rollcall: {name} ended (exit code {code}), stopping the other", err=True
                )
                return code or 3
    return 0


def _end(processes: dict[str, subprocess.Popen[bytes]]) -> None:
    for process in processes.values():
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
    for process in processes.values():
        try:
            process.wait(GRACE_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
