"""People for the pages: the gallery, one person, who they are seen with, what needs an answer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from catalog import people
from catalog.people import NoSuchPersonError

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence

KINDS: Final = ("named", "unnamed", "hidden", "all")
_WHERE: Final = {
    "named": "people.name IS NOT NULL AND people.hidden = 0",
    "unnamed": "people.name IS NULL AND people.hidden = 0",
    "hidden": "people.hidden = 1",
    "all": "1",
}
_COUNTED: Final = """
    SELECT person_id, count(*) AS faces_count FROM faces
    WHERE person_id IS NOT NULL AND state = 'active'
      AND media_id NOT IN (SELECT media_id FROM replaced) GROUP BY person_id"""
_SEEN: Final = "people.merged_into IS NULL AND (people.name IS NOT NULL OR faces_count > 0)"
# The best face, or the chosen one as long as it is theirs or a reference picture of theirs.
_COVER: Final = """
    ifnull((SELECT cover.id FROM faces AS cover WHERE cover.id = people.cover_face_id
            AND cover.state = 'active'
            AND (cover.person_id = people.id OR cover.person_id IS NULL AND EXISTS
                 (SELECT 1 FROM exemplars JOIN people AS known ON known.id = exemplars.person_id
                  WHERE exemplars.face_id = cover.id AND exemplars.state = 'used'
                    AND ifnull(known.merged_into, known.id) = people.id))),
           ifnull((SELECT best.id FROM faces AS best
                   WHERE best.person_id = people.id AND best.state = 'active'
                   ORDER BY best.quality DESC, best.id LIMIT 1),
                  (SELECT exemplars.face_id FROM exemplars
                   WHERE exemplars.person_id = people.id AND exemplars.state = 'used' LIMIT 1)))
    AS cover_face_id"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """Some of many: `rows` from place `first` (0 is the first) of `total`."""

    rows: list[dict[str, Any]]
    total: int
    first: int
    size: int

    @property
    def has_more(self) -> bool:
        """Whether there are rows after these."""
        return self.first + len(self.rows) < self.total


def listed(
    connection: sqlite3.Connection,
    *,
    kind: str = "named",
    called: str = "",
    first: int = 0,
    size: int = 60,
) -> Page:
    """People of a kind (see `KINDS`) whose name holds `called`, most faces first."""
    where, values = f"{_SEEN} AND {_WHERE[kind]}", []
    if called:
        wanted = people.folded(called)
        rows = connection.execute(
            "SELECT id, name FROM people WHERE name IS NOT NULL AND merged_into IS NULL"
        )
        ids = [int(row["id"]) for row in rows if wanted in people.folded(row["name"])]
        where += f" AND people.id IN ({','.join('?' * len(ids))})"
        values = ids
    source = f"FROM people LEFT JOIN ({_COUNTED}) AS seen ON seen.person_id = people.id"
    ordered = connection.execute(
        f"""SELECT people.id, faces_count {source} WHERE {where}
            ORDER BY ifnull(faces_count, 0) DESC, people.id""",
        values,
    ).fetchall()
    chosen = ordered[first : first + size]
    counts = {int(row["id"]): int(row["faces_count"] or 0) for row in chosen}
    return Page(
        rows=cards(connection, list(counts), counts), total=len(ordered), first=first, size=size
    )


def newest(connection: sqlite3.Connection, *, size: int) -> list[dict[str, Any]]:
    """The cards of the people who came last, with a name or without."""
    rows = connection.execute(
        """SELECT id, (SELECT count(*) FROM faces WHERE person_id = people.id
                       AND state = 'active') AS faces_count
           FROM people WHERE merged_into IS NULL AND hidden = 0
             AND EXISTS (SELECT 1 FROM faces WHERE person_id = people.id AND state = 'active')
           ORDER BY id DESC LIMIT ?""",
        [size],
    ).fetchall()
    counts = {int(row["id"]): int(row["faces_count"]) for row in rows}
    return cards(connection, list(counts), counts)


def cards(
    connection: sqlite3.Connection, person_ids: Sequence[int], counts: dict[int, int]
) -> list[dict[str, Any]]:
    """What a card of the gallery shows of each of these people, in this order."""
    rows = connection.execute(
        f"""SELECT id AS person_id, name, origin, hidden, {_COVER} FROM people
            WHERE id IN ({",".join("?" * len(person_ids))})""",
        list(person_ids),
    ).fetchall()
    found = {int(row["person_id"]): dict(row) for row in rows}
    crops = crops_of(connection, [it["cover_face_id"] for it in found.values()])
    return [
        {
            **found[it],
            "faces_count": counts.get(it, 0),
            "cover_crop": crops.get(found[it]["cover_face_id"]),
        }
        for it in person_ids
        if it in found
    ]


def crops_of(connection: sqlite3.Connection, face_ids: Sequence[int | None]) -> dict[int, str]:
    """The keys of these faces' crops."""
    wanted = [it for it in face_ids if it is not None]
    rows = connection.execute(
        f"SELECT id, crop FROM faces WHERE id IN ({','.join('?' * len(wanted))})", wanted
    )
    return {int(row["id"]): row["crop"] for row in rows if row["crop"]}


def person(connection: sqlite3.Connection, person_id: int) -> dict[str, Any]:
    """One person, or who they were merged into. Raises NoSuchPersonError."""
    own = people.survivor(connection, person_id)
    row = connection.execute(
        f"""SELECT id AS person_id, name, origin, hidden, folder, created_at,
                   cover_face_id AS chosen_cover_id, {_COVER} FROM people WHERE id = ?""",
        [own],
    ).fetchone()
    if row is None:
        raise NoSuchPersonError(f"there is no person {person_id}")
    counts = connection.execute(
        """SELECT count(*) AS faces_count, count(DISTINCT media_id) AS media_count,
                  count(*) FILTER (WHERE track_id IS NULL) + count(DISTINCT track_id)
                      AS shown_count,
                  ifnull(sum(track_id IS NOT NULL), 0) AS video_faces
           FROM faces WHERE person_id = ? AND state = 'active'
             AND media_id NOT IN (SELECT media_id FROM replaced)""",
        [own],
    ).fetchone()
    # Nobody confirms a follower in a video: its leader is asked about.
    (confirmed,) = connection.execute(
        f"""SELECT count(*) FROM assignments INDEXED BY assignments_confirmed
           CROSS JOIN faces ON faces.id = face_id
           WHERE method = 'user' AND assignments.state = 'assigned' AND ended_at IS NULL
             AND model = 'all' AND assignments.person_id IN {people.FAMILY}
             AND faces.person_id = :person AND faces.state = 'active'""",
        {"person": own},
    ).fetchone()
    cover = crops_of(connection, [row["cover_face_id"]]).get(row["cover_face_id"])
    return {
        **dict(row),
        **dict(counts),
        "unconfirmed_count": max(0, int(counts["shown_count"]) - int(confirmed)),
        "cover_crop": cover,
    }


def faces_of(
    connection: sqlite3.Connection, person_id: int, *, first: int = 0, size: int = 60
) -> list[dict[str, Any]]:
    """Faces of a person, best first: of somebody in a video those that stand for a track."""
    rows = connection.execute(
        """SELECT faces.id AS face_id, faces.media_id, faces.quality, faces.crop, faces.time_s,
                  faces.track_id,
                  EXISTS (SELECT 1 FROM assignments WHERE face_id = faces.id AND model = 'all'
                          AND method = 'user' AND state = 'assigned' AND ended_at IS NULL)
                      AS confirmed
           FROM faces WHERE person_id = ? AND state = 'active'
             AND (track_id IS NULL
                  OR faces.id = (SELECT best_face_id FROM tracks WHERE id = faces.track_id))
             AND media_id NOT IN (SELECT media_id FROM replaced)
           ORDER BY quality DESC, faces.id LIMIT ? OFFSET ?""",
        [person_id, size, first],
    )
    return [dict(row) for row in rows]


def years_of(connection: sqlite3.Connection, person_id: int) -> list[dict[str, Any]]:
    """In how many photos and videos of each year a person is, newest first; None without a date."""
    rows = connection.execute(
        """SELECT CAST(substr(taken_at_local, 1, 4) AS INTEGER) AS year, count(*) AS media_count
           FROM media WHERE id IN (SELECT media_id FROM faces
                                   WHERE person_id = ? AND state = 'active')
             AND id NOT IN (SELECT media_id FROM replaced)
           GROUP BY 1 ORDER BY 1 DESC""",
        [person_id],
    )
    return [dict(row) for row in rows]


def moments_of(
    connection: sqlite3.Connection, person_id: int, *, size: int = 1500
) -> list[dict[str, Any]]:
    """The photos and videos with a date in which a person is, in order of time: of very many some,
    evenly chosen.
    """
    rows = connection.execute(
        """SELECT id AS media_id, kind, taken_at_local FROM media
           WHERE id IN (SELECT media_id FROM faces WHERE person_id = ? AND state = 'active')
             AND id NOT IN (SELECT media_id FROM replaced) AND taken_at_local IS NOT NULL
           ORDER BY taken_at_local, id""",
        [person_id],
    ).fetchall()
    step = max(1, -(-len(rows) // size))
    return [dict(row) for row in rows[::step]]


def runs_of(
    connection: sqlite3.Connection, person_id: int, *, size: int = 60
) -> list[dict[str, Any]]:
    """When a person is seen in videos, the longest first."""
    rows = connection.execute(
        """SELECT media_id, start_s, end_s, best_face_id AS face_id,
                  (SELECT crop FROM faces WHERE faces.id = best_face_id) AS crop,
                  (SELECT path FROM files WHERE files.media_id = runs.media_id
                   ORDER BY files.state = 'present' DESC, files.id LIMIT 1) AS path
           FROM runs WHERE person_id = ? ORDER BY end_s - start_s DESC, run_id LIMIT ?""",
        [person_id, size],
    )
    return [dict(row) for row in rows]


def seen_with(connection: sqlite3.Connection, person_id: int, *, size: int) -> list[dict[str, Any]]:
    """The people most often in the same photos and videos."""
    rows = connection.execute(
        """SELECT other.person_id, count(DISTINCT other.media_id) AS media_count
           FROM (SELECT DISTINCT media_id FROM faces WHERE person_id = :own AND state = 'active')
                AS own
           CROSS JOIN faces AS other ON other.media_id = own.media_id
           JOIN people ON people.id = other.person_id
           WHERE other.state = 'active' AND other.person_id <> :own AND people.hidden = 0
             AND own.media_id NOT IN (SELECT media_id FROM replaced)
           GROUP BY other.person_id ORDER BY media_count DESC, other.person_id LIMIT :size""",
        {"own": person_id, "size": size},
    ).fetchall()
    counts = {int(row["person_id"]): int(row["media_count"]) for row in rows}
    return [
        {**card, "media_count": counts[card["person_id"]]}
        for card in cards(connection, list(counts), {})
    ]


def suggestions(
    connection: sqlite3.Connection,
    *,
    after: tuple[int, int] = (0, 0),
    size: int = 30,
    person_id: int | None = None,
) -> list[dict[str, Any]]:
    """Faces of which it is asked whether they are somebody, those of one person together, each with
    that person's cover; those `after` a person's number and a number of `assignments`.
    """
    rows = connection.execute(
        f"""SELECT assignments.id AS suggestion_id, assignments.person_id AS found_person_id,
                   face_id, faces.media_id, faces.crop, similarity, assignments.confidence,
                   evidence_face_id, ifnull(people.merged_into, people.id) AS person_id
            FROM assignments INDEXED BY assignments_asked
            CROSS JOIN faces ON faces.id = face_id
            JOIN people ON people.id = assignments.person_id
            WHERE assignments.state = 'suggested' AND ended_at IS NULL AND model = 'all'
              AND faces.state = 'active' AND (assignments.person_id, assignments.id) > (?, ?)
              {"" if person_id is None else "AND ifnull(people.merged_into, people.id) = ?"}
            ORDER BY assignments.person_id, assignments.id LIMIT ?""",
        [*after, *([] if person_id is None else [person_id]), size],
    ).fetchall()
    wanted = list(dict.fromkeys(int(row["person_id"]) for row in rows))
    who = {it["person_id"]: it for it in cards(connection, wanted, {})}
    return [{**dict(row), "person": who.get(int(row["person_id"]))} for row in rows]


def count_suggestions(connection: sqlite3.Connection, person_id: int | None = None) -> int:
    """How many questions wait for an answer, all or those about a person."""
    whose = "" if person_id is None else f"AND person_id IN {people.FAMILY}"
    row = connection.execute(
        f"""SELECT count(*) FROM assignments INDEXED BY assignments_asked
            WHERE state = 'suggested' AND ended_at IS NULL AND model = 'all' {whose}""",
        {"person": person_id},
    ).fetchone()
    return int(row[0])


def names(
    connection: sqlite3.Connection, beginning: str, *, size: int = 12
) -> list[dict[str, Any]]:
    """People whose name, or a word of it, begins so: those who begin with it first."""
    wanted = people.folded(beginning.strip())
    rows = connection.execute(
        """SELECT id AS person_id, name FROM people WHERE name IS NOT NULL AND merged_into IS NULL
           ORDER BY name, id"""
    )
    found = []
    for row in rows:
        own = people.folded(row["name"])
        if own.startswith(wanted):
            found.append((0, dict(row)))
        elif f" {wanted}" in own:
            found.append((1, dict(row)))
    found.sort(key=lambda it: it[0])
    return [it for _, it in found[:size]]
