"""Why a face is whose: its verdicts with what each rests on. Read from the catalog; no model runs.

What a verdict was held against is not stored with it: thresholds, versions and the names of other
people are those of now, and `calibrated_since` says where they may have been others.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from catalog import calibrations, files, leaders, likeness
from catalog.errors import NotThereError

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Mapping, Sequence

    from catalog.calibrations import EmbedderRow
    from catalog.likeness import Likeness

# Similarities are stored as they were; the same face compared again differs in the last digits.
SAME_SIMILARITY = 0.002


class NoSuchFaceError(NotThereError):
    """No face has this number."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bars:
    """From which similarity and lead on a face has a name, joins a group, and from which quality
    on it may found one, as the settings and the calibration of one model have it now.
    """

    threshold: float
    margin: float
    group_threshold: float
    found_quality: float
    found_track_quality: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """A face that a verdict rests on: where it is, whether it is still what a person is known by,
    and whether it is the same face in an earlier version of the picture.
    """

    face_id: int
    path: str | None
    in_use: bool
    earlier_version: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """One row of `assignments`, with everything that it rests on.

    `person_id` is the survivor of merges, `found_person_id` who it was found to be; `group_size`
    counts the other faces of that group, for a method of group.
    """

    person_id: int
    found_person_id: int
    name: str | None
    model: str
    state: str
    method: str
    similarity: float | None
    margin: float | None
    confidence: float | None
    evidence: Picture | None
    second: Likeness | None
    group_size: int | None
    bars: Bars | None
    calibrated_since: bool
    versions: tuple[str, ...]
    decided_at: str
    decided_by: str
    ended_at: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Ruling:
    """What a person said a face is not: somebody, or a face at all (`person_id` None)."""

    person_id: int | None
    name: str | None
    actor: str | None
    at: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Exemplar:
    """Whom this very face is to make known, and whether it does: the state and why."""

    person_id: int
    name: str | None
    state: str
    reason: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """All there is to say of one face. `nearest` are the people who are known by pictures, most
    similar first; `company` the people whom other faces of the same photo or frame are. A face
    that is in reference pictures only is judged by nobody.
    """

    face_id: int
    media_id: int
    path: str | None
    state: str
    quality: float | None
    bars: Bars | None
    verdicts: tuple[Verdict, ...]
    earlier: tuple[Verdict, ...]
    rulings: tuple[Ruling, ...]
    exemplars: tuple[Exemplar, ...]
    reference_only: bool
    company: tuple[int, ...]
    nearest: tuple[Likeness, ...]
    hidden_by: Ruling | None


def _for_track(bars: Bars | None) -> Bars | None:
    """Of somebody in a video a group needs a better face."""
    if bars is None:
        return None
    return replace(bars, found_quality=max(bars.found_quality, bars.found_track_quality))


def of_face(connection: sqlite3.Connection, face_id: int, bars: Mapping[str, Bars]) -> Evidence:
    """The evidence on this face, or on the leader of the track that it is of; `bars` by model,
    `all` for the decision. Raises NoSuchFaceError.
    """
    face_id = leaders.of(connection, [face_id]).get(face_id, face_id)
    face = connection.execute(
        """SELECT media_id, state, quality,
                  media_id IN (SELECT media_id FROM reference_only) AS reference_only
           FROM faces WHERE id = ?""",
        [face_id],
    ).fetchone()
    if face is None:
        raise NoSuchFaceError(f"there is no face {face_id}; `rollcall search` shows numbers")
    of_track = bool(leaders.of(connection, [face_id]))
    nearest = likeness.people_like(connection, face_id) if face["state"] == "active" else []
    embedders = calibrations.active_embedders(connection)
    rows = connection.execute(_VERDICTS, [face_id]).fetchall()
    verdicts = [_verdict(connection, row, bars, nearest, embedders) for row in rows]
    return Evidence(
        face_id=face_id,
        media_id=int(face["media_id"]),
        path=files.path_of(connection, int(face["media_id"])),
        state=face["state"],
        quality=face["quality"],
        bars=_for_track(bars.get("all")) if of_track else bars.get("all"),
        verdicts=tuple(it for it in verdicts if it.ended_at is None),
        earlier=tuple(it for it in verdicts if it.ended_at is not None),
        rulings=tuple(Ruling(**dict(row)) for row in connection.execute(_RULINGS, [face_id])),
        exemplars=tuple(Exemplar(**dict(row)) for row in connection.execute(_EXEMPLARS, [face_id])),
        reference_only=bool(face["reference_only"]),
        company=tuple(row[0] for row in connection.execute(_COMPANY, [face_id])),
        nearest=tuple(nearest),
        hidden_by=_hidden_by(connection, face_id) if face["state"] == "hidden" else None,
    )


def _verdict(
    connection: sqlite3.Connection,
    row: sqlite3.Row,
    bars: Mapping[str, Bars],
    nearest: Sequence[Likeness],
    embedders: Sequence[EmbedderRow],
) -> Verdict:
    asked = [it for it in embedders if row["model"] in ("all", it.model)]
    made = [calibrations.newest(connection, it.id) for it in asked]
    return Verdict(
        person_id=row["person_id"],
        found_person_id=row["found_person_id"],
        name=row["name"],
        model=row["model"],
        state=row["state"],
        method=row["method"],
        similarity=row["similarity"],
        margin=row["margin"],
        confidence=row["confidence"],
        evidence=_picture(connection, row),
        second=_second(row, nearest),
        group_size=_others(connection, row) if row["method"] == "group" else None,
        bars=bars.get(row["model"]),
        calibrated_since=any(it is not None and it.made_at > row["decided_at"] for it in made),
        versions=tuple(f"{it.model} {it.geometry} {it.weights_sha256[:8]}" for it in asked),
        decided_at=row["decided_at"],
        decided_by=row["decided_by"],
        ended_at=row["ended_at"],
    )


def _second(row: sqlite3.Row, nearest: Sequence[Likeness]) -> Likeness | None:
    """Who was second: known by now, where somebody is as similar as the second was."""
    if row["similarity"] is None or row["margin"] is None or row["model"] != "all":
        return None
    second = row["similarity"] - row["margin"]
    others = [it for it in nearest if it.person_id != row["person_id"]]
    fits = [it for it in others if abs(it.similarity - second) <= SAME_SIMILARITY]
    return min(fits, key=lambda it: abs(it.similarity - second), default=None)


def _picture(connection: sqlite3.Connection, verdict: sqlite3.Row) -> Picture | None:
    face_id = verdict["evidence_face_id"]
    row = connection.execute(_PICTURE, {"evidence": face_id, "face": verdict["face_id"]}).fetchone()
    if row is None:
        return None
    # Such verdicts name a face only where they were carried over from it.
    is_carried = verdict["method"] in ("group", "user") and bool(row["earlier"])
    return Picture(
        face_id=face_id,
        path=files.path_of(connection, int(row["media_id"])),
        in_use=bool(row["in_use"]),
        earlier_version=is_carried,
    )


def _others(connection: sqlite3.Connection, row: sqlite3.Row) -> int:
    (count,) = connection.execute(
        """SELECT count(*) FROM assignments WHERE person_id = ? AND face_id <> ? AND model = 'all'
           AND state = 'assigned' AND ended_at IS NULL""",
        [row["found_person_id"], row["face_id"]],
    ).fetchone()
    return int(count)


def _hidden_by(connection: sqlite3.Connection, face_id: int) -> Ruling | None:
    row = connection.execute(
        """SELECT NULL AS person_id, NULL AS name, actor, at FROM changes
           JOIN change_subjects ON change_id = changes.id
           WHERE kind = 'face:state' AND subject_id = ? AND undone_at IS NULL
           ORDER BY changes.id DESC""",
        [face_id],
    ).fetchone()
    return None if row is None else Ruling(**dict(row))


_VERDICTS = """
SELECT face_id, model, state, method, similarity, margin, confidence, evidence_face_id,
       decided_at, decided_by, ended_at,
       found.id AS found_person_id, who.id AS person_id, who.name
FROM assignments JOIN people AS found ON found.id = assignments.person_id
JOIN people AS who ON who.id = ifnull(found.merged_into, found.id)
WHERE face_id = ? ORDER BY assignments.model <> 'all', assignments.model, assignments.id DESC
"""
_PICTURE = """
WITH RECURSIVE older(id) AS (
    SELECT replaces_media_id FROM faces JOIN media ON media.id = media_id WHERE faces.id = :face
    UNION SELECT replaces_media_id FROM older JOIN media ON media.id = older.id
)
SELECT media_id, media_id IN (SELECT id FROM older WHERE id IS NOT NULL) AS earlier,
       EXISTS (SELECT 1 FROM exemplars WHERE exemplars.face_id = faces.id
               AND exemplars.state = 'used') AS in_use
FROM faces WHERE id = :evidence
"""
_RULINGS = """
SELECT who.id AS person_id, who.name, changes.actor, changes.at
FROM rejections LEFT JOIN people ON people.id = rejections.person_id
LEFT JOIN people AS who ON who.id = ifnull(people.merged_into, people.id)
LEFT JOIN changes ON changes.id = rejections.change_id
WHERE face_id = ? ORDER BY rejections.id
"""
_EXEMPLARS = """
SELECT DISTINCT who.id AS person_id, who.name, exemplars.state, exemplars.reason
FROM exemplars JOIN people ON people.id = exemplars.person_id
JOIN people AS who ON who.id = ifnull(people.merged_into, people.id)
WHERE face_id = ? AND exemplars.state <> 'withdrawn' ORDER BY who.id, exemplars.id
"""
_COMPANY = """
SELECT DISTINCT other.person_id FROM beside CROSS JOIN faces AS other ON other.id = beside_id
WHERE face_id = ? AND other.state = 'active' AND other.person_id IS NOT NULL ORDER BY 1
"""
