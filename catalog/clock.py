"""The catalog's notion of time: ISO 8601 UTC text with milliseconds, which sorts as text."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta


def utc_text(moment: datetime) -> str:
    """An aware moment as the catalog writes it, e.g. 2026-05-04T12:34:56.789Z."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def now() -> str:
    """The present moment as the catalog writes it."""
    return utc_text(datetime.now(UTC))


def later(seconds: float) -> str:
    """The moment so many seconds from now (before now, where negative), as the catalog writes
    it.
    """
    return utc_text(datetime.now(UTC) + timedelta(seconds=seconds))
