"""How a machine is divided: the device, the workers and their threads."""

from __future__ import annotations

from typing import Any

import pytest

from daemon.allotment import FACES_ON_A_CPU, FACES_ON_A_GPU, WORKERS_ON_A_GPU, allot, choose
from daemon.hardware import Gpu, Hardware
from daemon.settings import Workers

CPU, CUDA = "CPUExecutionProvider", "CUDAExecutionProvider"


def _hardware(**values: Any) -> Hardware:
    base: dict[str, Any] = {
        "cores": 4, "memory_total_mb": 64000, "memory_available_mb": 32000,
        "memory_limit_mb": None, "providers": (CPU,), "gpus": (),
    }  # fmt: skip
    return Hardware(**{**base, **values})


def _gpu(vendor: str, *, usable: bool = True) -> Gpu:
    return Gpu(vendor=vendor, name=f"{vendor} card", usable=usable)


@pytest.mark.parametrize(
    ("providers", "gpus", "wish", "device", "words"),
    [
        pytest.param((CPU,), (), "auto", "cpu", "there is no graphics card", id="no card"),
        pytest.param((CUDA, CPU), (_gpu("NVIDIA"),), "auto", "cuda", "", id="NVIDIA"),
        pytest.param((CUDA, CPU), (_gpu("NVIDIA"),), "gpu", "cuda", "", id="NVIDIA, asked for"),
        pytest.param(
            (CUDA, CPU), (_gpu("NVIDIA"),), "cpu", "cpu", "workers.device", id="not wanted"
        ),
        pytest.param(
            (CPU,), (_gpu("NVIDIA"),), "auto", "cpu", "processor only", id="card without runtime"
        ),
        pytest.param(
            (CUDA, CPU), (_gpu("NVIDIA", usable=False),), "auto", "cpu", "driver", id="no driver"
        ),
        pytest.param(
            (CUDA, CPU), (_gpu("AMD"),), "auto", "cpu", "AMD card", id="another make's runtime"
        ),
        pytest.param(
            ("TensorrtExecutionProvider", CUDA, CPU),
            (_gpu("Intel"), _gpu("NVIDIA")),
            "auto",
            "cuda",
            "",
            id="never TensorRT, and the card that has a runtime",
        ),
        pytest.param(
            ("MIGraphXExecutionProvider", CPU), (_gpu("AMD"),), "auto", "migraphx", "", id="AMD"
        ),
        pytest.param(
            ("OpenVINOExecutionProvider", CPU), (_gpu("Intel"),), "auto", "openvino", "", id="Intel"
        ),
        pytest.param(
            ("CoreMLExecutionProvider", CPU), (_gpu("Apple"),), "auto", "coreml", "", id="Apple"
        ),
    ],
)
def test_the_first_usable_card_is_taken_else_the_processor_with_the_reason(
    providers: tuple[str, ...], gpus: tuple[Gpu, ...], wish: str, device: str, words: str
) -> None:
    engine = choose(_hardware(providers=providers, gpus=gpus), wish)
    assert engine.device == device
    assert words in engine.why and bool(engine.why) == (device == "cpu")
    assert bool(engine.provider) == (device != "cpu")


@pytest.mark.parametrize(
    ("count", "cores", "available_mb", "tensorflow", "workers", "threads"),
    [
        pytest.param(5, 2, 100, False, 5, 1, id="what the settings say"),
        pytest.param(1, 8, 9000, False, 1, 8, id="one worker has all cores"),
        pytest.param(3, 8, 9000, False, 3, 2, id="never more threads than cores"),
        pytest.param(0, 2, 16000, False, 2, 1, id="as many as cores"),
        pytest.param(0, 16, 1800, False, 3, 5, id="as many as memory holds"),
        pytest.param(0, 16, 8100, True, 3, 5, id="TensorFlow takes more"),
        pytest.param(0, 16, 300, False, 1, 16, id="one at least"),
    ],
)
def test_workers_and_their_threads_fit_the_machine(
    count: int, cores: int, available_mb: int, tensorflow: bool, workers: int, threads: int
) -> None:
    hardware = _hardware(cores=cores, memory_available_mb=available_mb)
    found = allot(hardware, Workers(count=count), tensorflow=tensorflow)
    assert (found.workers, found.threads) == (workers, threads)
    assert found.faces == FACES_ON_A_CPU


def test_a_card_is_shared_by_few_workers_with_large_batches() -> None:
    hardware = _hardware(cores=32, providers=(CUDA, CPU), gpus=(_gpu("NVIDIA"),))
    found = allot(hardware, Workers(), tensorflow=False)
    assert (found.workers, found.faces) == (WORKERS_ON_A_GPU, FACES_ON_A_GPU)
    assert allot(hardware, Workers(count=6), tensorflow=False).workers == 6


def test_a_worker_is_replaced_before_it_meets_its_limit() -> None:
    assert allot(_hardware(), Workers(recycle_mb=123), tensorflow=True).recycle_mb == 123
    small = allot(_hardware(), Workers(memory_mb=0), tensorflow=False).recycle_mb
    large = allot(_hardware(), Workers(memory_mb=0), tensorflow=True).recycle_mb
    assert small < large
    assert allot(_hardware(), Workers(memory_mb=600), tensorflow=False).recycle_mb < 600
