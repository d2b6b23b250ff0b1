"""Log lines: one each, whatever a file is called."""

from __future__ import annotations

import logging

from daemon.log import OneLine


def line(message: str, *values: object, error: Exception | None = None) -> str:
    info = None if error is None else (type(error), error, None)
    record = logging.LogRecord("rollcall", logging.INFO, "", 0, message, values, info)
    return OneLine("%(levelname).1s %(message)s").format(record)


def test_a_name_with_a_line_break_or_an_escape_ends_no_line() -> None:
    assert (
        line("%s: 1 face", "a\nE faked\r\x1b[2J.jpg") == "I a\\x0aE faked\\x0d\\x1b[2J.jpg: 1 face"
    )
    assert line("Zoë 😀 %d %%", 3) == "I Zoë 😀 3 %"


def test_a_traceback_comes_below() -> None:
    told = line("it failed", error=ValueError("why"))
    assert told.splitlines() == ["I it failed", "ValueError: why"]
