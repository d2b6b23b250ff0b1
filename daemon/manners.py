"""How a process that a daemon starts behaves: polite to the machine, and gone with its daemon."""

from __future__ import annotations

import ctypes
import os
import signal
from typing import Final

NICENESS: Final = 10
PR_SET_PDEATHSIG: Final = 1
# From linux/ioprio.h: class best-effort (2) with the lowest priority in it (7).
IOPRIO_WHO_PROCESS, IOPRIO_BEST_EFFORT_LAST = 1, (2 << 13) | 7
IOPRIO_CLASS_SHIFT, IOPRIO_CLASS_IDLE = 13, 3
SYS_IOPRIO_SET = {"x86_64": 251, "aarch64": 30}.get(os.uname().machine)
SYS_IOPRIO_GET = {"x86_64": 252, "aarch64": 31}.get(os.uname().machine)


def die_with(parent: int) -> None:
    """Be killed when the process `parent`, which started this one, ends; and leave Ctrl-C to it."""
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it died before the line above took effect
        os._exit(1)
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def be_polite() -> None:
    """Let others have the processor and the disks first."""
    os.nice(NICENESS)
    if SYS_IOPRIO_SET is None:
        return
    libc = ctypes.CDLL(None, use_errno=True)
    before = libc.syscall(SYS_IOPRIO_GET, IOPRIO_WHO_PROCESS, 0)
    # systemd's unit may have put us into the idle class, which is lower still.
    if before >> IOPRIO_CLASS_SHIFT != IOPRIO_CLASS_IDLE:
        libc.syscall(SYS_IOPRIO_SET, IOPRIO_WHO_PROCESS, 0, IOPRIO_BEST_EFFORT_LAST)
