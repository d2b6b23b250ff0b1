"""Where log lines go: standard error, plain under systemd (which adds the time), with the time
elsewhere.
"""

from __future__ import annotations

import logging
import os

# What a file's name must not do to the log: end a line, or move the cursor.
_CONTROLS = {code: f"\\x{code:02x}" for code in (*range(32), *range(127, 160))}


class OneLine(logging.Formatter):
    """A message is one line, whatever is in the names of files; a traceback comes below it."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - as logging calls it
        """The line before the traceback."""
        return super().formatMessage(record).translate(_CONTROLS)


def set_up_logging(level: str) -> None:
    """Set the root handler once; a second call only changes the level."""
    root = logging.getLogger()
    root.setLevel(level.upper())
    if not any(getattr(handler, "rollcall", False) for handler in root.handlers):
        handler = logging.StreamHandler()
        handler.rollcall = True  # type: ignore[attr-defined]
        under_systemd = "JOURNAL_STREAM" in os.environ
        handler.setFormatter(
            OneLine(
                "%(message)s" if under_systemd else "%(asctime)s %(levelname).1s %(message)s",
                "%H:%M:%S",
            )
        )
        root.addHandler(handler)
    for chatty in ("apscheduler", "PIL", "watchdog", "exifread", "httpx", "matplotlib"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
