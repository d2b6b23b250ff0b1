"""What the machine can give, read from made-up /proc and /sys trees and from this machine."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from daemon.hardware import Gpu, Hardware, survey

if TYPE_CHECKING:
    from pathlib import Path

MEMINFO = (
    "MemTotal:       16384000 kB\nMemFree: 1 kB\nMemAvailable:    8192000 kB\nHugePages_Total: 0\n"
)


def _tree(root: Path, files: dict[str, str]) -> Path:
    for name, text in {"proc/meminfo": MEMINFO, **files}.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


def _survey(root: Path, *, cores: int = 8, **packages: Path) -> Hardware:
    return survey(root=root, affinity=lambda: cores, package=packages.get)


def test_this_machine_has_a_core_and_memory() -> None:
    found = survey()
    assert 1 <= found.cores <= (os.cpu_count() or 1)
    assert 0 < found.memory_available_mb <= found.memory_total_mb
    assert found.providers[-1] == "CPUExecutionProvider"


def test_a_machine_that_tells_nothing_still_has_one_core(tmp_path: Path) -> None:
    found = survey(root=tmp_path, affinity=lambda: 0, package=lambda _: None)
    assert found == Hardware(
        cores=1,
        memory_total_mb=0,
        memory_available_mb=0,
        memory_limit_mb=None,
        providers=(),
        gpus=(),
    )


@pytest.mark.parametrize(
    ("files", "cores"),
    [
        pytest.param({}, 8, id="no control groups"),
        pytest.param(
            {"proc/self/cgroup": "0::/a/b", "sys/fs/cgroup/a/b/cpu.max": "max 100000"},
            8,
            id="v2 max",
        ),
        pytest.param(
            {"proc/self/cgroup": "0::/a/b", "sys/fs/cgroup/a/b/cpu.max": "250000 100000"},
            3,
            id="v2 quota",
        ),
        pytest.param(
            {"proc/self/cgroup": "0::/a/b", "sys/fs/cgroup/a/cpu.max": "100000 100000"},
            1,
            id="v2 quota of the group around",
        ),
        pytest.param(
            {"proc/self/cgroup": "0::/../..", "sys/fs/cgroup/cpu.max": "50000 100000"},
            1,
            id="v2 in a container",
        ),
        pytest.param(
            {
                "proc/self/cgroup": "4:cpu,cpuacct:/docker/x\n0::/",
                "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us": "200000",
                "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us": "100000",
            },
            2,
            id="v1 quota",
        ),
        pytest.param(
            {
                "proc/self/cgroup": "1:cpu:/",
                "sys/fs/cgroup/cpu/cpu.cfs_quota_us": "-1",
                "sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000",
            },
            8,
            id="v1 no quota",
        ),
        pytest.param(
            {"proc/self/cgroup": "nonsense\n0::", "sys/fs/cgroup/cpu.max": "x y"}, 8, id="nonsense"
        ),
    ],
)
def test_a_quota_of_the_control_group_counts(
    tmp_path: Path, files: dict[str, str], cores: int
) -> None:
    assert _survey(_tree(tmp_path, files)).cores == cores


@pytest.mark.parametrize(
    ("files", "total", "available", "limit"),
    [
        pytest.param({}, 16000, 8000, None, id="no limit"),
        pytest.param(
            {
                "proc/self/cgroup": "0::/a",
                "sys/fs/cgroup/a/memory.max": str(4 << 30),
                "sys/fs/cgroup/a/memory.current": str(3 << 30),
                "sys/fs/cgroup/a/memory.stat": f"anon 5\ninactive_file {1 << 30}",
            },
            4096,
            2048,
            4096,
            id="v2, cached files can go",
        ),
        pytest.param(
            {
                "proc/self/cgroup": "0::/a",
                "sys/fs/cgroup/a/memory.max": "max",
                "sys/fs/cgroup/a/memory.high": str(1 << 30),
                "sys/fs/cgroup/a/memory.current": "0",
            },
            1024,
            1024,
            1024,
            id="v2 high",
        ),
        pytest.param(
            {
                "proc/self/cgroup": "4:memory:/x",
                "sys/fs/cgroup/memory/x/memory.limit_in_bytes": "9223372036854771712",
                "sys/fs/cgroup/memory/memory.limit_in_bytes": str(2 << 30),
                "sys/fs/cgroup/memory/memory.usage_in_bytes": str(3 << 30),
            },
            2048,
            0,
            2048,
            id="v1, more used than allowed",
        ),
    ],
)
def test_a_memory_limit_of_the_control_group_counts(
    tmp_path: Path, files: dict[str, str], total: int, available: int, limit: int | None
) -> None:
    found = _survey(_tree(tmp_path, files))
    assert (found.memory_total_mb, found.memory_available_mb, found.memory_limit_mb) == (
        total,
        available,
        limit,
    )


@pytest.mark.parametrize(
    ("files", "gpus"),
    [
        pytest.param(
            {
                "proc/driver/nvidia/gpus/01:00.0/information": "Model: \t NVIDIA RTX A2000\nIRQ: 5",
                "dev/nvidiactl": "",
                "sys/bus/pci/devices/1/vendor": "0x10de",
                "sys/bus/pci/devices/1/class": "0x030000",
            },
            (Gpu(vendor="NVIDIA", name="NVIDIA RTX A2000", usable=True),),
            id="NVIDIA with its driver",
        ),
        pytest.param(
            {
                "sys/bus/pci/devices/1/vendor": "0x10de",
                "sys/bus/pci/devices/1/device": "0x2531",
                "sys/bus/pci/devices/1/class": "0x030200",
            },
            (Gpu(vendor="NVIDIA", name="NVIDIA 2531", usable=False),),
            id="NVIDIA without a driver",
        ),
        pytest.param(
            {
                "sys/bus/pci/devices/1/vendor": "0x8086",
                "sys/bus/pci/devices/1/device": "0x9a49",
                "sys/bus/pci/devices/1/class": "0x030000",
                "dev/dri/renderD128": "",
                "sys/bus/pci/devices/2/vendor": "0x1002",
                "sys/bus/pci/devices/2/device": "0x744c",
                "sys/bus/pci/devices/2/class": "0x030000",
            },
            (
                Gpu(vendor="Intel", name="Intel 9a49", usable=True),
                Gpu(vendor="AMD", name="AMD 744c", usable=False),
            ),
            id="Intel and AMD",
        ),
        pytest.param(
            {
                "sys/bus/pci/devices/1/vendor": "0x8086",
                "sys/bus/pci/devices/1/class": "0x020000",
                "sys/bus/pci/devices/2/vendor": "0x1a03",
                "sys/bus/pci/devices/2/class": "0x030000",
            },
            (),
            id="a network card and a console chip",
        ),
    ],
)
def test_graphics_cards_are_named(
    tmp_path: Path, files: dict[str, str], gpus: tuple[Gpu, ...]
) -> None:
    assert _survey(_tree(tmp_path, files)).gpus == gpus


def test_what_onnxruntime_carries_is_what_it_runs_on(tmp_path: Path) -> None:
    runtime = tmp_path / "onnxruntime"
    _tree(
        runtime,
        {
            "capi/libonnxruntime_providers_cuda.so": "",
            "capi/libonnxruntime_providers_shared.so": "",
        },
    )
    assert _survey(tmp_path, onnxruntime=runtime).providers == (
        "CUDAExecutionProvider",
        "CPUExecutionProvider",
    )


NVIDIA = {"proc/driver/nvidia/gpus/01:00.0/information": "Model: A2000", "dev/nvidiactl": ""}


@pytest.mark.parametrize(
    ("files", "installed", "expected"),
    [
        pytest.param(NVIDIA, (), "absent", id="not installed"),
        pytest.param({}, ("tensorflow", "nvidia"), "processor", id="no card"),
        pytest.param(NVIDIA, ("tensorflow",), "processor", id="no libraries"),
        pytest.param(NVIDIA, ("tensorflow", "nvidia"), "graphics", id="libraries beside it"),
        pytest.param(
            {**NVIDIA, "usr/local/cuda/lib64/libcudnn.so.9": ""},
            ("tensorflow",),
            "graphics",
            id="libraries of the system",
        ),
    ],
)
def test_what_tensorflow_would_run_on_is_told_without_starting_it(
    tmp_path: Path, files: dict[str, str], installed: tuple[str, ...], expected: str
) -> None:
    _tree(tmp_path, {**files, "packages/nvidia/cudnn/lib/libcudnn.so.9": ""})
    packages = {name: tmp_path / "packages" / name for name in installed}
    assert _survey(tmp_path, **packages).tensorflow == expected


def test_an_apple_machine_has_its_own_card_and_runtime(tmp_path: Path) -> None:
    found = survey(
        root=tmp_path,
        affinity=lambda: 8,
        package=lambda name: tmp_path if name == "onnxruntime" else None,
        system=lambda: ("Darwin", "arm64"),
    )
    assert found.providers == ("CoreMLExecutionProvider", "CPUExecutionProvider")
    assert [gpu.vendor for gpu in found.gpus] == ["Apple"]
