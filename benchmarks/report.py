"""What the benchmarks share: where the data lies, tables, JSON, and bootstrap intervals."""

from __future__ import annotations

import json
import os
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

REPOSITORY = Path(__file__).parent.parent
_PACKAGES = ("deepface", "onnxruntime", "opencv-contrib-python-headless", "tensorflow", "numpy")


def data_folder() -> Path:
    """The folder with real photographs. Ends the program with one line where there is none."""
    candidates = [os.environ.get("ROLLCALL_TEST_DATA"), REPOSITORY.parent / "shared" / "data"]
    for path in candidates:
        if path and Path(path).is_dir():
            return Path(path)
    raise SystemExit(
        "no test data: set ROLLCALL_TEST_DATA or put it beside the repository at ../shared/data"
    )


def photo_folders() -> list[Path]:
    """The photographs and portraits of the test data."""
    return [data_folder() / "photos" / "examples", data_folder() / "reference"]


def bootstrap_interval(
    samples: NDArray[Any],
    statistic: Callable[[NDArray[Any]], float],
    *,
    rounds: int = 2000,
    seed: int = 0,
) -> tuple[float, float]:
    """The 95 % percentile interval of a statistic of the samples' rows, drawn again with
    replacement.
    """
    draw = np.random.default_rng(seed)
    count = len(samples)
    values = [statistic(samples[draw.integers(0, count, count)]) for _ in range(rounds)]
    low, high = np.percentile(values, [2.5, 97.5])
    return float(low), float(high)


def with_interval(value: float, interval: tuple[float, float], *, percent: bool = True) -> str:
    """`98.0 (97.4-98.6)`."""
    factor, digits = (100, 1) if percent else (1, 3)
    low, high = (f"{factor * bound:.{digits}f}" for bound in interval)
    return f"{factor * value:.{digits}f} ({low}-{high})"


def table(headings: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Columns as wide as they need to be; the first is text, the others are set flush right."""
    cells = [[str(cell) for cell in row] for row in (headings, *rows)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(headings))]
    lines = [
        "  ".join(
            cell.ljust(width) if column == 0 else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in cells
    ]
    return "\n".join([lines[0], "  ".join("-" * width for width in widths), *lines[1:]])


def machine() -> dict[str, object]:
    """What the figures were measured on."""
    return {
        "processor": _processor(),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "packages": {name: _installed(name) for name in _PACKAGES},
    }


def publish(result: dict[str, Any], text: str, *, as_json: bool) -> None:
    """Print the result: as JSON with the machine, or the text."""
    if as_json:
        print(json.dumps({"machine": machine(), **result}, indent=2, ensure_ascii=False))
    else:
        print(text)


def _installed(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()
