"""Whether the folders that the settings name are there, ours to use, and where they may be."""

from __future__ import annotations

import os
import shlex
import shutil
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from daemon.checks.problem import Level, Problem
from daemon.intake.mounts import mount_of, read_mounts
from daemon.intake.walk import names_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from daemon.intake.mounts import Mount
    from daemon.settings import Settings

MB = 1_000_000
LEAST_FREE_BYTES = 500 * MB
LITTLE_FREE_BYTES = 5 * 2**30
LITTLE_FREE_SHARE = 0.05
MAX_WATCHES = Path("/proc/sys/fs/inotify/max_user_watches")
# Other programs of the same user watch folders too.
WATCHES_SHARE = 0.75
WATCHES_REMEDY = 524_288
COUNTING_S = 10.0


def watched(settings: Settings) -> Iterator[Problem]:
    """The inboxes and the folder of reference people."""
    for key, folder in _watched(settings):
        yield from _readable(key, folder)


def weights(settings: Settings) -> Iterator[Problem]:
    """The folder with weights, where one is named."""
    if settings.models.weights is not None:
        yield from _readable("models.weights", settings.models.weights)


def nesting(settings: Settings) -> Iterator[Problem]:
    """The state folder must not lie where photographs are looked for."""
    state = settings.paths.state.resolve()
    for key, folder in _watched(settings):
        if state.is_relative_to(folder.resolve()):
            yield Problem(
                check="nesting",
                level=Level.ERROR,
                problem=f"paths.state = {settings.paths.state}: lies inside the watched folder "
                f"{folder}, so Rollcall would catalogue its own pictures",
                remedy=f"move it and change paths.state, or change {key}",
            )


def state(settings: Settings) -> Iterator[Problem]:
    """Whether the state folder can be made or written in, and what lies in it as well."""
    folder = settings.paths.state
    nearest = next(path for path in (folder, *folder.parents) if os.path.lexists(path))
    remedy = f"make it writable for this user, or change paths.state = {folder}"
    try:
        if nearest == folder:
            with tempfile.TemporaryFile(dir=folder):
                pass
        elif not os.access(nearest, os.W_OK | os.X_OK) or not nearest.is_dir():
            raise PermissionError(13, f"{folder.name} cannot be made there")
    except OSError as error:
        yield Problem(
            check="state",
            level=Level.ERROR,
            problem=f"{nearest}: cannot be written in ({error.strerror})",
            remedy=remedy,
        )
    for name in ("catalog.db", "catalog.db-wal", "catalog.db-shm", "crops.db", "rollcall.lock"):
        path = folder / name
        if path.exists() and not os.access(path, os.R_OK | os.W_OK):
            yield Problem(
                check="state",
                level=Level.ERROR,
                problem=f"{path}: not this user's to read and write",
                remedy=f"run Rollcall as {_owner(path)}, or chown it",
            )


def file_system(
    settings: Settings, *, mounts: Callable[[], Sequence[Mount]] = read_mounts
) -> Iterator[Problem]:
    """SQLite's write-ahead log needs memory that its users share, which no network folder has."""
    mount = mount_of(os.fsencode(settings.paths.state), mounts())
    if mount is None or not mount.is_network:
        return
    fuse = mount.type.startswith("fuse")
    yield Problem(
        check="file system",
        level=Level.WARNING if fuse else Level.ERROR,
        problem=f"paths.state = {settings.paths.state}: lies on {mount.type} ({mount.source}), "
        + ("where SQLite may not be safe" if fuse else "where SQLite's write-ahead log fails"),
        remedy="put paths.state on a local disk; the photos may stay where they are",
    )


def room(
    settings: Settings,
    *,
    usage: Callable[[Path], tuple[int, int, int]] = lambda path: shutil.disk_usage(path),
) -> Iterator[Problem]:
    """Free space where the catalog grows."""
    folder = settings.paths.state
    nearest = next(path for path in (folder, *folder.parents) if path.exists())
    total, _, free = usage(nearest)
    if free < LEAST_FREE_BYTES:
        yield Problem(
            check="room",
            level=Level.ERROR,
            problem=f"{folder}: {free // MB} MB free, too little to work",
            remedy="make room on that disk, or move the state folder and change paths.state",
        )
    elif free < LITTLE_FREE_BYTES or free < LITTLE_FREE_SHARE * total:
        yield Problem(
            check="room",
            level=Level.WARNING,
            problem=f"{folder}: {free / 1e9:.1f} GB free, {free / max(1, total):.0%} of the disk",
            remedy="make room before it fills: a thousand photos take about 200 MB",
        )


def inotify(
    settings: Settings,
    *,
    limit: Callable[[], str] = MAX_WATCHES.read_text,
    mounts: Callable[[], Sequence[Mount]] = read_mounts,
) -> Iterator[Problem]:
    """Whether the kernel lets this user watch as many folders as there are."""
    if settings.intake.polling == "always":
        return
    try:
        allowed = int(limit())
    except (OSError, ValueError):
        return
    known = mounts()
    local = []
    for _, folder in _watched(settings):
        mount = mount_of(os.fsencode(folder), known)
        if mount is None or not mount.is_network or settings.intake.polling == "never":
            local.append(folder)
    enough = int(allowed * WATCHES_SHARE)
    count = _count_folders(local, settings, stop_at=max(enough + 1, 2 * allowed))
    if count > enough:
        wanted = max(WATCHES_REMEDY, 1 << (2 * count).bit_length())
        yield Problem(
            check="inotify",
            level=Level.WARNING,
            problem=f"{count} folders to watch, and the kernel allows this user {allowed} watches: "
            "the rest would be polled",
            remedy=f"echo fs.inotify.max_user_watches={wanted} | "
            "sudo tee /etc/sysctl.d/60-rollcall.conf && sudo sysctl --system",
        )


def _watched(settings: Settings) -> list[tuple[str, Path]]:
    inboxes = [("paths.inbox", folder) for folder in settings.paths.inbox]
    return [*inboxes, ("paths.people", settings.paths.people)]


def _readable(key: str, folder: Path) -> Iterator[Problem]:
    problem = remedy = None
    try:
        if not folder.is_dir():
            problem = "is not a folder" if os.path.lexists(folder) else "does not exist"
            remedy = f"mkdir -p {shlex.quote(str(folder))}, mount its disk, or change {key}"
        else:
            with os.scandir(folder) as entries:
                next(entries, None)
    except OSError as error:
        problem = f"not readable by this user ({error.strerror})"
        remedy = f"chmod or chown it, or change {key}"
    if problem is not None and remedy is not None:
        yield Problem(
            check="folders",
            level=Level.ERROR,
            problem=f"{key} = {folder}: {problem}",
            remedy=remedy,
        )


def _count_folders(folders: Sequence[Path], settings: Settings, *, stop_at: int) -> int:
    """How many folders there are, so far as can be told in a few seconds."""
    names = names_of(settings.intake)
    end = time.monotonic() + COUNTING_S
    count = 0
    stack = [os.fsencode(folder) for folder in folders]
    while stack and count < stop_at and time.monotonic() < end:
        count += 1
        try:
            with os.scandir(stack.pop()) as entries:
                stack += [
                    entry.path
                    for entry in entries
                    if entry.is_dir(follow_symlinks=False) and not names.is_ignored(entry.name)
                ]
        except OSError:
            continue
    return count


def _owner(path: Path) -> str:
    try:
        return path.owner()
    except (OSError, KeyError):
        return "its owner"
