"""`rollcall people merge|split|confirm|reject|hide|show|cover`: what a person says of people and
faces. Each is a change, which `rollcall changes undo` takes back.
"""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, Any, TypeVar

import click

from catalog import decisions, people
from catalog.connect import connect, transaction
from daemon.commands.common import (
    NUMBER,
    agreed,
    config_option,
    json_option,
    open_catalog,
    print_json,
    user,
    yes_option,
)
from daemon.errors import UsageError

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable

    from daemon.settings import Settings

F = TypeVar("F", bound="Callable[..., Any]")


def _faces(function: F) -> F:
    return click.argument("faces", nargs=-1, required=True, type=NUMBER)(function)


@click.command(epilog='Example: rollcall people merge 12 15 --into "Aunt Rosa"')
@click.argument("others", nargs=-1, required=True)
@click.option("--into", required=True, metavar="PERSON", help="Who they are.")
@config_option
@json_option
@yes_option
def merge(
    settings: Settings, others: tuple[str, ...], into: str, *, as_json: bool, yes: bool
) -> None:
    """Say that OTHERS are the same person as another one. Asks where two of them have names."""
    with closing(open_catalog(settings)) as connection:
        everybody = [people.find(connection, it) for it in (into, *others)]
        named = [name for it in dict.fromkeys(everybody) if (name := _name(connection, it))]
    if len(named) > 1:
        agreed(f"{' and '.join(named)} have names of their own. Are they one person?", yes=yes)
    survivor, *merged = everybody
    change_id = _decided(settings, lambda it: decisions.merge(it, merged, survivor, actor=user()))
    if as_json:
        print_json({"change_id": change_id, "person_id": survivor, "merged": merged})
        return
    _say(change_id, f"{_numbers('person', 'people', merged)} is now one with person {survivor}")


@click.command(epilog="Example: rollcall people split Rosa 17 18 --to Ada")
@click.argument("person")
@_faces
@click.option("--to", metavar="OTHER", help="Who they are; without it a new person.")
@config_option
@json_option
def split(
    settings: Settings, person: str, faces: tuple[int, ...], to: str | None, *, as_json: bool
) -> None:
    """Say that FACES of PERSON are somebody else."""

    def decide(connection: sqlite3.Connection) -> tuple[int, int | None]:
        target = None if to is None else people.find(connection, to)
        old = people.find(connection, person)
        change_id = decisions.split(connection, old, faces, actor=user(), to=target)
        row = connection.execute("SELECT person_id FROM faces WHERE id = ?", [faces[0]]).fetchone()
        return change_id, row["person_id"]

    change_id, new = _decided(settings, decide)
    if as_json:
        print_json({"change_id": change_id, "person_id": new, "face_ids": faces})
        return
    _say(change_id, f"{_numbers('face', 'faces', faces)} now person {new}")


@click.command(epilog="Example: rollcall people confirm 17 18 --person Rosa")
@click.argument("faces", nargs=-1, type=NUMBER)
@click.option("--person", metavar="PERSON", help="Who they are; without it, whom they seem to be.")
@click.option("--all", "everything", is_flag=True, help="All faces that PERSON seems to be.")
@config_option
@json_option
def confirm(
    settings: Settings, faces: tuple[int, ...], person: str | None, *, everything: bool,
    as_json: bool,
) -> None:  # fmt: skip
    """Say that FACES are who they seem or are suggested to be, or who PERSON is."""
    if everything == bool(faces) or (everything and person is None):
        raise UsageError("give the numbers of faces, or --all with --person")

    def decide(connection: sqlite3.Connection) -> tuple[int, int]:
        who = _who(connection, faces, person)
        if everything:
            return decisions.confirm_all(connection, who, actor=user()), who
        return decisions.confirm(connection, faces, who, actor=user()), who

    change_id, who = _decided(settings, decide)
    if as_json:
        print_json({"change_id": change_id, "person_id": who, "face_ids": faces})
        return
    what = "all faces of person" if everything else f"{_numbers('face', 'faces', faces)} person"
    _say(change_id, f"{what} {who}: confirmed")


@click.command(epilog="Example: rollcall people reject 17 --person Rosa")
@_faces
@click.option("--person", metavar="PERSON", help="Who they are not; without it, whom they seem.")
@click.option("--not-a-face", is_flag=True, help="They are no faces at all.")
@config_option
@json_option
def reject(
    settings: Settings, faces: tuple[int, ...], person: str | None, *, not_a_face: bool,
    as_json: bool,
) -> None:  # fmt: skip
    """Say that FACES are not who they seem or are suggested to be, and never will."""
    if not_a_face and person is not None:
        raise UsageError("give --person or --not-a-face, not both")

    def decide(connection: sqlite3.Connection) -> tuple[int, int | None]:
        who = None if not_a_face else _who(connection, faces, person)
        return decisions.reject(connection, faces, who, actor=user()), who

    change_id, who = _decided(settings, decide)
    if as_json:
        print_json({"change_id": change_id, "person_id": who, "face_ids": faces})
        return
    what = "no face" if who is None else f"not person {who}"
    _say(change_id, f"{_numbers('face', 'faces', faces)} {what}")


@click.command(epilog="Example: rollcall people hide 12 --face 17")
@click.argument("persons", nargs=-1)
@click.option("--face", "faces", multiple=True, type=NUMBER, help="A face; may be given often.")
@config_option
@json_option
def hide(
    settings: Settings, persons: tuple[str, ...], faces: tuple[int, ...], *, as_json: bool
) -> None:
    """Take PERSONS or faces out of lists and counts. They are still recognised."""
    _see(settings, persons, faces, hidden=True, as_json=as_json)


@click.command(epilog="Example: rollcall people show 12")
@click.argument("persons", nargs=-1)
@click.option("--face", "faces", multiple=True, type=NUMBER, help="A face; may be given often.")
@config_option
@json_option
def show(
    settings: Settings, persons: tuple[str, ...], faces: tuple[int, ...], *, as_json: bool
) -> None:
    """Bring hidden PERSONS or faces back, also what was said to be no face."""
    _see(settings, persons, faces, hidden=False, as_json=as_json)


@click.command(epilog="Example: rollcall people cover Rosa 17")
@click.argument("person")
@click.argument("face", required=False, type=NUMBER)
@click.option("--best", is_flag=True, help="Let the best face stand for PERSON again.")
@config_option
@json_option
def cover(settings: Settings, person: str, face: int | None, *, best: bool, as_json: bool) -> None:
    """Let FACE stand for PERSON."""
    if (face is None) != best:
        raise UsageError("give the number of a face, or --best")

    def decide(connection: sqlite3.Connection) -> tuple[int, int]:
        who = people.find(connection, person)
        return decisions.choose_cover(connection, who, face, actor=user()), who

    change_id, who = _decided(settings, decide)
    if as_json:
        print_json({"change_id": change_id, "person_id": who, "face_id": face})
        return
    _say(
        change_id, f"{'the best face' if face is None else f'face {face}'} stands for person {who}"
    )


COMMANDS = (merge, split, confirm, reject, hide, show, cover)


def _see(
    settings: Settings, persons: tuple[str, ...], faces: tuple[int, ...], *, hidden: bool,
    as_json: bool,
) -> None:  # fmt: skip
    if bool(persons) == bool(faces):
        raise UsageError("give people, or faces with --face")

    def decide(connection: sqlite3.Connection) -> tuple[int, list[int]]:
        if faces:
            work = decisions.hide_faces if hidden else decisions.show_faces
            return work(connection, faces, actor=user()), list(faces)
        found = [people.find(connection, it) for it in persons]
        see = decisions.hide_people if hidden else decisions.show_people
        return see(connection, found, actor=user()), found

    change_id, numbers = _decided(settings, decide)
    if as_json:
        print_json({"change_id": change_id, ("face_ids" if faces else "person_ids"): numbers})
        return
    what = _numbers("face", "faces", numbers) if faces else _numbers("person", "people", numbers)
    _say(change_id, f"{what} {'hidden' if hidden else 'shown'}")


def _decided(settings: Settings, decide: Callable[[sqlite3.Connection], Any]) -> Any:
    with closing(connect(settings.catalog)) as connection, transaction(connection):
        return decide(connection)


def _who(connection: sqlite3.Connection, faces: tuple[int, ...], person: str | None) -> int:
    return decisions.whose(connection, faces) if person is None else people.find(connection, person)


def _name(connection: sqlite3.Connection, person_id: int) -> str | None:
    row = connection.execute("SELECT name FROM people WHERE id = ?", [person_id]).fetchone()
    name: str | None = row["name"]
    return name


def _numbers(one: str, several: str, numbers: list[int] | tuple[int, ...]) -> str:
    word = one if len(numbers) == 1 else several
    return f"{word} {', '.join(map(str, numbers))}:"


def _say(change_id: int, what: str) -> None:
    click.echo(f"{what} (change {change_id}; `rollcall changes undo {change_id}` takes it back)")
