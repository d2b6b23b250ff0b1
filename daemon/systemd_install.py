"""Putting units where systemd finds them, with the user and the folders that they need."""

from __future__ import annotations

import grp
import os
import pwd
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from daemon import config_file
from daemon.errors import EnvironmentTrouble, UsageError
from daemon.systemd_units import GPU, SERVICE_USER, SYSTEM_DATA, in_home

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from daemon.systemd_units import Installation

SYSTEM_UNITS = Path("/etc/systemd/system")
GPU_GROUPS = ("video", "render")


@dataclass(frozen=True, slots=True, kw_only=True)
class Systemd:
    """The system's systemd, or the one of the user who calls."""

    for_user: bool

    @property
    def folder(self) -> Path:
        """Where its units are installed."""
        if not self.for_user:
            return SYSTEM_UNITS
        base = os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config"
        return Path(base) / "systemd" / "user"

    def call(self, *arguments: str) -> list[str]:
        """The systemctl command with these arguments."""
        return ["systemctl", *(["--user"] if self.for_user else []), *arguments]

    def run(self, calls: Iterable[list[str]]) -> None:
        """Run systemctl commands one by one. Raises EnvironmentTrouble at the first that fails."""
        for call in calls:
            _run(call)


def need_systemctl() -> None:
    """Raise EnvironmentTrouble where there is no systemd to talk to."""
    if shutil.which("systemctl") is None:
        raise EnvironmentTrouble(
            "systemctl: not on this machine; see the units with --dry-run, or start "
            "`rollcall watch` and `rollcall serve` some other way"
        )


def gpu_groups() -> tuple[str, ...]:
    """The groups of this machine that own the devices of graphics cards."""
    there = {group.gr_name for group in grp.getgrall()}
    return tuple(name for name in GPU_GROUPS if name in there)


def home_of(user_name: str) -> Path | None:
    """A user's home folder, None where there is no such user."""
    try:
        return Path(pwd.getpwnam(user_name).pw_dir)
    except KeyError:
        return None


def prepare(installation: Installation) -> None:
    """Make the user and the folders that the services need; refuse what could not work.

    Raises UsageError and EnvironmentTrouble.
    """
    paths = installation.settings.paths
    user = installation.user
    if user is None:
        _make(paths.state, None)
        config_file.check_folders(installation.settings)
        return
    if os.geteuid() != 0:
        raise UsageError(
            "the system's services need root: run the same with sudo "
            f"({' '.join(installation.program)} service install), or add --user"
        )
    if home_of(user) is None:
        _make_user(user)
    for path in (paths.state, *paths.inbox, paths.people):
        # Elsewhere a folder that is missing may be a disk that is not mounted.
        if path == paths.state or path.is_relative_to(SYSTEM_DATA):
            _make(path, user)
    config_file.check_folders(installation.settings)
    _check_access(installation, user)


def write_units(files: Mapping[Path, str], folder: Path) -> None:
    """Write the units whole, each in one rename; a drop-in that is not among them goes."""
    try:
        for path, text in files.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            draft = path.with_name(f".{path.name}.part")
            draft.write_text(text, encoding="utf-8")
            draft.chmod(0o644)
            draft.replace(path)
        if folder / GPU not in files:
            (folder / GPU).unlink(missing_ok=True)
    except OSError as error:
        raise EnvironmentTrouble(
            f"{folder}: cannot be written ({error.strerror}); run it with sudo, or with --user"
        ) from error


def remove_units(files: Iterable[Path], folder: Path) -> None:
    """Remove these units. What `systemctl edit` made beside them stays."""
    try:
        for path in files:
            path.unlink()
        drop_ins = (folder / GPU).parent
        if drop_ins.is_dir() and not any(drop_ins.iterdir()):
            drop_ins.rmdir()
    except OSError as error:
        raise EnvironmentTrouble(
            f"{folder}: cannot be changed ({error.strerror}); run it with sudo"
        ) from error


def _run(call: list[str]) -> None:
    done = subprocess.run(call, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        said = " ".join((done.stderr or done.stdout).split()) or f"code {done.returncode}"
        raise EnvironmentTrouble(
            f"{' '.join(call)}: {said}; mend that and run the same command again"
        )


def _make(path: Path, user: str | None) -> None:
    if path.exists():
        return
    try:
        path.mkdir(parents=True, mode=0o755 if user else 0o700)
        if user is not None:
            shutil.chown(path, user=user)
    except OSError as error:
        raise EnvironmentTrouble(
            f"{path}: cannot be made ({error.strerror}); make it and run the same command again"
        ) from error


def _make_user(user: str) -> None:
    if user != SERVICE_USER:
        raise UsageError(f"--user-name = {user}: no such user; make it or name another")
    if shutil.which("useradd") is None:
        raise EnvironmentTrouble(
            f"useradd: not on this machine; make the system user {user} yourself or choose one "
            "with --user-name"
        )
    home = str(SYSTEM_DATA)
    _run(["useradd", "--system", "--home-dir", home, "--shell", "/usr/sbin/nologin", user])


def _check_access(installation: Installation, user: str) -> None:
    """Root may read everything, so ask as the user who will have to.

    Not about homes: the service sees them through the sandbox, whose way there is open.
    """
    paths = installation.settings.paths
    needed = [(path, "-r", "read") for path in (*paths.inbox, paths.people)]
    needed.append((paths.state, "-w", "write in"))
    groups = os.getgrouplist(user, pwd.getpwnam(user).pw_gid)
    for path, flag, what in needed:
        if in_home(path):
            continue
        allowed = subprocess.run(
            [shutil.which("test") or "/usr/bin/test", flag, str(path), "-a", "-x", str(path)],
            user=user,
            group=pwd.getpwnam(user).pw_gid,
            extra_groups=groups,
            check=False,
        )
        if allowed.returncode != 0:
            raise EnvironmentTrouble(
                f"{path}: the user {user} may not {what} it; let that user in (by a group, say) "
                "or choose another with --user-name"
            )
