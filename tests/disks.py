"""Disks for tests: mounted for the length of one, and filled."""

from __future__ import annotations

import os
import shutil
import subprocess
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount")


@pytest.fixture
def mount() -> Iterator[Callable[..., None]]:
    """Mount something for the length of a test."""
    mounted: list[Path] = []

    def put(*arguments: str, on: Path) -> None:
        done = subprocess.run(["mount", *arguments, on], capture_output=True, check=False)
        if done.returncode != 0:
            pytest.skip(f"cannot mount here: {done.stderr.decode()}")
        mounted.append(on)

    yield put
    for folder in reversed(mounted):
        subprocess.run(["umount", "--lazy", folder], check=False, capture_output=True)


def fill(folder: Path, *, leave_kb: int) -> Path:
    """Fill the disk of this folder up to some kilobytes; whoever else writes there has the rest."""
    filler = folder / "filler"
    free = shutil.disk_usage(folder).free
    with suppress(OSError), filler.open("wb", buffering=0) as file:
        for _ in range(max(0, free - leave_kb * 1024) // 1024):
            file.write(b"\0" * 1024)
    return filler
