"""The ledger of what was done, and what a fingerprint is made of."""

from __future__ import annotations

import json
import sqlite3
from typing import TYPE_CHECKING, Any

import pytest

from catalog import steps
from catalog.connect import transaction
from catalog.records import StepRecord
from tests.makers import NOW

if TYPE_CHECKING:
    from tests.makers import Maker

BASE: dict[str, Any] = {
    "code_version": "1",
    "model": "yunet",
    "weights_sha256": "a" * 64,
    "parameters": {"size": 1024, "min_confidence": 0.6},
    "reads": ["0123456789abcdef"],
}


def step(name: str, mark: str = "f", model: str = "", **values: Any) -> StepRecord:
    return StepRecord(
        step=name, fingerprint=mark, model=model, started_at=NOW, seconds=0.5, **values
    )


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"code_version": "2"}, id="code"),
        pytest.param({"model": "mtcnn"}, id="model"),
        pytest.param({"weights_sha256": "b" * 64}, id="weights"),
        pytest.param({"parameters": {"size": 640, "min_confidence": 0.6}}, id="value"),
        pytest.param({"parameters": {"size": 1024}}, id="fewer parameters"),
        pytest.param({"parameters": {"Size": 1024, "min_confidence": 0.6}}, id="name"),
        pytest.param({"parameters": {"size": "1024", "min_confidence": 0.6}}, id="type"),
        pytest.param({"reads": ["fedcba9876543210"]}, id="upstream"),
        pytest.param({"reads": []}, id="nothing upstream"),
    ],
)
def test_every_ingredient_changes_the_fingerprint(change: dict[str, Any]) -> None:
    assert steps.fingerprint(**{**BASE, **change}) != steps.fingerprint(**BASE)


def test_ingredients_do_not_run_into_each_other() -> None:
    assert steps.fingerprint(code_version="1", model="2") != steps.fingerprint(code_version="12")


def test_the_order_in_which_parameters_are_written_does_not_matter() -> None:
    turned = {"min_confidence": 0.6, "size": 1024}
    assert steps.fingerprint(**{**BASE, "parameters": turned}) == steps.fingerprint(**BASE)
    assert len(steps.fingerprint(**BASE)) == 16


def test_a_change_up_the_stream_changes_every_step_below() -> None:
    def chain(code: str) -> list[str]:
        marks: list[str] = []
        for version in (code, "1", "1", "1"):
            marks.append(steps.fingerprint(code_version=version, reads=marks[-1:]))
        return marks

    assert all(a != b for a, b in zip(chain("1"), chain("2"), strict=True))


def test_a_step_takes_the_place_of_the_earlier_one(make: Maker) -> None:
    media_id = make.media()
    make.run(steps.record, media_id, 0, [step("probe", "old"), step("detect", "d", "yunet")])
    make.run(
        steps.record, media_id, 0,
        [step("probe", "new", parameters={"b": 1, "a": 2}, state="failed", error="why")],
    )  # fmt: skip
    rows = make.rows("SELECT step, fingerprint, state, error, parameters FROM steps ORDER BY id")
    assert rows == [
        ("probe", "new", "failed", "why", json.dumps({"a": 2, "b": 1})),
        ("detect", "d", "done", None, "{}"),
    ]


def test_a_step_by_another_model_is_dropped_with_its_result(make: Maker) -> None:
    media_id = make.media()
    make.run(steps.record, media_id, 0, [step("detect", "a", "yunet"), step("embed", "b", "Dlib")])
    make.run(
        steps.record, media_id, 0,
        [step("detect", "c", "mtcnn"), step("embed", "d", "Dlib"), step("embed", "e", "ArcFace")],
    )  # fmt: skip
    assert make.rows("SELECT step, model FROM steps ORDER BY step, model") == [
        ("detect", "mtcnn"), ("embed", "ArcFace"), ("embed", "Dlib"),
    ]  # fmt: skip


def test_parts_keep_their_own_steps(make: Maker) -> None:
    media_id = make.media()
    for part in (0, 1):
        make.run(steps.record, media_id, part, [step("detect", str(part), f"model {part}")])
    assert make.rows("SELECT part, fingerprint FROM steps") == [(0, "0"), (1, "1")]


def test_when_the_results_are_not_written_the_steps_are_not_either(make: Maker) -> None:
    media_id = make.media()
    make.run(steps.record, media_id, 0, [step("probe", "old")])
    with pytest.raises(ZeroDivisionError), transaction(make.connection):
        steps.record(make.connection, media_id, 0, [step("probe", "new")])
        _ = 1 / 0
    assert make.rows("SELECT fingerprint FROM steps") == [("old",)]


@pytest.mark.parametrize("column", ["media_id", "part", "step", "model"])
def test_no_part_of_a_steps_name_may_be_missing(make: Maker, column: str) -> None:
    values: dict[str, object] = {
        "media_id": make.media(), "part": 0, "step": "probe", "model": "",
        "fingerprint": "f", "state": "done", "started_at": NOW,
    }  # fmt: skip
    with pytest.raises(sqlite3.IntegrityError, match="NOT NULL"):
        make.insert("steps", **{**values, column: None})


class TestOutdated:
    CURRENT = {("probe", ""): ["p"], ("embed", "Dlib"): ["d", "e"]}  # noqa: RUF012

    def read(self, make: Maker, *records: StepRecord, state: str = "done") -> None:
        make.run(steps.record, make.media(state=state), 0, records)

    def test_nothing_is_outdated_where_all_was_made_as_today(self, make: Maker) -> None:
        self.read(make, step("probe", "p"), step("embed", "d", "Dlib"))
        assert steps.outdated(make.connection, self.CURRENT) == {}

    def test_media_are_counted_by_step(self, make: Maker) -> None:
        self.read(make, step("probe", "p"), step("embed", "old", "Dlib"))
        self.read(make, step("probe", "old"), step("embed", "old", "Dlib"))
        assert steps.outdated(make.connection, self.CURRENT) == {"probe": 1, "embed": 2}

    def test_a_step_by_a_model_that_is_no_longer_chosen_counts(self, make: Maker) -> None:
        self.read(make, step("embed", "a", "ArcFace"))
        assert steps.outdated(make.connection, self.CURRENT) == {"embed": 1}

    def test_a_media_counts_once_however_many_parts_it_has(self, make: Maker) -> None:
        media_id = make.media()
        for part in range(3):
            make.run(steps.record, media_id, part, [step("probe", "old")])
        assert steps.outdated(make.connection, self.CURRENT) == {"probe": 1}

    def test_what_failed_is_not_finished_with_other_settings(self, make: Maker) -> None:
        self.read(make, step("probe", "old", state="failed"))
        self.read(make, step("probe", "old"), state="failed")
        assert steps.outdated(make.connection, self.CURRENT) == {}

    def test_a_step_may_have_read_from_older_results(self, make: Maker) -> None:
        self.read(make, step("embed", "e", "Dlib"))
        assert steps.outdated(make.connection, self.CURRENT) == {}

    def test_what_another_model_made_beside_does_not_count(self, make: Maker) -> None:
        self.read(make, step("embed", "d", "Dlib"), step("embed", "a", "ArcFace"))
        assert steps.outdated(make.connection, self.CURRENT) == {}

    def test_where_several_models_look_each_counts(self, make: Maker) -> None:
        self.read(make, step("embed", "d", "Dlib"))
        both = {**self.CURRENT, ("embed", "ArcFace"): ["a"]}
        assert steps.outdated(make.connection, both) == {"embed": 1}

    def test_what_can_be_made_again_is_listed_in_order(self, make: Maker) -> None:
        for number, present in enumerate((True, False, True, True)):
            self.read(make, step("probe", "p" if number == 2 else "old"))
            make.file(number + 1, state="present" if present else "missing")
        found = steps.outdated_media(make.connection, "probe", self.CURRENT, after=0, limit=9)
        assert [media_id for media_id, _ in found] == [1, 4]
        found = steps.outdated_media(make.connection, "probe", self.CURRENT, after=1, limit=9)
        assert [media_id for media_id, _ in found] == [4]
        found = steps.outdated_media(make.connection, "probe", self.CURRENT, after=0, limit=1)
        assert found == [(1, make.value("SELECT sha256 FROM media WHERE id = 1"))]


def test_every_fingerprint_of_a_step_is_listed_once(make: Maker) -> None:
    assert steps.fingerprints(make.connection, "align") == []
    for mark in ("b", "a", "b", "c"):
        make.run(steps.record, make.media(), 0, [step("align", mark), step("probe", "x" + mark)])
    assert steps.fingerprints(make.connection, "align") == ["a", "b", "c"]
