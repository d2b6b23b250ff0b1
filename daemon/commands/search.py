"""`rollcall search`: who is in a photo that is not stored, which faces are like one of the
catalog's, where people are.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from daemon.commands.common import NUMBER, config_option, json_option
from daemon.errors import UsageError

if TYPE_CHECKING:
    from daemon.settings import Settings

# Similar faces are looked at one by one, photos are listed.
SIMILAR, LISTED = 5, 100
MOST = 1000
_DATE = re.compile(r"\d{4}(-(0[1-9]|1[0-2])(-(0[1-9]|[12]\d|3[01]))?)?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What is looked for: the faces of a photo, faces like a face, or photos of people."""

    photo: Path | None
    face: int | None
    person: str | None
    others: tuple[str, ...]
    first: str | None
    last: str | None
    limit: int | None


def _date(_ctx: click.Context, parameter: click.Parameter, value: str | None) -> str | None:
    if value is not None and not _DATE.fullmatch(value):
        raise UsageError(
            f"--{parameter.name} {value}: not a date; expected a year, a month or a day, such as "
            "2024, 2024-05 or 2024-05-06"
        )
    return value


@click.command(
    name="search",
    epilog="Examples: rollcall search party.jpg -k 5; rollcall search --person Rosa --from 2024",
)
@click.argument("photo", required=False, type=click.Path(path_type=Path))
@config_option
@json_option
@click.option("--face", type=NUMBER, help="Look for faces like this one (a number).")
@click.option("--person", help="Look for photos and videos of this person (a name or a number).")
@click.option("--with", "others", multiple=True, help="… that show this person too; repeatable.")
@click.option(
    "--from", "first", callback=_date, help="… taken in this year, month or day, or later."
)
@click.option("--to", "last", callback=_date, help="… taken in this year, month or day, or before.")
@click.option("-k", "--limit", type=click.IntRange(1, MOST),
              help=f"So many at most; unless said {SIMILAR} faces or {LISTED} photos.")  # fmt: skip
def command(settings: Settings, *, as_json: bool, **options: Any) -> int:
    """Say who is in a photo and which known faces are most similar; nothing of it is kept.

    With --face or --person the catalog alone is asked, and no model runs.
    """
    from daemon.commands import search_answers

    asked = Asked(**options)
    _check(asked)
    if asked.photo is not None:
        return search_answers.photo(settings, asked.photo, asked.limit or SIMILAR, as_json=as_json)
    if asked.face is not None:
        search_answers.face(settings, asked.face, asked.limit or SIMILAR, as_json=as_json)
    else:
        search_answers.people(settings, asked, as_json=as_json)
    return 0


def _check(asked: Asked) -> None:
    """Raises UsageError where it is not clear what is looked for."""
    given = [it for it in (asked.photo, asked.face, asked.person) if it is not None]
    if len(given) != 1:
        raise UsageError("say what to look for: a photo, or --face NUMBER, or --person NAME")
    if asked.person is None and (asked.others or asked.first or asked.last):
        raise UsageError("--with, --from and --to narrow down --person; name one")
