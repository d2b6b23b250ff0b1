"""What happened, bounded."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from catalog import log

if TYPE_CHECKING:
    from tests.makers import Maker


def test_a_line_says_what_happened(make: Maker) -> None:
    media_id = make.media()
    make.run(log.write, "failed", level="error", media_id=media_id, reason="no", path=Path("/x"))
    row = make.row("SELECT level, media_id, event, details FROM log")
    assert row is not None
    assert row[:3] == ("error", media_id, "failed")
    assert json.loads(str(row[3])) == {"reason": "no", "path": "/x"}


def test_a_line_without_details_has_none(make: Maker) -> None:
    make.run(log.write, "started")
    assert make.row("SELECT level, details FROM log") == ("info", None)


@pytest.mark.parametrize("text", ["caf\udce9", "a\nb", "<script>", "\0"])
def test_any_text_can_be_written(make: Maker, text: str) -> None:
    make.run(log.write, "failed", reason=text)
    assert json.loads(make.value("SELECT details FROM log")) == {"reason": text}


def test_an_unknown_level_is_refused(make: Maker) -> None:
    with pytest.raises(sqlite3.IntegrityError, match="CHECK"):
        make.run(log.write, "failed", level="fatal")


def test_it_never_grows_without_bound(make: Maker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log, "PRUNE_EVERY", 10)
    for number in range(95):
        make.run(log.write, str(number), keep_rows=20)
    lines = [event for (event,) in make.rows("SELECT event FROM log ORDER BY id")]
    assert lines == [str(number) for number in range(70, 95)]


def test_pruning_keeps_the_newest(make: Maker) -> None:
    for number in range(9):
        make.run(log.write, str(number))
    assert make.run(log.prune, keep_rows=4) == 5
    assert make.rows("SELECT event FROM log ORDER BY id") == [("5",), ("6",), ("7",), ("8",)]
    assert make.run(log.prune, keep_rows=100) == 0


def test_pruning_an_empty_log_does_nothing(make: Maker) -> None:
    assert make.run(log.prune, keep_rows=4) == 0
