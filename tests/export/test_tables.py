"""Cells that a spreadsheet opens and does not run."""

from __future__ import annotations

import pytest

from daemon.export.tables import cell


@pytest.mark.parametrize("sign", ["=", "+", "-", "@", "\t", "\r"])
def test_text_that_a_spreadsheet_would_run_gets_an_apostrophe(sign: str) -> None:
    assert cell(f'{sign}HYPERLINK("http://x")') == f'\'{sign}HYPERLINK("http://x")'


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        pytest.param("/a/=b.jpg", "/a/=b.jpg", id="text"),
        pytest.param(-1.5, -1.5, id="a-number-is-no-formula"),
        pytest.param(None, None, id="empty"),
        pytest.param([], "", id="no-list"),
        pytest.param(["/a", '/"b'], '["/a", "/\\"b"]', id="list"),
    ],
)
def test_everything_else_stays(value: object, shown: object) -> None:
    assert cell(value) == shown
