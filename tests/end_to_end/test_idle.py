"""The contract of the idle daemon: small, and asleep."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.end_to_end.conftest import Home

LARGEST_RSS_MB = 120
WATCHED_S = 10
LARGEST_CPU_S = 0.1


def cpu_s(pid: int) -> float:
    """User and system time of a process until now."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def rss_mb(pid: int) -> float:
    """Resident memory of a process."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmRSS:"))


@pytest.mark.alone
def test_an_idle_daemon_takes_little_memory_and_no_measurable_cpu(
    home: Home, copy: Callable[..., Path]
) -> None:
    home.configure(workers={"idle_s": 1})
    copy("two_people.jpg", home.inbox)
    with home.watching() as daemon:
        home.wait(lambda: home.who().get("two_people.jpg") == ["?", "?"])
        home.wait(lambda: not daemon.workers())
        time.sleep(2)  # what was asked for last comes to its end
        start = cpu_s(daemon.pid)
        time.sleep(WATCHED_S)
        assert cpu_s(daemon.pid) - start < LARGEST_CPU_S
        assert rss_mb(daemon.pid) < LARGEST_RSS_MB
        # And it still hears.
        (home.inbox / "empty.jpg").touch()
        home.wait(lambda: home.query("SELECT 1 FROM failures"))
