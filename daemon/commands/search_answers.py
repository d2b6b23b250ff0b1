"""What `rollcall search` finds, and how it is shown."""

from __future__ import annotations

import threading
from contextlib import closing
from typing import TYPE_CHECKING, Any

import click

from catalog import people as people_rows
from catalog.evidence import NoSuchFaceError
from catalog.files import path_of
from daemon.commands.common import interruptible, open_catalog, photo_at, print_json
from daemon.following import through_or_alone

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from daemon.commands.search import Asked
    from daemon.settings import Settings


def photo(settings: Settings, path: Path, limit: int, *, as_json: bool) -> int:
    """Who is in a photo; its models run here or in the daemon. Returns the exit code."""
    from daemon.asking import search_alone, search_through_daemon

    real = photo_at(path)
    stop = threading.Event()
    search = through_or_alone(settings, search_through_daemon, search_alone, stop=stop)
    with interruptible(stop):
        result = search(settings, real, limit, stop=stop)
    if result is None:
        return 130
    if as_json:
        print_json(result)
    else:
        _show_photo(result)
    return 0


def face(settings: Settings, face_id: int, limit: int, *, as_json: bool) -> None:
    """The faces most like one of the catalog's. Raises NoSuchFaceError."""
    from catalog import neighbours

    with closing(open_catalog(settings)) as connection:
        connection.execute("BEGIN")  # one state of the catalog from the first read to the last
        row = connection.execute("SELECT media_id FROM faces WHERE id = ?", [face_id]).fetchone()
        found = None if row is None else neighbours.like_face(connection, face_id, limit)
        if row is None or found is None:
            raise NoSuchFaceError(
                f"face {face_id} is not there, does not count, or has no vector to compare; see "
                f"`rollcall people why {face_id}`"
            )
        near = neighbours.described(connection, found)
        path = path_of(connection, int(row["media_id"]))
    if as_json:
        print_json({"face_id": face_id, "path": path, "nearest": near})
        return
    click.echo(f"face {face_id} in {_shown(path)}:")
    _show_faces(near)


def people(settings: Settings, asked: Asked, *, as_json: bool) -> None:
    """Where all these people are. Raises NoSuchPersonError."""
    from catalog import whereabouts
    from daemon.commands.search import LISTED

    span = whereabouts.Span(first=asked.first, last=asked.last)
    with closing(open_catalog(settings)) as connection:
        connection.execute("BEGIN")
        wanted = [people_rows.find(connection, it) for it in (asked.person, *asked.others) if it]
        count, found = whereabouts.of_people(connection, wanted, span, asked.limit or LISTED)
    if as_json:
        print_json({"count": count, "media": found})
        return
    for media in found:
        date = (media["taken_at_local"] or media["taken_at"] or "no date")[:16].replace("T", " ")
        click.echo(f"{date:<16}  {_shown(media['path'])}  {', '.join(media['people'])}")
        for start_s, end_s in media["seconds"]:
            click.echo(f"{'':16}  from {start_s:.1f} to {end_s:.1f} s")
    if not found:
        click.echo("in no photo or video")
    elif count > len(found):
        click.echo(f"and {count - len(found)} more; see --limit, --from and --to")


def _show_photo(result: dict[str, Any]) -> None:
    for number, found in enumerate(result["faces"], 1):
        x, y, w, h = (round(value) for value in found["box"])
        person = found["person"]
        who = "nobody with a reference picture"
        if person is not None:
            sure = "" if person["certain"] else ", perhaps"
            who = f"{person['name']}{sure} (similarity {person['similarity']:.3f})"
        click.echo(f"face {number} at {x},{y}, {w}×{h} px: {who}")
        _show_faces(found["nearest"])


def _show_faces(found: Sequence[dict[str, Any]]) -> None:
    for near in found:
        name = near["name"] or (
            "nobody" if near["person_id"] is None else f"person {near['person_id']}"
        )
        click.echo(
            f"  {near['similarity']:.3f}  face {near['face_id']:<7} {name:<24}  "
            f"{_shown(near['path'])}"
        )


def _shown(path: str | None) -> str:
    """In one line; None where no file is left."""
    return "(no file)" if path is None else path.replace("\n", "\\n")
