"""How the values of the catalog's columns look in a table: pictures for ids, short numbers,
folded JSON, people by name.
"""

from __future__ import annotations

import json
from typing import Any

from markupsafe import Markup

from catalog.browse.functions import row_id
from catalog.browse.site import DATABASE
from catalog.browse.thumbnails import picture_table, thumbnail

JSON_COLUMNS = frozenset({
    "exif", "landmarks", "skipped", "reasons", "forward", "inverse", "parameters", "payload",
    "result", "curve", "thresholds", "models", "hardware", "workers", "notes", "details", "paths",
})  # fmt: skip
DECIMALS = {
    **dict.fromkeys(("similarity", "margin", "confidence", "quality", "best_quality"), 3),
    **dict.fromkeys(("x", "y", "w", "h", "crop_x", "crop_y", "size_px", "altitude_m"), 1),
    **dict.fromkeys(("time_s", "start_s", "end_s", "first_s", "last_s", "duration_s"), 2),
    **dict.fromkeys(("seconds", "fps"), 2),
    **dict.fromkeys(("crop_scale", "sharpness", "brightness", "motion", "progress"), 3),
    **dict.fromkeys(("tenengrad", "motion_angle", "yaw", "pitch", "roll"), 1),
    **dict.fromkeys(("agreement", "blur", "detail", "noise", "blockiness", "flatness"), 3),
    **dict.fromkeys(("contrast", "underexposed", "overexposed", "skin_spread", "symmetry"), 3),
    **dict.fromkeys(("norm", "stability"), 3),
    **dict.fromkeys(("eyes_open", "eye_aspect_ratio", "misfit", "off_centre", "cut_off"), 3),
}  # fmt: skip
PERSON_COLUMNS = frozenset({"person_id", "merged_into"})
SHORT_JSON = 60
LONGEST_JSON = 20_000
LISTED = 20


def render(datasette: Any, row: Any, column: str, table: str | None, value: Any) -> Markup | None:
    """The cell's HTML, every piece of data in it escaped; None leaves the cell to Datasette."""
    expanded = value if isinstance(value, dict) and "value" in value else None
    plain = expanded["value"] if expanded else value
    pictured = picture_table(column, table)
    if pictured:
        version = _value(row, "crop") if column == "id" else None
        return thumbnail(datasette, pictured, plain, version=version)
    if column == "name" and isinstance(plain, str) and plain:
        return _named(datasette, _value(row, "person_id"), plain)
    if column in PERSON_COLUMNS:
        return _person(datasette, plain, expanded["label"] if expanded else None)
    if isinstance(plain, float) and column in DECIMALS:
        return _number(plain, DECIMALS[column])
    if column in JSON_COLUMNS and isinstance(plain, str):
        return _folded(plain)
    if column == "path_bytes" and isinstance(plain, bytes):
        # The name as the file system has it; what is not UTF-8 shows as a replacement character.
        return Markup("{}").format(plain.decode("utf-8", "replace"))
    return None


def name_people(facets: Any) -> str:
    """Give people without a name one in lists of facets, where Datasette says None; returns
    nothing to show.
    """
    for facet in facets:
        if facet["name"] in PERSON_COLUMNS:
            for value in facet["results"]:
                value["label"] = value["label"] or f"person {value['value']}"
    return ""


def _named(datasette: Any, person_id: object, name: str) -> Markup | None:
    number = row_id(person_id)
    if number is None:
        return None
    return Markup('<a href="{}">{}</a>').format(
        datasette.urls.row(DATABASE, "people", str(number)), name
    )


def _person(datasette: Any, value: object, name: object) -> Markup | None:
    number = row_id(value)
    if number is None:
        return None
    link = datasette.urls.row(DATABASE, "people", str(number))
    if isinstance(name, str) and name:
        return Markup('<a href="{}">{}</a>&nbsp;<em>{}</em>').format(link, name, number)
    return Markup('<a href="{}">person&nbsp;{}</a>').format(link, number)


def _number(value: float, decimals: int) -> Markup:
    return Markup('<span title="{}">{:.{}f}</span>').format(value, value, decimals)


def _folded(text: str) -> Markup | None:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if isinstance(found, list) and found and all(isinstance(item, str) for item in found):
        return _listed(found)
    if not isinstance(found, list | dict) or len(text) <= SHORT_JSON:
        return Markup("<code>{}</code>").format(text[:LONGEST_JSON])
    entries = f"{len(found):,} {'keys' if isinstance(found, dict) else 'entries'}"
    pretty = json.dumps(found, indent=2, ensure_ascii=False)
    if len(pretty) > LONGEST_JSON:
        pretty = pretty[:LONGEST_JSON] + "\n…"
    return Markup(
        '<details class="rollcall-json"><summary>{}</summary><pre>{}</pre></details>'
    ).format(entries, pretty)


def _listed(items: list[str]) -> Markup:
    lines = Markup("").join(Markup("<li>{}</li>").format(item) for item in items[:LISTED])
    if len(items) > LISTED:
        lines += Markup("<li>… {} more</li>").format(len(items) - LISTED)
    return Markup('<ul class="rollcall-list">{}</ul>').format(lines)


def _value(row: Any, column: str) -> object:
    """A row's value by name; the rows of tables, queries and single rows are of three types that
    share only keys().
    """
    return row[column] if column in row.keys() else None  # noqa: SIM118 - sqlite3.Row looks for values, not names
