"""The process in which yt-dlp runs: polite, and gone with its daemon.

`python -m daemon.downloads.child PARENT ARGUMENT…`; the arguments are yt-dlp's own.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys

from daemon.worker import NICENESS, PR_SET_PDEATHSIG


def main() -> None:
    """Die with the daemon, then be yt-dlp."""
    parent, *arguments = sys.argv[1:]
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != int(parent):
        return
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.nice(NICENESS)
    import yt_dlp

    yt_dlp.main(arguments)


if __name__ == "__main__":
    main()
