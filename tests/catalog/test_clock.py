"""Times as the catalog writes them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from catalog import clock

MOMENT = datetime(2026, 5, 4, 12, 34, 56, 789_999, tzinfo=UTC)


@pytest.mark.parametrize(
    ("moment", "text"),
    [
        pytest.param(MOMENT, "2026-05-04T12:34:56.789Z", id="milliseconds"),
        pytest.param(MOMENT.replace(microsecond=0), "2026-05-04T12:34:56.000Z", id="whole second"),
        pytest.param(
            MOMENT.astimezone(timezone(timedelta(hours=9, minutes=30))),
            "2026-05-04T12:34:56.789Z",
            id="another zone",
        ),
    ],
)
def test_a_moment_is_utc_text_of_one_length(moment: datetime, text: str) -> None:
    assert clock.utc_text(moment) == text


def test_texts_sort_as_the_moments_do() -> None:
    moments = [MOMENT + timedelta(seconds=seconds) for seconds in (-86_400, -0.5, 0, 0.001, 3600)]
    assert sorted(map(clock.utc_text, reversed(moments))) == list(map(clock.utc_text, moments))


def test_later_and_earlier() -> None:
    assert clock.later(-1) < clock.now() < clock.later(1)
