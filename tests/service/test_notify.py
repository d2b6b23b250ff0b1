"""What systemd hears, over real sockets."""

from __future__ import annotations

import os
import socket
from typing import TYPE_CHECKING

import pytest

from daemon.notify import notify, watchdog_interval_s

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("abstract", [False, True], ids=["file", "abstract"])
def test_a_state_arrives_as_one_datagram(tmp_path: Path, abstract: bool) -> None:
    name = f"rollcall-test-{os.getpid()}" if abstract else str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind("\0" + name if abstract else name)
        listener.settimeout(5)
        environ = {"NOTIFY_SOCKET": ("@" if abstract else "") + name}
        notify("READY=1\nSTATUS=watching 3 folders – möglich", environ=environ)
        assert listener.recv(4096).decode() == "READY=1\nSTATUS=watching 3 folders – möglich"


@pytest.mark.parametrize(
    "address",
    [
        pytest.param(None, id="absent"),
        pytest.param("", id="empty"),
        pytest.param("/nowhere/at/all", id="nobody listens"),
        pytest.param("relative", id="relative"),
        pytest.param("/" + "x" * 200, id="too long"),
        pytest.param("/a\0b", id="zero byte"),
    ],
)
def test_nobody_to_tell_is_no_error(address: str | None) -> None:
    notify("READY=1", environ={} if address is None else {"NOTIFY_SOCKET": address})


def test_a_full_socket_does_not_hold_the_daemon_up(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(str(tmp_path / "notify"))
        for _ in range(2000):
            notify("WATCHDOG=1", environ={"NOTIFY_SOCKET": str(tmp_path / "notify")})


@pytest.mark.parametrize(
    ("environ", "seconds"),
    [
        pytest.param({}, None, id="no watchdog"),
        pytest.param({"WATCHDOG_USEC": "60000000"}, 30.0, id="a minute"),
        pytest.param(
            {"WATCHDOG_USEC": "60000000", "WATCHDOG_PID": "1"}, None, id="another process"
        ),
        pytest.param(
            {"WATCHDOG_USEC": "500000", "WATCHDOG_PID": str(os.getpid())}, 0.25, id="this process"
        ),
        pytest.param({"WATCHDOG_USEC": "0"}, None, id="zero"),
        pytest.param({"WATCHDOG_USEC": "-5"}, None, id="negative"),
        pytest.param({"WATCHDOG_USEC": "soon"}, None, id="nonsense"),
    ],
)
def test_the_watchdog_is_fed_twice_as_often_as_it_asks(
    environ: dict[str, str], seconds: float | None
) -> None:
    assert watchdog_interval_s(environ=environ) == seconds
