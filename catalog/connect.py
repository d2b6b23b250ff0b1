"""The one way to open the catalog: write-ahead log, foreign keys, a patient busy timeout, explicit
transactions.
"""

from __future__ import annotations

import sqlite3
from contextlib import ExitStack, closing, contextmanager
from typing import TYPE_CHECKING

from catalog.errors import CatalogError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

BUSY_TIMEOUT_MS = 15_000
CACHE_KIB = 16 * 1024


def connect(path: Path, *, readonly: bool = False) -> sqlite3.Connection:
    """A connection in autocommit mode whose rows read by name; `transaction` groups statements.

    Opens what exists and creates nothing: `migrations.migrate` makes a catalog. May be handed from
    thread to thread, never used by two at once. A read-only one still needs to write the catalog's
    `-shm` file. Raises CatalogError.
    """
    if not path.exists():
        raise CatalogError(
            f"{path}: no catalog here yet; start `rollcall watch` or run `rollcall scan PATH` "
            "to make one"
        )
    try:
        connection = sqlite3.connect(
            f"{path.absolute().as_uri()}?mode=rw",
            uri=True,
            isolation_level=None,
            check_same_thread=False,
            timeout=BUSY_TIMEOUT_MS / 1000,
        )
        try:
            _prepare(connection, readonly=readonly)
        except sqlite3.Error:
            connection.close()
            raise
    except sqlite3.Error as error:
        raise CatalogError(
            f"{path}: cannot be opened ({error}); check that it is Rollcall's catalog and yours "
            "to write"
        ) from error
    return connection


def _prepare(connection: sqlite3.Connection, *, readonly: bool) -> None:
    connection.row_factory = sqlite3.Row
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = NORMAL")
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")
    connection.execute(f"PRAGMA cache_size = -{CACHE_KIB}")
    # Whoever writes leaves nothing behind of what is replaced, so that `forget` needs to look for
    # no remains. Debian's SQLite does so by default, others do not.
    connection.execute("PRAGMA secure_delete = ON")
    connection.execute(f"PRAGMA query_only = {int(readonly)}")


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[sqlite3.Connection]:
    """BEGIN IMMEDIATE … COMMIT, or ROLLBACK when the block raises.

    Immediate, because a deferred transaction that reads and then writes fails at once, whatever the
    busy timeout, when another process wrote in between.
    """
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield connection
        connection.commit()
    except BaseException:
        # Also after a commit that failed (a full disk): an open transaction would block the next.
        connection.rollback()
        raise


@contextmanager
def snapshots(*paths: Path) -> Iterator[tuple[sqlite3.Connection, ...]]:
    """Read-only connections in read transactions that begin in order and at once: what they see
    fits, where the first of them refers to the others. Raises CatalogError.
    """
    with ExitStack() as stack:
        connections = tuple(
            stack.enter_context(closing(connect(path, readonly=True))) for path in paths
        )
        for connection in connections:
            connection.execute("BEGIN")
            connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
        yield connections


def crops_path(catalog: Path) -> Path:
    """Where the crops and previews of this catalog lie."""
    return catalog.with_name("crops.db")
