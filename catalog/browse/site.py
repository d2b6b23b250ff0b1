"""What one Datasette needs to know to show a catalog: which database it is, where its pictures
lie, its vectors, and what the pages may do.
"""

from __future__ import annotations

import asyncio
import queue
import threading
from contextlib import closing
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from datasette.database import Database

from catalog.browse.credentials import Secrets
from catalog.browse.kept import Kept
from catalog.browse.options import Options
from catalog.connect import connect, crops_path, transaction

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable

    from catalog.vectors import VectorIndex

T = TypeVar("T")

# The name under which the catalog is served; templates and descriptions are bound to it.
DATABASE = "catalog"
CROPS = "rollcall_crops"
PLUGIN = "rollcall"
# Connections that pages read through, each in a thread of its own.
READERS = 4

_making = threading.Lock()


@dataclass(frozen=True, kw_only=True)
class Site:
    """The catalog behind one Datasette. `crops` is read through Datasette's threads but served
    under no address.
    """

    path: Path
    crops: Database
    options: Options
    _readers: queue.LifoQueue[sqlite3.Connection | None] = field(
        default_factory=lambda: _places(READERS)
    )
    _writing: threading.Lock = field(default_factory=threading.Lock)

    @property
    def show_vectors(self) -> bool:
        """Whether SQL may read vectors."""
        return self.options.vectors

    @cached_property
    def secrets(self) -> Secrets | None:
        """Tokens and the key that signs cookies; None where there is no place for them."""
        return None if self.options.secrets is None else Secrets(self.options.secrets)

    @cached_property
    def vectors(self) -> VectorIndex:
        """The face vectors, loaded when a query first asks for one."""
        from catalog.vectors import VectorIndex  # loads numpy

        return VectorIndex(self.path)

    async def read(self, function: Callable[[sqlite3.Connection], T]) -> T:
        """What `function` reads, in a thread, from one state of the catalog."""
        return await asyncio.to_thread(self.read_now, function)

    async def write(self, function: Callable[[sqlite3.Connection], T]) -> T:
        """What `function` returns, in a thread and a transaction of its own."""
        return await asyncio.to_thread(self._write, function)

    def read_now(self, function: Callable[[sqlite3.Connection], T]) -> T:
        """What `function` reads, in this thread."""
        connection = self._readers.get()
        try:
            if connection is None:
                connection = connect(self.path, readonly=True)
            connection.execute("BEGIN")
            try:
                return function(connection)
            finally:
                connection.rollback()
        finally:
            self._readers.put(connection)

    def _write(self, function: Callable[[sqlite3.Connection], T]) -> T:
        with self._writing, closing(connect(self.path)) as connection, transaction(connection):
            return function(connection)

    @cached_property
    def kept(self) -> Kept:
        """What was computed of all vectors."""
        return Kept()

    def close(self) -> None:
        """Close what this plugin opened; Datasette's own connections are Datasette's to close."""
        self.crops.close()
        for _ in range(READERS):
            connection = self._readers.get()
            if connection is not None:
                connection.close()
            self._readers.put(None)
        if "vectors" in self.__dict__:
            self.vectors.close()


def _places(count: int) -> queue.LifoQueue[sqlite3.Connection | None]:
    found: queue.LifoQueue[sqlite3.Connection | None] = queue.LifoQueue()
    for _ in range(count):
        found.put(None)
    return found


def has_catalog(datasette: Any) -> bool:
    """Whether this Datasette serves a catalog."""
    database = datasette.databases.get(DATABASE)
    return database is not None and not database.is_memory


def site_of(datasette: Any) -> Site | None:
    """The catalog that this Datasette serves, None where it serves none."""
    if not has_catalog(datasette):
        return None
    database = datasette.databases[DATABASE]
    with _making:
        found: Site | None = getattr(datasette, "rollcall_site", None)
        if found is None:
            found = datasette.rollcall_site = _make(datasette, Path(database.path))
    return found


def is_ours(datasette: Any) -> bool:
    """Whether `rollcall serve` made this Datasette, and it serves nothing else."""
    return getattr(datasette, "rollcall_options", None) is not None


def _make(datasette: Any, path: Path) -> Site:
    configured = datasette.plugin_config(PLUGIN) or {}
    crops = Database(datasette, path=str(configured.get("crops") or crops_path(path)))
    crops.name = CROPS
    options: Options | None = getattr(datasette, "rollcall_options", None)
    if options is None:
        options = Options(vectors=configured.get("vectors") is True)
    return Site(path=path, crops=crops, options=options)
