"""What the tables and columns mean, how they are sorted and what they are counted by, as
Datasette's metadata.
"""

from __future__ import annotations

import json
import tomllib
from functools import cache
from pathlib import Path
from typing import Any

from catalog.browse.site import DATABASE

SOURCE = Path(__file__).with_name("descriptions.toml")
TITLE = "Rollcall"
DESCRIPTION = "Who is in your photos and videos. Everything here stays on this machine."
# Asked for many times a page, and never answered here.
NOT_OURS = frozenset({
    "allow", "allow_sql", "custom_units", "extra_css_urls", "extra_js_urls", "plugins", "queries",
    "source", "source_url", "license", "license_url", "about", "about_url",
})  # fmt: skip


def metadata(key: str | None) -> dict[str, Any]:
    """Datasette's metadata for the catalog, made anew each time: Datasette writes into what
    plugins give it.
    """
    if key in NOT_OURS:
        return {}
    found: dict[str, Any] = json.loads(_text())
    return found


def catalog_metadata() -> dict[str, Any]:
    """The part about the catalog's own tables, as descriptions.toml has it."""
    return tomllib.loads(SOURCE.read_text(encoding="utf-8"))


@cache
def _text() -> str:
    return json.dumps(
        {
            "title": TITLE,
            "description": DESCRIPTION,
            "databases": {DATABASE: catalog_metadata()},
        }
    )
