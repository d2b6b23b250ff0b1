"""Networks made ready for onnxruntime: converted once, kept below the state folder, run on one
thread.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
from typing import TYPE_CHECKING

from daemon.faces.weights import file_sha256

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import onnxruntime


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


def open_session(path: Path, *, threads: int = 1) -> onnxruntime.InferenceSession:
    """A session on one thread, as a rule: the daemon runs one worker a core, and more would get in
    their way.
    """
    # The Linux wheels of onnxruntime (seen in 1.32) report their use to their maker. Only this
    # variable, set before the first import, stops it; `disable_telemetry_events()` does not.
    os.environ["ORT_DISABLE_TELEMETRY"] = "1"
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(
        str(path), sess_options=options, providers=["CPUExecutionProvider"]
    )
