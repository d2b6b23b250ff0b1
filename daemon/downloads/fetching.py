"""One address through yt-dlp, which runs in a process of its own and is watched."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from catalog.downloads import Unfetched
from daemon.dispatch import START_S
from daemon.downloads.child import Wanted
from daemon.errors import BadFile, EnvironmentTrouble, TryLater

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from typing import IO

    from daemon.settings import Download

REMEDY: Final = "install the extra `download` (yt-dlp)"
_POLL_S: Final = 0.2
_MB: Final = 1 << 20
# Never so much of a disk is filled that nothing else can be written.
_RESERVE_MB: Final = 512
# Less than this is no progress: a server that sends a byte a minute would keep all others waiting.
_LEAST_BYTES_PER_S: Final = 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Came:
    """A video that came, still in the folder; `item` tells it from all others."""

    item: str
    path: Path
    identity: str
    title: str
    uploader: str | None


def check_installed() -> None:
    """Raises EnvironmentTrouble where yt-dlp is not there."""
    if importlib.util.find_spec("yt_dlp") is None:
        raise EnvironmentTrouble(f"yt-dlp is not installed; {REMEDY}")


def fetch(
    address: str,
    folder: Path,
    section: Download,
    *,
    had: Iterable[str],
    stopping: Callable[[], bool],
) -> Iterator[Came | Unfetched]:
    """Everything that is at an address but what was `had`, as each comes or fails, in a folder
    where what was begun is gone on with. Ends early where `stopping` becomes true.
    """
    check_installed()
    folder.mkdir(parents=True, exist_ok=True)
    passed = set(had)
    while True:
        current = None
        wanted = Wanted(
            address=address,
            folder=str(folder),
            max_bytes=section.max_mb * _MB,
            max_s=section.max_minutes * 60,
            most=section.max_items,
            had=tuple(sorted(passed)),
        )
        try:
            for told in _told(wanted, section, stopping):
                event = told["event"]
                if event == "begin":
                    current = told["item"]
                elif event in ("came", "missed"):
                    passed.add(told["item"])
                    current = None
                    yield _came(told) if event == "came" else _missed(told)
                elif event == "broken":
                    yield Unfetched(
                        item=None, title=None, error=told["error"], for_good=told["for_good"]
                    )
        except BadFile as error:
            for_good = not isinstance(error, TryLater)
            yield Unfetched(item=current, title=None, error=str(error), for_good=for_good)
            if current is not None and current not in passed:
                passed.add(current)  # the others may come all the same
                continue
        return


def _told(
    wanted: Wanted, section: Download, stopping: Callable[[], bool]
) -> Iterator[dict[str, Any]]:
    """What the child says, as it says it. Raises TryLater where it makes no progress or breaks."""
    folder = Path(wanted.folder)
    with tempfile.TemporaryFile() as said, tempfile.TemporaryFile() as complained:
        process = subprocess.Popen(
            [sys.executable, "-m", "daemon.downloads.child", str(os.getpid()), wanted.as_json()],
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=complained,
            env=_environment(folder),
            start_new_session=True,
        )
        lines, progress = _Lines(said), _Progress(folder, section)
        try:
            while not stopping():
                ended = process.poll() is not None
                for told in lines.new():
                    progress.heard()
                    yield told
                if ended:
                    break
                progress.check()
                time.sleep(_POLL_S)
        finally:
            _end(process)
        if process.returncode and not stopping():
            complained.seek(0)
            last = complained.read().decode("utf-8", "replace").strip().splitlines()[-1:]
            if last == ["MemoryError"]:
                raise BadFile("what is at this address is too large to be looked through")
            raise TryLater(f"yt-dlp ended with {process.returncode}: {' '.join(last)[:300]}")


class _Lines:
    """The whole lines that a growing file has got."""

    def __init__(self, file: IO[bytes]) -> None:
        self._descriptor = file.fileno()
        self._at = 0
        self._rest = b""

    def new(self) -> Iterator[dict[str, Any]]:
        # The child writes through the same open file: reading must not move its place.
        while data := os.pread(self._descriptor, 1 << 16, self._at):
            self._at += len(data)
            *lines, self._rest = (self._rest + data).split(b"\n")
            for line in lines:
                yield json.loads(line)


class _Progress:
    """Whether enough comes, and there is room for it."""

    def __init__(self, folder: Path, section: Download) -> None:
        self._folder = folder
        self._timeout_s = section.timeout_s
        # Until the child has said anything it is only starting, which on a busy machine takes long.
        self._since, self._size = time.monotonic() + START_S, 0

    def heard(self) -> None:
        """The child lives."""
        self._since, self._size = time.monotonic(), _size(self._folder)

    def check(self) -> None:
        """Raises TryLater where nothing comes, or there is no room for it."""
        if shutil.disk_usage(self._folder).free < _RESERVE_MB * _MB:
            raise TryLater("the disk is nearly full; make room")
        waited_s = time.monotonic() - self._since
        if waited_s <= self._timeout_s:
            return
        if _size(self._folder) - self._size < _LEAST_BYTES_PER_S * waited_s:
            raise TryLater(f"next to nothing came for {self._timeout_s:g} s")
        self.heard()


def _size(folder: Path) -> int:
    try:
        return sum(it.stat().st_size for it in folder.iterdir())
    except FileNotFoundError:  # renamed this moment
        return 0


def _environment(folder: Path) -> dict[str, str]:
    """Without a home, in which settings and passwords lie."""
    apart = {"HOME": str(folder), "XDG_CONFIG_HOME": str(folder), "YTDLP_NO_PLUGINS": "1"}
    return {**os.environ, **apart}


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _came(told: dict[str, Any]) -> Came:
    path = Path(told["path"])
    identity = told["id"] or path.stem
    return Came(
        item=told["item"],
        path=path,
        identity=identity,
        title=told["title"] or identity,
        uploader=told["uploader"],
    )


def _missed(told: dict[str, Any]) -> Unfetched:
    return Unfetched(**{it: told[it] for it in ("item", "title", "error", "for_good")})
