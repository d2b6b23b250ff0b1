"""The lock that keeps one daemon to a catalog; the kernel releases it however its holder ends."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import time
import weakref
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Literal, Self

from catalog import clock
from daemon.errors import AlreadyRunning, EnvironmentTrouble

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from types import TracebackType

Role = Literal["watch", "alone"]

POLL_S = 0.1
QUICK_POLL_S = 0.01
# Whoever asks for the owner holds a shared lock for an instant, and an owner who just came has not
# written its name yet.
GRACE_S = 0.3


@dataclass(frozen=True, slots=True, kw_only=True)
class Owner:
    """Who holds the lock. `pid` and `started_at` (UTC text) are None where it did not say."""

    pid: int | None
    role: str
    started_at: str | None


UNKNOWN = Owner(pid=None, role="unknown", started_at=None)


class CatalogLock:
    """An flock on `rollcall.lock` in the state folder; the file names its holder and stays.

    Forked children close it and started programs do not get it: a worker that outlives its
    supervisor holds nothing. Not to be shared between threads.
    """

    def __init__(self, state_folder: Path) -> None:
        self.path = state_folder / "rollcall.lock"
        self._descriptor: int | None = None

    @property
    def held(self) -> bool:
        """Whether this object holds the lock."""
        return self._descriptor is not None

    def acquire(
        self,
        role: Role,
        *,
        wait_s: float = 0,
        on_wait: Callable[[Owner], None] | None = None,
        pause: Callable[[float], object] = time.sleep,
    ) -> Self:
        """Take the lock, waiting at most `wait_s` for a lone command, never for another `watch`.

        `on_wait` hears once whom it waits for. `pause(seconds)` may answer true to give up, as the
        `wait` of a stop event does. Raises AlreadyRunning, or EnvironmentTrouble where the state
        folder cannot hold a lock.
        """
        descriptor = self._open()
        try:
            self._wait(descriptor, wait_s=wait_s, on_wait=on_wait, pause=pause)
            self._sign(descriptor, role)
        except BaseException:
            os.close(descriptor)
            raise
        self._descriptor = descriptor
        _held.add(self)
        return self

    def release(self) -> None:
        """Give the lock back; nothing happens where it is not held."""
        if self._descriptor is None:
            return
        descriptor, self._descriptor = self._descriptor, None
        _held.discard(self)
        with contextlib.suppress(OSError):
            os.ftruncate(descriptor, 0)
        os.close(descriptor)

    def owner(self) -> Owner | None:
        """Who holds the lock now, None for nobody.

        Needs no right to write, and keeps nobody from taking the lock. Raises EnvironmentTrouble.
        """
        if self.held:
            return self._read()
        try:
            descriptor = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise EnvironmentTrouble(f"{self.path}: cannot be read ({error.strerror})") from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return self._read()
        except OSError:  # no locks on this file system, so none is held
            return None
        finally:
            os.close(descriptor)
        return None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.release()

    def _open(self) -> int:
        if self.held:
            raise RuntimeError(f"{self.path}: this lock is held already")
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            return os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except OSError as error:
            raise EnvironmentTrouble(
                f"{self.path}: cannot be opened ({error.strerror}); "
                "make its folder writable for this user or change paths.state"
            ) from error

    def _wait(
        self,
        descriptor: int,
        *,
        wait_s: float,
        on_wait: Callable[[Owner], None] | None,
        pause: Callable[[float], object],
    ) -> None:
        start = time.monotonic()
        while not self._try(descriptor):
            owner = self._read()
            waited_s = time.monotonic() - start
            if waited_s >= GRACE_S and (owner.role == "watch" or waited_s >= wait_s):
                raise AlreadyRunning(self._refusal(owner))
            if on_wait is not None and waited_s >= GRACE_S:
                on_wait(owner)
                on_wait = None
            if pause(QUICK_POLL_S if waited_s < GRACE_S else POLL_S):
                raise AlreadyRunning(self._refusal(owner))

    def _try(self, descriptor: int) -> bool:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        except OSError as error:
            raise EnvironmentTrouble(
                f"{self.path}: this file system has no locks ({error.strerror}); "
                "put paths.state on a local disk"
            ) from error
        return True

    def _sign(self, descriptor: int, role: Role) -> None:
        owner = Owner(pid=os.getpid(), role=role, started_at=clock.now())
        # On a full disk nobody can write a name, and the lock holds all the same.
        with contextlib.suppress(OSError):
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, json.dumps(asdict(owner)).encode(), 0)

    def _read(self) -> Owner:
        try:
            found = json.loads(self.path.read_text(encoding="utf-8"))
            return Owner(
                pid=int(found["pid"]),
                role=str(found["role"]),
                started_at=str(found["started_at"]),
            )
        except (OSError, ValueError, TypeError, KeyError):
            return UNKNOWN

    def _refusal(self, owner: Owner) -> str:
        who = f"pid {owner.pid}, {owner.role}" if owner.pid else owner.role
        return (
            f"{self.path.parent}: Rollcall is already running on this catalog ({who}); "
            "stop it or use --config with another paths.state"
        )

    def _drop_in_child(self) -> None:
        """Close without releasing: the lock lives on in the parent's descriptor."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


_held: weakref.WeakSet[CatalogLock] = weakref.WeakSet()


def _drop_all_in_child() -> None:
    for lock in list(_held):
        lock._drop_in_child()
    _held.clear()


os.register_at_fork(after_in_child=_drop_all_in_child)
