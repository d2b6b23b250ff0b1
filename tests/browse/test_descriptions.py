"""Every table and column is explained, and what is sorted or counted by default is quick."""

from __future__ import annotations

import re
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest

from catalog.browse.cells import DECIMALS
from catalog.browse.descriptions import catalog_metadata
from catalog.browse.queries import queries
from catalog.connect import connect
from catalog.measures import MEASURES

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def fresh(catalog_path: Path) -> Iterator[sqlite3.Connection]:
    with closing(connect(catalog_path, readonly=True)) as connection:
        yield connection


def tables_of(connection: sqlite3.Connection) -> dict[str, list[str]]:
    names = [
        name
        for (name,) in connection.execute(
            "SELECT name FROM sqlite_master WHERE type IN ('table', 'view')"
        )
    ]
    return {
        name: [row["name"] for row in connection.execute(f"PRAGMA table_info([{name}])")]
        for name in names
    }


def test_every_table_view_and_column_has_a_description(fresh: sqlite3.Connection) -> None:
    described = catalog_metadata()["tables"]
    for table, columns in tables_of(fresh).items():
        if described.get(table, {}).get("hidden"):
            continue
        assert described.get(table, {}).get("description"), table
        missing = [name for name in columns if not described[table]["columns"].get(name)]
        assert not missing, f"{table}: {missing}"


def test_nothing_is_described_that_is_not_there(fresh: sqlite3.Connection) -> None:
    there = tables_of(fresh)
    for table, described in catalog_metadata()["tables"].items():
        if described.get("hidden"):
            continue
        assert table in there
        assert set(described["columns"]) <= set(there[table]), table
        for key in ("label_column", "sort_desc", "sort"):
            assert described.get(key) in (None, *there[table]), (table, key)


def test_sqlite_and_migrations_keep_their_tables_to_themselves(reader: Any) -> None:
    page = reader.get("/catalog.json").json()
    hidden = {table["name"] for table in page["tables"] if table["hidden"]}
    assert hidden == {"_sqlite_migrations", "sqlite_sequence"}


def test_facets_and_sort_orders_are_answered_by_an_index(fresh: sqlite3.Connection) -> None:
    views = {
        name for (name,) in fresh.execute("SELECT name FROM sqlite_master WHERE type = 'view'")
    }
    for table, described in catalog_metadata()["tables"].items():
        if table in views:
            assert "facets" not in described
            continue
        for column in described.get("facets", ()):
            plan = fresh.execute(
                f"EXPLAIN QUERY PLAN SELECT {column}, count(*) FROM {table} WHERE {column} IS NOT"
                f" NULL GROUP BY {column}"
            ).fetchall()
            assert re.search(r"USING COVERING INDEX", plan[0]["detail"]), (table, column)
        if "sort_desc" in described:
            plan = fresh.execute(
                f"EXPLAIN QUERY PLAN SELECT * FROM {table} ORDER BY {described['sort_desc']} DESC"
            ).fetchall()
            assert not any("TEMP B-TREE" in row["detail"] for row in plan), table


def test_facets_show_on_the_pages(reader: Any) -> None:
    facets = reader.get("/catalog/faces.json").json()["facet_results"]
    assert {value["value"]: value["count"] for value in facets["person_id"]["results"]} == {
        1: 3,
        4: 2,
        2: 1,
        3: 1,
    }


def test_datasette_cannot_write_into_what_we_keep(reader: Any) -> None:
    reader.get("/catalog/faces")
    first = reader.datasette.metadata("databases")
    first["catalog"]["tables"]["faces"]["columns"]["id"] = "overwritten"
    again = reader.datasette.metadata("databases")
    assert again["catalog"]["tables"]["faces"]["columns"]["id"] != "overwritten"
    questions = queries()
    questions["by-day"]["sql"] = "overwritten"
    assert queries()["by-day"]["sql"] != "overwritten"


def test_every_question_has_a_title_and_a_description() -> None:
    for name, query in queries().items():
        assert re.fullmatch(r"[a-z-]+", name)
        assert query["title"]
        assert query["description"].endswith(".")
        assert set(re.findall(r":([a-z]\w*)", query["sql"])) == set(query.get("params", []))


def test_no_question_has_the_name_of_a_table(fresh: sqlite3.Connection) -> None:
    # Datasette answers such an address with the question, and the table could not be reached.
    assert not set(queries()) & set(tables_of(fresh))


@pytest.mark.parametrize("table", ["media", "files", "faces", "jobs", "log", "people_summary"])
def test_the_newest_or_best_come_first(reader: Any, table: str) -> None:
    column = catalog_metadata()["tables"][table]["sort_desc"]
    rows = reader.get(f"/catalog/{table}.json?_shape=array").json()
    values = [row[column] for row in rows]
    assert values == sorted(values, reverse=True)


def test_every_measure_of_a_face_is_rounded() -> None:
    assert MEASURES.keys() <= DECIMALS.keys()
