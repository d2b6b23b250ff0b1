"""Logging in where a password is set; logging out is Datasette's own."""

from __future__ import annotations

import asyncio
import time
from typing import Any, Final
from urllib.parse import parse_qsl, quote, urlsplit

from datasette.utils.asgi import Response

from catalog.browse import credentials
from catalog.browse.access import is_known, owner
from catalog.browse.answers import rendered, told
from catalog.browse.guard import mark_ours
from catalog.browse.site import site_of

PATH: Final = "/-/login"
COOKIE: Final = "ds_actor"
DAYS: Final = 90
_MOST_BYTES: Final = 1 << 14
# After a wrong password the next may come so much later, for everybody: guessing takes years.
_FIRST_PAUSE_S: Final = 0.5
_LONGEST_PAUSE_S: Final = 30.0


class _Brake:
    """How long to wait, and until when."""

    def __init__(self) -> None:
        self.pause_s = 0.0
        self.until = 0.0

    def wrong(self) -> None:
        self.pause_s = min(_LONGEST_PAUSE_S, max(_FIRST_PAUSE_S, 2 * self.pause_s))
        self.until = time.monotonic() + self.pause_s

    def right(self) -> None:
        self.pause_s = self.until = 0.0


_brake = _Brake()


async def login(request: Any, datasette: Any) -> Any:
    """The page, and what becomes of its form."""
    mark_ours(request)
    site = site_of(datasette)
    kept = site.options.password if site else None
    if kept is None:
        return Response.redirect(datasette.urls.instance())
    wanted = _back(request.args.get("next"))
    sentence = ""
    if site and request.method == "GET" and is_known(site, request.actor):
        return Response.redirect(wanted)
    if request.method == "POST":
        form = await _form(request)
        wanted = _back(form.get("next"))
        left_s = _brake.until - time.monotonic()
        if left_s > 0:
            sentence = f"Too many wrong passwords. Try again in {left_s:.0f} s."
        elif await asyncio.to_thread(credentials.fits, form.get("password", ""), kept):
            _brake.right()
            answer = Response.redirect(wanted)
            answer.set_cookie(
                COOKIE,
                datasette.sign({"a": owner(kept)}, "actor"),
                max_age=DAYS * 86400,
                httponly=True,
                samesite="lax",
                secure=request.scheme == "https",
            )
            return answer
        else:
            _brake.wrong()
            sentence = "That is not the password."
    return await rendered(
        datasette,
        request,
        "rollcall_login.html",
        {"sentence": sentence, "next": wanted, "is_login": True},
        status=403 if sentence else 200,
    )


def instead(datasette: Any, request: Any, message: str) -> Any:
    """What somebody gets who may not see what was asked for: the way to log in, where that helps
    and a person asks; None leaves it to Datasette.
    """
    site = site_of(datasette)
    if site is None or site.options.password is None or is_known(site, request.actor):
        return None
    if request.method != "GET" or request.path.startswith("/api/"):
        return told(403, message or "Log in, or use a token.")
    if request.path.endswith(".json") or request.path == PATH:
        return None
    back = quote(f"{request.path}?{request.query_string}" if request.query_string else request.path)
    return Response.redirect(f"{datasette.urls.path(PATH)}?next={back}")


def _back(given: str | None) -> str:
    """Where to go after it: on this server only."""
    parts = urlsplit(given or "/")
    if parts.scheme or parts.netloc or not parts.path.startswith("/") or "\\" in (given or ""):
        return "/"
    return given if given and not given.startswith("//") else "/"


async def _form(request: Any) -> dict[str, str]:
    data = b""
    while len(data) <= _MOST_BYTES:
        message = await request.receive()
        data += message.get("body", b"")
        if not message.get("more_body"):
            break
    text = data[:_MOST_BYTES].decode("utf-8", "replace")
    return dict(parse_qsl(text, keep_blank_values=True))
