"""The questions that the catalog's page offers, as Datasette's canned queries."""

from __future__ import annotations

import tomllib
from functools import cache
from pathlib import Path
from typing import Any

SOURCE = Path(__file__).with_name("queries.toml")


def queries() -> dict[str, dict[str, Any]]:
    """The queries by address, fresh for the caller to keep: Datasette writes into what plugins
    give it.
    """
    return {name: dict(query) for name, query in _read().items()}


@cache
def _read() -> dict[str, dict[str, Any]]:
    found = tomllib.loads(SOURCE.read_text(encoding="utf-8"))
    for query in found.values():
        query["sql"] = query["sql"].strip()
    return found
