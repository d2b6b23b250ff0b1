"""Fixtures for the tests that live in a catalog; a folder's conftest.py imports what it needs."""

from __future__ import annotations

import shutil
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from catalog.connect import connect, crops_path
from catalog.migrations import migrate
from tests.makers import Maker

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator
    from pathlib import Path


# A test's catalog need not outlive a power cut.
NO_WAITING = "PRAGMA synchronous = OFF"


@pytest.fixture(scope="session")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated catalog to copy: ten times faster than to migrate for every test."""
    path = tmp_path_factory.mktemp("migrated") / "catalog.db"
    migrate(path)
    return path


@pytest.fixture
def catalog_path(migrated: Path, tmp_path: Path) -> Path:
    """A fresh catalog with its crops.db."""
    state = tmp_path / "state"
    shutil.copytree(migrated.parent, state)
    return state / migrated.name


@pytest.fixture
def catalog(catalog_path: Path) -> Iterator[sqlite3.Connection]:
    """An open connection to a fresh catalog."""
    with closing(connect(catalog_path)) as connection:
        connection.execute(NO_WAITING)
        yield connection


@pytest.fixture
def crops(catalog_path: Path) -> Iterator[sqlite3.Connection]:
    """An open connection to the crops beside it."""
    with closing(connect(crops_path(catalog_path))) as connection:
        connection.execute(NO_WAITING)
        yield connection


@pytest.fixture
def make(catalog: sqlite3.Connection) -> Maker:
    """Makes rows in the catalog."""
    return Maker(catalog)
