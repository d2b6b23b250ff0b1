"""Networks made ready for onnxruntime: converted once, kept below the state folder, opened on the
worker's device.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
from typing import TYPE_CHECKING

from daemon.faces import device
from daemon.faces.session import Session
from daemon.faces.weights import file_sha256

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def prepared(source: Path, *, state: Path, kind: str, convert: Callable[[bytes], bytes]) -> Path:
    """The converted form of the weight file `source`, made now where it is not there yet.

    It is named by `kind` and the source's SHA-256, and appears whole or not at all, so that several
    processes may ask at once and a killed one leaves nothing behind that is taken for it.
    """
    target = state / "models" / f"{kind}-{file_sha256(source)[:16]}.onnx"
    if target.is_file():
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    data = convert(source.read_bytes())
    handle, name = tempfile.mkstemp(prefix=f".{kind}-", dir=target.parent)
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(name, target)  # noqa: PTH105 - mkstemp names files by text
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(name)  # noqa: PTH108
        raise
    return target


def open_session(path: Path, *, threads: int = 1) -> Session:
    """A session on the worker's device and its share of the processor's threads."""
    return Session(path, engine=device.chosen(), threads=threads)
