"""The map of where photos and videos were taken."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode, urlsplit

from catalog import gallery
from catalog import places as places_module
from catalog.browse.answers import Asked, api, page, rendered
from catalog.browse.api.reading import filter_of
from catalog.browse.guard import allow_tiles

if TYPE_CHECKING:
    import sqlite3


@page
async def shown(asked: Asked) -> Any:
    """The page. Pictures of the land come from elsewhere, and only where that is configured."""
    wanted, options = filter_of(asked), asked.site.options
    if options.tiles:
        allow_tiles(asked.request)

    def read(connection: sqlite3.Connection) -> dict[str, Any]:
        return {"people": gallery.cards(connection, list(wanted.people), {})}

    context = {
        **await asked.read(read),
        "query": urlencode(asked.pairs(without="area")),
        "tiles": options.tiles,
        "credit": options.tiles_credit or urlsplit(options.tiles).netloc,
        "scripts": ("plane.js", "places.js"),
    }
    return await rendered(asked.datasette, asked.request, "rollcall_places.html", context)


@api("GET")
async def points(asked: Asked) -> Any:
    """Places of the photos and videos that fit a filter."""
    wanted = filter_of(asked)
    return await asked.read(lambda it: places_module.places(it, wanted))
