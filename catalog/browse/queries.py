"""The questions that the catalog's page offers, as Datasette's canned queries."""

from __future__ import annotations

import tomllib
from functools import cache
from pathlib import Path
from typing import Any

SOURCE = Path(__file__).with_name("queries.toml")
# What has reference files only: starts from the few of those, so that it costs the same in a large
# catalog. Queries that ask for it begin with this.
REFERENCE_ONLY = """
WITH reference_only AS (
    SELECT DISTINCT here.media_id FROM roots JOIN files AS here ON here.root_id = roots.id
    WHERE roots.role = 'reference' AND here.media_id IS NOT NULL AND NOT EXISTS (
        SELECT 1 FROM files AS there JOIN roots AS other ON other.id = there.root_id
        WHERE there.media_id = here.media_id AND other.role <> 'reference')
)
""".lstrip()


def queries() -> dict[str, dict[str, Any]]:
    """The queries by address, fresh for the caller to keep: Datasette writes into what plugins
    give it.
    """
    return {name: dict(query) for name, query in _read().items()}


@cache
def _read() -> dict[str, dict[str, Any]]:
    found = tomllib.loads(SOURCE.read_text(encoding="utf-8"))
    for query in found.values():
        sql = query["sql"].strip()
        query["sql"] = (REFERENCE_ONLY if "reference_only" in sql else "") + sql
    return found
