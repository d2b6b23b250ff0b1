"""What the tests of backup and restore share: a catalog with photos, and looks into it."""

from __future__ import annotations

import hashlib
from contextlib import closing
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from catalog import clock
from catalog.connect import connect, crops_path, transaction

if TYPE_CHECKING:
    import sqlite3
    from pathlib import Path

    from click.testing import Result

NOW = clock.now()


def add_photo(catalog: sqlite3.Connection, crops: sqlite3.Connection, number: int) -> None:
    """A photo with a face and its crop, committed the way the writer does: the crops first."""
    jpeg = b"jpeg %d" % number * 2000
    key = hashlib.sha256(jpeg).hexdigest()
    with transaction(catalog), transaction(crops):
        crops.execute("INSERT INTO crops VALUES (?, ?, ?)", [key, jpeg, NOW])
        catalog.execute(
            "INSERT INTO media (id, sha256, bytes, state, error, added_at)"
            " VALUES (?, ?, 1, 'failed', 'because', ?)",
            [number, f"{number:064x}", NOW],
        )
        catalog.execute(
            "INSERT INTO faces (media_id, x, y, w, h, detector, detector_version, confidence, crop)"
            " VALUES (?, 0, 0, 1, 1, 'd', '1', 1, ?)",
            [number, key],
        )


@pytest.fixture
def filled(catalog_path: Path) -> Path:
    """A catalog with twenty photos."""
    with (
        closing(connect(catalog_path)) as catalog,
        closing(connect(crops_path(catalog_path))) as crops,
    ):
        for number in range(1, 21):
            add_photo(catalog, crops, number)
    return catalog_path


def count_rows(path: Path, table: str = "media") -> int:
    """How many rows a table has."""
    with closing(connect(path)) as db:
        return int(db.execute(f"SELECT count(*) FROM {table}").fetchone()[0])


def run_command(
    command: object, catalog: Path, *arguments: str, answer: str | None = None
) -> Result:
    """A command on this catalog, in this process."""
    environment = {
        "ROLLCALL_PATHS__STATE": str(catalog.parent),
        "ROLLCALL_PATHS__INBOX": str(catalog.parent.parent / "inbox"),
    }
    return CliRunner().invoke(command, list(arguments), env=environment, input=answer)  # type: ignore[arg-type]


def dump(path: Path) -> list[str]:
    """The whole database as SQL."""
    with closing(connect(path)) as db:
        return list(db.iterdump())
