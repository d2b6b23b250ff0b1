"""A file's content opened for reading, and every way in which that can go wrong put into one clear
reason.
"""

from __future__ import annotations

import errno
import logging
import os
import stat
import struct
import warnings
import zlib
from contextlib import contextmanager
from typing import TYPE_CHECKING

from PIL import Image, ImageCms, UnidentifiedImageError

from daemon.errors import BadFile, RollcallError, TryLater

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import BinaryIO

logger = logging.getLogger(__name__)

CUT_SHORT = (
    "truncat", "premature", "end of file", "not enough data", "not large enough",
    "insufficient input", "cannot read full",
)  # fmt: skip

# What decoders are known to raise on damaged content, found by flipping bits. OSError is told apart
# by its number.
DAMAGE = (
    ArithmeticError, AssertionError, AttributeError, BufferError, EOFError, ImageCms.PyCMSError,
    Image.DecompressionBombError, LookupError, RuntimeError, SyntaxError, TypeError, ValueError,
    struct.error, zlib.error,
)  # fmt: skip
_READ_BYTES = 1 << 20


@contextmanager
def opened(path: bytes) -> Iterator[BinaryIO]:
    """The file at `path` for reading. Raises BadFile for what is no regular file, TryLater
    where it cannot be read.
    """
    try:
        # Without O_NONBLOCK opening a named pipe would wait for ever.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        regular = stat.S_ISREG(os.fstat(descriptor).st_mode)
    except OSError as error:
        raise TryLater(_trouble(error)) from None
    if not regular:
        os.close(descriptor)
        raise BadFile("not a regular file")
    with os.fdopen(descriptor, "rb") as file:
        yield file


@contextmanager
def explained(what: str, path: bytes) -> Iterator[None]:
    """Turn whatever reading and decoding raises inside into BadFile or TryLater; decoders'
    warnings are dropped.

    BadFile only where the whole file can be read: else a failing disk would condemn its files.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    except RollcallError:
        raise
    except MemoryError:
        raise TryLater(f"not enough memory to decode this {what}") from None
    except UnidentifiedImageError:
        _read_through(path)
        raise BadFile(f"the {what} is damaged: its header cannot be read") from None
    except OSError as error:
        # EINVAL comes from seeking to the nonsense that a damaged header asks for.
        if error.errno not in (None, errno.EINVAL):
            raise TryLater(_trouble(error)) from None
        _read_through(path)
        raise BadFile(_reason(what, error)) from None
    except DAMAGE as error:
        logger.debug("%s not decoded", what, exc_info=True)
        _read_through(path)
        raise BadFile(_reason(what, error)) from None


def _read_through(path: bytes) -> None:
    """Raise TryLater unless every byte can be read."""
    try:
        with open(path, "rb") as file:
            while file.read(_READ_BYTES):
                pass
    except OSError as error:
        raise TryLater(_trouble(error)) from None


def _trouble(error: OSError) -> str:
    if error.errno == errno.ENOENT:
        return "the file vanished while it was being read"
    if error.errno in (errno.EACCES, errno.EPERM):
        return (
            "the file may not be read by this user; give the service read permission (chmod, chown)"
        )
    return f"the file could not be read: {error.strerror}"


def _reason(what: str, error: Exception) -> str:
    detail = " ".join(str(error).split())[:200] or type(error).__name__
    if isinstance(error, EOFError) or any(mark in detail.lower() for mark in CUT_SHORT):
        return f"the file is cut short: the {what} ends too early"
    return f"the {what} is damaged and cannot be decoded ({detail})"
