"""Opening the catalog, and transactions that never stay open."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from catalog.connect import connect, crops_path, transaction
from catalog.errors import CatalogError

if TYPE_CHECKING:
    from pathlib import Path

ADD = "INSERT INTO log (at, level, event) VALUES ('x', 'info', ?)"


def events(connection: sqlite3.Connection) -> list[str]:
    return [row[0] for row in connection.execute("SELECT event FROM log ORDER BY id")]


@pytest.mark.parametrize(
    ("pragma", "value"),
    [("journal_mode", "wal"), ("foreign_keys", 1), ("busy_timeout", 15000), ("synchronous", 1)],
)
def test_every_connection_is_set_up_alike(catalog_path: Path, pragma: str, value: object) -> None:
    for readonly in (False, True):
        with closing(connect(catalog_path, readonly=readonly)) as connection:
            assert connection.execute(f"PRAGMA {pragma}").fetchone()[0] == value


def test_opening_creates_nothing(tmp_path: Path) -> None:
    with pytest.raises(CatalogError, match="no catalog here yet"):
        connect(tmp_path / "catalog.db")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_in_the_place_of_the_catalog_is_refused_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(CatalogError, match="cannot be opened"):
        connect(tmp_path)


def test_a_path_with_characters_of_addresses_is_opened(catalog_path: Path) -> None:
    odd = catalog_path.parent / "100% odd?name#1.db"
    odd.write_bytes(catalog_path.read_bytes())
    with closing(connect(odd)) as connection:
        assert events(connection) == []


def test_a_readonly_connection_cannot_write(catalog_path: Path) -> None:
    with closing(connect(catalog_path, readonly=True)) as connection:
        with pytest.raises(sqlite3.OperationalError, match="readonly"):
            connection.execute(ADD, ["no"])
        assert events(connection) == []


def test_a_transaction_is_written_whole(catalog: sqlite3.Connection) -> None:
    with transaction(catalog):
        catalog.execute(ADD, ["one"])
        catalog.execute(ADD, ["two"])
    assert events(catalog) == ["one", "two"]
    assert not catalog.in_transaction


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_a_transaction_that_raises_leaves_nothing(
    catalog: sqlite3.Connection, error: type[BaseException]
) -> None:
    with pytest.raises(error), transaction(catalog):
        catalog.execute(ADD, ["one"])
        raise error
    assert events(catalog) == []
    assert not catalog.in_transaction


def test_a_commit_that_fails_does_not_block_the_next_transaction(
    catalog: sqlite3.Connection,
) -> None:
    catalog.execute("CREATE TABLE top (id INTEGER PRIMARY KEY)")
    catalog.execute("CREATE TABLE low (top REFERENCES top(id) DEFERRABLE INITIALLY DEFERRED)")
    with pytest.raises(sqlite3.IntegrityError), transaction(catalog):
        catalog.execute("INSERT INTO low VALUES (7)")
    with transaction(catalog):
        catalog.execute(ADD, ["next"])
    assert events(catalog) == ["next"]


def test_a_transaction_sees_what_another_connection_wrote_before_it(
    catalog: sqlite3.Connection, catalog_path: Path
) -> None:
    with closing(connect(catalog_path)) as other:
        assert events(catalog) == []
        with transaction(other):
            other.execute(ADD, ["theirs"])
        with transaction(catalog):
            assert events(catalog) == ["theirs"]
            catalog.execute(ADD, ["ours"])
    assert events(catalog) == ["theirs", "ours"]


def test_a_second_writer_waits_instead_of_reading_what_is_half_done(
    catalog: sqlite3.Connection, catalog_path: Path
) -> None:
    with closing(connect(catalog_path)) as other:
        other.execute("PRAGMA busy_timeout = 10")
        with transaction(catalog):
            catalog.execute(ADD, ["ours"])
            with pytest.raises(sqlite3.OperationalError, match="locked"), transaction(other):
                pass
            assert events(other) == []
        with transaction(other):
            assert events(other) == ["ours"]


def test_crops_lie_beside_the_catalog(catalog_path: Path) -> None:
    assert crops_path(catalog_path) == catalog_path.parent / "crops.db"


def test_nothing_is_left_behind_of_what_is_deleted(catalog_path: Path) -> None:
    for path in (catalog_path, crops_path(catalog_path)):
        with closing(connect(path)) as connection:
            assert connection.execute("PRAGMA secure_delete").fetchone()[0] == 1
