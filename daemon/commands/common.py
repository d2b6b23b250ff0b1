"""What commands share: the options that each takes, and how a result is printed."""

from __future__ import annotations

import getpass
import json
import os
import signal
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from catalog.connect import connect
from daemon import config_file
from daemon.errors import UsageError
from daemon.log import set_up_logging

if TYPE_CHECKING:
    import sqlite3
    import threading
    from collections.abc import Callable, Iterator

    from daemon.settings import Settings

F = TypeVar("F", bound="Callable[..., Any]")

NUMBER = click.IntRange(1, 2**63 - 1)
"""The number of a face, a change and the like, as large as the catalog can hold."""


def _load(_ctx: click.Context, _parameter: click.Parameter, value: Path | None) -> Settings:
    settings = config_file.load(value)
    set_up_logging(settings.log.level)
    return settings


def config_option(function: F) -> F:
    """`--config FILE`, handed to the command as `settings`."""
    return click.option(
        "--config",
        "settings",
        type=click.Path(path_type=Path, dir_okay=False),
        callback=_load,
        metavar="FILE",
        help="Configuration file; without it ./config.toml, then the user's own.",
    )(function)


def json_option(function: F) -> F:
    """`--json`, handed to the command as `as_json`."""
    return click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")(
        function
    )


def photo_at(path: Path) -> bytes:
    """The real path of a photo that a command was given. Raises UsageError where there is none."""
    if not os.path.isfile(path):  # noqa: PTH113 - Path.is_file raises where it may not look
        raise UsageError(
            f"{path}: there is no such file, or this user may not see it; check the spelling"
        )
    return os.path.realpath(os.fsencode(path))


def yes_option(function: F) -> F:
    """`--yes`, handed to the command as `yes`; see `agreed`."""
    return click.option("--yes", is_flag=True, help="Do not ask.")(function)


def agreed(question: str, *, yes: bool) -> None:
    """Go on if the user says so, or said so with `--yes`. Raises UsageError otherwise."""
    if yes:
        return
    try:
        click.confirm(question, abort=True, err=True)
    except click.Abort:
        raise UsageError("nothing was done; answer y, or add --yes") from None


def user() -> str:
    """Who decides; a number where this machine has no name for it, as in many containers."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return str(os.getuid())


def print_json(value: object) -> None:
    """One JSON document on standard output; paths and other bytes become text."""
    click.echo(
        json.dumps(
            value,
            ensure_ascii=False,
            indent=2,
            default=lambda item: os.fsdecode(item) if isinstance(item, bytes) else str(item),
        )
    )


def open_catalog(settings: Settings) -> sqlite3.Connection:
    """The catalog for reading. Raises CatalogError where there is none."""
    return connect(settings.catalog, readonly=True)


@contextmanager
def interruptible(stop: threading.Event) -> Iterator[None]:
    """Ctrl-C and SIGTERM set `stop`, so that what runs can end in order; a second Ctrl-C
    insists.
    """

    def handle(number: int, _frame: object) -> None:
        if stop.is_set() and number == signal.SIGINT:
            raise KeyboardInterrupt
        stop.set()

    before = {number: signal.signal(number, handle) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
