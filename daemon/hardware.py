"""What this machine can give: cores, memory, graphics cards, within its control group's limits.

Read from /proc and /sys alone. onnxruntime is not imported for it, because that takes 40 MB which
the supervisor would keep: the libraries in the installed package say what it can run on.
"""

from __future__ import annotations

import importlib.util
import math
import os
import platform
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Callable

MIB = 1024 * 1024
# A control group without a limit reports a number near 2^63.
NO_LIMIT = 1 << 60
PROVIDERS = {
    "tensorrt": "TensorrtExecutionProvider",
    "cuda": "CUDAExecutionProvider",
    "migraphx": "MIGraphXExecutionProvider",
    "rocm": "ROCMExecutionProvider",
    "openvino": "OpenVINOExecutionProvider",
}
VENDORS = {"0x10de": "NVIDIA", "0x1002": "AMD", "0x8086": "Intel"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Gpu:
    """A graphics card; `usable`: its driver is loaded and this user may open it."""

    vendor: str
    name: str
    usable: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Hardware:
    """`cores` this process may keep busy; memory in MiB, the control group's limit counted in.

    `providers` are onnxruntime's names of what the installed package can run on, fastest first.
    `tensorflow` is what TensorFlow would run on, where it is installed.
    """

    cores: int
    memory_total_mb: int
    memory_available_mb: int
    memory_limit_mb: int | None
    providers: tuple[str, ...]
    gpus: tuple[Gpu, ...]
    tensorflow: Literal["absent", "processor", "graphics"] = "absent"


def survey(
    *,
    root: Path = Path("/"),
    affinity: Callable[[], int] = lambda: len(os.sched_getaffinity(0)),
    package: Callable[[str], Path | None] = lambda name: _package(name),
    system: Callable[[], tuple[str, str]] = lambda: (platform.system(), platform.machine()),
) -> Hardware:
    """Look at the machine under `root`. Never raises: what cannot be read is taken for absent.

    `package` finds the folder of an installed package; `system` is ("Linux", "x86_64") and so on.
    """
    apple = system() == ("Darwin", "arm64")
    gpus = (Gpu(vendor="Apple", name="Apple GPU", usable=True),) if apple else _gpus(root)
    total_mb, available_mb = _memory(root)
    limit_mb, left_mb = _memory_limit(root)
    quota = _cpu_quota(root)
    cores = affinity() if quota is None else min(affinity(), math.ceil(quota))
    return Hardware(
        cores=max(1, cores),
        memory_total_mb=total_mb if limit_mb is None else min(total_mb, limit_mb),
        memory_available_mb=available_mb if left_mb is None else min(available_mb, left_mb),
        memory_limit_mb=limit_mb if limit_mb is not None and limit_mb < total_mb else None,
        providers=_providers(package("onnxruntime"), apple=apple),
        gpus=gpus,
        tensorflow=_tensorflow(root, package, gpus),
    )


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""


def _number(path: Path) -> int | None:
    text = _text(path)
    return int(text) if text.lstrip("-").isdigit() else None


def _memory(root: Path) -> tuple[int, int]:
    """MiB in total and available."""
    rows = dict(
        line.split(":", 1) for line in _text(root / "proc/meminfo").splitlines() if ":" in line
    )
    found = {key: int(value.split()[0]) // 1024 for key, value in rows.items() if value.split()}
    total_mb = found.get("MemTotal", 0)
    return total_mb, found.get("MemAvailable", total_mb)


def _groups(root: Path, controller: str) -> list[Path]:
    """The folders of our control group and of those around it, innermost first; "" is version 2."""
    mount = root / "sys/fs/cgroup"
    for line in _text(root / "proc/self/cgroup").splitlines():
        _, names, inside = (*line.split(":", 2), "", "")[:3]
        if controller not in names.split(","):
            continue
        base = mount / names if names else mount
        for alternative in (names, controller, "unified"):
            if (mount / alternative).is_dir() and alternative:
                base = mount / alternative
                break
        own = Path(inside.lstrip("/"))
        # Inside a container the path can be the host's, which does not exist here.
        return [base / part for part in (own, *own.parents) if ".." not in part.parts]
    return []


def _cpu_quota(root: Path) -> float | None:
    """Cores' worth of time that the tightest control group allows, None for no limit."""
    quotas = []
    for folder in _groups(root, ""):
        allowed, period = (*_text(folder / "cpu.max").split(), "", "")[:2]
        if allowed.isdigit() and period.isdigit() and int(period):
            quotas.append(int(allowed) / int(period))
    for folder in _groups(root, "cpu"):
        allowed_us = _number(folder / "cpu.cfs_quota_us")
        period_us = _number(folder / "cpu.cfs_period_us")
        if allowed_us and allowed_us > 0 and period_us:
            quotas.append(allowed_us / period_us)
    return min(quotas, default=None)


def _memory_limit(root: Path) -> tuple[int | None, int | None]:
    """MiB that the tightest control group allows, and what is left of it; None for no limit."""
    limits = []
    for controller, names, usage, cache in (
        ("", ("memory.max", "memory.high"), "memory.current", "inactive_file"),
        ("memory", ("memory.limit_in_bytes",), "memory.usage_in_bytes", "total_inactive_file"),
    ):
        for folder in _groups(root, controller):
            allowed = [_number(folder / name) for name in names]
            limit = min((value for value in allowed if value is not None), default=NO_LIMIT)
            if limit < NO_LIMIT:
                used = (_number(folder / usage) or 0) - _statistic(folder / "memory.stat", cache)
                limits.append((limit // MIB, max(0, limit - max(0, used)) // MIB))
    if not limits:
        return None, None
    return min(limit for limit, _ in limits), min(left for _, left in limits)


def _statistic(path: Path, key: str) -> int:
    rows = dict(line.split(" ", 1) for line in _text(path).splitlines() if " " in line)
    value = rows.get(key, "0")
    return int(value) if value.isdigit() else 0


def _package(name: str) -> Path | None:
    """The folder of an installed package, which is not imported."""
    found = importlib.util.find_spec(name)
    folders = list(found.submodule_search_locations or ()) if found else []
    return Path(folders[0]) if folders else None


def _providers(runtime: Path | None, *, apple: bool) -> tuple[str, ...]:
    if runtime is None:
        return ()
    if apple:  # built into the library there
        return ("CoreMLExecutionProvider", "CPUExecutionProvider")
    carried = [
        provider
        for name, provider in PROVIDERS.items()
        if any((runtime / "capi").glob(f"libonnxruntime_providers_{name}.*"))
    ]
    return (*carried, "CPUExecutionProvider")


def _tensorflow(
    root: Path, package: Callable[[str], Path | None], gpus: tuple[Gpu, ...]
) -> Literal["absent", "processor", "graphics"]:
    """TensorFlow's own packages run on NVIDIA's cards only, and need CUDA's libraries beside."""
    if package("tensorflow") is None:
        return "absent"
    if not any(gpu.vendor == "NVIDIA" and gpu.usable for gpu in gpus):
        return "processor"
    carried = package("nvidia")  # what `pip install tensorflow[and-cuda]` brings
    folders = (root / "usr/local/cuda/lib64", root / "usr/lib/x86_64-linux-gnu")
    found = [*folders, *([carried / "cudnn/lib"] if carried else [])]
    return "graphics" if any(any(it.glob("libcudnn.so*")) for it in found) else "processor"


def _gpus(root: Path) -> tuple[Gpu, ...]:
    """NVIDIA's cards by its driver, else by the PCI bus; AMD's and Intel's by the PCI bus."""
    nvidia = [
        Gpu(vendor="NVIDIA", name=name, usable=os.access(root / "dev/nvidiactl", os.R_OK | os.W_OK))
        for name in _nvidia_names(root)
    ]
    others = []
    for folder in sorted((root / "sys/bus/pci/devices").glob("*")):
        vendor = VENDORS.get(_text(folder / "vendor"), "")
        # Class 03 is a display controller, 12 a processing accelerator.
        if not vendor or _text(folder / "class")[:4] not in ("0x03", "0x12"):
            continue
        if vendor == "NVIDIA" and nvidia:
            continue
        name = f"{vendor} {_text(folder / 'device').removeprefix('0x')}"
        others.append(Gpu(vendor=vendor, name=name, usable=_usable(root, vendor)))
    return (*nvidia, *others)


def _nvidia_names(root: Path) -> list[str]:
    names = []
    for information in sorted((root / "proc/driver/nvidia/gpus").glob("*/information")):
        for line in _text(information).splitlines():
            key, _, value = line.partition(":")
            if key == "Model":
                names.append(value.strip())
    if not names:
        names = [f"NVIDIA {node.name}" for node in sorted((root / "dev").glob("nvidia[0-9]*"))]
    return names


def _usable(root: Path, vendor: str) -> bool:
    nodes = {"AMD": [root / "dev/kfd"], "NVIDIA": [root / "dev/nvidiactl"]}.get(
        vendor, sorted((root / "dev/dri").glob("renderD*"))
    )
    return any(os.access(node, os.R_OK | os.W_OK) for node in nodes)
