"""Bringing the catalog to this version, in a process of its own: what that imports must not
stay.
"""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

from catalog.errors import CatalogError
from catalog.migrations import is_current

if TYPE_CHECKING:
    from pathlib import Path


def bring_up(catalog: Path) -> None:
    """Create or migrate the catalog where that is needed. Raises CatalogError."""
    if is_current(catalog):
        return
    done = subprocess.run(
        [sys.executable, "-m", "catalog.migrations", str(catalog)],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        lines = done.stderr.strip().splitlines() or ["no reason given"]
        raise CatalogError(lines[-1])
