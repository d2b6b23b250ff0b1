"""Telling systemd how the daemon is: ready, alive, stopping. Silent where systemd did not start it.

The protocol is a datagram to the socket that NOTIFY_SOCKET names, as sd_notify(3) describes it.
"""

from __future__ import annotations

import logging
import os
import socket
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

logger = logging.getLogger(__name__)


def notify(state: str, *, environ: Mapping[str, str] = os.environ) -> None:
    """Send `state`: READY=1, WATCHDOG=1, STOPPING=1, STATUS=…, several joined by newlines.

    Never raises and never waits: a systemd that cannot be told is no reason to stop.
    """
    address = environ.get("NOTIFY_SOCKET", "")
    if address[:1] not in ("/", "@"):
        return
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as connection:
            connection.settimeout(0)
            # "@" stands for the zero byte of a socket in the abstract namespace.
            connection.connect("\0" + address[1:] if address[0] == "@" else address)
            connection.sendall(state.encode())
    except (OSError, ValueError) as error:
        logger.debug("systemd could not be told %r: %s", state, error)


def watchdog_interval_s(*, environ: Mapping[str, str] = os.environ) -> float | None:
    """Seconds between two WATCHDOG=1, half of what systemd allows; None where nobody watches us."""
    allowed_us = environ.get("WATCHDOG_USEC", "")
    if environ.get("WATCHDOG_PID", str(os.getpid())) != str(os.getpid()):
        return None
    if not (allowed_us.isascii() and allowed_us.isdigit()) or int(allowed_us) == 0:
        return None
    return int(allowed_us) / 2 / 1_000_000
