"""How much memory processes hold, and how much is left, read from /proc."""

from __future__ import annotations

import os
import resource
from pathlib import Path

PAGE = os.sysconf("SC_PAGESIZE")
PROC = Path("/proc")


def resident_mb(pid: int | str = "self") -> int:
    """Resident memory of a process in MB, 0 where it is gone."""
    return _pages(pid, 1) * PAGE // 1_000_000


def peak_mb() -> int:
    """The most that this process ever held, in MB.

    From /proc, because getrusage counts what stood here before the program was started.
    """
    return _kib(PROC / "self/status", "VmHWM:") * 1024 // 1_000_000


def left_mb() -> int:
    """What this process can still take, in MB: within its own limit, and of what the machine has
    free.
    """
    free = _kib(PROC / "meminfo", "MemAvailable:") * 1024
    limit, _ = resource.getrlimit(resource.RLIMIT_DATA)
    if limit != resource.RLIM_INFINITY:
        free = min(free, max(0, limit - _pages("self", 5) * PAGE))
    return free // 1_000_000


def _pages(pid: int | str, column: int) -> int:
    """A column of statm: 1 is resident, 5 what RLIMIT_DATA counts (data and stack)."""
    try:
        return int((PROC / str(pid) / "statm").read_text(encoding="ascii").split()[column])
    except (OSError, ValueError, IndexError):
        return 0


def _kib(path: Path, key: str) -> int:
    try:
        lines = path.read_text(encoding="ascii", errors="replace").splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith(key)), 0)
