"""SQL in the browser: the two functions, and what it may not read."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from catalog.connect import connect, transaction


def test_nearest_faces_joins_like_a_table(reader: Any) -> None:
    rows = reader.rows(
        "SELECT json_extract(value, '$.face_id') AS face_id, json_extract(value, '$.similarity') AS"
        " similarity FROM json_each(nearest_faces(1, 3))"
    )
    assert len(rows) == 3
    assert 1 not in {row["face_id"] for row in rows}
    for row in rows:
        same = reader.rows("SELECT face_similarity(1, :other) AS s", other=row["face_id"])
        assert same[0]["s"] == row["similarity"]


def test_similarity_is_the_cosine_of_the_stored_vectors(reader: Any) -> None:
    path = reader.datasette.databases["catalog"].path
    with closing(sqlite3.connect(path)) as connection:
        a, b = (
            np.frombuffer(row[0], "<f4")
            for row in connection.execute(
                "SELECT vector FROM embeddings WHERE face_id IN (2, 5) ORDER BY face_id"
            )
        )
    (row,) = reader.rows("SELECT face_similarity(2, 5) AS s, face_similarity('2', 5.0) AS t")
    assert row["s"] == row["t"] == pytest.approx(float(a @ b), abs=1e-6)


@pytest.mark.parametrize(
    "call",
    [
        "nearest_faces(0, 5)",
        "nearest_faces(-1, 5)",
        "nearest_faces(999, 5)",
        "nearest_faces(NULL, 5)",
        "nearest_faces('1; DROP TABLE faces', 5)",
        "nearest_faces(x'01', 5)",
        "nearest_faces(1.5, 5)",
        "nearest_faces(9e18, 5)",
        "nearest_faces(9e999, 5)",
        "nearest_faces(1, 0)",
        "nearest_faces(1, -3)",
        "nearest_faces(1, 'many')",
        "nearest_faces(1, NULL)",
        "nearest_faces('99999999999999999999999', 5)",
        "nearest_faces('\u0661', 5)",
        "face_similarity(1, 999)",
        "face_similarity('', 1)",
        "face_similarity(1, NULL)",
    ],
)
def test_what_is_no_face_or_number_gives_null(reader: Any, call: str) -> None:
    assert reader.rows(f"SELECT {call} AS answer") == [{"answer": None}]


def test_a_huge_number_of_neighbours_gives_those_there_are(reader: Any) -> None:
    (row,) = reader.rows("SELECT nearest_faces(1, 9223372036854775807) AS found")
    assert len(json.loads(row["found"])) == 7


def test_a_face_that_arrives_while_the_page_is_open_is_found(
    browser: Any, small_catalog: Path
) -> None:
    assert browser.rows("SELECT nearest_faces(9, 1) AS n") == [{"n": None}]
    with closing(connect(small_catalog)) as catalog, transaction(catalog):
        catalog.execute(
            "INSERT INTO faces (media_id, x, y, w, h, detector, detector_version, confidence)"
            " VALUES (1, 0, 0, 9, 9, 'yunet', '1', 0.9)"
        )
        catalog.execute(
            "INSERT INTO embeddings SELECT 9, 1, vector FROM embeddings WHERE face_id = 3"
        )
    (row,) = browser.rows("SELECT nearest_faces(9, 1) AS n")
    assert json.loads(row["n"]) == [{"face_id": 3, "similarity": 1.0}]


HIDING = [
    "SELECT vector FROM embeddings",
    "SELECT VECTOR FROM Embeddings",
    "SELECT e.vector FROM embeddings AS e JOIN faces ON faces.id = e.face_id",
    "SELECT max(vector) AS vector FROM (SELECT * FROM embeddings)",
    "SELECT hex(vector) AS vector FROM embeddings WHERE hex(vector) <> ''",
    "WITH everything AS (SELECT * FROM embeddings) SELECT vector FROM everything",
    "SELECT (SELECT vector FROM embeddings AS i WHERE i.face_id = o.face_id) AS vector"
    " FROM embeddings AS o",
    "SELECT group_concat(vector) AS vector FROM embeddings",
    "SELECT json_group_array(hex(vector)) -> '$[0]' AS vector FROM embeddings",
]


@pytest.mark.parametrize("sql", HIDING)
def test_vectors_read_as_null(reader: Any, sql: str) -> None:
    for row in reader.rows(sql):
        assert {*row.values()} <= {None, "", '""'}


def test_vectors_leave_by_no_export(reader: Any) -> None:
    stored = reader.get("/catalog/embeddings/1,1.blob?_blob_column=vector").content
    assert stored == b""
    assert {
        row["vector"] for row in reader.get("/catalog/embeddings.json?_shape=array").json()
    } == {None}


def test_vectors_show_where_the_settings_say_so(small_catalog: Path, open_browser: Any) -> None:
    browser = open_browser(small_catalog, vectors=True)
    (row,) = browser.rows("SELECT length(vector) AS bytes FROM embeddings LIMIT 1")
    assert row["bytes"] == 512


def test_connections_are_patient_and_read_only(reader: Any) -> None:
    database = reader.datasette.databases["catalog"]

    def look(connection: sqlite3.Connection) -> tuple[int, int]:
        with pytest.raises(sqlite3.OperationalError, match="readonly"):
            connection.execute("UPDATE people SET name = 'x'")
        return (
            connection.execute("PRAGMA busy_timeout").fetchone()[0],
            connection.execute("PRAGMA foreign_keys").fetchone()[0],
        )

    busy_timeout_ms, foreign_keys = reader.runner.run(database.execute_fn(look))
    assert busy_timeout_ms >= 5000
    assert foreign_keys == 1


@pytest.mark.parametrize(
    "sql",
    [
        "DELETE FROM faces",
        "ATTACH 'crops.db' AS c",
        "PRAGMA writable_schema = 1",
        "VACUUM INTO 'x'",
    ],
)
def test_sql_that_is_no_question_is_refused(reader: Any, sql: str) -> None:
    assert reader.get("/catalog.json", params={"sql": sql}).status_code == 400


def test_the_crops_are_no_database_of_their_own(reader: Any) -> None:
    names = {database["name"] for database in reader.get("/-/databases.json").json()}
    assert names == {"catalog"}
    assert reader.get("/crops").status_code == 404
    assert reader.get("/rollcall_crops").status_code == 404


README = (Path(__file__).parent.parent.parent / "README.md").read_text(encoding="utf-8")
SEARCHES = [part.split("```")[0] for part in README.split("### Searching")[1].split("```sql")[1:4]]


def test_the_readmes_searches_answer_in_the_pages(reader: Any) -> None:
    like, unlike, together = (reader.rows(sql) for sql in SEARCHES)
    assert len({row["face_id"] for row in like}) == 7, "all other faces"
    similarities = [row["similarity"] for row in like]
    assert similarities == sorted(similarities, reverse=True)
    (pair,) = unlike
    assert -1 <= pair["similarity"] < 1
    (row,) = together
    assert row["path"].endswith("obama_and_biden.jpg")
    assert row["taken_at_local"].startswith("2024-05-06")
