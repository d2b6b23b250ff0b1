"""Who may look and who may change, and that it is they who ask.

Without a password whoever reaches the pages may do both; `rollcall serve` listens to this machine
only, then. With one, its owner may; guests may look where that is allowed. Other plugins of
Datasette may let people in as well: an actor of theirs looks, and changes where Datasette's
`permissions` allow `rollcall-change`.
"""

from __future__ import annotations

import hashlib
import hmac
from typing import TYPE_CHECKING, Any, Final

from catalog.browse.site import DATABASE, site_of

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from catalog.browse.site import Site

CHANGE: Final = "rollcall-change"
# In an actor of ours: what it may do.
MAY: Final = "rollcall"
_MARK: Final = "mark"
"""… and for which password: with another one it ends."""
_BEARER: Final = "bearer "


async def may_change(datasette: Any, actor: Any) -> bool:
    """Whether this visitor may change what the catalog says."""
    site = site_of(datasette)
    is_open = site is not None and site.options.is_open and site.options.password is None
    return bool(await datasette.permission_allowed(actor, CHANGE, default=is_open))


async def may_view(datasette: Any, actor: Any) -> bool:
    """Whether this visitor may see the catalog."""
    visible, _private = await datasette.check_visibility(
        actor, permissions=[("view-database", DATABASE), "view-instance"]
    )
    return bool(visible)


def opinion(datasette: Any, actor: Any, action: str) -> bool | Awaitable[bool | None] | None:
    """What this plugin has to say to Datasette's question who may what; None where nothing."""
    site = site_of(datasette)
    if site is None or site.options.password is None:
        return None
    if action == CHANGE:
        if not actor or MAY not in actor:
            return None
        return is_known(site, actor) and actor[MAY] == "change"
    if action == "view-instance":
        return None if is_known(site, actor) or site.options.guests else False
    if action == "execute-sql":
        return _changers_only(datasette, actor)
    return None


def is_known(site: Site, actor: Any) -> bool:
    """Whether somebody is known: by this password, by a token, or by another plugin."""
    if not actor:
        return False
    return MAY not in actor or actor.get(_MARK) == _mark(site.options.password or "")


def owner(password: str) -> dict[str, str]:
    """Who has logged in with the password of this hash."""
    return {"id": "owner", MAY: "change", _MARK: _mark(password)}


def _mark(password: str) -> str:
    return hashlib.sha256(password.encode("utf-8")).hexdigest()[:16]


async def _changers_only(datasette: Any, actor: Any) -> bool | None:
    """SQL of one's own can read past what hides the vectors."""
    return None if await may_change(datasette, actor) else False


def actor_of(datasette: Any, request: Any) -> dict[str, str] | None:
    """The program whose bearer token a request carries."""
    given = request.headers.get("authorization", "")
    site = site_of(datasette)
    if site is None or site.secrets is None or not given.lower().startswith(_BEARER):
        return None
    token = site.secrets.token(given[len(_BEARER) :].strip())
    if token is None:
        return None
    return {
        "id": f"token {token.name}",
        MAY: "change" if token.may_change else "view",
        _MARK: _mark(site.options.password or ""),
    }


def is_meant(request: Any) -> bool:
    """Whether a request that changes something was made by our own pages or by a program: it has
    the token of the visitor's cookie in a header, which no other site's page can know, or a bearer
    token. Datasette's own guard lets requests without cookies through, which other sites' pages
    can send where no password is asked for.
    """
    if request.headers.get("authorization", "").lower().startswith(_BEARER):
        return request.actor is not None
    cookie = request.cookies.get("ds_csrftoken", "")
    header = request.headers.get("x-csrftoken", "")
    return bool(cookie) and hmac.compare_digest(cookie.encode(), header.encode())


def name_of(actor: Any) -> str:
    """Who decides, as the undo log has it."""
    known = actor.get("id") if isinstance(actor, dict) else None
    return f"web: {known}" if known else "web"
