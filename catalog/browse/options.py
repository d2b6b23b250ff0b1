"""What `rollcall serve` tells the pages. In a Datasette of somebody else's all of it is as here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from catalog.evidence import Bars


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """`password` is a hash of `catalog.browse.credentials`; without one whoever reaches the pages
    may look and, where `is_open`, change. `guests` may look without it. `secrets` is the file with
    the tokens and the key that signs cookies; `hosts` are the names that requests may come under
    beside this machine's own. `inbox` is where uploads go, of `upload_mb` at most, and `temporary`
    where pictures lie that are only searched for. `tiles` is the address of pictures of the land
    with {z}, {x} and {y} in it, empty where none may be asked for.

    `bars` says what settings and calibrations ask for now, `outdated` how many files have a step
    that was made with other settings, `running` whether a daemon works on the catalog.
    """

    vectors: bool = False
    is_open: bool = False
    password: str | None = None
    guests: bool = False
    secrets: Path | None = None
    hosts: tuple[str, ...] = ()
    is_local: bool = True
    inbox: Path | None = None
    temporary: Path | None = None
    upload_mb: int = 4096
    downloads: bool = False
    tiles: str = ""
    tiles_credit: str = ""
    bars: Callable[[sqlite3.Connection], Mapping[str, Bars]] | None = None
    outdated: Callable[[sqlite3.Connection], dict[str, int]] | None = None
    running: Callable[[], bool] | None = None
