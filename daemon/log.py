"""Where log lines go: standard error, plain under systemd (which adds the time), with the time
elsewhere.
"""

from __future__ import annotations

import logging
import os


def set_up_logging(level: str) -> None:
    """Set the root handler once; a second call only changes the level."""
    root = logging.getLogger()
    root.setLevel(level.upper())
    if not any(getattr(handler, "rollcall", False) for handler in root.handlers):
        handler = logging.StreamHandler()
        handler.rollcall = True  # type: ignore[attr-defined]
        under_systemd = "JOURNAL_STREAM" in os.environ
        handler.setFormatter(
            logging.Formatter(
                "%(message)s" if under_systemd else "%(asctime)s %(levelname).1s %(message)s",
                "%H:%M:%S",
            )
        )
        root.addHandler(handler)
    for chatty in ("apscheduler", "PIL", "watchdog", "exifread", "httpx", "matplotlib"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
