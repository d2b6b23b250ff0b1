"""The steps from nothing to the schema of today, and what the schema promises."""

from __future__ import annotations

import re
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from catalog import jobs, migrations
from catalog.connect import connect, crops_path
from catalog.errors import CatalogError
from catalog.migrations import CATALOG_STEPS, CROPS_STEPS, RECORD, is_current, migrate, statements
from tests.makers import Maker

if TYPE_CHECKING:
    from collections.abc import Iterator

REPOSITORY = Path(migrations.__file__).parent.parent
SQL = REPOSITORY / "catalog" / "migration_sql"


@pytest.fixture
def steps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the steps' folder and of the views, for a test to add to."""
    here = tmp_path / "package"
    (here / "migration_sql").mkdir(parents=True)
    for file in SQL.iterdir():
        (here / "migration_sql" / file.name).write_bytes(file.read_bytes())
    (here / "views.sql").write_bytes((REPOSITORY / "catalog" / "views.sql").read_bytes())
    monkeypatch.setattr(migrations, "HERE", here)
    return here


def add_step(steps: Path, monkeypatch: pytest.MonkeyPatch, name: str, sql: str) -> None:
    (steps / "migration_sql" / f"{name}.sql").write_text(sql)
    monkeypatch.setattr(migrations, "CATALOG_STEPS", (*migrations.CATALOG_STEPS, name))


def dump(path: Path) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute("SELECT * FROM sqlite_master ORDER BY name").fetchall()


def tables(connection: sqlite3.Connection) -> Iterator[str]:
    for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
        if not row[0].startswith(("sqlite_", "_sqlite_")):
            yield row[0]


def test_schema_sql_is_what_the_migrations_give() -> None:
    printed = subprocess.run(
        [sys.executable, "-m", "catalog.migrations"],
        cwd=REPOSITORY, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert printed.stdout == (REPOSITORY / "catalog" / "schema.sql").read_text(encoding="utf-8")


def test_migrating_again_changes_nothing(catalog_path: Path) -> None:
    before = dump(catalog_path), dump(crops_path(catalog_path))
    migrate(catalog_path)
    assert (dump(catalog_path), dump(crops_path(catalog_path))) == before
    assert is_current(catalog_path)


def test_a_catalog_without_its_crops_is_not_current(catalog_path: Path) -> None:
    crops_path(catalog_path).unlink()
    assert not is_current(catalog_path)
    migrate(catalog_path)
    assert is_current(catalog_path)


def test_a_catalog_left_empty_by_a_crash_is_made_whole(tmp_path: Path) -> None:
    path = tmp_path / "catalog.db"
    path.touch()
    assert not is_current(path)
    migrate(path)
    assert is_current(path)


def test_a_new_catalog_is_for_its_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "state" / "catalog.db"
    migrate(path)
    assert path.stat().st_mode & 0o077 == 0
    assert crops_path(path).stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("steps", [CATALOG_STEPS, CROPS_STEPS], ids=["catalog", "crops"])
def test_steps_are_numbered_without_gaps_or_repeats(steps: tuple[str, ...]) -> None:
    numbers = [int(found[0]) for step in steps if (found := re.search(r"\d{4}", step))]
    assert numbers == list(range(1, len(steps) + 1))
    assert len(set(steps)) == len(steps)
    assert all((SQL / f"{step}.sql").is_file() for step in steps)


def test_every_file_of_the_steps_folder_is_a_step() -> None:
    assert {file.stem for file in SQL.iterdir()} == {*CATALOG_STEPS, *CROPS_STEPS}


@pytest.mark.parametrize("call", [migrate, is_current], ids=["migrate", "is_current"])
def test_a_catalog_of_a_newer_version_is_refused_in_one_line(
    catalog_path: Path, call: object
) -> None:
    with closing(connect(catalog_path)) as connection:
        connection.execute(
            f"""INSERT INTO {RECORD} (migration_set, name, applied_at)
                VALUES ('catalog', '0999_later', 'x')"""
        )
    with pytest.raises(CatalogError, match=r"newer Rollcall \(0999_later\); update") as refused:
        call(catalog_path)  # type: ignore[operator]
    assert "\n" not in str(refused.value)
    assert refused.value.exit_code == 3


def test_what_is_no_database_is_refused_in_one_line(tmp_path: Path) -> None:
    path = tmp_path / "catalog.db"
    path.write_text("these are not the rows you are looking for" * 50)
    with pytest.raises(CatalogError, match="cannot be opened"):
        migrate(path)


def test_a_step_that_fails_leaves_nothing(
    catalog_path: Path, steps: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = dump(catalog_path)
    sql = "CREATE TABLE a (b);\nINSERT INTO nowhere DEFAULT VALUES;\n"
    add_step(steps, monkeypatch, "0002_broken", sql)
    with pytest.raises(CatalogError, match="no such table: nowhere"):
        migrate(catalog_path)
    assert dump(catalog_path) == before
    assert not is_current(catalog_path)


def test_a_step_that_leaves_rows_without_their_parent_fails(
    catalog_path: Path, steps: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = dump(catalog_path)
    sql = "INSERT INTO quality (face_id, version) VALUES (7, '1');\n"
    add_step(steps, monkeypatch, "0002_orphans", sql)
    with pytest.raises(CatalogError, match="1 rows that refer to nothing"):
        migrate(catalog_path)
    with closing(connect(catalog_path)) as connection:
        assert connection.execute("SELECT count(*) FROM quality").fetchone()[0] == 0
    assert dump(catalog_path) == before


def test_a_step_may_rebuild_a_table_that_others_refer_to(
    catalog_path: Path, steps: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with closing(connect(catalog_path)) as connection:
        connection.execute("INSERT INTO people (id, origin, created_at) VALUES (5, 'user', 'x')")
        connection.execute(
            "INSERT INTO people (origin, created_at, merged_into) VALUES ('user', 'x', 5)"
        )
    add_step(
        steps, monkeypatch, "0002_rebuilt",
        "CREATE TABLE roots_new (id INTEGER PRIMARY KEY, path_bytes BLOB NOT NULL UNIQUE) STRICT;\n"
        "DELETE FROM people WHERE id = 6;\nDELETE FROM people WHERE id = 5;\n",
    )  # fmt: skip
    migrate(catalog_path)
    assert is_current(catalog_path)


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        pytest.param("SELECT 1;\nSELECT 2;\n", 2, id="two"),
        pytest.param("-- a; comment\nSELECT 1;\n-- the end; really\n", 1, id="comments"),
        pytest.param("SELECT ';';\n", 1, id="semicolon in a string"),
        pytest.param("", 0, id="nothing"),
        pytest.param(
            "CREATE TRIGGER t AFTER INSERT ON a\nBEGIN\n  SELECT 1;\n  SELECT 2;\nEND;\n",
            1,
            id="trigger",
        ),
    ],
)  # fmt: skip
def test_a_script_is_taken_apart_statement_by_statement(script: str, expected: int) -> None:
    assert len(list(statements(script))) == expected


def test_a_last_statement_without_semicolon_is_not_dropped_in_silence() -> None:
    with pytest.raises(ValueError, match="has no end: SELECT 2"):
        list(statements("SELECT 1;\nSELECT 2\n"))


def test_views_are_renewed_when_their_file_changes(catalog_path: Path, steps: Path) -> None:
    views = steps / "views.sql"
    views.write_text(views.read_text().replace("count(*) AS copies", "count(*) AS times"))
    assert not is_current(catalog_path)
    migrate(catalog_path)
    assert is_current(catalog_path)
    with closing(connect(catalog_path)) as connection:
        columns = [row["name"] for row in connection.execute("PRAGMA table_info(duplicates)")]
    assert "times" in columns
    assert "copies" not in columns


def test_a_view_that_a_user_made_survives_the_renewal(catalog_path: Path, steps: Path) -> None:
    with closing(connect(catalog_path)) as connection:
        connection.execute("CREATE VIEW my_own AS SELECT name FROM people_summary")
        connection.execute("DROP VIEW progress")
    migrate(catalog_path)
    with closing(connect(catalog_path)) as connection:
        assert connection.execute("SELECT * FROM my_own").fetchall() == []
        assert connection.execute("SELECT * FROM progress").fetchall() == []


def test_every_view_can_be_read(catalog: sqlite3.Connection) -> None:
    names = [
        row[0] for row in catalog.execute("SELECT name FROM sqlite_master WHERE type = 'view'")
    ]
    assert set(names) == {
        "appearances", "beside", "media_people", "runs", "people_summary", "unknown_people",
        "failures", "duplicates", "progress", "reference_only", "replaced",
    }  # fmt: skip
    for name in names:
        assert catalog.execute(f"SELECT * FROM {name}").fetchall() == []


@pytest.mark.parametrize("database", ["catalog", "crops"])
def test_every_table_is_strict(database: str, request: pytest.FixtureRequest) -> None:
    connection = request.getfixturevalue(database)
    loose = [
        row["name"]
        for row in connection.execute("PRAGMA table_list")
        if row["schema"] == "main" and row["type"] == "table" and not row["strict"]
        and not row["name"].startswith(("sqlite_", "_sqlite_"))
    ]  # fmt: skip
    assert loose == []


def test_every_foreign_key_has_an_index(catalog: sqlite3.Connection) -> None:
    bare = []
    for table in tables(catalog):
        leading = {
            catalog.execute(f"PRAGMA index_info([{index['name']}])").fetchone()["name"]
            for index in catalog.execute(f"PRAGMA index_list([{table}])").fetchall()
        }
        leading |= {
            row["name"] for row in catalog.execute(f"PRAGMA table_info([{table}])")
            if row["pk"] == 1
        }  # fmt: skip
        keys = catalog.execute(f"PRAGMA foreign_key_list([{table}])").fetchall()
        bare += [f"{table}.{key['from']}" for key in keys if key["from"] not in leading]
    assert bare == []


@pytest.mark.parametrize("table", ["media", "faces", "people"])
def test_ids_of_what_people_refer_to_are_never_used_again(
    catalog: sqlite3.Connection, table: str
) -> None:
    sql = catalog.execute("SELECT sql FROM sqlite_master WHERE name = ?", [table]).fetchone()[0]
    assert "id INTEGER PRIMARY KEY AUTOINCREMENT" in sql


HOT = {
    "claim a job": (
        f"SELECT id FROM jobs WHERE {jobs.DUE} AND kind = ? ORDER BY priority DESC, id LIMIT 1",
        "jobs_next",
    ),
    "is the same job in hand": (
        "SELECT 1 FROM jobs WHERE kind = ? AND key = ? AND state = 'running'", "jobs_state",
    ),
    "a file by its inode": (
        "SELECT id FROM files WHERE inode = ? AND device = ? AND bytes = ? AND mtime_ns = ?",
        "files_identity",
    ),
    "a file by its path": ("SELECT id FROM files WHERE path_bytes = ?", "autoindex_files"),
    "a media by its content": ("SELECT id FROM media WHERE sha256 = ?", "autoindex_media"),
    "the files of a media": ("SELECT id FROM files WHERE media_id = ?", "files_media_id"),
    "the faces of a media": ("SELECT id FROM faces WHERE media_id = ?", "faces_media_id"),
    "the faces of a person": (
        "SELECT id FROM faces WHERE person_id = ? AND state = 'active' ORDER BY quality DESC",
        "faces_person_id",
    ),
    "the decision on a face": (
        "SELECT person_id FROM assignments WHERE face_id = ? AND model = 'all' "
        "AND state = 'assigned' AND ended_at IS NULL", "assignments_one_assigned",
    ),
    "what ended lately": (
        "SELECT face_id FROM assignments WHERE ended_at >= ?", "assignments_ended_at",
    ),
    "what was ruled out": ("SELECT person_id FROM rejections WHERE face_id = ?", "rejections_once"),
    "steps by fingerprint": (
        "SELECT media_id FROM steps WHERE step = ? AND fingerprint = ?", "steps_fingerprint",
    ),
    "photos by day": (
        "SELECT id FROM media ORDER BY taken_at_local LIMIT 100", "media_taken_at_local",
    ),
    "the face of a crop": ("SELECT 1 FROM faces WHERE crop = ?", "faces_crop"),
}  # fmt: skip


@pytest.mark.parametrize(("query", "index"), HOT.values(), ids=HOT.keys())
def test_hot_queries_search_an_index(catalog: sqlite3.Connection, query: str, index: str) -> None:
    values = [1] * query.count("?")
    plan = [row["detail"] for row in catalog.execute(f"EXPLAIN QUERY PLAN {query}", values)]
    assert any(index in line for line in plan), plan
    assert not any(re.match(r"SCAN \w+$|USE TEMP B-TREE", line) for line in plan), plan


def test_what_was_measured_before_there_were_all_measures_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "catalog.db"
    with monkeypatch.context() as earlier:
        earlier.setattr(migrations, "CATALOG_STEPS", CATALOG_STEPS[:1])
        migrate(path)
    with closing(connect(path)) as connection:
        make = Maker(connection)
        _, (face,) = make.photo(None)
        connection.execute(
            "INSERT INTO quality (face_id, version, size_px, sharpness, confidence, reasons)"
            " VALUES (?, '1', 31.5, 20.0, 0.9, '[]')",
            [face],
        )
    migrate(path)
    with closing(connect(path)) as connection:
        row = connection.execute("SELECT * FROM quality").fetchone()
        assert (row["face_id"], row["size_px"], row["confidence"]) == (face, 31.5, 0.9)
        assert row["yaw"] is None
        connection.execute("DELETE FROM faces")
        assert connection.execute("SELECT count(*) FROM quality").fetchone()[0] == 0
