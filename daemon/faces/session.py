"""A network in onnxruntime on the chosen device, with the processor to fall back on."""

from __future__ import annotations

import logging
import os
from typing import TYPE_CHECKING, Any, Final

from daemon.faces import device
from daemon.faces.batches import first_line, is_shortage, runtime_errors

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from daemon.allotment import Engine

logger = logging.getLogger(__name__)
_CPU: Final = "CPUExecutionProvider"
# onnxruntime's own documentation of each provider. Several workers share a card, so memory is taken
# as it is needed (by default the arena doubles); kernels are chosen by rule, because measuring them
# anew for every size of picture takes longer than it saves; and numbers keep 32 bits, so that a
# vector is the same on every machine.
_OPTIONS: Final[dict[str, dict[str, str]]] = {
    "CUDAExecutionProvider": {
        "arena_extend_strategy": "kSameAsRequested",
        "cudnn_conv_algo_search": "HEURISTIC",
        "use_tf32": "0",
    },
    "ROCMExecutionProvider": {"arena_extend_strategy": "kSameAsRequested"},
    "OpenVINOExecutionProvider": {"device_type": "GPU", "precision": "FP32"},
}


class Session:
    """Stands for an `onnxruntime.InferenceSession`, and is on the processor where the chosen device
    cannot be had or fails; the reason is logged and kept in `device`.
    """

    def __init__(
        self,
        path: Path,
        *,
        engine: Engine,
        threads: int = 1,
        create: Callable[[Path, Sequence[Any], int], Any] | None = None,
    ) -> None:
        self._path = path
        self._threads = threads
        self._create = create or _create
        self._on_cpu: Any = None
        self.device = engine.device
        self._session = self._open(engine.provider)

    def get_inputs(self) -> Any:
        """The network's inputs, as onnxruntime describes them."""
        return self._session.get_inputs()

    def get_outputs(self) -> Any:
        """The network's outputs, as onnxruntime describes them."""
        return self._session.get_outputs()

    def get_providers(self) -> list[str]:
        """What it really runs on."""
        found: list[str] = self._session.get_providers()
        return found

    def run(
        self, names: Sequence[str] | None, feed: Mapping[str, NDArray[Any]]
    ) -> list[NDArray[np.float32]]:
        """The outputs. A single item that does not fit on a card is run on the processor; a card
        that fails at what the processor can do is given up.

        Raises what onnxruntime raises: for want of memory, `batches.is_shortage` tells.
        """
        if self.device == "cpu":
            return self._outputs(self._session, names, feed)
        try:
            return self._outputs(self._session, names, feed)
        except runtime_errors() as error:
            short = is_shortage(error)
            if short and _items(feed) > 1:
                raise
            found = self._outputs(self._cpu(), names, feed)
            if not short:
                self._give_up(f"it failed: {first_line(error)}")
                self._session = self._cpu()
            return found

    def _outputs(
        self, session: Any, names: Sequence[str] | None, feed: Mapping[str, NDArray[Any]]
    ) -> list[NDArray[np.float32]]:
        found: list[NDArray[np.float32]] = session.run(names, feed)
        return found

    def _open(self, provider: str) -> Any:
        if not provider:
            return self._cpu()
        try:
            session = self._create(
                self._path, [(provider, _OPTIONS.get(provider, {})), _CPU], self._threads
            )
        except runtime_errors() as error:
            self._give_up(f"no session can be opened: {first_line(error)}")
            return self._cpu()
        # onnxruntime goes on without a provider whose libraries are not there, and says so on
        # standard error only.
        if provider not in session.get_providers():
            self._give_up(f"onnxruntime cannot load {provider} or the libraries that it needs")
            return self._cpu()
        return session

    def _cpu(self) -> Any:
        if self._on_cpu is None:
            self._on_cpu = self._create(self._path, [_CPU], self._threads)
        return self._on_cpu

    def _give_up(self, reason: str) -> None:
        logger.warning("%s: on the processor, not on %s: %s", self._path.name, self.device, reason)
        device.fall_back(f"{self.device}: {reason}")
        self.device = "cpu"


def _create(path: Path, providers: Sequence[Any], threads: int) -> Any:
    # The Linux wheels of onnxruntime (seen in 1.32) report their use to their maker. Only this
    # variable, set before the first import, stops it; `disable_telemetry_events()` does not.
    os.environ["ORT_DISABLE_TELEMETRY"] = "1"
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 4  # what it raises, we tell
    # One that this package does not know is warned of, and left out all the same.
    known = set(onnxruntime.get_available_providers())
    asked = [it for it in providers if (it if isinstance(it, str) else it[0]) in known]
    return onnxruntime.InferenceSession(str(path), sess_options=options, providers=asked)


def _items(feed: Mapping[str, NDArray[Any]]) -> int:
    return max((value.shape[0] for value in feed.values() if value.ndim), default=1)
