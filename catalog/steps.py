"""The ledger of what was done: one row a step with the fingerprint of everything that shaped its
result.
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Collection, Mapping, Sequence

    from catalog.records import StepRecord


def fingerprint(
    *,
    code_version: str,
    model: str = "",
    weights_sha256: str = "",
    parameters: dict[str, Any] | None = None,
    reads: Sequence[str] = (),
) -> str:
    """What decides a step's result, as 16 hexadecimal digits.

    `parameters` are those that change the result and no others; `reads` are the fingerprints of the
    steps it reads from, so that a change up the stream changes every step below it.
    """
    text = json.dumps(
        [code_version, model, weights_sha256, parameters or {}, list(reads)], sort_keys=True
    )
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def record(
    connection: sqlite3.Connection, media_id: int, part: int, steps: Sequence[StepRecord]
) -> None:
    """Write the steps of one part, each in place of an earlier one of the same name and model.

    A step of the same name by another model that is not among `steps` is dropped with its result: a
    media has one detection, whichever detector made it.
    """
    for step in steps:
        models = [other.model for other in steps if other.step == step.step]
        connection.execute(
            f"""DELETE FROM steps WHERE media_id = ? AND part = ? AND step = ?
                AND model NOT IN ({",".join("?" * len(models))})""",
            [media_id, part, step.step, *models],
        )
        add(connection, media_id, part, step)


def add(connection: sqlite3.Connection, media_id: int, part: int, step: StepRecord) -> None:
    """Write one step beside those of other models, in place of an earlier one of its own."""
    connection.execute(
        """INSERT INTO steps (media_id, part, step, model, fingerprint, parameters, state,
                              started_at, seconds, device, error)
           VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
           ON CONFLICT (media_id, part, step, model) DO UPDATE SET
               fingerprint = excluded.fingerprint, parameters = excluded.parameters,
               state = excluded.state, started_at = excluded.started_at,
               seconds = excluded.seconds, device = excluded.device, error = excluded.error""",
        [
            media_id,
            part,
            step.step,
            step.model,
            step.fingerprint,
            json.dumps(step.parameters, sort_keys=True),
            step.state,
            step.started_at,
            step.seconds,
            step.device,
            step.error,
        ],
    )


def outdated(
    connection: sqlite3.Connection, current: Mapping[tuple[str, str], Collection[str]]
) -> dict[str, int]:
    """How many finished media have a step made with other settings, by step.

    `current` maps (step, model) to the fingerprints that step would get today: several where it may
    read from older results. What other models made beside them is not counted.
    """
    counts: dict[str, int] = {}
    for step in dict.fromkeys(step for step, _ in current):
        wanted = [marks for (name, _), marks in current.items() if name == step]
        if len(wanted) == 1 and set(fingerprints(connection, step)) <= set(wanted[0]):
            continue  # the usual case, without a look at each media
        condition, values = _behind(step, current)
        row = connection.execute(f"SELECT count(*) FROM media WHERE {condition}", values).fetchone()
        if row[0]:
            counts[step] = int(row[0])
    return counts


def outdated_media(
    connection: sqlite3.Connection,
    step: str,
    current: Mapping[tuple[str, str], Collection[str]],
    *,
    after: int,
    limit: int,
) -> list[tuple[int, str]]:
    """The next media behind `after` that have this step made with other settings and a file to make
    it from: id and SHA-256.
    """
    condition, values = _behind(step, current)
    rows = connection.execute(
        f"""SELECT id, sha256 FROM media WHERE id > ? AND {condition}
            AND EXISTS (SELECT 1 FROM files WHERE media_id = media.id AND state = 'present')
            ORDER BY id LIMIT ?""",
        [after, *values, limit],
    )
    return [(int(row["id"]), str(row["sha256"])) for row in rows]


def fingerprints(connection: sqlite3.Connection, step: str) -> list[str]:
    """Every fingerprint that a step has anywhere; from the index, one look for each."""
    rows = connection.execute(
        """WITH RECURSIVE known(mark) AS (
               SELECT min(fingerprint) FROM steps WHERE step = :step
               UNION ALL
               SELECT (SELECT min(fingerprint) FROM steps WHERE step = :step AND fingerprint > mark)
               FROM known WHERE mark IS NOT NULL)
           SELECT mark FROM known WHERE mark IS NOT NULL""",
        {"step": step},
    )
    return [str(row[0]) for row in rows]


def _behind(step: str, current: Mapping[tuple[str, str], Collection[str]]) -> tuple[str, list[str]]:
    """The condition on a media: it has this step, and in one part at least not by each model as it
    would be today.
    """
    # The plus keeps the planner on the index by media: by step it would read them all for each.
    lacks, values = [], [step]
    for (name, model), marks in current.items():
        if name == step:
            lacks.append(
                f"""EXISTS (SELECT 1 FROM steps AS done WHERE done.media_id = media.id
                    AND +done.step = ? AND +done.state = 'done'
                    AND NOT EXISTS (SELECT 1 FROM steps WHERE media_id = media.id
                        AND part = done.part AND +step = done.step AND model = ?
                        AND +steps.state = 'done'
                        AND +fingerprint IN ({",".join("?" * len(marks))})))"""
            )
            values += [step, model, *marks]
    condition = f"""media.state = 'done' AND EXISTS (
        SELECT 1 FROM steps WHERE media_id = media.id AND +step = ? AND +steps.state = 'done')
        AND ({" OR ".join(lacks)})"""
    return condition, values
