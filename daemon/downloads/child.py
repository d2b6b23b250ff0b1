"""The process in which yt-dlp runs: polite, bounded, and gone with its daemon.

`python -m daemon.downloads.child PARENT WANTED`, the second as `Wanted` says it in JSON. What comes
of it is said on the standard output, one JSON object a line, each with the `event` that it is:

- `alive`: something was said or has come;
- `begin`: a video is about to be fetched, known by `item`;
- `came`: it lies at `path`, with `title` and `uploader`;
- `missed`: it does not come, for the reason `error`;
- `broken`: what else there may be at the address cannot be learned, for the reason `error`.
"""

from __future__ import annotations

import json
import os
import resource
import sys
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import Any, Final

from daemon.manners import be_polite, die_with

_MEMORY_BYTES: Final = 2 << 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What is to be fetched from where: at most `most` videos, but none whose item is in `had`."""

    address: str
    folder: str
    max_bytes: int
    max_s: float
    most: int
    had: tuple[str, ...]

    def as_json(self) -> str:
        """As the child reads it."""
        return json.dumps(asdict(self))


def main() -> None:
    """Die with the daemon, then ask yt-dlp."""
    parent, wanted = sys.argv[1:]
    die_with(int(parent))
    be_polite()
    with suppress(ValueError, OSError):  # the hard limit is lower already
        resource.setrlimit(resource.RLIMIT_DATA, (_MEMORY_BYTES, _MEMORY_BYTES))
    from daemon.downloads.visit import visit

    said = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # whatever prints is not taken for an event

    def say(event: str, **what: Any) -> None:
        said.write(json.dumps({"event": event, **what}) + "\n")
        said.flush()

    say("alive")
    visit(Wanted(**json.loads(wanted)), say)


if __name__ == "__main__":
    main()
