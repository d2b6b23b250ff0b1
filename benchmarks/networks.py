"""Rollcall's networks and their peers as contestants: both get the same weights, picture and
chips.
"""

from __future__ import annotations

import warnings
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from benchmarks.stopwatch import Contestant
from daemon.allotment import Engine
from daemon.faces import device, zoo
from daemon.faces.align import as_picture, cut, decode
from daemon.faces.dlib_network import convert
from daemon.faces.embed import chips
from daemon.faces.geometry import GEOMETRIES
from daemon.faces.onnx_files import open_session, prepared
from daemon.faces.views import shrunk
from daemon.faces.weights import find_weights
from daemon.hardware import survey

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from daemon.faces.embed import Chips
    from daemon.faces.values import Picture
    from daemon.settings import Settings

SIZES = (640, 1280)
_PHOTO = "obama_and_biden.jpg"
_OURS = "onnxruntime"
_OVERLAP, _MOST = 0.3, 5000  # OpenCV's defaults for FaceDetectorYN
PEERS = ("OpenCV DNN", "dlib")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Bench:
    """What everything is measured with: settings, one picture at each of SIZES, chips for the
    largest batch, and the numbers of threads to try.
    """

    settings: Settings
    pictures: dict[int, Picture]
    chips: Chips
    batches: tuple[int, ...]
    threads: tuple[int, ...]


def prepare(data: Path, settings: Settings, batches: Sequence[int]) -> Bench:
    """The picture, and real chips: the faces of as many pictures of Labeled Faces in the Wild."""
    detector = zoo.build_detector("yunet", settings)
    crops = []
    for path in sorted((data / "lfw-dev").glob("*/*.jpg")):
        picture = _read(path)
        crops += [cut(picture, it, 1.0, settings.crops) for it in detector.detect([picture])[0][:1]]
        if len(crops) == max(batches):
            break
    photo = _read(data / "photos" / "examples" / _PHOTO)
    return Bench(
        settings=settings,
        pictures={size: shrunk(photo, size).picture for size in SIZES},
        chips=chips(crops, GEOMETRIES["Dlib"]),
        batches=tuple(batches),
        threads=tuple(sorted({1, survey().cores})),
    )


def proven(engine: Engine, settings: Settings) -> Engine:
    """The same where Dlib's network really opens on it, else the processor with the reason."""
    if engine.device == "cpu":
        return engine
    with on(engine):
        open_session(_dlib_graph(settings))
        why = device.fallback()
    return Engine(why=why) if why else engine


def ours(bench: Bench, engine: Engine | None = None) -> list[Contestant]:
    """Rollcall's networks: on the processor by numbers of threads, on a card once."""
    made: list[Contestant] = []
    for threads in bench.threads if engine is None else (1,):
        with on(engine or Engine()):
            yunet = zoo.build_detector("yunet", bench.settings, threads=threads)
            mtcnn = zoo.build_detector("mtcnn", bench.settings, threads=threads)
            session = open_session(_dlib_graph(bench.settings), threads=threads)
        rest = {"by": _OURS, "threads": threads, "device": session.device}
        for size, picture in bench.pictures.items():
            made.append(
                Contestant(task=_yunet_task(size), run=_call(yunet.detect, [picture]), **rest)
            )
        small = bench.pictures[SIZES[0]]
        made.append(
            Contestant(task=f"MTCNN, {SIZES[0]} px", run=_call(mtcnn.detect, [small]), **rest)
        )
        if engine is not None:
            run = _call(yunet.detect, [small] * 8)
            made.append(Contestant(task=_yunet_task(SIZES[0]), run=run, items=8, **rest))
        for batch in bench.batches:
            run = _call(session.run, None, {"faces": bench.chips[:batch]})
            made.append(Contestant(task="Dlib's network", run=run, items=batch, **rest))
    return made


def opencv(bench: Bench) -> list[Contestant]:
    """OpenCV's own YuNet, by numbers of threads."""
    return [
        Contestant(
            task=_yunet_task(size),
            by="OpenCV DNN",
            run=_call(_face_detector(bench.settings, picture).detect, _bgr(picture)),
            threads=threads,
        )
        for size, picture in bench.pictures.items()
        for threads in bench.threads
    ]


def dlib(bench: Bench) -> list[Contestant]:
    """dlib itself, which takes no number of threads; nobody where it is not installed."""
    model = _dlib_model(bench.settings)
    if model is None:
        return []
    return [
        Contestant(
            task="Dlib's network",
            by="dlib",
            run=_call(model.compute_face_descriptor, bench.chips[:batch]),
            items=batch,
        )
        for batch in bench.batches
    ]


def differences(bench: Bench) -> dict[str, float]:
    """The largest difference between us and each peer: of boxes in pixels, of Dlib's numbers."""
    found = {}
    yunet = zoo.build_detector("yunet", bench.settings)
    for size, picture in bench.pictures.items():
        _, theirs = _face_detector(bench.settings, picture).detect(_bgr(picture))
        boxes = np.array([[it.x, it.y, it.w, it.h] for it in yunet.detect([picture])[0]])
        apart = np.abs(boxes[:, None] - theirs[None, :, :4]).max(axis=2)
        found[f"{_yunet_task(size)}, pixels"] = float(
            max(apart.min(axis=0).max(), apart.min(axis=1).max())
        )
    model = _dlib_model(bench.settings)
    if model is not None:
        (mine,) = open_session(_dlib_graph(bench.settings)).run(None, {"faces": bench.chips})
        theirs = np.array([list(it) for it in model.compute_face_descriptor(bench.chips)])
        found["Dlib's network"] = float(np.abs(mine - theirs).max())
    return found


@contextmanager
def on(engine: Engine) -> Iterator[None]:
    """Networks that are opened inside run on this; afterwards on what was chosen before."""
    before = device.chosen()
    device.use(engine)
    try:
        yield
    finally:
        device.use(before)


def _call(run: Callable[..., object], *arguments: object) -> Callable[[], object]:
    return lambda: run(*arguments)


def _yunet_task(size: int) -> str:
    return f"YuNet, {size} px"


def _face_detector(settings: Settings, picture: Picture) -> Any:
    path = find_weights("yunet", settings.models, state=settings.paths.state).path
    size = picture.shape[1], picture.shape[0]
    return cv2.FaceDetectorYN.create(
        str(path), "", size, settings.detect.min_confidence, _OVERLAP, _MOST
    )


def _dlib_graph(settings: Settings) -> Path:
    source = find_weights("Dlib", settings.models, state=settings.paths.state).path
    return prepared(source, state=settings.paths.state, kind="dlib", convert=convert)


def _dlib_model(settings: Settings) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # its wheels for new Pythons warn while they load
        try:
            import dlib
        except ImportError:
            return None
    source = find_weights("Dlib", settings.models, state=settings.paths.state).path
    return dlib.face_recognition_model_v1(str(source))


def _bgr(picture: Picture) -> Picture:
    return as_picture(cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))


def _read(path: Path) -> Picture:
    return decode(path.read_bytes())
