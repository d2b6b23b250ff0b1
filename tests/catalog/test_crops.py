"""Crops and previews beside the catalog."""

from __future__ import annotations

from typing import TYPE_CHECKING

from catalog import clock
from catalog import crops as crops_module
from catalog.connect import transaction
from catalog.records import CropRecord, PreviewRecord, StillRecord
from tests.makers import sha

if TYPE_CHECKING:
    import sqlite3

    from tests.makers import Maker

OLD = clock.later(-100_000)
DAY_S = 86_400.0


def store(crops: sqlite3.Connection, *names: str, jpeg: bytes = b"jpeg") -> None:
    records = [CropRecord(sha256=sha(it), jpeg=jpeg, scale=1.0, x=0.0, y=0.0) for it in names]
    crops_module.store_crops(crops, records)


def age(crops: sqlite3.Connection) -> None:
    for table in ("crops", "previews", "still"):
        crops.execute(f"UPDATE {table} SET stored_at = ?", [OLD])


def keys(crops: sqlite3.Connection, table: str = "crops") -> set[str]:
    return {row[0] for row in crops.execute(f"SELECT sha256 FROM {table}")}


def clean(make: Maker, crops: sqlite3.Connection, limit: int = 500) -> int:
    with transaction(make.connection), transaction(crops):
        return crops_module.drop_orphans(make.connection, crops, older_than_s=DAY_S, limit=limit)


def test_a_crop_is_stored_once_and_dated_anew(crops: sqlite3.Connection) -> None:
    store(crops, "a", "a")
    age(crops)
    store(crops, "a", "b")
    assert keys(crops) == {sha("a"), sha("b")}
    assert crops.execute("SELECT count(*) FROM crops WHERE stored_at > ?", [OLD]).fetchone()[0] == 2


def test_a_newer_preview_takes_the_place_of_the_older(crops: sqlite3.Connection) -> None:
    for width in (40, 80):
        preview = PreviewRecord(jpeg=b"jpeg", width=width, height=30)
        crops_module.store_preview(crops, sha("photo"), preview)
    assert [row["width"] for row in crops.execute("SELECT width FROM previews")] == [80]


def test_only_the_frame_that_was_looked_at_last_is_kept(
    make: Maker, crops: sqlite3.Connection
) -> None:
    make.media(sha256=sha("video"))
    for name, time_s in (("gone", 1.0), ("video", 2.5)):
        still = StillRecord(
            jpeg=b"jpeg", time_s=time_s, width=640, height=360, boxes=((1.04, 2, 3, 4),)
        )
        crops_module.store_still(crops, sha(name), still)
    row = crops.execute("SELECT sha256, time_s, boxes FROM still").fetchall()
    assert [tuple(it) for it in row] == [(sha("video"), 2.5, "[[1.0, 2, 3, 4]]")]
    age(crops)
    assert clean(make, crops) == 0
    make.connection.execute("DELETE FROM media")
    assert clean(make, crops) == 1 and keys(crops, "still") == set()


class TestOrphans:
    def test_only_what_nothing_refers_to_goes(self, make: Maker, crops: sqlite3.Connection) -> None:
        media_id = make.media(sha256=sha("photo"))
        for state in ("active", "superseded"):
            make.face(media_id, crop=sha(state), state=state)
        store(crops, "active", "superseded", "orphan")
        for name in ("photo", "removed"):
            preview = PreviewRecord(jpeg=b"jpeg", width=40, height=30)
            crops_module.store_preview(crops, sha(name), preview)
        age(crops)
        assert clean(make, crops) == 2
        assert keys(crops) == {sha("active"), sha("superseded")}
        assert keys(crops, "previews") == {sha("photo")}
        assert clean(make, crops) == 0

    def test_what_is_young_stays(self, make: Maker, crops: sqlite3.Connection) -> None:
        store(crops, "about to be referred to")
        assert clean(make, crops) == 0
        assert len(keys(crops)) == 1

    def test_a_crop_that_is_stored_again_is_young(
        self, make: Maker, crops: sqlite3.Connection
    ) -> None:
        store(crops, "a")
        age(crops)
        store(crops, "a")
        assert clean(make, crops) == 0

    def test_a_few_go_at_once(self, make: Maker, crops: sqlite3.Connection) -> None:
        store(crops, *map(str, range(7)))
        age(crops)
        assert [clean(make, crops, limit=3) for _ in range(4)] == [3, 3, 1, 0]
