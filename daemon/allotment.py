"""Who works on this machine, and on what: the device, how many workers, how many threads each.

Pure: from what `hardware` saw and what the settings ask for.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Final, NamedTuple

if TYPE_CHECKING:
    from daemon.hardware import Gpu, Hardware
    from daemon.settings import Workers

# Left to the supervisor, the web process and everything else on the machine.
RESERVE_MB: Final = 512
# Resident memory of a worker with YuNet and Dlib in onnxruntime, with a model in TensorFlow, and
# what the libraries of a graphics card add (CUDA's alone take about a gigabyte when loaded).
WORKER_MB, WORKER_WITH_TENSORFLOW_MB, GPU_LIBRARIES_MB = 400, 2500, 1500
# Each worker holds its own copy of the models on the card, and the card takes turns between them.
# A worker's decoding, crops and previews stay on the processor, so one worker leaves the card idle
# half of the time; beyond a few there is nothing left to fill.
WORKERS_ON_A_GPU: Final = 4
# Faces in one run of a network. On a processor 1, 8, 16, 32 and 128 faces take 2.71, 2.29, 2.28,
# 2.24 and 3.15 ms each through Dlib's network (one thread, AMD EPYC), and 3 MB more each beyond 16.
FACES_ON_A_CPU, FACES_ON_A_GPU = 16, 128
# A worker is replaced when it holds so many times what its models need: then it leaks, or keeps
# what a huge picture took.
SWOLLEN: Final = 2.0
# The share of `memory_mb` at which it is replaced at the latest, before it fails for want of more.
NEARLY_FULL: Final = 0.9


class Card(NamedTuple):
    """How onnxruntime reaches one make of cards; `package` is what brings `provider` along."""

    device: str
    provider: str
    vendor: str
    package: str


# In the order in which they are tried. TensorRT is not among them: it compiles a network anew, for
# minutes, for every size of picture that it meets.
CARDS: Final = (
    Card("cuda", "CUDAExecutionProvider", "NVIDIA", "onnxruntime-gpu"),
    Card("rocm", "ROCMExecutionProvider", "AMD", "onnxruntime-rocm"),
    Card("migraphx", "MIGraphXExecutionProvider", "AMD", "onnxruntime-migraphx"),
    Card("openvino", "OpenVINOExecutionProvider", "Intel", "onnxruntime-openvino"),
    Card("coreml", "CoreMLExecutionProvider", "Apple", "onnxruntime"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Engine:
    """What networks run on: `device` as the ledger names it, onnxruntime's `provider` for it (empty
    for the processor), and `why` it is no graphics card.
    """

    device: str = "cpu"
    provider: str = ""
    why: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Allotment:
    """`threads` each of the `workers` may keep busy, `faces` in one run at most, and the resident
    memory above which a worker is replaced.
    """

    engine: Engine
    workers: int
    threads: int
    faces: int
    recycle_mb: int

    def as_dict(self) -> dict[str, Any]:
        """The same for JSON, flat."""
        values = asdict(self)
        return {**values.pop("engine"), **values}


def allot(hardware: Hardware, workers: Workers, *, tensorflow: bool) -> Allotment:
    """The division of this machine; `tensorflow`: a chosen model runs in it."""
    engine = choose(hardware, workers.device)
    on_card = engine.device != "cpu"
    needed_mb = WORKER_WITH_TENSORFLOW_MB if tensorflow else WORKER_MB
    needed_mb += GPU_LIBRARIES_MB if on_card else 0
    count = workers.count or _count(hardware, needed_mb, on_card=on_card)
    return Allotment(
        engine=engine,
        workers=count,
        # Two workers on two cores must not start two threads each.
        threads=max(1, hardware.cores // count),
        faces=most_faces(engine.device),
        recycle_mb=workers.recycle_mb or _swollen(needed_mb, workers.memory_mb),
    )


def choose(hardware: Hardware, wish: str) -> Engine:
    """The first card that is usable and that the installed onnxruntime can run on, else the
    processor with the reason.
    """
    if wish == "cpu":
        return Engine(why="workers.device is cpu")
    usable = {gpu.vendor for gpu in hardware.gpus if gpu.usable}
    for card in CARDS:
        if card.provider in hardware.providers and card.vendor in usable:
            return Engine(device=card.device, provider=card.provider)
    reasons = [reason for gpu in hardware.gpus if (reason := idle(gpu, hardware))]
    return Engine(why="; ".join(reasons) or "there is no graphics card")


def idle(gpu: Gpu, hardware: Hardware) -> str:
    """Why this card is not used, empty where it can be."""
    cards = [card for card in CARDS if card.vendor == gpu.vendor]
    if not gpu.usable:
        return f"{gpu.name}: no driver is loaded, or its devices are not yours to open"
    if not any(card.provider in hardware.providers for card in cards):
        return f"{gpu.name}: the installed onnxruntime runs on the processor only"
    return ""


def most_faces(device: str) -> int:
    """How many faces may go through a network in one run, at most."""
    return FACES_ON_A_CPU if device == "cpu" else FACES_ON_A_GPU


def _count(hardware: Hardware, needed_mb: int, *, on_card: bool) -> int:
    """As many as cores and free memory serve."""
    by_memory = (hardware.memory_available_mb - RESERVE_MB) // needed_mb
    by_card = WORKERS_ON_A_GPU if on_card else hardware.cores
    return max(1, min(hardware.cores, by_memory, by_card))


def _swollen(needed_mb: int, limit_mb: int) -> int:
    swollen = round(SWOLLEN * needed_mb)
    return min(swollen, round(NEARLY_FULL * limit_mb)) if limit_mb else swollen
