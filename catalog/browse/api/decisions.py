"""What people decide, from a page or a program: `catalog.decisions` over HTTP. Each answers with
the number of its change, by which it can be undone; `named` says that a new person was named too,
a change that goes with it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from catalog import changes, decisions, people, undo
from catalog.browse.answers import Asked, Problem, api, sent
from catalog.browse.functions import row_id
from catalog.undo import LaterChangesError

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable

MOST_FACES = 10_000


@api("POST", changes=True)
async def name(asked: Asked) -> Any:
    """Name a person; an empty name takes it away. Where somebody has the name already, the answer
    is 409 and says who, so that the page can ask whether they are one.
    """
    person_id, body = asked.id(), await asked.body()
    given = _text(body, "name")

    def write(connection: sqlite3.Connection) -> dict[str, Any]:
        own = people.survivor(connection, person_id)
        if not given.strip():
            return _done(decisions.clear_name(connection, own, actor=asked.actor), own)
        others = [it for it in people.called(connection, given) if it != own]
        if others:
            called = connection.execute(
                "SELECT name FROM people WHERE id = ?", [others[0]]
            ).fetchone()["name"]
            return {"error": f"There is somebody called {called} already.", "same": others}
        return _done(decisions.name_person(connection, own, given, actor=asked.actor), own)

    answer = await asked.write(write)
    return sent(answer, status=409) if "error" in answer else answer


@api("POST", changes=True)
async def merge(asked: Asked) -> Any:
    """Several people are one: `people` become `into`."""
    body = await asked.body()
    others, into = _ids(body, "people"), _id(body, "into")
    return await asked.write(
        lambda it: _done(decisions.merge(it, others, into, actor=asked.actor), into)
    )


@api("POST", changes=True)
async def hide(asked: Asked) -> Any:
    """A person appears in no list."""
    own = asked.id()
    return await _about(asked, decisions.hide_people, [own], own)


@api("POST", changes=True)
async def show(asked: Asked) -> Any:
    """A hidden person appears again."""
    own = asked.id()
    return await _about(asked, decisions.show_people, [own], own)


@api("POST", changes=True)
async def hide_several(asked: Asked) -> Any:
    """These people appear in no list: one change."""
    return await _about(asked, decisions.hide_people, _ids(await asked.body(), "people"))


@api("POST", changes=True)
async def show_several(asked: Asked) -> Any:
    """These hidden people appear again: one change."""
    return await _about(asked, decisions.show_people, _ids(await asked.body(), "people"))


@api("POST", changes=True)
async def cover(asked: Asked) -> Any:
    """This face stands for this person; null: the best one again."""
    own, body = asked.id(), await asked.body()
    face = None if body.get("face") is None else _id(body, "face")
    return await asked.write(
        lambda it: _done(decisions.choose_cover(it, own, face, actor=asked.actor), own)
    )


@api("POST", changes=True)
async def confirm(asked: Asked) -> Any:
    """These faces are this person, given by number or by name; a new name makes a new person."""
    body = await asked.body()
    faces = _ids(body, "faces")

    def write(connection: sqlite3.Connection) -> dict[str, Any]:
        person_id = _person(connection, body)
        change = decisions.confirm(connection, faces, person_id, actor=asked.actor)
        is_new = "name" in body and not people.called(connection, _text(body, "name"))
        if is_new:
            decisions.name_person(connection, person_id, _text(body, "name"), actor=asked.actor)
        return {**_done(change, person_id), "named": is_new}

    return await asked.write(write)


@api("POST", changes=True)
async def confirm_all(asked: Asked) -> Any:
    """All faces that the machine found to be this person are."""
    own = asked.id()
    return await asked.write(
        lambda it: _done(decisions.confirm_all(it, own, actor=asked.actor), own)
    )


@api("POST", changes=True)
async def reject(asked: Asked) -> Any:
    """These faces are not this person; without a person: no faces at all."""
    body = await asked.body()
    faces = _ids(body, "faces")
    person = None if body.get("person") is None else _id(body, "person")
    return await asked.write(
        lambda it: _done(decisions.reject(it, faces, person, actor=asked.actor), person)
    )


@api("POST", changes=True)
async def split(asked: Asked) -> Any:
    """These faces of a person are somebody else: a person by number or name, or a new one."""
    own, body = asked.id(), await asked.body()
    faces = _ids(body, "faces")

    def write(connection: sqlite3.Connection) -> dict[str, Any]:
        to = None
        if body.get("to") is not None:
            to = _id(body, "to")
        wanted = _text(body, "name") if body.get("name") else ""
        if wanted and to is None:
            known = people.called(connection, wanted)
            to = known[0] if known else None
        change = decisions.split(connection, own, faces, actor=asked.actor, to=to)
        made = to if to is not None else changes.read(connection, change).forward["to"]
        is_new = bool(wanted) and to is None
        if is_new:
            decisions.name_person(connection, made, wanted, actor=asked.actor)
        return {**_done(change, made), "named": is_new}

    return await asked.write(write)


@api("POST", changes=True)
async def hide_faces(asked: Asked) -> Any:
    """These faces count nowhere."""
    return await _about(asked, decisions.hide_faces, _ids(await asked.body(), "faces"))


@api("POST", changes=True)
async def show_faces(asked: Asked) -> Any:
    """These faces count again."""
    return await _about(asked, decisions.show_faces, _ids(await asked.body(), "faces"))


@api("POST", changes=True)
async def take_back(asked: Asked) -> Any:
    """Undo a change, the newest where none is named. Where others build on it the answer is 409
    and lists them; `with_later` undoes these as well.
    """
    body = await asked.body()
    change = None if body.get("change") is None else _id(body, "change")
    with_later = body.get("with_later") is True
    try:
        undone = await asked.write(
            lambda it: undo.undo(it, change, actor=asked.actor, with_later=with_later)
        )
    except LaterChangesError as error:
        return sent({"error": str(error), "later": list(error.later)}, status=409)
    return {"undone": undone}


@api("POST", changes=True)
async def redo(asked: Asked) -> Any:
    """Carry out again what was undone, last where no change is named."""
    body = await asked.body()
    change = None if body.get("change") is None else _id(body, "change")
    return {"change": await asked.write(lambda it: undo.redo(it, change, actor=asked.actor))}


@api("GET")
async def listing(asked: Asked) -> Any:
    """The undo log, newest first."""
    limit = asked.number("limit", 50)
    return {"changes": await asked.read(lambda it: changes.listing(it, limit=limit))}


async def _about(
    asked: Asked, decide: Callable[..., int], ids: list[int], person_id: int | None = None
) -> dict[str, Any]:
    """A decision about people or faces that needs to know no more than which."""
    return await asked.write(lambda it: _done(decide(it, ids, actor=asked.actor), person_id))


def _done(change: int, person_id: int | None) -> dict[str, Any]:
    return {"change": change, "person": person_id}


def _person(connection: sqlite3.Connection, body: dict[str, Any]) -> int:
    if body.get("person") is not None:
        return _id(body, "person")
    wanted = _text(body, "name").strip()
    if not wanted:
        raise Problem(400, "Say who it is: `person`, a number, or `name`.")
    known = people.called(connection, wanted)
    if len(known) > 1:
        raise Problem(409, f"{len(known)} people are called {wanted!r}; say which by number.")
    return known[0] if known else people.create(connection, origin="user")


def _id(body: dict[str, Any], name: str) -> int:
    found = row_id(body.get(name)) if not isinstance(body.get(name), str) else None
    if found is None:
        raise Problem(400, f"`{name}` is a number above zero.")
    return found


def _ids(body: dict[str, Any], name: str) -> list[int]:
    given = body.get(name)
    numbers = (
        [None if isinstance(it, str) else row_id(it) for it in given]
        if isinstance(given, list)
        else []
    )
    found = [it for it in numbers if it is not None]
    if not numbers or len(found) < len(numbers) or len(found) > MOST_FACES:
        raise Problem(400, f"`{name}` is a list of 1 to {MOST_FACES:,} numbers above zero.")
    return found


def _text(body: dict[str, Any], name: str) -> str:
    found = body.get(name)
    if not isinstance(found, str):
        raise Problem(400, f"`{name}` is a text.")
    return found
