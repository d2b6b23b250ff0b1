"""Builds what the plan chose: our own detector and recognition models where there are some, others
from their ONNX files, DeepFace's for the rest.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from daemon.errors import NoWeights
from daemon.faces import packages
from daemon.faces.plan import FALLBACK_DETECTOR, failed_download, failed_lately
from daemon.faces.several import Several
from daemon.faces.weights import Weights, entry, find_weights

if TYPE_CHECKING:
    from collections.abc import Sequence

    from daemon.faces.values import Detector, Embedder
    from daemon.settings import Settings

logger = logging.getLogger(__name__)
_DOWNLOAD_TIMEOUT_S = (
    5.0  # at a worker's start nobody should wait long for a network that is not there
)


def build_detectors(names: Sequence[str], settings: Settings, *, threads: int = 1) -> Detector:
    """The detectors as one."""
    built = [build_detector(name, settings, threads=threads) for name in names]
    distinct = list({detector.name: detector for detector in built}.values())
    return distinct[0] if len(distinct) == 1 else Several(distinct)


def build_detector(name: str, settings: Settings, *, threads: int = 1) -> Detector:
    """The detector `name`, or MTCNN where it is YuNet and its weights can neither be found nor
    downloaded.

    Raises NoWeights where another's weights cannot be had, EnvironmentTrouble where it cannot be
    built.
    """
    state = settings.paths.state
    try:
        weights = obtain(name, settings)
    except NoWeights as error:
        if name != "yunet":
            raise
        logger.warning("%s; %s looks for faces instead", error, FALLBACK_DETECTOR)
        return build_detector(FALLBACK_DETECTOR, settings, threads=threads)
    if name == "yunet":
        from daemon.faces.yunet import YuNet

        return YuNet(weights, state=state, floor=settings.detect.min_confidence, threads=threads)
    if name == "mtcnn":
        from daemon.faces.mtcnn import Mtcnn

        return Mtcnn(weights, state=state)
    if name == "opencv":
        from daemon.faces.haar import Haar

        return Haar(weights)
    if name == "scrfd":
        from daemon.faces.scrfd import Scrfd

        return Scrfd(weights, floor=settings.detect.min_confidence, threads=threads)
    from daemon.faces.engine import EngineDetector

    return EngineDetector(weights, state=state, threads=threads)


def build_embedder(name: str, settings: Settings, *, threads: int = 1) -> Embedder:
    """The recognition model `name`. Raises NoWeights or EnvironmentTrouble if it cannot be had."""
    weights = obtain(name, settings)
    state, mirror = settings.paths.state, settings.embed.mirror
    if name == "Dlib":
        from daemon.faces.dlib_embedder import DlibEmbedder

        return DlibEmbedder(weights, state=state, mirror=mirror, threads=threads)
    if weights.form == "ONNX":
        from daemon.faces.onnx_embedder import OnnxEmbedder

        return OnnxEmbedder(weights, mirror=mirror, threads=threads)
    from daemon.faces.engine import EngineEmbedder

    return EngineEmbedder(weights, state=state, mirror=mirror, threads=threads)


def obtain(
    name: str, settings: Settings, *, timeout_s: float = _DOWNLOAD_TIMEOUT_S, again: bool = False
) -> Weights:
    """The weights from this machine, else downloaded where the settings allow it.

    A failure is remembered for a day (see `plan`) and not tried again meanwhile, unless `again`.
    Raises NoWeights.
    """
    state = settings.paths.state
    mark = failed_download(name, state)
    try:
        return find_weights(name, settings.models, state=state)
    except NoWeights:
        if entry(name).supplied:
            raise
        if not again and (not settings.models.download or failed_lately(name, state)):
            raise
        if packages.missing_to_fetch(entry(name)):
            raise
    from daemon.faces import engine

    mark.parent.mkdir(parents=True, exist_ok=True)
    try:
        weights = engine.download(name, settings.models, state=state, timeout_s=timeout_s)
    except NoWeights as error:
        mark.write_text(f"{error}\n")
        raise
    mark.unlink(missing_ok=True)
    return weights
