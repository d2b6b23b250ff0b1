"""The numbered steps from nothing to the schema of today, for the catalog and for the crops beside
it.

Each step is plain SQL in `migration_sql/`, is never edited once shipped, and runs in one
transaction with its record. sqlite-utils keeps the record; it is imported only where something has
to be migrated, because importing it can pull in pandas, and the daemon that lives on afterwards
must stay small. `python -m catalog.migrations CATALOG` migrates in a process of its own; without an
argument it prints `schema.sql`.
"""

from __future__ import annotations

import re
import sqlite3
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from catalog.connect import connect, crops_path, transaction
from catalog.errors import CatalogError

if TYPE_CHECKING:
    from collections.abc import Iterator

HERE = Path(__file__).parent
CATALOG_STEPS = (
    "0001_initial",
    "0002_quality",
    "0003_more_measures",
    "0004_followers",
    "0005_parts",
    "0006_downloads",
    "0007_leaders",
    "0008_download_items",
    "0009_open_questions",
    "0010_pages",
)
CROPS_STEPS = ("crops_0001_initial", "crops_0002_small", "crops_0003_still")
RECORD = "_sqlite_migrations"


def migrate(path: Path) -> None:
    """Create the catalog and its crops, or bring them to this version. Only the holder of the
    catalog's lock may call it.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    for file, name, steps in _databases(path):
        file.touch(mode=0o600)
        connection = connect(file)
        try:
            _refuse_newer(connection, file, name, steps)
            if _missing(connection, name, steps):
                _apply(connection, name, steps)
            if name == "catalog":
                _renew_views(connection)
        except sqlite3.DatabaseError as error:
            raise CatalogError(
                f"{file}: cannot be brought to this version ({error}); restore a backup or move "
                "it away"
            ) from error
        finally:
            connection.close()


def is_current(path: Path) -> bool:
    """Whether catalog and crops exist and nothing is left to migrate. Imports nothing heavy. Raises
    CatalogError.
    """
    for file, name, steps in _databases(path):
        if not file.exists():
            return False
        connection = connect(file)
        try:
            _refuse_newer(connection, file, name, steps)
            if _missing(connection, name, steps) or (
                name == "catalog" and _views_differ(connection)
            ):
                return False
        except sqlite3.DatabaseError as error:
            raise CatalogError(
                f"{file}: is no readable catalog ({error}); restore a backup or move it away"
            ) from error
        finally:
            connection.close()
    return True


def schema_text() -> str:
    """The tables, indexes and triggers as the migrations leave them: what `schema.sql` holds."""
    connection = sqlite3.connect(":memory:", isolation_level=None)
    _apply(connection, "catalog", CATALOG_STEPS)
    rows = connection.execute(
        "SELECT sql FROM sqlite_master WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite_%' AND "
        "tbl_name <> ? ORDER BY rowid",
        [RECORD],
    )
    statements = [f"{sql};" for (sql,) in rows]
    connection.close()
    head = (
        "-- The catalog as its migrations leave it: `python -m catalog.migrations > "
        "catalog/schema.sql`. Views: views.sql.\n"
    )
    return (
        head
        + "\n".join(("\n" if sql.startswith("CREATE TABLE") else "") + sql for sql in statements)
        + "\n"
    )


def _databases(path: Path) -> tuple[tuple[Path, str, tuple[str, ...]], ...]:
    return (path, "catalog", CATALOG_STEPS), (crops_path(path), "crops", CROPS_STEPS)


def _applied(connection: sqlite3.Connection, name: str) -> list[str]:
    if not connection.execute("SELECT 1 FROM sqlite_master WHERE name = ?", [RECORD]).fetchone():
        return []
    return [
        row[0]
        for row in connection.execute(f"SELECT name FROM {RECORD} WHERE migration_set = ?", [name])
    ]


def _missing(connection: sqlite3.Connection, name: str, steps: tuple[str, ...]) -> list[str]:
    done = set(_applied(connection, name))
    return [step for step in steps if step not in done]


def _refuse_newer(
    connection: sqlite3.Connection, file: Path, name: str, steps: tuple[str, ...]
) -> None:
    unknown = set(_applied(connection, name)) - set(steps)
    if unknown:
        raise CatalogError(
            f"{file}: was made by a newer Rollcall ({', '.join(sorted(unknown))}); update this one"
        )


def _apply(connection: sqlite3.Connection, name: str, steps: tuple[str, ...]) -> None:
    from sqlite_utils import Database, Migrations

    migrations = Migrations(name)
    for step in steps:
        migrations(name=step)(_step(step))
    # Foreign keys cannot be switched inside a transaction, and a step that rebuilds a table needs
    # them off.
    connection.execute("PRAGMA foreign_keys = OFF")
    migrations.apply(Database(connection))
    connection.execute("PRAGMA foreign_keys = ON")


def _step(step: str) -> Any:
    def run(db: Any) -> None:
        for statement in statements(
            (HERE / "migration_sql" / f"{step}.sql").read_text(encoding="utf-8")
        ):
            db.conn.execute(statement)
        broken = db.conn.execute("PRAGMA foreign_key_check").fetchall()
        if broken:
            raise sqlite3.IntegrityError(
                f"step {step} leaves {len(broken)} rows that refer to nothing"
            )

    return run


def statements(script: str) -> Iterator[str]:
    """The statements of a script one by one; `executescript` would commit the transaction around
    them. Raises ValueError for a last one that lacks its semicolon.
    """
    pending = ""
    for line in script.splitlines(keepends=True):
        pending += line
        if sqlite3.complete_statement(pending):
            yield pending
            pending = ""
    if any(line.strip() and not line.startswith("--") for line in pending.splitlines()):
        raise ValueError(f"a statement has no end: {pending.strip()}")


def _views() -> dict[str, str]:
    """The views of `views.sql` by name, in order."""
    text = (HERE / "views.sql").read_text(encoding="utf-8")
    found = {}
    for statement in statements(text):
        match = re.search(r"CREATE VIEW (\w+)", statement)
        if match:
            found[match[1]] = statement[match.start() :].strip().removesuffix(";")
    return found


def _views_differ(connection: sqlite3.Connection) -> bool:
    there = dict(
        connection.execute("SELECT name, sql FROM sqlite_master WHERE type = 'view'").fetchall()
    )
    return any(there.get(name) != sql for name, sql in _views().items())


def _renew_views(connection: sqlite3.Connection) -> None:
    """Make our views anew where one differs; views that a user made stay. A view that is given up
    is dropped by a step.
    """
    if not _views_differ(connection):
        return
    views = _views()
    with transaction(connection):
        for name in views:
            connection.execute(f"DROP VIEW IF EXISTS [{name}]")
        for sql in views.values():
            connection.execute(sql)


if __name__ == "__main__":
    if len(sys.argv) > 1:
        try:
            migrate(Path(sys.argv[1]))
        except CatalogError as problem:
            sys.exit(str(problem))
    else:
        sys.stdout.write(schema_text())
