"""The Datasette plugin: pictures, questions, descriptions and SQL functions for the catalog.

Only the hooks stand here; each hands on to the module that knows. A Datasette without a catalog
is left as it is.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import datasette as datasette_package

from catalog.browse import (
    access,
    addresses,
    assets,
    authorizer,
    cells,
    descriptions,
    functions,
    guard,
    login,
    routes,
    summary,
)
from catalog.browse import queries as questions
from catalog.browse.site import CROPS, DATABASE, has_catalog, is_ours, site_of
from catalog.browse.thumbnails import add_thumbnails, thumbnail
from catalog.connect import BUSY_TIMEOUT_MS

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Awaitable

    from markupsafe import Markup

F = TypeVar("F", bound=Callable[..., Any])
# The marker as datasette makes it, with a type.
hookimpl: Callable[[F], F] = datasette_package.hookimpl


@hookimpl
def prepare_connection(conn: sqlite3.Connection, database: str, datasette: Any) -> None:
    """Make Datasette's connections as patient as ours, and give those to the catalog its
    functions and authorizer.
    """
    if database not in (DATABASE, CROPS):
        return
    conn.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")
    site = site_of(datasette) if database == DATABASE else None
    if site is None:
        return
    conn.execute("PRAGMA foreign_keys = ON")
    functions.register(conn, site)
    if not site.show_vectors:
        conn.set_authorizer(authorizer.hide_vectors)


@hookimpl
def get_metadata(datasette: Any, key: str | None) -> dict[str, Any]:
    """Titles, descriptions, sort orders and facets of the catalog."""
    return descriptions.metadata(key) if DATABASE in datasette.databases else {}


@hookimpl
def canned_queries(datasette: Any, database: str) -> dict[str, dict[str, Any]]:
    """The questions on the catalog's page."""
    return questions.queries() if database == DATABASE else {}


@hookimpl
def render_cell(
    row: Any, value: Any, column: str, table: str | None, database: str, datasette: Any
) -> Markup | None:
    """Pictures, short numbers and folded JSON in the catalog's tables, views and queries."""
    if database != DATABASE:
        return None
    return cells.render(datasette, row, column, table, value)


@hookimpl
def register_routes(datasette: Any) -> list[tuple[str, Any]]:
    """Our pages, the API and the addresses of pictures."""
    return addresses.routes_of(datasette)


@hookimpl
def permission_allowed(datasette: Any, actor: Any, action: str) -> Any:
    """Who may look and who may change."""
    return access.opinion(datasette, actor, action)


@hookimpl
def actor_from_request(datasette: Any, request: Any) -> dict[str, str] | None:
    """Programs with a token."""
    return access.actor_of(datasette, request)


@hookimpl
def forbidden(datasette: Any, request: Any, message: str) -> Any:
    """Who may not look is asked for the password."""
    return login.instead(datasette, request, message)


@hookimpl
def asgi_wrapper(
    datasette: Any,
) -> Callable[[Callable[..., Awaitable[None]]], Callable[..., Awaitable[None]]]:
    """Pictures stay cacheable for the one who asked; what holds for every answer comes last."""
    return lambda app: guard.guarded(routes.keep_cacheable(app, datasette), datasette)


@hookimpl
def prepare_jinja2_environment(env: Any, datasette: Any) -> None:
    """Pages that Datasette makes without our variables, such as errors, look like ours too."""
    env.globals["rollcall_style"] = (
        assets.stylesheet_address() if is_ours(datasette) and has_catalog(datasette) else ""
    )


@hookimpl
def extra_css_urls(datasette: Any) -> list[str]:
    """Our stylesheet, on every page."""
    return [assets.stylesheet_address()] if DATABASE in datasette.databases else []


@hookimpl
def extra_template_vars(
    datasette: Any, view_name: str | None, database: str | None, request: Any
) -> Callable[[], Awaitable[dict[str, Any]]]:
    """What our templates show: `rollcall_figures`, and functions that make thumbnails."""

    async def variables() -> dict[str, Any]:
        found: dict[str, Any] = {
            "rollcall_figures": [],
            "rollcall_thumbnail": lambda *given: thumbnail(datasette, *given),
            "rollcall_add_thumbnails": lambda *given: add_thumbnails(datasette, *given),
            "rollcall_name_people": cells.name_people,
        }
        if view_name == "index" or (view_name == "database" and database == DATABASE):
            actor = request.actor if request else None
            found["rollcall_figures"] = await summary.figures(datasette, actor)
        return found

    return variables
