"""How a page or an address of the API is asked and answers: permission first, numbers checked,
errors as a sentence.
"""

from __future__ import annotations

import functools
import json
import sqlite3
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeVar

from datasette.utils.asgi import Forbidden, Response

from catalog.browse import access
from catalog.browse.assets import address_of
from catalog.browse.functions import row_id
from catalog.browse.guard import mark_ours
from catalog.browse.site import DATABASE, Site, site_of
from catalog.errors import CatalogError, NotThereError, RollcallError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    Handler = Callable[["Asked"], Awaitable[Any]]

T = TypeVar("T")

MOST_JSON_BYTES: Final = 1 << 20
_NOT_MEANT: Final = (
    "This changes something, so it needs the x-csrftoken header of our pages or a bearer token "
    "(`rollcall web token`)."
)


class Problem(Exception):
    """The answer is a sentence with this status."""

    def __init__(self, status: int, sentence: str) -> None:
        super().__init__(sentence)
        self.status = status


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A request, for a catalog, by somebody who may see it."""

    request: Any
    datasette: Any
    site: Site
    may_change: bool

    @property
    def actor(self) -> str:
        """Who decides, as the undo log has it."""
        return access.name_of(self.request.actor)

    async def read(self, function: Callable[[sqlite3.Connection], T]) -> T:
        """What `function` reads from the catalog."""
        return await self.site.read(function)

    async def write(self, function: Callable[[sqlite3.Connection], T]) -> T:
        """What `function` returns, in a transaction."""
        return await self.site.write(function)

    def id(self, name: str = "id") -> int:
        """The number in the address. Raises Problem."""
        found = row_id(self.request.url_vars[name])
        if found is None:
            raise Problem(404, f"{self.request.url_vars[name][:40]!r} is no number of anything.")
        return found

    def text(self, name: str) -> str:
        """A parameter of the address, empty where it is not there."""
        return (self.request.args.get(name) or "").strip()

    def pairs(self, *, without: str = "") -> list[tuple[str, str]]:
        """What the address says after its question mark, but for what is empty."""
        args = self.request.args
        return [(it, text) for it in args if it != without for text in args.getlist(it) if text]

    def number(self, name: str, default: int, *, least: int = 1, most: int = 1000) -> int:
        """A whole number among the parameters of the address. Raises Problem."""
        text = self.text(name)
        if not text:
            return default
        if not (text.isascii() and text.isdecimal() and len(text) <= 9):
            raise Problem(400, f"{name}={text[:40]!r} is no whole number.")
        if not least <= int(text) <= most:
            raise Problem(400, f"{name} is a number from {least} to {most}.")
        return int(text)

    async def body(self) -> dict[str, Any]:
        """The JSON object that was sent. Raises Problem."""
        data = bytearray()
        while True:
            message = await self.request.receive()
            if message["type"] == "http.disconnect":
                raise Problem(400, "The request ended before it was whole.")
            data += message.get("body", b"")
            if len(data) > MOST_JSON_BYTES:
                raise Problem(413, f"More than {MOST_JSON_BYTES >> 20} MB of JSON.")
            if not message.get("more_body"):
                break
        try:
            found = json.loads(data or b"{}")
        except (ValueError, RecursionError) as error:
            raise Problem(400, "The body is not JSON.") from error
        if not isinstance(found, dict):
            raise Problem(400, "The body is not a JSON object.")
        return found


def page(handler: Handler) -> Callable[..., Awaitable[Any]]:
    """A page: GET only, for whoever may see the catalog; errors are a page with a sentence."""

    @functools.wraps(handler)
    async def view(request: Any, datasette: Any) -> Any:
        mark_ours(request)
        try:
            return await handler(await _asked(request, datasette, ("GET", "HEAD")))
        except (Problem, RollcallError, sqlite3.Error) as error:
            status, sentence = _told(error)
            return await rendered(
                datasette,
                request,
                "rollcall_problem.html",
                {"sentence": sentence, "status": status},
                status=status,
            )

    return _as_view(view)


def api(*methods: str, changes: bool = False) -> Callable[[Handler], Callable[..., Awaitable[Any]]]:
    """An address of the API: what the handler returns is sent as JSON, errors as a sentence in
    `error`. One that `changes` something asks for that permission and for a token.
    """

    def decorate(handler: Handler) -> Callable[..., Awaitable[Any]]:
        @functools.wraps(handler)
        async def view(request: Any, datasette: Any) -> Any:
            mark_ours(request)
            try:
                asked = await _asked(request, datasette, methods)
                if changes:
                    _check_change(asked)
                answer = await handler(asked)
            except Forbidden as error:
                return told(403, str(error) or "This is not for you to see.")
            except (Problem, RollcallError, sqlite3.Error) as error:
                return told(*_told(error))
            return sent(answer) if isinstance(answer, dict | list) else answer

        return _as_view(view)

    return decorate


def _as_view(view: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
    """Datasette asks for a function's arguments by their names, and would ask what it wraps."""
    del view.__wrapped__  # type: ignore[attr-defined]
    return view


def sent(data: Any, *, status: int = 200) -> Response:
    """Data as JSON."""
    text = json.dumps(data, ensure_ascii=False, allow_nan=False)
    return Response(
        text,
        status=status,
        headers={"Cache-Control": "no-store"},
        content_type="application/json; charset=utf-8",
    )


def told(status: int, sentence: str) -> Response:
    """An error as JSON."""
    return sent({"error": sentence}, status=status)


async def rendered(
    datasette: Any, request: Any, template: str, context: dict[str, Any], *, status: int = 200
) -> Response:
    """A page of ours."""
    scripts = [address_of(it) for it in ("rollcall.js", *context.pop("scripts", ()))]
    html = await datasette.render_template(
        template,
        {
            "style": address_of("rollcall.css"),
            "scripts": scripts,
            "may_change": await access.may_change(datasette, request.actor),
            "path": request.path,
            **context,
        },
        request=request,
    )
    return Response.html(html, status=status)


async def _asked(request: Any, datasette: Any, methods: tuple[str, ...]) -> Asked:
    site = site_of(datasette)
    if site is None:
        raise Problem(404, "No catalog of Rollcall's is served here.")
    await datasette.ensure_permissions(
        request.actor, [("view-database", DATABASE), "view-instance"]
    )
    if request.method not in methods:
        raise Problem(405, f"{request.method} is not answered here; expected {methods[0]}.")
    changer = await access.may_change(datasette, request.actor)
    return Asked(request=request, datasette=datasette, site=site, may_change=changer)


def _check_change(asked: Asked) -> None:
    if not asked.may_change:
        raise Problem(403, "You may look but not change anything: log in, or use another token.")
    if not access.is_meant(asked.request):
        raise Problem(403, _NOT_MEANT)


def _told(error: Exception) -> tuple[int, str]:
    if isinstance(error, Problem):
        return error.status, str(error)
    if isinstance(error, CatalogError):
        return 503, str(error)
    if isinstance(error, NotThereError):
        return 404, str(error)
    if isinstance(error, RollcallError):
        return 409, str(error)
    return 503, f"The catalog could not be read or written ({error}); try again."
