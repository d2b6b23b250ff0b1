"""The progress bar of a scan, with rate and time left, on a terminal's standard error."""

from __future__ import annotations

import logging
import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    # Photos done, photos waiting, a note.
    Progressed = tuple[int, int, str]
    Advance = Callable[[Callable[[], Progressed]], None]

DRAW_EVERY_S = 0.1


@contextmanager
def progress_bar(*, show: bool) -> Iterator[Advance]:
    """Draws while the block runs, from what is handed to the function that it yields; that is only
    asked when it is time to draw again. Nothing is drawn where `show` is not set or nobody looks.
    """
    if not show or not sys.stderr.isatty():
        yield lambda _: None
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    columns = (
        TextColumn("[bold]{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(),
        TextColumn("{task.fields[note]}"),
    )
    start = last = time.monotonic()
    bar = Progress(*columns, console=Console(stderr=True), transient=True)
    with bar, _log_above_it():
        task = bar.add_task("photos", total=None, rate="", note="")

        def advance(look: Callable[[], Progressed]) -> None:
            nonlocal last
            if time.monotonic() - last < DRAW_EVERY_S:
                return
            last = time.monotonic()
            done, waiting, note = look()
            rate = done / max(DRAW_EVERY_S, last - start)
            bar.update(task, completed=done, total=done + waiting, rate=f"{rate:.1f}/s", note=note)

        yield advance


@contextmanager
def share_bar(what: str, *, show: bool) -> Iterator[Callable[[float], None]]:
    """Draws the share that is done, 0 to 1, as it is told to the function that it yields."""
    if not show or not sys.stderr.isatty():
        yield lambda _: None
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        Progress,
        TaskProgressColumn,
        TextColumn,
        TimeRemainingColumn,
    )

    columns = (
        TextColumn("[bold]{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TimeRemainingColumn(),
    )
    bar = Progress(*columns, console=Console(stderr=True), transient=True)
    with bar, _log_above_it():
        task = bar.add_task(what, total=1.0)
        yield lambda share: bar.update(task, completed=share)


@contextmanager
def _log_above_it() -> Iterator[None]:
    """Log lines go above the bar, through the stand-in for standard error that rich has put in its
    place, and the one for each photo, which the bar tells of, is left out.
    """
    root = logging.getLogger()
    handlers = [it for it in root.handlers if isinstance(it, logging.StreamHandler)]
    streams = [handler.setStream(sys.stderr) for handler in handlers]
    level = root.level
    if level == logging.INFO:
        root.setLevel(logging.WARNING)
    try:
        yield
    finally:
        root.setLevel(level)
        for handler, stream in zip(handlers, streams, strict=True):
            if stream is not None:
                handler.setStream(stream)
