"""The few numbers that the first pages show: what is catalogued, what waits, what failed."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from datasette.database import QueryInterrupted

from catalog.browse.site import DATABASE

SOURCE = Path(__file__).with_name("figures.toml")
TIME_LIMIT_MS = 250


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One number, the noun that fits it, and the page that shows what it counts."""

    value: int
    noun: str
    address: str
    alarming: bool


async def figures(datasette: Any, actor: Any) -> list[Figure]:
    """The numbers worth showing, none where this visitor may not see the catalog.

    What cannot be counted within TIME_LIMIT_MS is left out: a page must not wait for a number.
    """
    if DATABASE not in datasette.databases or not await _visible(datasette, actor):
        return []
    found = []
    for figure in _read():
        value = await _count(datasette, figure["sql"])
        if value or (value is not None and figure.get("always")):
            found.append(
                Figure(
                    value=value,
                    noun=figure["one"] if value == 1 else figure["many"],
                    address=f"{datasette.urls.database(DATABASE)}/{figure['page']}",
                    alarming=figure.get("alarming", False),
                )
            )
    return found


@cache
def _read() -> tuple[dict[str, Any], ...]:
    return tuple(tomllib.loads(SOURCE.read_text(encoding="utf-8")).values())


async def _count(datasette: Any, sql: str) -> int | None:
    try:
        rows = await datasette.databases[DATABASE].execute(sql, custom_time_limit=TIME_LIMIT_MS)
    except QueryInterrupted:
        return None
    return int(rows.single_value())


async def _visible(datasette: Any, actor: Any) -> bool:
    visible, _private = await datasette.check_visibility(
        actor, permissions=[("view-database", DATABASE), "view-instance"]
    )
    return bool(visible)
