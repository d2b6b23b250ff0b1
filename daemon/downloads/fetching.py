"""One address through yt-dlp: what comes lies in a folder, and is told with its title."""

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

from daemon.errors import BadFile, EnvironmentTrouble, TryLater

if TYPE_CHECKING:
    from collections.abc import Callable

    from daemon.settings import Download

REMEDY: Final = "install the extra `download` (yt-dlp)"
_POLL_S: Final = 0.2
_MB: Final = 1 << 20
# Never so much of a disk is filled that nothing else can be written.
_RESERVE_MB: Final = 512
_PRINTED: Final = "after_move:%(.{id,title,uploader,channel,ext,filepath,webpage_url})j"
# What yt-dlp says where another try gives the same answer.
_FOR_GOOD: Final = (
    "unsupported url", "http error 404", "http error 403", "http error 410", "is not a valid url",
    "private video", "video unavailable", "file://", "no video formats", "requested format",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """A file that came."""

    path: Path
    identity: str
    title: str
    uploader: str | None


def check_installed() -> None:
    """Raises EnvironmentTrouble where yt-dlp is not there."""
    if importlib.util.find_spec("yt_dlp") is None:
        raise EnvironmentTrouble(f"yt-dlp is not installed; {REMEDY}")


def fetch(
    address: str, folder: Path, section: Download, stopping: Callable[[], bool]
) -> list[Item]:
    """Everything that is at an address, into a folder, where a finished file is not fetched again.

    Raises BadFile with the reason where nothing of it will ever come, TryLater where it may, and
    returns nothing where `stopping` became true.
    """
    check_installed()
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen(
            _command(address, folder, section),
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=subprocess.STDOUT,
            env=_environment(folder),
            start_new_session=True,
        )
        try:
            trouble = _watched(process, folder, section, stopping)
        finally:
            _end(process)
        said.seek(0)
        lines = said.read().decode("utf-8", "replace").splitlines()
    if trouble is not None:
        raise trouble
    if stopping():
        return []
    items = [it for line in lines if (it := _item(line, folder)) is not None]
    if not items:
        _explain(lines, section)
    return items


def _command(address: str, folder: Path, section: Download) -> list[str]:
    return [
        sys.executable, "-m", "daemon.downloads.child", str(os.getpid()),
        # Nothing that lies on this machine decides what is done, and nothing of it is sent.
        "--ignore-config", "--no-plugin-dirs", "--no-cache-dir", "--no-cookies",
        "--no-cookies-from-browser", "--no-update", "--no-exec", "--no-batch-file",
        # One file, which needs no other program to be put together.
        "--format", "best/bestvideo", "--no-embed-metadata", "--fixup", "never",
        "--max-filesize", f"{section.max_mb}M", "--playlist-end", str(section.max_items),
        "--match-filters", f"!is_live & duration <=? {round(60 * section.max_minutes)}",
        "--no-overwrites", "--continue", "--retries", "3", "--socket-timeout", "20",
        "--ignore-errors", "--no-progress", "--no-warnings", "--no-quiet", "--no-simulate",
        "--output", str(folder / "%(id).64B.%(ext)s"), "--windows-filenames",
        "--print", _PRINTED, "--", address,
    ]  # fmt: skip


def _environment(folder: Path) -> dict[str, str]:
    """Without a home, in which settings and passwords lie."""
    return {**os.environ, "HOME": str(folder), "XDG_CONFIG_HOME": str(folder)}


def _watched(
    process: subprocess.Popen[bytes],
    folder: Path,
    section: Download,
    stopping: Callable[[], bool],
) -> BadFile | None:
    """Wait for the end; what ends it early is returned. A server's word on how much will come is
    not taken.
    """
    grown_at, size = time.monotonic(), -1
    while process.poll() is None:
        if stopping():
            return None
        now = _largest(folder)
        if now > section.max_mb * _MB:
            return BadFile(f"larger than {section.max_mb} MB (download.max_mb)")
        if shutil.disk_usage(folder).free < _RESERVE_MB * _MB:
            return TryLater("the disk is nearly full; make room")
        if now != size:
            grown_at, size = time.monotonic(), now
        if time.monotonic() - grown_at > section.timeout_s:
            return TryLater(f"nothing came for {section.timeout_s:g} s")
        time.sleep(_POLL_S)
    return None


def _largest(folder: Path) -> int:
    sizes = (it.stat().st_size for it in folder.iterdir() if it.is_file())
    try:
        return max(sizes, default=0)
    except FileNotFoundError:  # renamed this moment
        return 0


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _item(line: str, folder: Path) -> Item | None:
    if not line.startswith("{"):
        return None
    try:
        told: dict[str, Any] = json.loads(line)
        path = Path(told["filepath"])
    except (ValueError, KeyError, TypeError):
        return None
    if path.parent != folder or not path.is_file():
        return None
    return Item(
        path=path,
        identity=str(told.get("id") or path.stem),
        title=str(told.get("title") or path.stem),
        uploader=told.get("uploader") or told.get("channel"),
    )


def _explain(lines: list[str], section: Download) -> None:
    """Why nothing came."""
    errors = [line.removeprefix("ERROR:").strip() for line in lines if line.startswith("ERROR:")]
    if errors:
        reason = " ".join(errors[0].split())[:300]
        if any(it in reason.lower() for it in _FOR_GOOD):
            raise BadFile(reason)
        raise TryLater(reason)
    text = "\n".join(lines)
    if "larger than max-filesize" in text:
        raise BadFile(f"larger than {section.max_mb} MB (download.max_mb)")
    if "does not pass filter" in text:
        raise BadFile(
            f"longer than {section.max_minutes:g} minutes (download.max_minutes), or still running"
        )
    raise TryLater(" ".join(lines[-1].split())[:300] if lines else "yt-dlp ended without a word")
