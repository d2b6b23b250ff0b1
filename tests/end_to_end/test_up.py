"""`rollcall up`: daemon and web page in one terminal, for a first look."""

from __future__ import annotations

import os
import signal
import socket
import urllib.request
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.end_to_end.conftest import Daemon, Home

START_S = 30


@pytest.fixture
def port(home: Home) -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        number = int(probe.getsockname()[1])
    home.configure(web={"port": number})
    return number


def answer(port: int, path: str = "/") -> str | None:
    """What the page says, None while nobody answers."""
    with suppress(OSError):
        url = f"http://127.0.0.1:{port}{path}"
        with urllib.request.urlopen(url, timeout=10) as reply:
            return str(reply.read().decode())
    return None


def to_the_terminal(daemon: Daemon) -> None:
    os.killpg(daemon.pid, signal.SIGINT)


def to_itself(daemon: Daemon) -> None:
    daemon.process.send_signal(signal.SIGINT)


@pytest.mark.parametrize("end", [to_the_terminal, to_itself])
def test_up_serves_what_it_catalogues_and_ends_with_everything_it_started(
    home: Home, port: int, copy: Callable[..., Path], end: Callable[[Daemon], None]
) -> None:
    copy("obama1.jpg", home.inbox)
    with home.started("up") as up:
        home.wait(lambda: answer(port), timeout_s=START_S)
        assert str(home.inbox) in up.said()
        assert str(home.people) in up.said()
        assert f"http://127.0.0.1:{port}/" in up.said()
        if end is to_the_terminal:
            home.wait(lambda: home.who() == {"obama1.jpg": ["?"]}, timeout_s=START_S)
            assert "obama1.jpg" in (answer(port, "/catalog/files.json") or "")
        end(up)
        assert up.process.wait(10) == 0, up.said()
        home.assert_nothing_runs()
    assert "Traceback" not in up.said()


def test_up_that_is_killed_takes_both_along(home: Home, port: int) -> None:
    with home.started("up") as up:
        home.wait(lambda: answer(port), timeout_s=START_S)
        up.kill()
        home.wait(lambda: not home.processes(), timeout_s=10)


def test_up_ends_when_the_web_page_cannot_start(home: Home, port: int) -> None:
    with socket.create_server(("127.0.0.1", port)):
        done = home.rollcall("up", timeout_s=60)
    assert done.returncode == 3
    assert "cannot listen" in done.stderr
    home.assert_nothing_runs()
