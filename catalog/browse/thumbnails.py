"""Small pictures in the cells of tables: an image tag by id, of fixed size, loaded when it comes
into view.
"""

from __future__ import annotations

from typing import Any

from markupsafe import Markup

from catalog.browse.functions import row_id
from catalog.browse.routes import BLANK, PREFIX
from catalog.browse.site import DATABASE

FACE_COLUMNS = frozenset({"face_id", "best_face_id", "cover_face_id", "evidence_face_id"})
MEDIA_COLUMNS = frozenset({"media_id", "paired_media_id", "replaces_media_id"})
# Whose own id is a picture's.
PICTURED_TABLES = frozenset({"faces", "media"})
VERSION_DIGITS = 16

FACE_PX = 88
MEDIA_PX = (132, 88)

# Width and height stand in the tag, so that the page keeps its place while pictures arrive.
_IMAGE = Markup(
    '<a class="rollcall-picture" href="{row}"><img class="rollcall-{kind}" src="{source}" '
    'width="{width}" height="{height}" loading="lazy" decoding="async" alt="{alt}">'
    '<span class="rollcall-id">{number}</span></a>'
)


def picture_table(column: str, table: str | None) -> str | None:
    """Of which table (faces or media) a column's values are ids; None where they are not."""
    if column == "id" and table in PICTURED_TABLES:
        return table
    if column in FACE_COLUMNS:
        return "faces"
    if column in MEDIA_COLUMNS:
        return "media"
    return None


def thumbnail(
    datasette: Any, table: str, number: object, *, version: object = None
) -> Markup | None:
    """The picture of row `number` of faces or media, linking to that row; None where that is no id.

    `version`, a crop's key, makes an address that a browser may keep for good.
    """
    found = row_id(number)
    if found is None:
        return None
    face = table == "faces"
    route = f"{PREFIX}{'crop' if face else 'preview'}/{found}?"
    if isinstance(version, str) and version.isalnum():
        route += f"v={version[:VERSION_DIGITS]}&"
    route += BLANK
    return _IMAGE.format(
        row=datasette.urls.row(DATABASE, table, str(found)),
        kind="face" if face else "media",
        source=datasette.urls.path(route),
        width=FACE_PX if face else MEDIA_PX[0],
        height=FACE_PX if face else MEDIA_PX[1],
        alt=f"Face {found}" if face else f"Photo or video {found}",
        number=found,
    )


def add_thumbnails(datasette: Any, table: str, rows: Any) -> str:
    """Put the picture into the first cell of each row of a faces or media page; returns nothing
    to show.

    Datasette makes that cell, the link to the row, without asking plugins.
    """
    if table in PICTURED_TABLES:
        for row in rows:
            for cell in row:
                if cell["value_type"] == "pk":
                    picture = thumbnail(datasette, table, cell["raw"], version=_crop(row))
                    cell["value"] = picture if picture is not None else cell["value"]
    return ""


def _crop(row: Any) -> object:
    return next((cell["raw"] for cell in row if cell["column"] == "crop"), None)
