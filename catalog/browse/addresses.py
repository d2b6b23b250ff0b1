"""Which address is answered by what."""

from __future__ import annotations

from typing import Any, Final

from catalog.browse import charts, login, metrics, originals, pages, places, routes
from catalog.browse.api import decisions, live, reading, work
from catalog.browse.site import has_catalog, is_ours

_ID: Final = r"(?P<id>[^/]+)"

PAGES: Final = {
    r"rollcall": pages.home,
    r"people": pages.people,
    rf"people/{_ID}": pages.person,
    r"media": pages.media,
    rf"media/{_ID}": pages.medium,
    rf"faces/{_ID}": pages.face,
    r"review": pages.review,
    r"changes": pages.log,
    r"map": charts.shown,
    r"places": places.shown,
    r"add": pages.add,
}

API: Final = {
    r"openapi\.json": reading.description,
    r"status": reading.about,
    r"live": live.state,
    r"events": live.events,
    r"names": reading.names,
    r"people": reading.people,
    r"people/merge": decisions.merge,
    r"people/hide": decisions.hide_several,
    r"people/show": decisions.show_several,
    rf"people/{_ID}": reading.person,
    rf"people/{_ID}/name": decisions.name,
    rf"people/{_ID}/hide": decisions.hide,
    rf"people/{_ID}/show": decisions.show,
    rf"people/{_ID}/cover": decisions.cover,
    rf"people/{_ID}/split": decisions.split,
    rf"people/{_ID}/confirm_all": decisions.confirm_all,
    r"media": reading.media,
    rf"media/{_ID}": reading.medium,
    rf"video_info/{_ID}": reading.video,
    r"faces/confirm": decisions.confirm,
    r"faces/reject": decisions.reject,
    r"faces/hide": decisions.hide_faces,
    r"faces/show": decisions.show_faces,
    rf"faces/{_ID}": reading.face,
    r"map": charts.points,
    r"places": places.points,
    r"clusters": reading.clusters,
    r"cluster_faces": work.cluster_faces,
    r"suggestions": reading.suggestions,
    r"changes": decisions.listing,
    r"changes/undo": decisions.take_back,
    r"changes/redo": decisions.redo,
    rf"job_status/{_ID}": reading.job,
    r"jobs/retry": work.retry,
    r"upload": work.upload,
    r"upload_video": work.upload,
    r"process_url": work.process_url,
    r"process_urls": work.process_urls,
    r"search": work.search,
}


def routes_of(datasette: Any) -> list[tuple[str, Any]]:
    """The addresses that this Datasette gets: none without a catalog. The first page is ours where
    nothing but the catalog is served.
    """
    if not has_catalog(datasette):
        return []
    home = [(r"/$", pages.home)] if is_ours(datasette) else []
    return [
        *home,
        *((rf"/{path}$", view) for path, view in PAGES.items()),
        *((rf"/api/{path}$", view) for path, view in API.items()),
        (rf"{routes.PREFIX}original/{_ID}$", originals.original),
        (rf"{login.PATH}$", login.login),
        (r"/-/metrics$", metrics.metrics),
        (r"/-/health$", metrics.health),
        *routes.ROUTES,
    ]
