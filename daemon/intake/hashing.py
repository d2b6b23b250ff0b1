"""The SHA-256 of a file that nobody changed meanwhile: the identity of its content."""

from __future__ import annotations

import errno
import hashlib
import os
import stat
from typing import TYPE_CHECKING

from catalog.files import FileStat
from daemon.errors import BadFile, TryLater

if TYPE_CHECKING:
    import threading

__all__ = ["Cancelled", "Changed", "FileStat", "explain", "hash_file"]

CHUNK_BYTES = 1 << 20


class Changed(TryLater):
    """The file was changed, replaced or removed while it was read: it has to settle again."""


class Cancelled(TryLater):
    """Reading was stopped because the daemon ends."""


def hash_file(path: bytes, *, expected: FileStat, stop: threading.Event) -> str:
    """SHA-256 in hexadecimal of a regular file that still is as `expected`, before and after.

    Raises Changed where it is not, Cancelled once `stop` is set, BadFile or TryLater where it
    cannot be read.
    """
    try:
        # Not blocking: a named pipe put in the file's place would hang the daemon.
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY)
        with open(descriptor, "rb", buffering=0) as file:
            _require(os.fstat(descriptor), expected)
            digest = hashlib.sha256()
            buffer = memoryview(bytearray(CHUNK_BYTES))
            while count := file.readinto(buffer):
                if stop.is_set():
                    raise Cancelled("the daemon ends")
                digest.update(buffer[:count])
            _require(os.fstat(descriptor), expected)
        # What was read may have been renamed away, and another file put in its place.
        _require(os.stat(path), expected)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise Changed("the file vanished while it was read") from error
    except OSError as error:
        raise _problem(error) from error
    return digest.hexdigest()


def explain(error: OSError) -> str:
    """Why a path cannot be read, in words for its row."""
    reasons = {
        errno.EACCES: "not readable by this user: check its permissions and those of its folder",
        errno.EPERM: "not readable by this user: check its permissions and those of its folder",
        errno.ELOOP: "a link that leads back to itself",
        errno.ENOENT: "a link to nothing, or vanished just now",
        errno.ENAMETOOLONG: "its path is too long for this system",
        errno.EIO: "the disk failed to read it (I/O error): check the disk",
        errno.ESTALE: "the network folder was replaced (stale handle): mount it again",
        errno.ENOTCONN: "the folder's server is gone (not connected): mount it again",
    }
    return reasons.get(error.errno or 0, f"cannot be read: {error.strerror or error}")


def _problem(error: OSError) -> BadFile:
    permanent = error.errno in (errno.EACCES, errno.EPERM, errno.ELOOP, errno.ENAMETOOLONG)
    return BadFile(explain(error)) if permanent else TryLater(explain(error))


def _require(result: os.stat_result, expected: FileStat) -> None:
    if not stat.S_ISREG(result.st_mode) or FileStat.of(result) != expected:
        raise Changed("the file changed while it was read")
